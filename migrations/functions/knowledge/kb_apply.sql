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
