-- {"now", "limit"} → {"acted", "processed"}: letters that are due are matched again. One that finds its job is processed;
-- another waits min(60·2^n, 3600) seconds, 12 times at most, and then stays for an operator. "acted" counts both, so
-- that a page of letters without a job does not hide the next page. The runs are locked in their order, since
-- transitions lock them first too; letters without a job come last, when no more runs are locked.
CREATE OR REPLACE FUNCTION dead_letters_retry(request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    a_now timestamptz := (request->>'now')::timestamptz;
    due record;
    acted integer := 0;
    processed integer := 0;
BEGIN
    FOR due IN
        SELECT page.id, page.provider, page.match, job FROM (
            SELECT * FROM webhook_dlq WHERE next_retry_at <= a_now ORDER BY next_retry_at, id
             LIMIT (request->>'limit')::integer) AS page,
            LATERAL (SELECT job_match(page.provider, page.match->'match') AS job OFFSET 0) AS matched
         ORDER BY (job).run_id NULLS LAST, page.id
    LOOP
        IF (due.job).job_id IS NOT NULL THEN
            PERFORM FROM runs WHERE run_id = (due.job).run_id FOR UPDATE;
            PERFORM job_poke((due.job).job_id, due.match->'hint', a_now);
            IF dead_letter_close(due.id, 'accepted', due.job, 'sweep', 'its job is known by now', a_now) THEN
                processed := processed + 1;
            END IF;
        ELSE
            UPDATE webhook_dlq SET retry_count = retry_count + 1, last_error_at = a_now, updated_at = a_now,
                   error = job_match_failure(due.provider, due.match->'match'),
                   next_retry_at = CASE WHEN retry_count < 12
                       THEN a_now + make_interval(secs => least(60 * 2 ^ retry_count, 3600)) END
             WHERE id = due.id AND next_retry_at <= a_now;
        END IF;
        acted := acted + 1;
    END LOOP;
    RETURN jsonb_build_object('acted', acted, 'processed', processed);
END $$;
