//! ops/postgres/roles.sql: the app's role can run the product and nothing more.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may panic")]

use mw::{folder, migrations, mode::Mode};
use mw_postgresql::Address;
use mw_stack::{builder::Builder, cluster::Cluster, cluster::InUse, database::Database, with};
use postgres::Client;
use std::collections::BTreeSet;
use std::process::Command;

fn cluster() -> Cluster {
    Cluster::fast(&folder::root().unwrap())
}

fn database_name(url: &str) -> String {
    Address::read(url).unwrap().database().unwrap().to_owned()
}

/// The administrator in the database.
fn admin(cluster: &InUse, database: &str) -> Client {
    migrations::connect(&cluster.url(&database_name(database)).unwrap()).unwrap()
}

/// The address of the same database as another role.
fn as_role(cluster: &InUse, database: &str, role: &str) -> String {
    Address::read(database).unwrap().with_role(role, &cluster.password_of(role).unwrap()).text()
}

/// As an administrator does it who is no superuser. Roles belong to the whole server and locks to a database, so one at a time is
/// agreed in `postgres`.
fn apply_roles(cluster: &InUse, database: &str) {
    let sql = std::fs::read_to_string(folder::root().unwrap().join("ops/postgres/roles.sql")).unwrap();
    let mut turn = migrations::connect(&cluster.url("postgres").unwrap()).unwrap();
    turn.batch_execute("SELECT pg_advisory_lock(2)").unwrap();
    let mut admin = admin(cluster, database);
    let is_superuser: String = admin.query_one("SELECT current_setting('is_superuser')", &[]).unwrap().get(0);
    assert_eq!(is_superuser, "off");
    admin.batch_execute(&sql).unwrap();
    for role in ["myloware_owner", "myloware_app"] {
        admin.batch_execute(&format!("ALTER ROLE {role} PASSWORD '{}'", cluster.password_of(role).unwrap())).unwrap();
    }
    // Stacks of other tests sign in by these roles, too.
    admin.batch_execute("ALTER ROLE myloware_app CONNECTION LIMIT -1").unwrap();
}

/// What the functions that the app may run write and lock, read from their texts: (table, right).
const WRITES: &str = r"
    WITH texts AS (SELECT regexp_replace(prosrc, '--[^\n]*', '', 'g') AS text FROM pg_proc
                   WHERE pronamespace = 'public'::regnamespace
                     AND has_function_privilege('myloware_app', oid, 'EXECUTE')),
         found AS (SELECT m[2] AS name, split_part(m[1], ' ', 1) AS word FROM texts,
                   regexp_matches(text, '\m(INSERT INTO|UPDATE|DELETE FROM)\s+(\w+)', 'g') AS m
                   UNION
                   SELECT m[1], 'UPDATE' FROM texts,
                   regexp_matches(text, '\mINSERT INTO (\w+)(?:(?!\mINSERT INTO)[^;])*?ON CONFLICT (?:(?!\mINSERT INTO)[^;])*?DO UPDATE', 'g') AS m
                   UNION
                   SELECT coalesce(m[2], m[1]), 'UPDATE' FROM texts,
                   regexp_matches(text, '\mFROM (\w+)(?:(?!\mFROM\M)[^;])*?\mFOR (?:NO KEY )?UPDATE(?: OF (\w+))?', 'g') AS m)
    SELECT name || ' ' || word FROM found JOIN pg_tables ON tablename = name AND schemaname = 'public'";

const GRANTED: &str = "
    SELECT table_name || ' ' || privilege_type FROM information_schema.table_privileges
    WHERE grantee = 'myloware_app' AND table_schema = 'public' AND privilege_type <> 'SELECT'";

fn set(client: &mut Client, sql: &str) -> BTreeSet<String> {
    client.query(sql, &[]).unwrap().iter().map(|row| row.get(0)).collect()
}

