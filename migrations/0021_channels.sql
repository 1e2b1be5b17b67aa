-- Telling people: the chats and channels that hear what happens, one effect of kind `notify` for each address that is told
-- of a notice, and what the bots answered already. docs/channels.md.

-- An address here is told what happens, and a chat here may talk to the bot. Whom a button obeys is another matter: that
-- goes by principal_identities.
CREATE TABLE IF NOT EXISTS channels (
    channel_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    kind       text NOT NULL CHECK (kind IN ('telegram', 'slack')),
    address    text NOT NULL,
    -- Only runs of this project; NULL for all.
    project    text REFERENCES projects (key),
    created_at timestamptz NOT NULL,
    CONSTRAINT channels_address CHECK (CASE kind WHEN 'telegram' THEN address ~ '^-?[0-9]{1,19}$'
                                                 ELSE address ~ '^[CDGUW][A-Z0-9]{2,20}$' END),
    CONSTRAINT channels_once UNIQUE NULLS NOT DISTINCT (kind, address, project)
);

-- Updates of a bot: one is handled once, and again when its first handling died. Refusals of strangers stand here too,
-- since one is said once.
CREATE TABLE IF NOT EXISTS channel_updates (
    kind        text NOT NULL CHECK (kind IN ('telegram')),
    update_id   text NOT NULL CHECK (length(update_id) <= 100),
    state       text NOT NULL CHECK (state IN ('at_work', 'done')),
    received_at timestamptz NOT NULL,
    PRIMARY KEY (kind, update_id)
);
CREATE INDEX IF NOT EXISTS channel_updates_oldest ON channel_updates (received_at);

ALTER TABLE outbox DROP CONSTRAINT IF EXISTS outbox_kind_check;
ALTER TABLE outbox ADD CONSTRAINT outbox_kind_check
    CHECK (kind IN ('persona', 'submit', 'poll', 'notify', 'trace', 'report'));
ALTER TABLE outbox DROP CONSTRAINT IF EXISTS outbox_provider;
ALTER TABLE outbox ADD CONSTRAINT outbox_provider
    CHECK (provider IN ('kieai', 'shotstack', 'upload-post', 'llm', 'telegram', 'slack', 'otlp', 'sentry', 'mock')
           AND (kind = 'notify') = (provider IN ('telegram', 'slack'))
           AND (kind = 'trace') = (provider = 'otlp') AND (kind = 'report') = (provider = 'sentry'));
-- Those that were given up, for a replay.
CREATE INDEX IF NOT EXISTS outbox_untold ON outbox (effect_id) WHERE state = 'dead' AND kind = 'notify';

-- Telegram takes about 30 messages a second from a bot, Slack about one a second for a channel.
ALTER TABLE provider_states DROP CONSTRAINT IF EXISTS provider_states_provider_check;
ALTER TABLE provider_states ADD CONSTRAINT provider_states_provider_check
    CHECK (provider IN ('kieai', 'shotstack', 'upload-post', 'llm', 'telegram', 'slack', 'otlp', 'sentry', 'mock'));
INSERT INTO provider_states (provider, starts_max, window_seconds, open_jobs_max, in_flight_max) VALUES
    ('telegram', 30, 1, NULL, 16),
    ('slack', 1, 1, NULL, 4)
ON CONFLICT (provider) DO NOTHING;

