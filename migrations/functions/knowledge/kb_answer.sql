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
