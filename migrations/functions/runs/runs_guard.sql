-- A hand-written UPDATE of a run's status. The runbook's `status = 'failed'` asks for the end, and changes nothing else of the row:
-- the next sweep decides it, with all that follows from an end. Every other status is refused with the verb that does it.
CREATE OR REPLACE FUNCTION runs_guard() RETURNS trigger
LANGUAGE plpgsql AS $$
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
    NEW := OLD;
    -- Who asked first is who asked.
    IF OLD.end_requested_at IS NULL THEN
        NEW.end_requested_at := clock_timestamp();
        NEW.end_requested_by := session_user;
    END IF;
    RAISE NOTICE 'run % is ended by the next sweep, within seconds; until then it is still %', OLD.run_id, OLD.status;
    RETURN NEW;
END $$;

CREATE OR REPLACE TRIGGER runs_guard BEFORE UPDATE OF status ON runs
    FOR EACH ROW EXECUTE FUNCTION runs_guard();
