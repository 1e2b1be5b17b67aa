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
