-- The rows that follow from decisions; true when there is work at once.
CREATE OR REPLACE FUNCTION runs_write_rows(request jsonb, a_now timestamptz) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    due boolean := false;
BEGIN
    IF request ? 'events' THEN
        PERFORM events_append(request->'events');
    END IF;
    IF request ? 'rearmed' THEN
        PERFORM effects_rearm(request->'rearmed', a_now);
        due := true;
    END IF;
    IF request ? 'jobs' THEN
        PERFORM jobs_write(request->'jobs', a_now);
    END IF;
    -- What closes comes before what opens, since a gate is open once at a time.
    IF request->'gates' @? '$[*] ? (!exists(@.gate_id))' THEN
        PERFORM gates_write_closed(request->'gates', a_now);
    END IF;
    IF request->'gates' @? '$[*].gate_id' THEN
        PERFORM gates_write_opened(request->'gates', a_now);
    END IF;
    IF request->'gates' @? '$[*].decision' THEN
        PERFORM approvals_write(request->'gates', a_now);
    END IF;
    IF request ? 'votes' THEN
        PERFORM approvals_write(request->'votes', a_now);
    END IF;
    IF request ? 'artifacts' THEN
        PERFORM artifacts_write(request->'artifacts', a_now);
    END IF;
    IF request ? 'effects' THEN
        due := effects_write(request->'effects', a_now) OR due;
    END IF;
    IF request ? 'notices' THEN
        due := notices_write(request->'notices', a_now) OR due;
    END IF;
    RETURN due;
END $$;
