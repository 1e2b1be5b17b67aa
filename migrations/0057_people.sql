-- Who may do what through a messenger: what is known of whoever writes or is written to is asked where an update begins and again
-- when a message leaves, so that a role, a disabling and a removed channel count at once.

-- Nobody has a name that is shaped like the users that chats make up: a link in such a name would speak for a principal. One that
-- was given before stays in timelines and is disabled for good: its person gets another name.
UPDATE principals SET disabled_at = coalesce(disabled_at, now()) WHERE name ~ '^(telegram|slack)[_:]';
ALTER TABLE principals DROP CONSTRAINT IF EXISTS principals_name;
ALTER TABLE principals ADD CONSTRAINT principals_name CHECK (principal_words_fit(ARRAY[name]) AND name <> 'operator'
    AND (name !~ '^(telegram|slack)[_:]' OR disabled_at IS NOT NULL));

-- An id in a messenger is one person's, and is written in one way: links go to whoever is written to under it. Groups and channels
-- are nobody, and so are the accounts in whose name Telegram's channels and anonymous administrators write. What is none goes; its
-- owner is identified anew.
CREATE OR REPLACE FUNCTION is_one_person(a_channel text, an_identity text) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE a_channel
        WHEN 'telegram' THEN an_identity ~ '^[1-9][0-9]{0,18}$' AND an_identity NOT IN ('777000', '1087968824', '136817688')
        ELSE an_identity ~ '^[UW][A-Z0-9]{2,20}$' END
$$;
DELETE FROM principal_identities WHERE NOT is_one_person(channel, identity);
ALTER TABLE principal_identities DROP CONSTRAINT IF EXISTS principal_identities_one_person;
ALTER TABLE principal_identities ADD CONSTRAINT principal_identities_one_person CHECK (is_one_person(channel, identity));
DELETE FROM channels WHERE kind = 'telegram' AND address ~ '^-?0';
ALTER TABLE channels DROP CONSTRAINT IF EXISTS channels_address_once;
ALTER TABLE channels ADD CONSTRAINT channels_address_once CHECK (kind <> 'telegram' OR address !~ '^-?0');

-- {"names"} → {"principals": {name: what is known of them}}; a stranger's name is left out.
CREATE OR REPLACE FUNCTION principals_named(request jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT jsonb_build_object('principals', coalesce(jsonb_object_agg(name, principal_named(name)), '{}'))
              FROM principals WHERE name IN (SELECT jsonb_array_elements_text(request->'names')));
END $$;

-- What is known of whoever has this id in a channel: {"name", "role", "groups", "disabled"}, or null for a stranger.
CREATE OR REPLACE FUNCTION principal_behind(a_channel text, an_identity text) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT principal_named(name) FROM principal_identities WHERE channel = a_channel AND identity = an_identity);
END $$;

