-- Who reads at an address, as things stand: {"listed": for the run's project or for all, and for its own chat whatever for; "person":
-- whose own chat it is, or null}. Both messengers know a chat with one person by that person's id.
CREATE OR REPLACE FUNCTION notice_recipient(a_kind text, an_address text, a_run_id text) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN jsonb_build_object('person', principal_behind(a_kind, an_address), 'listed', EXISTS (
        SELECT FROM channels AS c JOIN runs ON runs.run_id = a_run_id
         WHERE c.kind = a_kind AND c.address = an_address
           AND (c.project IS NULL OR c.project = runs.project OR runs.user_id = a_kind || '_' || channel_first(a_kind, an_address))));
END $$;
