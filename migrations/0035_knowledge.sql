-- Knowledge: what people wrote for Brendan, the personas and agents, in passages that a full-text index finds, and a vector
-- index too where PostgreSQL has pgvector. `mw kb ingest` writes it; mw_core::knowledge cuts it. docs/knowledge.md.

CREATE TABLE IF NOT EXISTS kb_documents (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    -- Null means for everybody.
    project    text CHECK (project ~ '^[a-z0-9_-]{1,50}$'),
    persona    text CHECK (persona ~ '^[a-z0-9_-]{1,50}$'),
    -- Below the folder that was ingested.
    path       text NOT NULL UNIQUE CHECK (length(path) BETWEEN 1 AND 1000),
    content    text NOT NULL,
    -- Of all that is kept of it, and of how it is cut.
    hash       text NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE INDEX IF NOT EXISTS kb_documents_by_reader ON kb_documents (project, persona);

-- The passages of a document.
CREATE TABLE IF NOT EXISTS kb_chunks (
    chunk_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    doc_id   uuid NOT NULL REFERENCES kb_documents (id) ON DELETE CASCADE,
    position integer NOT NULL,
    -- The headings above it.
    title    text NOT NULL,
    content  text NOT NULL,
    tsv      tsvector NOT NULL GENERATED ALWAYS AS (
                 setweight(to_tsvector('english'::regconfig, title), 'A')
                 || setweight(to_tsvector('english'::regconfig, content), 'D')) STORED,
    UNIQUE (doc_id, position)
);
CREATE INDEX IF NOT EXISTS kb_chunks_by_word ON kb_chunks USING gin (tsv);

-- In how many passages each word stands: rare words of a question say more than common ones.
CREATE TABLE IF NOT EXISTS kb_lexemes (
    lexeme text PRIMARY KEY,
    chunks bigint NOT NULL CHECK (chunks >= 0)
);
CREATE INDEX IF NOT EXISTS kb_lexemes_unused ON kb_lexemes (lexeme) WHERE chunks = 0;

-- One row about the whole: its size, and whose vectors it has. Locked by whoever writes, so that one does at a time.
CREATE TABLE IF NOT EXISTS kb_corpus (
    one        boolean PRIMARY KEY DEFAULT true CHECK (one),
    chunks     bigint NOT NULL DEFAULT 0,
    embedder   text,
    changed_at timestamptz
);
INSERT INTO kb_corpus DEFAULT VALUES ON CONFLICT DO NOTHING;

-- Makes room for vectors where PostgreSQL has pgvector and this role may use it. Without it there is the full-text index.
CREATE OR REPLACE FUNCTION kb_vectors_prepare() RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    IF to_regclass('kb_embeddings') IS NOT NULL THEN
        RETURN true;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'vector') THEN
        RETURN false;
    END IF;
    CREATE EXTENSION IF NOT EXISTS vector;
    CREATE TABLE kb_embeddings (
        chunk_id  bigint PRIMARY KEY REFERENCES kb_chunks (chunk_id) ON DELETE CASCADE,
        embedding vector(1536) NOT NULL
    );
    CREATE INDEX kb_embeddings_by_cosine ON kb_embeddings USING hnsw (embedding vector_cosine_ops);
    RETURN true;
EXCEPTION WHEN insufficient_privilege OR undefined_object THEN
    -- Not ours to install, or too old for this index.
    RETURN false;
END $$;
SELECT kb_vectors_prepare();

