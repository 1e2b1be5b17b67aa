-- {"now", "on", "actor", "reason"?} → {"changed"}. Switching to what is already so keeps since when it is so.
CREATE OR REPLACE FUNCTION drain_switch(request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    wish boolean := (request->>'on')::boolean;
    before boolean;
BEGIN
    PERFORM pg_advisory_xact_lock(drain_lock());
    SELECT active INTO before FROM drain;
    UPDATE drain SET active = wish, actor = request->>'actor', reason = request->>'reason',
           since = CASE WHEN before = wish THEN since ELSE (request->>'now')::timestamptz END;
    RETURN jsonb_build_object('changed', before <> wish);
END $$;
