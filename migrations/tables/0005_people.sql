-- Who is who: people and programs by name, with a role and groups; their keys, several at once, so that a rotation is an insert;
-- and who they are in messengers. The name `operator` belongs to the environment's API_KEY. docs/channels.md.
--
-- The two functions here are part of their tables: CHECKs call them, so they change by a version that checks the rows anew.

-- Names and groups are words that can stand in a path, a policy and a log. Lower case, so that no two look alike by case.
CREATE FUNCTION principal_words_fit(words text[]) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(bool_and(coalesce(word ~ '^[a-z0-9][a-z0-9._@-]{0,63}$', false)), true) FROM unnest(words) AS word
$$;

-- An id in a messenger is one person's, and is written in one way: links go to whoever is written to under it. Groups and channels
-- are nobody, and so are the accounts in whose name Telegram's channels and anonymous administrators write.
CREATE FUNCTION is_one_person(a_channel text, an_identity text) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE a_channel
        WHEN 'telegram' THEN an_identity ~ '^[1-9][0-9]{0,18}$' AND an_identity NOT IN ('777000', '1087968824', '136817688')
        ELSE an_identity ~ '^[UW][A-Z0-9]{2,20}$' END
$$;

CREATE TABLE principals (
    name        text PRIMARY KEY,
    role        text NOT NULL CHECK (role IN ('viewer', 'approver', 'operator')),
    groups      text[] NOT NULL DEFAULT '{}',
    created_at  timestamptz NOT NULL,
    -- Keys, links and buttons of a disabled principal are good for nothing.
    disabled_at timestamptz,
    -- Nobody has a name that is shaped like the users that chats make up: a link in such a name would speak for a principal.
    CONSTRAINT principals_name CHECK (principal_words_fit(ARRAY[name]) AND name <> 'operator'
        AND (name !~ '^(telegram|slack)[_:]' OR disabled_at IS NOT NULL)),
    CONSTRAINT principals_groups CHECK (cardinality(groups) <= 20 AND principal_words_fit(groups))
);
-- Whom a gate's policy names by group.
CREATE INDEX principals_by_group ON principals USING gin (groups);

CREATE TABLE principal_keys (
    -- SHA-256 of the key, which is kept nowhere. A key has 256 random bits, so a plain hash hides it.
    key_hash   bytea PRIMARY KEY CHECK (length(key_hash) = 32),
    -- For people and logs.
    key_id     text NOT NULL UNIQUE GENERATED ALWAYS AS (left(encode(key_hash, 'hex'), 12)) STORED,
    name       text NOT NULL REFERENCES principals (name),
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    revoked_at timestamptz
);
CREATE INDEX principal_keys_by_name ON principal_keys (name, created_at DESC);

-- Who presses a button: the id under which a channel knows a person.
CREATE TABLE principal_identities (
    channel  text NOT NULL CHECK (channel IN ('telegram', 'slack')),
    identity text NOT NULL CHECK (identity ~ '^[A-Za-z0-9._:/-]{1,64}$'),
    name     text NOT NULL REFERENCES principals (name),
    PRIMARY KEY (channel, identity),
    UNIQUE (name, channel),
    CONSTRAINT principal_identities_one_person CHECK (is_one_person(channel, identity))
);

-- An address here is notified of what happens, and a chat here may talk to the bot. Whom a button obeys is another matter: that
-- goes by principal_identities.
CREATE TABLE channels (
    channel_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    kind       text NOT NULL CHECK (kind IN ('telegram', 'slack')),
    address    text NOT NULL,
    -- Only runs of this project; NULL for all.
    project    text REFERENCES projects (key),
    created_at timestamptz NOT NULL,
    CONSTRAINT channels_address CHECK (CASE kind WHEN 'telegram' THEN address ~ '^-?[0-9]{1,19}$'
                                                 ELSE address ~ '^[CDGUW][A-Z0-9]{2,20}$' END),
    -- An address is written in one way.
    CONSTRAINT channels_address_once CHECK (kind <> 'telegram' OR address !~ '^-?0'),
    CONSTRAINT channels_once UNIQUE NULLS NOT DISTINCT (kind, address, project)
);

-- Chats and channels that have another id by now: a group that became a supergroup, a channel that became private. `to_address` is
-- always the newest, so nothing follows a chain; people go on in the conversation that they began under `first_address`.
CREATE TABLE channel_moves (
    kind          text NOT NULL CHECK (kind IN ('telegram', 'slack')),
    from_address  text NOT NULL CHECK (length(from_address) <= 64),
    to_address    text NOT NULL CHECK (length(to_address) <= 64 AND to_address <> from_address),
    first_address text NOT NULL,
    moved_at      timestamptz NOT NULL,
    PRIMARY KEY (kind, from_address)
);
CREATE INDEX channel_moves_by_address ON channel_moves (kind, to_address);

-- Updates of a bot: one is handled once, and again when its first handling died. Refusals of strangers stand here too, since one
-- is said once.
CREATE TABLE channel_updates (
    kind        text NOT NULL CHECK (kind IN ('telegram')),
    update_id   text NOT NULL CHECK (length(update_id) <= 100),
    state       text NOT NULL CHECK (state IN ('at_work', 'handled')),
    received_at timestamptz NOT NULL,
    -- Which message it brought, as of when (Unix seconds), with which text, and the run that it started. A message that somebody
    -- changes comes again, as another update: messengers take changes for two days.
    message     text CHECK (length(message) <= 100),
    said_at     bigint,
    text_sha256 text CHECK (text_sha256 ~ '^[0-9a-f]{64}$'),
    run_id      text,
    PRIMARY KEY (kind, update_id),
    CONSTRAINT channel_updates_message CHECK ((message IS NULL) = (said_at IS NULL) AND (message IS NULL) = (text_sha256 IS NULL))
);
CREATE INDEX channel_updates_oldest ON channel_updates (received_at);
CREATE INDEX channel_updates_by_message ON channel_updates (kind, message, said_at DESC) WHERE message IS NOT NULL;
