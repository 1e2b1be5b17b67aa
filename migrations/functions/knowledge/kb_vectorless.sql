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
