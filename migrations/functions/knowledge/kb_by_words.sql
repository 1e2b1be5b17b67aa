-- The passages that have words of a question, best first: (chunk_id, place, coverage, matched). A word weighs the more the
-- fewer passages have it; one that no passage has weighs most, and is covered by none. Candidates are those with every
-- word, and those with the rarest words, some thousand at most. What was written for this project or persona comes before what
-- is for everybody. No scan: a table of any size is read through its index, which
-- makes costs look high to the planner, and compiling such a plan takes longer than running it.
CREATE OR REPLACE FUNCTION kb_by_words(question text, a_project text, a_persona text)
RETURNS TABLE (chunk_id bigint, place bigint, coverage double precision, matched text[])
LANGUAGE plpgsql STABLE ROWS 50 SET enable_seqscan = off SET jit = off AS $$
DECLARE
    -- Words of questions that the dictionary keeps, and that no answer is about.
    idle constant text[] := '{could, get, happen, let, mani, may, much, need, pleas, tell, want, would}';
    -- The same in languages without spaces; what stands on both sides of them belongs to two words.
    idle_parts constant text := '请问|請問|怎么样|怎么|怎麼|什么|什麼|多少|为什么|可以|吗|嗎|是|的|了|ですか|ますか|ください|どうやって|どう|とは|なに|何|'
        'いくつ|어떻게|무엇|무슨|얼마나|입니까|인가요|나요|합니까|อะไร|อย่างไร|ยังไง|เท่าไหร่|เท่าไร|ไหม|ครับ|ค่ะ';
    asked text[] := ARRAY(SELECT lexeme FROM unnest(kb_vector(regexp_replace(question, idle_parts, ' ', 'g'), false)) AS word
                           WHERE lexeme <> ALL (idle) ORDER BY lexeme LIMIT 64);
    total double precision;
    known text[];
    weights double precision[];
    rare tsquery;
    every tsquery;
BEGIN
    WITH weighed AS (
        SELECT lexeme, CASE WHEN length(lexeme) = 1 AND lexeme ~ kb_unspaced() THEN greatest(held.chunks, 1)
                            ELSE coalesce(held.chunks, 0) END AS many,
               ln(1 + (corpus.chunks - coalesce(held.chunks, 0) + 0.5) / (coalesce(held.chunks, 0) + 0.5))
               -- Two letters that stand together nowhere are, as often as not, the end of one word and the beginning of the next.
               * CASE WHEN held.chunks IS NULL AND lexeme ~ kb_unspaced() THEN 0.3 ELSE 1 END AS weight
          FROM kb_corpus AS corpus, unnest(asked) AS lexeme
          LEFT JOIN kb_lexemes AS held USING (lexeme)
    ), ordered AS (
        SELECT *, row_number() OVER running AS rank, sum(many) OVER running AS reach FROM weighed WHERE many > 0
        WINDOW running AS (ORDER BY many, lexeme)
    )
    SELECT (SELECT sum(weight) FROM weighed), array_agg(lexeme ORDER BY rank), array_agg(weight ORDER BY rank),
           kb_query(array_agg(lexeme) FILTER (WHERE rank = 1 OR reach <= 2000), '|'), kb_query(array_agg(lexeme), '&')
      INTO total, known, weights, rare, every FROM ordered WHERE rank <= 16;
    RETURN QUERY
    WITH words AS MATERIALIZED (
        SELECT lexeme, weight, kb_query(ARRAY[lexeme], '|') AS query FROM unnest(known, weights) AS word (lexeme, weight)
    ), candidates AS MATERIALIZED (
        (SELECT kb_chunks.chunk_id, kb_chunks.doc_id, kb_chunks.tsv,
                1 + 0.25 * ((project = a_project) IS TRUE)::integer + 0.25 * ((persona = a_persona) IS TRUE)::integer AS fit
           FROM kb_chunks JOIN kb_documents ON id = doc_id
          WHERE tsv @@ every
            AND (a_project IS NULL OR project IS NULL OR project = a_project)
            AND (a_persona IS NULL OR persona IS NULL OR persona = a_persona) LIMIT 1000)
        UNION ALL
        (SELECT kb_chunks.chunk_id, kb_chunks.doc_id, kb_chunks.tsv,
                1 + 0.25 * ((project = a_project) IS TRUE)::integer + 0.25 * ((persona = a_persona) IS TRUE)::integer AS fit
           FROM kb_chunks JOIN kb_documents ON id = doc_id
          WHERE tsv @@ rare AND NOT tsv @@ every
            AND (a_project IS NULL OR project IS NULL OR project = a_project)
            AND (a_persona IS NULL OR persona IS NULL OR persona = a_persona) LIMIT 2000)
    ), scored AS (
        SELECT candidates.chunk_id, candidates.doc_id, each.covered, each.hits, fit * each.strength AS strength
          FROM candidates CROSS JOIN LATERAL (
                   -- Standing there says most; again, or in a heading, adds less and less.
                   SELECT sum(weight) AS covered, array_agg(lexeme) AS hits,
                          sum(weight * (1 + ts_rank('{0.3, 0.3, 0.6, 1}', whole.tsv, words.query))) AS strength
                     -- Unpacked once, and not again for each word.
                     FROM (SELECT candidates.tsv || ''::tsvector AS tsv OFFSET 0) AS whole JOIN words ON whole.tsv @@ words.query
               ) AS each
         WHERE each.covered > 0
    ), best AS (
        SELECT DISTINCT ON (scored.doc_id) * FROM scored ORDER BY scored.doc_id, strength DESC, scored.chunk_id
    )
    SELECT best.chunk_id, row_number() OVER (ORDER BY strength DESC, best.chunk_id), covered / total, hits
      FROM best ORDER BY strength DESC, best.chunk_id LIMIT 50;
END $$;