-- Whom the policy of a notice's gate names, by the ids under which channels know them: 500 at most; nobody where it
-- names nobody.
CREATE OR REPLACE FUNCTION notice_approvers(a_run runs, notice jsonb) RETURNS TABLE (kind text, address text, name text)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    policy jsonb := (SELECT step->'policy' FROM jsonb_array_elements(a_run.state->'pipeline') AS step
                      WHERE step->>'gate' = notice->>'gate' LIMIT 1);
    lists jsonb := jsonb_build_array(policy) || CASE WHEN notice->>'occasion' = 'gate_escalated'
                   THEN jsonb_build_array(policy->'escalate') ELSE '[]' END;
    names text[] := ARRAY(SELECT jsonb_path_query(lists, '$[*].approvers[*]') #>> '{}');
    teams text[] := ARRAY(SELECT jsonb_path_query(lists, '$[*].groups[*]') #>> '{}');
BEGIN
    IF names = '{}' AND teams = '{}' THEN
        RETURN;
    END IF;
    RETURN QUERY
    SELECT i.channel, i.identity, p.name FROM (
           SELECT named.name FROM principals AS named WHERE named.name = ANY (names) AND named.disabled_at IS NULL
            UNION
           SELECT grouped.name FROM principals AS grouped WHERE grouped.groups && teams AND grouped.disabled_at IS NULL
            LIMIT 500) AS p JOIN principal_identities AS i ON i.name = p.name;
END $$;

-- Where a notice goes: the chats and channels of its project or of all, the user of Telegram who has the run, and whom
-- the gate's policy names. `approver` is who a link in the message speaks for, and whether that is a principal.
CREATE OR REPLACE FUNCTION notice_targets(a_run runs, notice jsonb)
    RETURNS TABLE (kind text, address text, approver text, is_principal boolean)
LANGUAGE sql STABLE AS $$
    SELECT DISTINCT ON (target.kind, target.address) target.kind, target.address, target.approver, target.place = 1 FROM (
        SELECT a.kind, a.address, a.name AS approver, 1 AS place FROM notice_approvers(a_run, notice) AS a
        UNION ALL
        SELECT 'telegram', substr(a_run.user_id, 10), a_run.user_id, 2 WHERE a_run.user_id ~ '^telegram_-?[0-9]{1,19}$'
        UNION ALL
        SELECT c.kind, c.address, c.kind || ':' || c.address, 3 FROM channels AS c
         WHERE c.project IS NULL OR c.project = a_run.project) AS target
     ORDER BY target.kind, target.address, target.place
$$;

-- The effects of a commit's notices, one for each address; true when there are any. Their keys are unique for ever.
CREATE OR REPLACE FUNCTION notify_fan_out(a_run_id text, notices jsonb, a_now timestamptz) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    IF coalesce(jsonb_array_length(notices), 0) = 0 THEN
        RETURN false;
    END IF;
    INSERT INTO outbox (key, run_id, kind, provider, payload, state, due_at, created_at, updated_at)
    SELECT format('notify:%s:%s:%s:%s', a_run_id, notice->>'seq', target.kind, target.address), a_run_id, 'notify',
           target.kind, jsonb_build_object('address', target.address, 'approver', target.approver,
                                           'is_principal', target.is_principal, 'notice', notice), 'due', a_now, a_now, a_now
      FROM runs CROSS JOIN jsonb_array_elements(notices) WITH ORDINALITY AS listed (notice, place)
           CROSS JOIN LATERAL notice_targets(runs, notice) AS target
     WHERE runs.run_id = a_run_id ORDER BY place, target.kind, target.address
    ON CONFLICT (key) DO NOTHING;
    RETURN FOUND;
END $$;

-- {"now", "limit", "run_id"?} → {"acted", "kick"}: notices that were given up are due again.
CREATE OR REPLACE FUNCTION notices_replay(request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    a_now timestamptz := (request->>'now')::timestamptz;
    acted integer;
BEGIN
    UPDATE outbox SET state = 'due', attempt = 0, due_at = a_now, fence = fence + 1, updated_at = a_now
     WHERE effect_id = ANY (ARRAY(
        SELECT effect_id FROM outbox WHERE state = 'dead' AND kind = 'notify'
           AND (request->>'run_id' IS NULL OR run_id = request->>'run_id')
         ORDER BY effect_id DESC LIMIT (request->>'limit')::integer FOR UPDATE SKIP LOCKED));
    GET DIAGNOSTICS acted = ROW_COUNT;
    RETURN jsonb_build_object('acted', acted, 'kick', acted > 0 AND kick_take(a_now));
END $$;

-- A channel as the API shows it.
CREATE OR REPLACE FUNCTION channel_view(channel channels) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('id', channel.channel_id, 'kind', channel.kind, 'address', channel.address,
                              'project', channel.project, 'createdAt', channel.created_at)
$$;

-- {"now", "kind", "address", "project"} → {"result": "added" | "known" | "unknown_project" | "full", "channel"?}. As many
-- as a commit can tell in one statement.
CREATE OR REPLACE FUNCTION channel_add(request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    added channels;
    outcome text := 'added';
BEGIN
    IF request->>'project' IS NOT NULL AND NOT EXISTS (SELECT FROM projects WHERE key = request->>'project') THEN
        RETURN '{"result": "unknown_project"}';
    END IF;
    IF (SELECT count(*) >= 200 FROM channels) THEN
        RETURN '{"result": "full"}';
    END IF;
    INSERT INTO channels (kind, address, project, created_at)
    VALUES (request->>'kind', request->>'address', request->>'project', (request->>'now')::timestamptz)
    ON CONFLICT (kind, address, project) DO NOTHING RETURNING * INTO added;
    IF NOT FOUND THEN
        outcome := 'known';
        SELECT * INTO added FROM channels WHERE kind = request->>'kind' AND address = request->>'address'
           AND project IS NOT DISTINCT FROM request->>'project';
    END IF;
    RETURN jsonb_build_object('result', outcome, 'channel', channel_view(added));
END $$;

-- {} → {"channels": [...]}: all of them; there are 200 at most.
CREATE OR REPLACE FUNCTION channel_list(request jsonb) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('channels', coalesce(jsonb_agg(channel_view(channels) ORDER BY kind, address, project), '[]'))
      FROM channels
$$;

-- {"channel_id"} → {"removed"}.
CREATE OR REPLACE FUNCTION channel_remove(request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM channels WHERE channel_id = (request->>'channel_id')::uuid;
    RETURN jsonb_build_object('removed', FOUND);
END $$;

-- {"now", "kind", "update_id", "chat"?, "identity"?} → {"result": "mine" | "duplicate" | "at_work", "allowed", "refuse",
-- "principal"}: takes an update, or says that somebody has. One whose handling died half a minute ago is taken again.
-- `allowed`: the chat is listed, or somebody known wrote. `refuse`: a stranger's chat hears so now, and never again.
CREATE OR REPLACE FUNCTION update_begin(request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    a_now timestamptz := (request->>'now')::timestamptz;
    a_kind text := request->>'kind';
    principal jsonb := principal_of_identity(request->>'kind', request->>'identity');
    allowed boolean := principal IS NOT NULL
        OR EXISTS (SELECT FROM channels WHERE kind = a_kind AND address = request->>'chat');
    refuse boolean := false;
BEGIN
    INSERT INTO channel_updates AS held (kind, update_id, state, received_at)
    VALUES (a_kind, request->>'update_id', 'at_work', a_now)
    ON CONFLICT (kind, update_id) DO UPDATE SET received_at = a_now
        WHERE held.state = 'at_work' AND held.received_at <= a_now - interval '30 seconds';
    IF NOT FOUND THEN
        RETURN jsonb_build_object('result', (SELECT CASE state WHEN 'done' THEN 'duplicate' ELSE 'at_work' END
            FROM channel_updates WHERE kind = a_kind AND update_id = request->>'update_id'));
    END IF;
    IF NOT allowed AND request->>'chat' IS NOT NULL THEN
        INSERT INTO channel_updates (kind, update_id, state, received_at)
        VALUES (a_kind, 'refused:' || (request->>'chat'), 'done', a_now) ON CONFLICT DO NOTHING;
        refuse := FOUND;
    END IF;
    RETURN jsonb_build_object('result', 'mine', 'allowed', allowed, 'refuse', refuse, 'principal', principal);
END $$;

-- {"kind", "update_id"} → {"done": true}: a handled update is never handled again. A chat turn's commit says it itself.
CREATE OR REPLACE FUNCTION update_end(request jsonb) RETURNS jsonb
LANGUAGE sql AS $$
    UPDATE channel_updates SET state = 'done' WHERE kind = request->>'kind' AND update_id = request->>'update_id';
    SELECT '{"done": true}'::jsonb;
$$;

-- {"effect_id", "kind", "identity"} → {"principal", "notice", "run"}: what a press of a button is about and who
-- presses; nulls for a stranger and for a message that is not this channel's.
CREATE OR REPLACE FUNCTION press_load(request jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
    principal jsonb := principal_of_identity(request->>'kind', request->>'identity');
    asked record;
BEGIN
    SELECT outbox.payload, runs.state INTO asked FROM outbox JOIN runs USING (run_id)
     WHERE effect_id = (request->>'effect_id')::bigint AND kind = 'notify' AND provider = request->>'kind';
    RETURN jsonb_build_object('principal', principal, 'notice', asked.payload->'notice', 'run', asked.state);
END $$;
