-- {"after"?: path, "limit"} → {"documents": [{"path", "project", "persona", "content", "hash"}]}: documents as they are kept, by path.
CREATE OR REPLACE FUNCTION kb_read(request jsonb) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('documents', coalesce(jsonb_agg(to_jsonb(page) ORDER BY path), '[]'))
      FROM (SELECT path, project, persona, content, hash FROM kb_documents WHERE path > coalesce(request->>'after', '')
             ORDER BY path LIMIT (request->>'limit')::integer) AS page
$$;
