-- {"kind", "update_id"} → {"handled": true}: a handled update is never handled again. A chat turn's commit says it itself.
CREATE OR REPLACE FUNCTION update_end(request jsonb) RETURNS jsonb
LANGUAGE sql AS $$
    UPDATE channel_updates SET state = 'handled' WHERE kind = request->>'kind' AND update_id = request->>'update_id';
    SELECT '{"handled": true}'::jsonb;
$$;