-- Lexemes as one query: any of them ('|') or all of them ('&'); null for none.
CREATE OR REPLACE FUNCTION kb_query(lexemes text[], operator text) RETURNS tsquery
LANGUAGE sql IMMUTABLE AS $$
    SELECT string_agg('''' || replace(replace(lexeme, '\', '\\'), '''', '''''') || '''', operator)::tsquery
      FROM unnest(lexemes) AS lexeme
$$;

-- {"after"?: path, "limit"} → {"documents": [{"path", "hash"}], "embedder", "vectors"}: what is there, by path.
CREATE OR REPLACE FUNCTION kb_list(request jsonb) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('documents', coalesce(jsonb_agg(jsonb_build_object('path', path, 'hash', hash) ORDER BY path), '[]'),
               'embedder', (SELECT embedder FROM kb_corpus), 'vectors', to_regclass('kb_embeddings') IS NOT NULL)
      FROM (SELECT path, hash FROM kb_documents WHERE path > coalesce(request->>'after', '')
             ORDER BY path LIMIT (request->>'limit')::integer) AS page
$$;

-- {"now", "documents": [{"path", "project"?, "persona"?, "content", "hash", "passages": [{"title", "content"}]}],
-- "gone": [path]} → {"added": [path], "changed": [path], "removed": [path]}: a document whose hash is there already stays
-- as it is, and keeps its id when it changes.
CREATE OR REPLACE FUNCTION kb_apply(request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    a_now timestamptz := (request->>'now')::timestamptz;
    removed text[];
    changed text[];
    added text[];
    stale uuid[];
    lost bigint;
    won bigint;
BEGIN
    PERFORM FROM kb_corpus FOR UPDATE;
    -- Arrays are looked up by key; lists of unknown size could be joined by a scan.
    removed := ARRAY(SELECT jsonb_array_elements_text(request->'gone'));
    removed := ARRAY(SELECT path FROM kb_documents WHERE path = ANY (removed) ORDER BY path);
    changed := ARRAY(SELECT given->>'path' FROM jsonb_array_elements(request->'documents') AS given);
    changed := ARRAY(SELECT path FROM kb_documents JOIN jsonb_array_elements(request->'documents') AS given
                         ON path = given->>'path' AND hash <> given->>'hash'
                      WHERE path = ANY (changed) ORDER BY path);
    stale := ARRAY(SELECT id FROM kb_documents WHERE path = ANY (removed || changed));

    WITH dropped AS (DELETE FROM kb_chunks WHERE doc_id = ANY (stale) RETURNING chunk_id, tsv),
    fewer AS (UPDATE kb_lexemes SET chunks = kb_lexemes.chunks - gone.many
                FROM (SELECT word.lexeme, count(*) AS many FROM dropped, unnest(tsv) AS word GROUP BY word.lexeme) AS gone
               WHERE kb_lexemes.lexeme = gone.lexeme)
    SELECT count(*) INTO lost FROM dropped;
    DELETE FROM kb_documents WHERE path = ANY (removed);
    DELETE FROM kb_lexemes WHERE chunks = 0;

    WITH given AS MATERIALIZED (
        SELECT given->>'path' AS path, given->>'project' AS project, given->>'persona' AS persona,
               given->>'content' AS content, given->>'hash' AS hash, given->'passages' AS passages
          FROM jsonb_array_elements(request->'documents') AS given
    ), kept AS (
        INSERT INTO kb_documents AS held (path, project, persona, content, hash, created_at, updated_at)
        SELECT path, project, persona, content, hash, a_now, a_now FROM given
        ON CONFLICT (path) DO UPDATE SET project = excluded.project, persona = excluded.persona,
               content = excluded.content, hash = excluded.hash, updated_at = excluded.updated_at
         WHERE held.hash <> excluded.hash
        RETURNING id, path
    ), passages AS (
        INSERT INTO kb_chunks (doc_id, position, title, content)
        SELECT kept.id, listed.position, listed.passage->>'title', listed.passage->>'content'
          FROM kept JOIN given USING (path),
               jsonb_array_elements(given.passages) WITH ORDINALITY AS listed (passage, position)
        RETURNING tsv
    ), more AS (
        INSERT INTO kb_lexemes AS held (lexeme, chunks)
        SELECT word.lexeme, count(*) FROM passages, unnest(tsv) AS word GROUP BY word.lexeme
        ON CONFLICT (lexeme) DO UPDATE SET chunks = held.chunks + excluded.chunks
    )
    SELECT (SELECT count(*) FROM passages),
           ARRAY(SELECT path FROM kept WHERE path <> ALL (changed) ORDER BY path) INTO won, added;
    UPDATE kb_corpus SET chunks = chunks + won - lost, changed_at = a_now WHERE won > 0 OR lost > 0;
    RETURN jsonb_build_object('added', to_jsonb(added), 'changed', to_jsonb(changed), 'removed', to_jsonb(removed));
END $$;

-- {"embedder", "after"?: chunk_id, "limit"} → {"ready", "passages": [{"chunk_id", "title", "content"}]}: those that have no
-- vector of this embedder yet. Not ready without pgvector. Another embedder's vectors go: those of two cannot be compared.
CREATE OR REPLACE FUNCTION kb_vectorless(request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    page jsonb;
BEGIN
    IF NOT kb_vectors_prepare() THEN
        RETURN '{"ready": false, "passages": []}';
    END IF;
    PERFORM FROM kb_corpus FOR UPDATE;
    UPDATE kb_corpus SET embedder = request->>'embedder' WHERE embedder IS DISTINCT FROM request->>'embedder';
    IF FOUND THEN
        DELETE FROM kb_embeddings;
    END IF;
    SELECT coalesce(jsonb_agg(jsonb_build_object('chunk_id', chunk_id, 'title', title, 'content', content) ORDER BY chunk_id), '[]')
      INTO page
      FROM (SELECT chunk_id, title, content FROM kb_chunks
             WHERE chunk_id > coalesce((request->>'after')::bigint, 0)
               AND NOT EXISTS (SELECT FROM kb_embeddings WHERE kb_embeddings.chunk_id = kb_chunks.chunk_id)
             ORDER BY chunk_id LIMIT (request->>'limit')::integer) AS bare;
    RETURN jsonb_build_object('ready', true, 'passages', page);
END $$;

-- {"embedder", "vectors": [{"chunk_id", "vector": [number]}]} → {"kept"}: none when another embedder has come meanwhile.
CREATE OR REPLACE FUNCTION kb_embed(request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    kept bigint;
BEGIN
    PERFORM FROM kb_corpus WHERE embedder = request->>'embedder' FOR UPDATE;
    IF NOT FOUND THEN
        RETURN '{"kept": 0}';
    END IF;
    INSERT INTO kb_embeddings (chunk_id, embedding)
    SELECT chunk_id, (given->>'vector')::vector
      FROM jsonb_array_elements(request->'vectors') AS given JOIN kb_chunks ON chunk_id = (given->>'chunk_id')::bigint
    ON CONFLICT (chunk_id) DO UPDATE SET embedding = excluded.embedding;
    GET DIAGNOSTICS kept = ROW_COUNT;
    RETURN jsonb_build_object('kept', kept);
END $$;

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
    asked text[] := ARRAY(SELECT lexeme FROM unnest(to_tsvector('english', question)) AS word
                           WHERE lexeme <> ALL (idle) ORDER BY lexeme LIMIT 64);
    total double precision;
    known text[];
    weights double precision[];
    rare tsquery;
    every tsquery;
BEGIN
    WITH weighed AS (
        SELECT lexeme, coalesce(held.chunks, 0) AS many,
               ln(1 + (corpus.chunks - coalesce(held.chunks, 0) + 0.5) / (coalesce(held.chunks, 0) + 0.5)) AS weight
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
        SELECT candidates.chunk_id, candidates.doc_id, sum(weight) AS covered, array_agg(lexeme) AS hits,
               -- Standing there says most; again, or in a heading, adds less and less.
               fit * sum(weight * (1 + ts_rank('{0.3, 0.3, 0.6, 1}', tsv, words.query))) AS strength
          FROM candidates JOIN words ON tsv @@ words.query
         GROUP BY candidates.chunk_id, candidates.doc_id, fit
    ), best AS (
        SELECT DISTINCT ON (scored.doc_id) * FROM scored ORDER BY scored.doc_id, strength DESC, scored.chunk_id
    )
    SELECT best.chunk_id, row_number() OVER (ORDER BY strength DESC, best.chunk_id), covered / total, hits
      FROM best ORDER BY strength DESC, best.chunk_id LIMIT 50;
END $$;

-- The passages whose vectors are nearest, best first: (chunk_id, place, similarity).
CREATE OR REPLACE FUNCTION kb_by_meaning(vector jsonb, a_project text, a_persona text)
RETURNS TABLE (chunk_id bigint, place bigint, similarity double precision)
LANGUAGE plpgsql STABLE ROWS 50 AS $$
BEGIN
    -- Neighbours that the reader may not see are passed over, so some more are looked at.
    PERFORM set_config('hnsw.ef_search', '200', true);
    RETURN QUERY
    WITH nearest AS MATERIALIZED (
        SELECT kb_embeddings.chunk_id, kb_embeddings.embedding <=> vector::text::vector AS distance
          FROM kb_embeddings ORDER BY distance LIMIT 200
    ), best AS (
        SELECT DISTINCT ON (doc_id) nearest.chunk_id, nearest.distance
          FROM nearest JOIN kb_chunks USING (chunk_id) JOIN kb_documents ON id = doc_id
         WHERE (a_project IS NULL OR project IS NULL OR project = a_project)
           AND (a_persona IS NULL OR persona IS NULL OR persona = a_persona)
         ORDER BY doc_id, nearest.distance
    )
    SELECT best.chunk_id, row_number() OVER (ORDER BY distance, best.chunk_id), 1 - distance
      FROM best ORDER BY distance, best.chunk_id LIMIT 50;
END $$;

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
                   CASE WHEN a_persona IS NULL THEN 'all'
                        WHEN a_persona IN ('brendan', 'iggy', 'riley', 'alex', 'quinn', 'morgan') THEN a_persona ELSE 'other' END),
               extract(epoch FROM clock_timestamp() - statement_timestamp());
    END IF;
    RETURN jsonb_build_object('passages', passages, 'embedder', the_embedder);
END $$;

-- {"query", "coverage_min", "coverage_near", "passages_max", "chars_max"} → {"text", "citations": [{"doc_id", "path",
-- "reason"}]}: what Brendan says of a question. Passages that have at least this part of it, and nearly as much of it as the
-- best; the text is null when there is none. Whole words of each, up to so many characters.
CREATE OR REPLACE FUNCTION kb_answer(request jsonb) RETURNS jsonb
LANGUAGE sql AS $$
    WITH found AS MATERIALIZED (
        SELECT kb_search(jsonb_build_object('query', request->>'query', 'limit', request->'passages_max', 'counted', true))
                   AS answer
    ), listed AS (
        SELECT passage, place, passage->>'content' AS content, (passage->>'coverage')::double precision AS coverage,
               max((passage->>'coverage')::double precision) OVER () AS best
          FROM found, jsonb_array_elements(answer->'passages') WITH ORDINALITY AS row (passage, place)
    )
    SELECT jsonb_build_object(
               'text', string_agg(CASE WHEN length(content) <= (request->>'chars_max')::integer THEN content
                   ELSE regexp_replace(left(content, (request->>'chars_max')::integer), '\s+\S*$', '') || ' …' END
                   || E'\n(' || (passage->>'path') || ')', E'\n\n' ORDER BY place),
               'citations', coalesce(jsonb_agg(jsonb_build_object('doc_id', passage->'doc_id', 'path', passage->'path',
                   'reason', 'has ' || (SELECT string_agg(word, ', ') FROM jsonb_array_elements_text(passage->'words') AS word))
                   ORDER BY place), '[]'))
      FROM listed
     WHERE coverage >= (request->>'coverage_min')::double precision
       AND coverage >= best * (request->>'coverage_near')::double precision
$$;