#[test]
fn the_app_may_do_what_the_functions_do_and_nothing_else() {
    let cluster = cluster();
    let database = Database::scratch_in(&cluster).unwrap();
    let server = database.cluster().unwrap();
    let mut admin = admin(server, database.url());

    // As docs/deployment.md has it: roles, migrations by the owner, roles.
    apply_roles(server, database.url());
    let mut owner = migrations::connect(&as_role(server, database.url(), "myloware_owner")).unwrap();
    migrations::migrate(&mut owner, &migrations::embedded().unwrap()).unwrap();
    apply_roles(server, database.url());
    let (writes, granted) = (set(&mut admin, WRITES), set(&mut admin, GRANTED));
    let missing: Vec<_> = writes.difference(&granted).collect();
    let needless: Vec<_> = granted.difference(&writes).collect();
    assert!(
        missing.is_empty() && needless.is_empty(),
        "in ops/postgres/roles.sql missing {missing:?}, needless {needless:?}"
    );

    let mut app = migrations::connect(&as_role(server, database.url(), "myloware_app")).unwrap();
    let mut refused = |sql: &str| {
        let error = app.batch_execute(sql).unwrap_err();
        assert_eq!(error.code(), Some(&postgres::error::SqlState::INSUFFICIENT_PRIVILEGE), "{sql}: {error:?}");
    };
    for sql in [
        "DROP TABLE runs",
        "ALTER TABLE runs ADD COLUMN x int",
        "ALTER TABLE run_events DISABLE TRIGGER ALL",
        "TRUNCATE run_events",
        "UPDATE run_events SET type = 'x'",
        "DELETE FROM run_events",
        "DELETE FROM hitl_approvals",
        "INSERT INTO schema_migrations VALUES (9999, 'x', 'x')",
        "INSERT INTO project_versions DEFAULT VALUES",
        "SELECT project_apply('{}')",
        "SELECT social_seed('{}')",
        "SELECT runs_purge('{}')",
        "SELECT kb_embed('{}')",
        "CREATE TABLE x (x int)",
        "CREATE TEMP TABLE x (x int)",
        "CREATE OR REPLACE FUNCTION readiness(request jsonb) RETURNS jsonb LANGUAGE sql AS 'SELECT NULL::jsonb'",
        "CREATE SCHEMA x",
        "CREATE ROLE x",
        "SELECT FROM pg_authid",
        "COPY runs TO PROGRAM 'true'",
    ] {
        refused(sql);
    }
    for (setting, value) in
        [("statement_timeout", "10s"), ("lock_timeout", "3s"), ("idle_in_transaction_session_timeout", "5s")]
    {
        let set: String = app.query_one("SELECT current_setting($1)", &[&setting]).unwrap().get(0);
        assert_eq!(set, value, "{setting}");
    }

    // A migration while the previous release runs: what it adds works before the roles are narrowed again.
    owner.batch_execute("CREATE TABLE later (id bigint GENERATED ALWAYS AS IDENTITY, x int)").unwrap();
    owner
        .batch_execute(
            "CREATE FUNCTION later() RETURNS int LANGUAGE sql AS 'INSERT INTO later (x) VALUES (1) RETURNING x'",
        )
        .unwrap();
    assert_eq!(app.query_one("SELECT later()", &[]).unwrap().get::<_, i32>(0), 1);
    apply_roles(server, database.url());
    assert!(app.query_one("SELECT later()", &[]).is_err(), "what roles.sql does not name is only read");
}

#[test]
fn the_product_runs_as_the_app() {
    let stack = Builder::new().mode(Mode::Sim).cluster(cluster()).start().unwrap();
    let of_hosts = Address::read(stack.setting("DATABASE_URL").unwrap()).unwrap();
    let mut app = of_hosts.connect("roles").unwrap();
    assert_eq!(app.query_one("SELECT current_user::text", &[]).unwrap().get::<_, String>(0), "myloware_app");

    let mw = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mw"));
        command.args(arguments).envs(with::environment(&stack)).env("MWPY_SKIP_DOTENV", "1");
        let output = command.current_dir(folder::root().unwrap()).output().unwrap();
        (output.status.code(), [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap()).concat())
    };
    let sees = |arguments: &[&str], part: &str| {
        let (code, text) = mw(arguments);
        assert!(code == Some(0) && text.contains(part), "mw {arguments:?}: {text}");
        text
    };
    sees(&["demo", "--poll-interval", "0.05"], "published after");
    assert_eq!(mw(&["demo", "--manual", "--timeout", "0"]).0, Some(1), "a run that waits for a person");
    let newest: serde_json::Value =
        serde_json::from_str(&sees(&["--json", "runs", "list", "--limit", "1"], "runId")).unwrap();
    let run = newest["runs"][0]["runId"].as_str().unwrap().to_owned();
    sees(&["runs", "pause", &run, "--for", "2d"], "");
    sees(&["runs", "resume", &run], "");
    sees(&["why", &run], "workflow");
    sees(&["gates", "reject", &run, "workflow", "--comment", "dull"], "rejected");
    sees(&["runs", "rerun", &run, "--from", "workflow"], "");
    sees(&["drain", "on", "--reason", "test"], "drain on");
    sees(&["drain", "off"], "drain off");
    sees(&["principals", "add", "ann", "--role", "approver"], "ann");
    sees(&["channels", "list"], "");
    sees(&["dlq", "list"], "");
    sees(&["sweep"], "");
    sees(&["doctor"], "healthy");
    let answer = ureq::get(format!("{}/metrics", stack.base_url())).call().unwrap();
    assert_eq!(answer.status(), 200);
    let logs = std::fs::read_dir(stack.log()).unwrap().map(|file| file.unwrap().path()).filter(|path| path.is_file());
    for log in logs {
        let said = std::fs::read_to_string(&log).unwrap();
        assert!(!said.contains("permission denied"), "{}: {said}", log.display());
    }
}
