-- One dead letter as the API shows it.
CREATE OR REPLACE FUNCTION dead_letter_row(letter webhook_dlq) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('id', letter.id, 'provider', letter.provider, 'reason', letter.error,
        'match', letter.match->'match', 'attempts', letter.retry_count, 'exhausted', letter.next_retry_at IS NULL,
        'nextRetryAt', letter.next_retry_at, 'lastErrorAt', letter.last_error_at, 'createdAt', letter.created_at,
        'expiresAt', letter.expires_at)
$$;
