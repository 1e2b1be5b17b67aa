-- {"id", "payload_bytes"} → one dead letter with what was received, or how it ended; null when there never was one.
CREATE OR REPLACE FUNCTION dead_letter_view(request jsonb) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT coalesce((
        SELECT jsonb_build_object('id', receipt.id, 'provider', receipt.provider, 'createdAt', receipt.received_at)
            || CASE WHEN letter.id IS NULL THEN '{}' ELSE dead_letter_row(letter) END
            || jsonb_build_object('outcome', outcome, 'signatureStatus', signature_status, 'query', query,
                'headers', receipt.headers, 'payloadSize', coalesce(receipt.payload_bytes, length(receipt.payload)), 'payload',
                translate(encode(substr(receipt.payload, 1, (request->>'payload_bytes')::integer), 'base64'), E'\n', ''),
                'runId', run_id, 'jobId', job_id, 'settledAt', settled_at, 'settledBy', settled_by,
                'settledReason', settled_reason)
          FROM webhook_events AS receipt LEFT JOIN webhook_dlq AS letter USING (id)
         WHERE id = (request->>'id')::uuid AND (outcome = 'dlq' OR settled_at IS NOT NULL)), 'null')
$$;
