-- The conditions of a list of runs, as constant texts over the parameter $1, so that each list uses its own index:
-- {"status"?, "project"?, "user_id"?, "created_before"?, "created_after"?, "overdue_at"?, "before"?: {"created_at", "run_id"}}.
-- "overdue_at" asks for the thousand that are overdue for longest at that moment, so that they are found by their deadline.
CREATE OR REPLACE FUNCTION run_conditions(request jsonb) RETURNS text
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    conditions text := 'true';
BEGIN
    IF request->>'status' IS NOT NULL THEN
        conditions := conditions || ' AND status = $1->>''status''';
    END IF;
    IF request->>'project' IS NOT NULL THEN
        conditions := conditions || ' AND project = $1->>''project''';
    END IF;
    IF request->>'user_id' IS NOT NULL THEN
        conditions := conditions || ' AND user_id = $1->>''user_id''';
    END IF;
    IF request->>'created_before' IS NOT NULL THEN
        conditions := conditions || ' AND created_at < ($1->>''created_before'')::timestamptz';
    END IF;
    IF request->>'created_after' IS NOT NULL THEN
        conditions := conditions || ' AND created_at >= ($1->>''created_after'')::timestamptz';
    END IF;
    IF request->>'overdue_at' IS NOT NULL THEN
        conditions := conditions || ' AND run_id IN (SELECT run_id FROM runs WHERE finished_at IS NULL
            AND deadline <= ($1->>''overdue_at'')::timestamptz ORDER BY deadline, run_id LIMIT 1000)';
    END IF;
    IF request->'before'->>'run_id' IS NOT NULL THEN
        conditions := conditions
            || ' AND (created_at, run_id) < (($1->''before''->>''created_at'')::timestamptz, $1->''before''->>''run_id'')';
    END IF;
    RETURN conditions;
END $$;
