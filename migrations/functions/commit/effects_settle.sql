-- Settles the effects that a commit answers, as was decided: {"effect_id", "fence", "run_id"?, "state", "due_at"?, "counts": whether
-- the attempt does, "not_sent", "gives_up", "error"?}; all of a run's or none of them. One that was poked while it was under way
-- and comes again comes at once. Returns those whose fencing token is an old one, [{"effect_id", "run_id"?}], or null.
CREATE OR REPLACE FUNCTION effects_settle(settles jsonb, a_now timestamptz) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    fenced jsonb;
    given_up bigint[];
BEGIN
    WITH wanted AS MATERIALIZED (
        SELECT * FROM jsonb_to_recordset(settles) AS row (effect_id bigint, fence bigint, run_id text, state text,
            due_at timestamptz, counts boolean, not_sent boolean, gives_up boolean, error text)
    ), held AS MATERIALIZED (
        SELECT outbox.effect_id FROM outbox JOIN wanted USING (effect_id, fence) WHERE outbox.lease_until IS NOT NULL
         ORDER BY outbox.effect_id FOR UPDATE OF outbox
    ), lost AS MATERIALIZED (
        SELECT effect_id, run_id FROM wanted WHERE effect_id NOT IN (SELECT effect_id FROM held)
    ), settled AS (
        UPDATE outbox SET
            state = wanted.state,
            lease_until = NULL,
            attempt = CASE WHEN counts THEN attempt ELSE attempt - 1 END,
            due_at = CASE WHEN poked AND wanted.due_at IS NOT NULL THEN a_now ELSE coalesce(wanted.due_at, outbox.due_at) END,
            sent_at = CASE WHEN not_sent THEN NULL ELSE sent_at END,
            poked = false,
            last_error = coalesce(error, last_error),
            updated_at = a_now
          FROM wanted WHERE outbox.effect_id = wanted.effect_id AND wanted.effect_id IN (SELECT effect_id FROM held)
           AND NOT EXISTS (SELECT FROM lost WHERE lost.run_id = wanted.run_id)
        RETURNING outbox.effect_id, gives_up
    )
    SELECT (SELECT jsonb_agg(jsonb_strip_nulls(to_jsonb(lost))) FROM lost),
           (SELECT array_agg(effect_id ORDER BY effect_id) FROM settled WHERE gives_up) INTO fenced, given_up;
    IF given_up IS NOT NULL THEN
        PERFORM export_death(effect_id, a_now) FROM unnest(given_up) AS effect_id;
    END IF;
    RETURN fenced;
END $$;
