-- One receipt as the console shows it.
CREATE OR REPLACE FUNCTION console_receipt(receipt webhook_events) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT jsonb_build_object('id', receipt.id, 'provider', receipt.provider, 'signature', receipt.signature_status,
        'outcome', receipt.outcome, 'bytes', coalesce(receipt.payload_bytes, length(receipt.payload)),
        'received_at', receipt.received_at, 'count', receipt.count, 'run_id', receipt.run_id,
        'settled_by', receipt.settled_by, 'settled_reason', receipt.settled_reason));
END $$;
