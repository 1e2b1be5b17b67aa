-- {"now", "name", "disabled"} → {"result": "done" | "unknown"}. Twice is harmless: since when stays.
CREATE OR REPLACE FUNCTION principal_switch(request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE principals SET disabled_at = CASE WHEN (request->>'disabled')::boolean
               THEN coalesce(disabled_at, (request->>'now')::timestamptz) END
     WHERE name = request->>'name';
    RETURN jsonb_build_object('result', CASE WHEN FOUND THEN 'done' ELSE 'unknown' END);
END $$;
