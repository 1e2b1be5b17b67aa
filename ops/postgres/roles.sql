-- Two roles: myloware_owner migrates, myloware_app is what the product connects as, with the least that its statements
-- need. Run as the owner of the product's database, who may create roles (CREATEROLE; no superuser is needed, so that this is also how
-- it is done where others run the server), before the first `mw db migrate` and after each; may be repeated:
--   psql -v ON_ERROR_STOP=1 -f ops/postgres/roles.sql "$ADMIN_DATABASE_URL"
-- Passwords are set apart (\password myloware_owner, \password myloware_app), so that none is in a file.
BEGIN;

DO $$
DECLARE
    too_much text;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'myloware_owner') THEN
        CREATE ROLE myloware_owner LOGIN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'myloware_app') THEN
        CREATE ROLE myloware_app LOGIN;
    END IF;
    -- Roles are made with none of these. Only a superuser may take some of them away, so that they are named instead.
    SELECT string_agg(attribute, ', ') INTO too_much
      FROM pg_roles, unnest(ARRAY['SUPERUSER', 'CREATEDB', 'CREATEROLE', 'REPLICATION', 'BYPASSRLS'],
                            ARRAY[rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls]) AS has (attribute, is_given)
     WHERE rolname = 'myloware_app' AND is_given;
    IF too_much IS NOT NULL THEN
        RAISE EXCEPTION 'myloware_app has %, which the product must not have', too_much
            USING HINT = 'Take it away as a superuser (ALTER ROLE myloware_app NO…), or drop the role and run this again.';
    END IF;
    -- Who is no superuser grants and revokes for the owner as its member. Since PostgreSQL 16 who made a role may administer it, but is
    -- no member of it yet.
    IF NOT pg_has_role('myloware_owner', 'USAGE') THEN
        GRANT myloware_owner TO CURRENT_USER;
    END IF;
END $$;
ALTER ROLE myloware_app CONNECTION LIMIT 150;

-- Spin's pool never rolls back: whatever a guest left open must end by itself, soon (docs/decisions.md).
ALTER ROLE myloware_app SET statement_timeout = '10s';
ALTER ROLE myloware_app SET lock_timeout = '3s';
ALTER ROLE myloware_app SET idle_in_transaction_session_timeout = '5s';
-- Spin's pools never end a connection: those that rest are ended here, so that a burst over one component leaves room for the others.
ALTER ROLE myloware_app SET idle_session_timeout = '60s';
-- A migration that waits for a lock makes everybody behind it wait: rather give up, and be run again.
ALTER ROLE myloware_owner SET lock_timeout = '5s';

DO $$
DECLARE
    -- A database that is older than these roles keeps its owner.
    owner text := coalesce((SELECT tableowner FROM pg_tables WHERE schemaname = 'public' AND tablename = 'schema_migrations'),
                           'myloware_owner');
    ours record;
    rights record;
    owned record;
