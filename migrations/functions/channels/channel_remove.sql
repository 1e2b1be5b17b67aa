-- {"channel_id"} → {"removed"}.
CREATE OR REPLACE FUNCTION channel_remove(request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM channels WHERE channel_id = (request->>'channel_id')::uuid;
    RETURN jsonb_build_object('removed', FOUND);
END $$;
