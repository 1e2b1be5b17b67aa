-- {"now", "id", "action": "replay" | "discard", "actor", "reason", "dry_run"} → {"result", "provider", "run_id", "kick"}
-- and, for "no_job", "reason". A replay takes the stored delivery itself past the duplicate check, under its receipt's
-- id; one that finds no job keeps the letter and its schedule. A dry run says the same and changes nothing.
CREATE OR REPLACE FUNCTION dead_letter_settle(request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    a_now timestamptz := (request->>'now')::timestamptz;
    a_id uuid := (request->>'id')::uuid;
    wet boolean := NOT (request->>'dry_run')::boolean;
    letter webhook_dlq;
    job jobs;
    failure text;
    awake boolean := false;
    discards boolean := request->>'action' = 'discard';
BEGIN
    SELECT * INTO letter FROM webhook_dlq WHERE id = a_id;
    IF NOT FOUND THEN
        RETURN dead_letter_ended(a_id);
    END IF;
    IF NOT discards THEN
        job := job_match(letter.provider, letter.match->'match');
        IF job.job_id IS NULL THEN
            failure := job_match_failure(letter.provider, letter.match->'match');
            IF wet THEN
                UPDATE webhook_dlq SET error = failure, last_error_at = a_now, updated_at = a_now WHERE id = a_id;
            END IF;
            RETURN jsonb_build_object('result', 'no_job', 'provider', letter.provider, 'reason', failure);
        END IF;
    END IF;
    IF wet THEN
        -- The outbox before the letter: the order in which everybody locks them.
        awake := NOT discards AND job_poke(job.job_id, letter.match->'hint', a_now);
        IF NOT dead_letter_close(a_id, CASE WHEN discards THEN 'discarded' ELSE 'accepted' END, job,
                                 request->>'actor', request->>'reason', a_now) THEN
            RETURN dead_letter_ended(a_id);
        END IF;
    END IF;
    RETURN jsonb_build_object('result', CASE WHEN discards THEN 'discarded' ELSE 'processed' END,
        'provider', letter.provider, 'run_id', job.run_id, 'kick', awake AND kick_take(a_now));
END $$;
