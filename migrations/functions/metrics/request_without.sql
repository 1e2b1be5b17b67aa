-- A request without all that concerns these runs.
CREATE OR REPLACE FUNCTION request_without(request jsonb, run_ids text[]) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN (SELECT jsonb_object_agg(key, value) FROM (
        SELECT key, CASE jsonb_typeof(value) WHEN 'array' THEN (
                   SELECT jsonb_agg(row ORDER BY place) FROM jsonb_array_elements(value) WITH ORDINALITY AS listed (row, place)
                    WHERE row->>'run_id' IS NULL OR row->>'run_id' <> ALL (run_ids)) ELSE value END AS value
          FROM jsonb_each(request)) AS part WHERE value IS NOT NULL);
END $$;
