-- The timeline is append-only: rows are only deleted together with their run.
CREATE OR REPLACE FUNCTION run_events_guard() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND NOT EXISTS (SELECT FROM runs WHERE run_id = OLD.run_id) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'the timeline of run % is append-only', OLD.run_id;
END $$;

CREATE OR REPLACE TRIGGER run_events_guard BEFORE UPDATE OR DELETE ON run_events
    FOR EACH ROW EXECUTE FUNCTION run_events_guard();
