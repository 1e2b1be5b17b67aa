-- {"query", "project"?, "persona"?, "limit", "vector"?, "embedder"?, "counted"} → {"passages": [{"doc_id", "path", "title",
-- "content", "score", "coverage", "similarity", "words"}], "embedder"}, best first, one for each document. Both rankings are
-- fused by rank: the score is 1 for what is first in all of them. A vector of another embedder than the corpus's is
-- {"passages": [], "embedder", "mismatch": true}. Counted searches are observed.
CREATE OR REPLACE FUNCTION kb_search(request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    a_project text := request->>'project';
    a_persona text := request->>'persona';
    the_embedder text := (SELECT embedder FROM kb_corpus);
    meant jsonb := '[]';
    rankings integer := 1;
    passages jsonb;
BEGIN
    IF request->>'vector' IS NOT NULL THEN
        IF the_embedder IS DISTINCT FROM request->>'embedder' THEN
            RETURN jsonb_build_object('passages', '[]'::jsonb, 'embedder', the_embedder, 'mismatch', true);
        END IF;
        rankings := 2;
        SELECT coalesce(jsonb_agg(jsonb_build_object('chunk_id', chunk_id, 'place', place, 'similarity', similarity)), '[]')
          INTO meant FROM kb_by_meaning(request->'vector', a_project, a_persona);
    END IF;
    WITH by_words AS MATERIALIZED (
        SELECT * FROM kb_by_words(request->>'query', a_project, a_persona)
    ), by_meaning AS (
        SELECT * FROM jsonb_to_recordset(meant) AS row (chunk_id bigint, place bigint, similarity double precision)
    ), fused AS (
        SELECT doc_id, sum(61 / (60 + each.place)::double precision) / rankings AS score, max(each.coverage) AS coverage,
               max(each.similarity) AS similarity, max(each.matched) AS words,
               (array_agg(kb_chunks.chunk_id ORDER BY each.place, each.similarity))[1] AS chunk_id
          FROM (SELECT chunk_id, place, coverage, NULL::double precision AS similarity, matched FROM by_words
                UNION ALL
                SELECT chunk_id, place, NULL, similarity, NULL FROM by_meaning) AS each
          JOIN kb_chunks USING (chunk_id)
         GROUP BY doc_id ORDER BY score DESC, doc_id LIMIT (request->>'limit')::integer
    )
    SELECT coalesce(jsonb_agg(jsonb_build_object('doc_id', doc_id, 'path', path, 'title', title,
               'content', kb_chunks.content, 'score', score, 'coverage', coalesce(coverage, 0), 'similarity', similarity,
               'words', coalesce(to_jsonb(words), '[]')) ORDER BY score DESC, doc_id), '[]')
      INTO passages
      FROM fused JOIN kb_chunks USING (chunk_id, doc_id) JOIN kb_documents ON kb_documents.id = doc_id;
    IF (request->>'counted')::boolean THEN
        INSERT INTO metric_observations (name, labels, value)
        SELECT 'kb_search_seconds', format('project="%s",persona="%s"',
                   -- Only names that we know: whoever asks makes no series.
                   CASE WHEN a_project IS NULL THEN 'all'
                        WHEN EXISTS (SELECT FROM projects WHERE key = a_project) THEN a_project ELSE 'other' END,
                   CASE WHEN a_persona IS NULL THEN 'all' ELSE persona_label(a_persona) END),
               extract(epoch FROM clock_timestamp() - statement_timestamp());
    END IF;
    RETURN jsonb_build_object('passages', passages, 'embedder', the_embedder);
END $$;
