-- {"after"?: path, "limit"} → {"documents": [{"path", "hash"}], "embedder", "vectors"}: what is there, by path.
CREATE OR REPLACE FUNCTION kb_list(request jsonb) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('documents', coalesce(jsonb_agg(jsonb_build_object('path', path, 'hash', hash) ORDER BY path), '[]'),
               'embedder', (SELECT embedder FROM kb_corpus), 'vectors', to_regclass('kb_embeddings') IS NOT NULL)
      FROM (SELECT path, hash FROM kb_documents WHERE path > coalesce(request->>'after', '')
             ORDER BY path LIMIT (request->>'limit')::integer) AS page
$$;
