-- A hand-written UPDATE of a run. The runbook's `status = 'failed'` becomes the real transition; every other status
-- set by hand is refused with the verb that does it. run_force_end comes this way too, with its own actor and words.
CREATE OR REPLACE FUNCTION runs_guard() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    at timestamptz := clock_timestamp();
    at_text text := to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');
    actor text := coalesce(nullif(current_setting('mw.actor', true), ''), 'sql:' || session_user);
    message text := coalesce(nullif(current_setting('mw.message', true), ''), 'marked failed by ' || session_user);
    error_type text := CASE WHEN actor LIKE 'sql:%' THEN 'marked_failed' ELSE 'terminated' END;
BEGIN
    IF coalesce(current_setting('mw.commit', true), '') = 'on' OR NEW.status = OLD.status THEN
        RETURN NEW;
    END IF;
    IF OLD.finished_at IS NOT NULL THEN
        RAISE EXCEPTION 'run % is already %', OLD.run_id, OLD.status USING HINT = 'terminal states are final';
    END IF;
    IF NEW.status <> 'failed' THEN
        RAISE EXCEPTION 'the status of run % is not set by hand', OLD.run_id
            USING HINT = 'use: mw gates approve|reject, mw runs cancel; only status = ''failed'' works in SQL';
    END IF;
    NEW.version := OLD.version + 1;
    NEW.state := (OLD.state - 'gate' - 'pause') || jsonb_build_object('status', 'failed', 'version', NEW.version,
        'deadline', NULL, 'finished_at', at_text,
        'error', jsonb_build_object('error_type', error_type, 'error_message', message));
    NEW.result := coalesce(OLD.result, '{}') || jsonb_build_object('error', jsonb_build_object(
        'error_type', error_type, 'error_message', message, 'project', OLD.project));
    NEW.awaiting_gate := NULL;
    NEW.deadline := NULL;
    NEW.finished_at := at;
    NEW.updated_at := at;
    PERFORM events_append(jsonb_build_array(jsonb_build_object('run_id', OLD.run_id, 'seq', NEW.version,
        'type', 'run.failed', 'at', at_text, 'actor', actor, 'body', json_build_object('seq', NEW.version, 'at', at_text, 'actor', actor,
        'type', 'run.failed', 'data', json_build_object('error_type', error_type, 'error_message', message))::text)));
    INSERT INTO artifacts (run_id, type, provider, metadata, created_at)
    VALUES (OLD.run_id, 'run.failed', 'orchestrator', jsonb_build_object('error_type', error_type,
            'error_message', message, 'project', OLD.project), at);
    PERFORM runs_end(jsonb_build_array(run_ended(NEW.state)), at);
    RETURN NEW;
END $$;

CREATE OR REPLACE TRIGGER runs_guard BEFORE UPDATE OF status ON runs
    FOR EACH ROW EXECUTE FUNCTION runs_guard();
