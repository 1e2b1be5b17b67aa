-- What is said of a letter that is not in the queue (any more).
CREATE OR REPLACE FUNCTION dead_letter_ended(a_id uuid) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT jsonb_build_object('provider', provider, 'run_id', run_id, 'result', CASE outcome
                         WHEN 'discarded' THEN 'already_discarded' ELSE 'already_processed' END)
                       FROM webhook_events WHERE id = a_id AND outcome IN ('accepted', 'discarded')),
                    '{"result": "unknown"}')
$$;