BEGIN
    IF NOT pg_has_role(owner, 'USAGE') THEN
        RAISE EXCEPTION 'the tables belong to %, and % is no member of it', owner, current_user
            USING HINT = format('Run this as %I, or as a superuser.', owner);
    END IF;
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO myloware_app, %I', current_database(), owner);
    REVOKE ALL ON SCHEMA public FROM PUBLIC;
    GRANT USAGE ON SCHEMA public TO myloware_app;
    EXECUTE format('GRANT USAGE, CREATE ON SCHEMA public TO %I', owner);

    -- What extensions brought stays as it is: it is its maker's, and the product's functions call it.
    FOR ours IN
        SELECT CASE WHEN relkind = 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS kind, oid::regclass::text AS name,
               CASE WHEN relkind = 'S' THEN 'USAGE' ELSE 'SELECT' END AS may
          FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'S') AND relowner = owner::regrole
           AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid AND deptype = 'e')
        UNION ALL
        SELECT 'ROUTINE', oid::regprocedure::text, 'EXECUTE'
          FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND proowner = owner::regrole
           AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_proc'::regclass AND objid = pg_proc.oid AND deptype = 'e')
    LOOP
        EXECUTE format('REVOKE ALL ON %s %s FROM PUBLIC, myloware_app', ours.kind, ours.name);
        EXECUTE format('GRANT %s ON %s %s TO myloware_app', ours.may, ours.kind, ours.name);
    END LOOP;

    -- What a migration adds works at once, before this file is run again, which then narrows it.
    EXECUTE format('ALTER DEFAULT PRIVILEGES FOR ROLE %I REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC', owner);
    EXECUTE format('ALTER DEFAULT PRIVILEGES FOR ROLE %I IN SCHEMA public GRANT EXECUTE ON FUNCTIONS TO myloware_app', owner);
    EXECUTE format('ALTER DEFAULT PRIVILEGES FOR ROLE %I IN SCHEMA public GRANT USAGE ON SEQUENCES TO myloware_app', owner);
    EXECUTE format('ALTER DEFAULT PRIVILEGES FOR ROLE %I IN SCHEMA public
                    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO myloware_app', owner);

    -- Beyond reading. crates/mw/tests/roles.rs holds the list to what the functions do.
    FOR rights IN SELECT * FROM (VALUES
        ('artifacts', 'INSERT, DELETE'),
        ('channel_moves', 'INSERT, UPDATE, DELETE'),
        ('channel_updates', 'INSERT, UPDATE, DELETE'),
        ('channels', 'INSERT, UPDATE, DELETE'),
        ('chat_messages', 'INSERT, UPDATE, DELETE'),
        ('chat_summaries', 'INSERT, UPDATE, DELETE'),
        ('chat_usage', 'INSERT, UPDATE'),
        ('drain', 'UPDATE'),
        ('exports', 'UPDATE'),
        ('gates', 'INSERT, UPDATE'),
        ('hitl_approvals', 'INSERT, UPDATE'),
        ('idempotency_keys', 'INSERT, DELETE'),
        ('kb_chunks', 'INSERT, DELETE'),
        ('kb_corpus', 'UPDATE'),
        ('kb_documents', 'INSERT, UPDATE, DELETE'),
        ('kb_lexemes', 'INSERT, UPDATE, DELETE'),
        ('provider_jobs', 'INSERT, UPDATE'),
        ('leases', 'UPDATE'),
        ('metric_histograms', 'INSERT, UPDATE, DELETE'),
        ('metric_observations', 'INSERT, UPDATE, DELETE'),
        ('metric_series', 'INSERT, UPDATE, DELETE'),
        ('metric_totals', 'INSERT, UPDATE'),
        ('outbox', 'INSERT, UPDATE'),
        ('principal_identities', 'INSERT, DELETE'),
        ('principal_keys', 'INSERT, UPDATE'),
        ('principals', 'INSERT, UPDATE'),
        ('project_budgets', 'INSERT, UPDATE'),
        ('provider_states', 'UPDATE'),
        ('rate_limits', 'INSERT, UPDATE, DELETE'),
        ('run_events', 'INSERT'),
        ('runs', 'INSERT, UPDATE, DELETE'),
        ('webhook_dlq', 'INSERT, UPDATE, DELETE'),
        ('webhook_events', 'INSERT, UPDATE, DELETE')
    ) AS list (name, list) WHERE to_regclass(name) IS NOT NULL
    LOOP
        EXECUTE format('GRANT %s ON %I TO myloware_app', rights.list, rights.name);
    END LOOP;
    -- Definitions, vectors, the seed, the providers' rows and the deletion of whole runs are the operator's: `mw` connects as the owner for them.
    FOR owned IN SELECT to_regprocedure(name || '(jsonb)') AS function
                   FROM unnest(ARRAY['project_apply', 'social_seed', 'runs_purge', 'kb_vectorless', 'kb_embed',
                                     'providers_register']) AS name LOOP
        IF owned.function IS NOT NULL THEN
            EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM myloware_app', owned.function);
        END IF;
    END LOOP;
END $$;

COMMIT;