-- Whether what is known of somebody lets them start runs and decide gates.
CREATE OR REPLACE FUNCTION principal_acts(known jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(known->>'role' IN ('approver', 'operator') AND NOT (known->>'disabled')::boolean, false)
$$;

-- Who reads at an address, as things stand: {"listed": for the run's project or for all, and for its own chat whatever for; "person":
-- whose own chat it is, or null}. Both messengers know a chat with one person by that person's id.
CREATE OR REPLACE FUNCTION notice_recipient(a_kind text, an_address text, a_run_id text) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN jsonb_build_object('person', principal_behind(a_kind, an_address), 'listed', EXISTS (
        SELECT FROM channels AS c JOIN runs ON runs.run_id = a_run_id
         WHERE c.kind = a_kind AND c.address = an_address
           AND (c.project IS NULL OR c.project = runs.project OR runs.user_id = a_kind || '_' || an_address)));
END $$;

-- {"now", "kind", "update_id", "chat"?, "identity"?} → {"result": "mine" | "duplicate" | "at_work", "allowed", "private", "principal",
-- "refuse", "refusal": "stranger" | "barred"}: takes an update, or says that somebody has. One whose handling died half a minute ago is
-- taken again. `allowed`: the chat is listed, or somebody who may act writes in a chat of their own; and whoever writes is no viewer
-- and not disabled. `private`: nobody else reads the chat. `refusal`: why not, where that is to be said now; it is said once in a
-- chat, to whoever is barred once in each. `refuse` is what the release before reads. What comes of people who may do nothing is
-- kept out of the budget of refused deliveries (0056), and forgotten where that is used up.
CREATE OR REPLACE FUNCTION update_begin(request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    a_now timestamptz := (request->>'now')::timestamptz;
    a_kind text := request->>'kind';
    a_chat text := request->>'chat';
    known jsonb := principal_behind(a_kind, request->>'identity');
    acts boolean := principal_acts(known);
    is_private boolean := coalesce(a_chat = request->>'identity', false);
    barred boolean := known IS NOT NULL AND NOT acts;
    allowed boolean := NOT barred AND ((is_private AND acts)
        OR EXISTS (SELECT FROM channels WHERE kind = a_kind AND address = a_chat));
    refuse boolean := false;
BEGIN
    IF NOT (allowed OR (a_chat IS NULL AND acts)) AND NOT strangers_take('refused', 400, a_now) THEN
        RETURN '{"result": "mine", "allowed": false, "private": false, "refuse": false, "refusal": null, "principal": null}';
    END IF;
    INSERT INTO channel_updates AS held (kind, update_id, state, received_at)
    VALUES (a_kind, request->>'update_id', 'at_work', a_now)
    ON CONFLICT (kind, update_id) DO UPDATE SET received_at = a_now
        WHERE held.state = 'at_work' AND held.received_at <= a_now - interval '30 seconds';
    IF NOT FOUND THEN
        RETURN jsonb_build_object('result', (SELECT CASE state WHEN 'done' THEN 'duplicate' ELSE 'at_work' END
            FROM channel_updates WHERE kind = a_kind AND update_id = request->>'update_id'));
    END IF;
    IF NOT allowed AND a_chat IS NOT NULL THEN
        INSERT INTO channel_updates (kind, update_id, state, received_at)
        VALUES (a_kind, 'refused:' || a_chat || CASE WHEN barred THEN ':' || (request->>'identity') ELSE '' END, 'done', a_now)
        ON CONFLICT DO NOTHING;
        refuse := FOUND;
    END IF;
    RETURN jsonb_build_object('result', 'mine', 'allowed', allowed, 'private', is_private, 'refuse', refuse,
        'refusal', CASE WHEN refuse THEN CASE WHEN barred THEN 'barred' ELSE 'stranger' END END,
        'principal', CASE WHEN acts THEN known END);
END $$;

-- {"now", "limit", "lease_seconds", "tells"?} → {"effects": [...], "runs": {run_id: state}, "wait_seconds"}, as 0052_dispatch.sql has it;
-- a notice comes with who reads at its address now, not when it was written.
CREATE OR REPLACE FUNCTION effects_lease(request jsonb) RETURNS json
LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    a_now timestamptz := (request->>'now')::timestamptz;
    page integer := (request->>'limit')::integer;
    a_lease_until timestamptz := a_now + make_interval(secs => (request->>'lease_seconds')::integer);
    providers text[];
    lanes jsonb;
    claimed json;
    run_ids text[];
BEGIN
    -- From here on a new effect needs a new kick.
    UPDATE leases SET held_until = a_now WHERE name = 'kick' AND held_until > a_now;
    SELECT array_agg(provider) INTO providers FROM provider_states
     WHERE (request ? 'tells' OR provider NOT IN ('telegram', 'slack', 'otlp', 'sentry'))
       AND (EXISTS (SELECT FROM outbox WHERE outbox.state = 'due' AND outbox.provider = provider_states.provider
                       AND outbox.lane = 'look' AND outbox.due_at <= a_now)
            OR EXISTS (SELECT FROM outbox WHERE outbox.state = 'due' AND outbox.provider = provider_states.provider
                          AND outbox.lane = 'start' AND outbox.due_at <= a_now));
    IF providers IS NULL THEN
        RETURN '{"effects": [], "runs": {}}'::json;
    END IF;
    PERFORM FROM provider_states WHERE provider = ANY (providers) ORDER BY provider FOR NO KEY UPDATE;
    SELECT jsonb_agg(to_jsonb(row)) INTO lanes FROM lanes_due(providers, a_now) AS row;

    WITH lane AS MATERIALIZED (
        SELECT * FROM jsonb_to_recordset(lanes) AS row (provider text, lane text, quota bigint, share bigint,
                                                        probe boolean, in_outage boolean, start_at timestamptz)
    ), candidates AS (
        SELECT lane.*, effect.*, row_number() OVER (PARTITION BY provider, lane ORDER BY due_at, effect_id) AS place
          FROM lane CROSS JOIN LATERAL (
               SELECT effect_id, due_at FROM outbox
                WHERE outbox.state = 'due' AND outbox.provider = lane.provider AND outbox.lane = lane.lane
                  AND outbox.due_at <= a_now
                ORDER BY due_at, effect_id LIMIT least(lane.quota, page)) AS effect
    ), turns AS (
        -- A look costs nothing and frees what it ends, so it goes first.
        SELECT *, row_number() OVER (PARTITION BY provider ORDER BY place, lane) AS turn FROM candidates
    ), chosen AS (
        SELECT * FROM turns WHERE turn <= share ORDER BY place, due_at, effect_id LIMIT page
    ), picked AS (
        SELECT outbox.effect_id, sent_at AS sent_before, chosen.provider, chosen.lane, probe, in_outage, start_at
          FROM outbox JOIN chosen USING (effect_id) WHERE outbox.state = 'due' FOR UPDATE OF outbox SKIP LOCKED
    ), leased AS (
        UPDATE outbox SET state = 'leased', attempt = attempt + 1, fence = fence + 1, poked = false,
               lease_until = a_lease_until,
               sent_at = CASE WHEN kind = 'submit' THEN coalesce(sent_at, start_at) END, updated_at = a_now
          FROM picked WHERE outbox.effect_id = picked.effect_id
        RETURNING outbox.*, picked.sent_before, picked.lane AS claimed_lane, picked.probe, picked.in_outage
    ), counted AS (
        UPDATE provider_states AS held SET
               starts = CASE WHEN begun = 0 OR starts_max IS NULL THEN starts ELSE
                        starts_recent(starts, make_interval(secs => window_seconds), a_now)
                        || array_fill(taken.start_at, ARRAY[begun::integer]) END,
               breaker = CASE WHEN probing IS NULL THEN breaker ELSE 'half_open' END,
               retry_at = CASE WHEN probing IS NULL THEN retry_at ELSE a_lease_until END,
               probe_effect_id = coalesce(probing, probe_effect_id)
          FROM (SELECT provider, count(*) FILTER (WHERE lane = 'start') AS begun, max(start_at) AS start_at,
                       max(effect_id) FILTER (WHERE probe) AS probing FROM picked GROUP BY provider) AS taken
         WHERE held.provider = taken.provider AND (probing IS NOT NULL OR (begun > 0 AND starts_max IS NOT NULL))
    )
    SELECT json_agg(json_build_object('effect_id', leased.effect_id, 'fence', fence, 'kind', leased.kind,
               'provider', leased.provider, 'lane', claimed_lane, 'run_id', leased.run_id, 'job_id', leased.job_id,
               'payload', payload, 'attempt', attempt, 'sent_before', sent_before, 'probe', probe,
               'in_outage', in_outage, 'hint', jobs.hint, 'recipient', CASE WHEN leased.kind = 'notify'
               THEN notice_recipient(leased.provider, payload->>'address', leased.run_id) END) ORDER BY leased.due_at, leased.effect_id),
           array_agg(leased.run_id) INTO claimed, run_ids FROM leased LEFT JOIN jobs USING (job_id);
    RETURN json_build_object('effects', coalesce(claimed, '[]'), 'runs', (
        SELECT coalesce(json_object_agg(run_id, state), '{}') FROM runs WHERE run_id = ANY (run_ids)),
        'wait_seconds', (SELECT extract(epoch FROM min(open_at) - a_now)
                           FROM jsonb_to_recordset(lanes) AS row (quota bigint, open_at timestamptz)
                          WHERE quota = 0 AND open_at > a_now));
END $$;
