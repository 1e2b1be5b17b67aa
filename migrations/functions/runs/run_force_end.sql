-- {"run_id", "actor", "message"} → {"result": "ended" | "terminal" | "missing"}: ends a run whose state this version of
-- the code cannot read, so that no run is beyond reach.
CREATE OR REPLACE FUNCTION run_force_end(request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    ended boolean;
BEGIN
    SELECT finished_at IS NOT NULL INTO ended FROM runs WHERE run_id = request->>'run_id' FOR UPDATE;
    IF ended IS NOT FALSE THEN
        RETURN jsonb_build_object('result', CASE WHEN ended THEN 'terminal' ELSE 'missing' END);
    END IF;
    PERFORM set_config('mw.actor', request->>'actor', true), set_config('mw.message', request->>'message', true);
    UPDATE runs SET status = 'failed' WHERE run_id = request->>'run_id';
    RETURN jsonb_build_object('result', 'ended');
END $$;
