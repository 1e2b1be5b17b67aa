-- What effects met at the addresses of notices, [{"effect_id", "moved_to"?}]: who has moved is reached there from now on.
CREATE OR REPLACE FUNCTION channels_observe(observed jsonb, a_now timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM channel_move(jsonb_build_object('now', a_now, 'kind', outbox.provider, 'from', outbox.payload->>'address', 'to', row.moved_to))
       FROM jsonb_to_recordset(observed) AS row (effect_id bigint, moved_to text) JOIN outbox USING (effect_id)
      WHERE row.moved_to IS NOT NULL;
END $$;
