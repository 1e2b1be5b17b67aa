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
