-- Who is who: people and programs by name, with a role and groups; their keys, several at once, so that a rotation is an
-- insert; and who they are in other channels. The name `operator` belongs to the environment's API_KEY.

-- Names and groups are words that can stand in a path, a policy and a log. Lower case, so that no two look alike by case.
CREATE OR REPLACE FUNCTION principal_words_fit(words text[]) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(bool_and(coalesce(word ~ '^[a-z0-9][a-z0-9._@-]{0,63}$', false)), true) FROM unnest(words) AS word
$$;

CREATE TABLE IF NOT EXISTS principals (
    name        text PRIMARY KEY,
    role        text NOT NULL CHECK (role IN ('viewer', 'approver', 'operator')),
    groups      text[] NOT NULL DEFAULT '{}',
    created_at  timestamptz NOT NULL,
    -- Keys, links and buttons of a disabled principal are good for nothing.
    disabled_at timestamptz,
    CONSTRAINT principals_name CHECK (principal_words_fit(ARRAY[name]) AND name <> 'operator'),
    CONSTRAINT principals_groups CHECK (cardinality(groups) <= 20 AND principal_words_fit(groups))
);

CREATE TABLE IF NOT EXISTS principal_keys (
    -- SHA-256 of the key, which is kept nowhere. A key has 256 random bits, so a plain hash hides it.
    key_hash   bytea PRIMARY KEY CHECK (length(key_hash) = 32),
    -- For people and logs.
    key_id     text NOT NULL UNIQUE GENERATED ALWAYS AS (left(encode(key_hash, 'hex'), 12)) STORED,
    name       text NOT NULL REFERENCES principals (name),
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    revoked_at timestamptz
);
CREATE INDEX IF NOT EXISTS principal_keys_by_name ON principal_keys (name, created_at DESC);

-- Who presses a button: the id under which a channel knows a person.
CREATE TABLE IF NOT EXISTS principal_identities (
    channel  text NOT NULL CHECK (channel IN ('telegram', 'slack')),
    identity text NOT NULL CHECK (identity ~ '^[A-Za-z0-9._:/-]{1,64}$'),
    name     text NOT NULL REFERENCES principals (name),
    PRIMARY KEY (channel, identity),
    UNIQUE (name, channel)
);
-- Whom a gate's policy names by group.
CREATE INDEX IF NOT EXISTS principals_by_group ON principals USING gin (groups);

-- Whose key it is: {"name", "role", "groups"}, or null for one that is unknown, revoked, expired or of somebody disabled.
CREATE OR REPLACE FUNCTION principal_of_key(a_key_hash text, a_now timestamptz) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('name', name, 'role', role, 'groups', groups)
      FROM principal_keys JOIN principals USING (name)
     WHERE key_hash = decode(a_key_hash, 'hex') AND disabled_at IS NULL AND revoked_at IS NULL
       AND (expires_at IS NULL OR expires_at > a_now)
$$;

-- Whom a channel's id stands for; null for nobody and for somebody disabled.
CREATE OR REPLACE FUNCTION principal_of_identity(a_channel text, an_identity text) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('name', name, 'role', role, 'groups', groups)
      FROM principal_identities JOIN principals USING (name)
     WHERE channel = a_channel AND identity = an_identity AND disabled_at IS NULL
$$;

-- What is known of a name that a signed link gives: {"name", "role", "groups", "disabled"}, or null for a stranger's.
CREATE OR REPLACE FUNCTION principal_named(a_name text) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('name', name, 'role', role, 'groups', groups, 'disabled', disabled_at IS NOT NULL)
      FROM principals WHERE name = a_name
$$;

-- {"now", "key_hash"} or {"channel", "identity"} → {"principal"}.
CREATE OR REPLACE FUNCTION principal_find(request jsonb) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('principal', coalesce(
        principal_of_key(request->>'key_hash', (request->>'now')::timestamptz),
        principal_of_identity(request->>'channel', request->>'identity')))
$$;

-- Gives a principal its ids in channels, {channel: id}: those and no others.
CREATE OR REPLACE FUNCTION principal_identify(a_name text, identities jsonb) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM principal_identities WHERE name = a_name;
    INSERT INTO principal_identities (channel, identity, name)
    SELECT key, value, a_name FROM jsonb_each_text(identities) WHERE value IS NOT NULL;
END $$;

