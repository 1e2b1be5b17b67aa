-- Adds an export, where it is wanted; its key is unique for ever. Its time bounds how long it is tried.
CREATE OR REPLACE FUNCTION export_add(a_kind text, a_key text, a_run_id text, payload jsonb, a_now timestamptz)
    RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO outbox (key, run_id, kind, provider, payload, state, due_at, created_at, updated_at)
    SELECT format('%s:%s', kind, a_key), a_run_id, kind, provider, payload || jsonb_build_object('at', a_now), 'due',
           a_now, a_now, a_now
      FROM exports JOIN provider_states ON takes_export = kind WHERE kind = a_kind AND wanted_until > a_now
    ON CONFLICT (key) DO NOTHING;
    RETURN FOUND;
END $$;
