-- {} → {"on", "reason", "actor", "since"}.
CREATE OR REPLACE FUNCTION drain_state(request jsonb) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('on', active, 'reason', reason, 'actor', actor, 'since', since) FROM drain
$$;