-- {"now", "name", "role", "groups", "identities": {channel: id}, "key_hash"} → {"result": "done" | "exists" |
-- "identity_taken"}: a principal with its first key.
CREATE OR REPLACE FUNCTION principal_add(request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO principals (name, role, groups, created_at)
    VALUES (request->>'name', request->>'role', ARRAY(SELECT jsonb_array_elements_text(request->'groups')),
            (request->>'now')::timestamptz) ON CONFLICT (name) DO NOTHING;
    IF NOT FOUND THEN
        RETURN '{"result": "exists"}';
    END IF;
    PERFORM principal_identify(request->>'name', request->'identities');
    INSERT INTO principal_keys (key_hash, name, created_at)
    VALUES (decode(request->>'key_hash', 'hex'), request->>'name', (request->>'now')::timestamptz);
    RETURN '{"result": "done"}';
EXCEPTION WHEN unique_violation THEN
    -- The block is rolled back whole: no principal without its identity.
    RETURN '{"result": "identity_taken"}';
END $$;

-- {"name", "role"?, "groups"?, "identities"?} → {"result": "done" | "unknown" | "identity_taken"}. What is not named stays.
CREATE OR REPLACE FUNCTION principal_change(request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE principals SET role = coalesce(request->>'role', role), groups = CASE jsonb_typeof(request->'groups')
               WHEN 'array' THEN ARRAY(SELECT jsonb_array_elements_text(request->'groups')) ELSE groups END
     WHERE name = request->>'name';
    IF NOT FOUND THEN
        RETURN '{"result": "unknown"}';
    END IF;
    IF jsonb_typeof(request->'identities') = 'object' THEN
        PERFORM principal_identify(request->>'name', request->'identities');
    END IF;
    RETURN '{"result": "done"}';
EXCEPTION WHEN unique_violation THEN
    RETURN '{"result": "identity_taken"}';
END $$;

-- {"now", "name", "disabled"} → {"result": "done" | "unknown"}. Twice is harmless: since when stays.
CREATE OR REPLACE FUNCTION principal_switch(request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE principals SET disabled_at = CASE WHEN (request->>'disabled')::boolean
               THEN coalesce(disabled_at, (request->>'now')::timestamptz) END
     WHERE name = request->>'name';
    RETURN jsonb_build_object('result', CASE WHEN FOUND THEN 'done' ELSE 'unknown' END);
END $$;

-- {"now", "name", "key_hash", "expire_old_after_hours"?} → {"result": "done" | "unknown" | "too_many"}: a new key beside
-- the old ones, which may be given an end. None lives longer by it.
CREATE OR REPLACE FUNCTION principal_key_add(request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    at timestamptz := (request->>'now')::timestamptz;
BEGIN
    PERFORM FROM principals WHERE name = request->>'name' FOR UPDATE;
    IF NOT FOUND THEN
        RETURN '{"result": "unknown"}';
    END IF;
    IF (SELECT count(*) >= 10 FROM principal_keys WHERE name = request->>'name' AND revoked_at IS NULL
           AND (expires_at IS NULL OR expires_at > at)) THEN
        RETURN '{"result": "too_many"}';
    END IF;
    -- A null number of hours makes a null moment, and least() passes over it.
    UPDATE principal_keys
       SET expires_at = least(expires_at, at + make_interval(hours => (request->>'expire_old_after_hours')::integer))
     WHERE name = request->>'name' AND revoked_at IS NULL;
    INSERT INTO principal_keys (key_hash, name, created_at) VALUES (decode(request->>'key_hash', 'hex'), request->>'name', at);
    RETURN '{"result": "done"}';
END $$;

-- {"now", "name", "key_id"} → {"result": "done" | "unknown"}. Twice is harmless.
CREATE OR REPLACE FUNCTION principal_key_revoke(request jsonb) RETURNS jsonb
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE principal_keys SET revoked_at = coalesce(revoked_at, (request->>'now')::timestamptz)
     WHERE key_id = request->>'key_id' AND name = request->>'name';
    RETURN jsonb_build_object('result', CASE WHEN FOUND THEN 'done' ELSE 'unknown' END);
END $$;

-- {"after"?, "limit"} → {"principals": [...], "more"}, by name, each with its identities and its newest 20 keys.
CREATE OR REPLACE FUNCTION principal_list(request jsonb) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('more', count(*) > (request->>'limit')::integer, 'principals', coalesce(jsonb_agg(
        jsonb_build_object('name', name, 'role', role, 'groups', groups, 'createdAt', created_at,
            'disabledAt', disabled_at,
            'identities', (SELECT coalesce(jsonb_object_agg(channel, identity), '{}')
                             FROM principal_identities AS known WHERE known.name = page.name),
            'keys', (SELECT coalesce(jsonb_agg(jsonb_build_object('keyId', key_id, 'createdAt', created_at,
                            'expiresAt', expires_at, 'revokedAt', revoked_at) ORDER BY created_at DESC, key_id), '[]')
                       FROM (SELECT * FROM principal_keys WHERE principal_keys.name = page.name
                              ORDER BY created_at DESC LIMIT 20) AS newest))
        ORDER BY name) FILTER (WHERE place <= (request->>'limit')::integer), '[]'))
      FROM (SELECT *, row_number() OVER (ORDER BY name) AS place FROM principals
             WHERE name > coalesce(request->>'after', '') ORDER BY name LIMIT (request->>'limit')::integer + 1) AS page
$$;
