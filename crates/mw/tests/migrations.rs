//! `mw db migrate` on small schemas: what is applied, again, dropped, kept and refused. And migrations/schema.sql.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use mw::folder;
use mw::migrations::{self, Changes, Schema, connect, embedded, migrate, pending, status};
use mw_stack::database::Database;
use postgres::Client;

const TABLES: (&str, &str) = ("tables/0001_notes.sql", "CREATE TABLE notes (id int, words text);");

/// A function file with this text after its name.
fn function(name: &str, rest: &str) -> (String, String) {
    (format!("functions/notes/{name}.sql"), format!("CREATE OR REPLACE FUNCTION {name}{rest};"))
}

fn schema(tables: &[(&str, &str)], functions: &[(String, String)]) -> Schema {
    let functions = functions.iter().map(|(path, text)| (path.as_str(), text.as_str()));
    Schema::of(tables.iter().copied().chain(functions)).unwrap()
}

struct Scratch {
    database: Database,
    client: Client,
}

impl Scratch {
    fn new() -> Self {
        let given = std::env::var("DATABASE_URL").ok();
        let database = Database::scratch(&folder::root().unwrap(), given.as_deref(), true).unwrap();
        let client = connect(database.url()).unwrap();
        Self { database, client }
    }

    fn migrate(&mut self, schema: &Schema) -> Changes {
        migrate(&mut self.client, schema).unwrap()
    }

    fn refusal(&mut self, schema: &Schema) -> String {
        let refusal = migrate(&mut self.client, schema).unwrap_err().to_string();
        assert_eq!(pending(&mut self.client, schema).err().map(|error| error.to_string()), Some(refusal.clone()));
        refusal
    }

    fn text(&mut self, sql: &str) -> String {
        self.client.query_one(sql, &[]).unwrap().get(0)
    }
}

#[test]
fn a_dry_run_changes_nothing() {
    let mut scratch = Scratch::new();
    let schema = schema(&[TABLES], &[function("one", "() RETURNS int LANGUAGE sql AS 'SELECT 1'")]);
    let changes = pending(&mut scratch.client, &schema).unwrap();
    assert_eq!(
        (changes.tables.as_slice(), changes.functions.as_slice()),
        (&["0001_notes".into()][..], &["one".into()][..])
    );
    assert_eq!(scratch.text("SELECT count(*)::text FROM pg_tables WHERE schemaname = 'public'"), "0");
    assert_eq!(scratch.migrate(&schema), changes);
    assert!(pending(&mut scratch.client, &schema).unwrap().is_empty() && scratch.migrate(&schema).is_empty());
}

#[test]
fn a_function_is_applied_again_when_its_text_changes() {
    let mut scratch = Scratch::new();
    let other = function("other", "() RETURNS int LANGUAGE sql AS 'SELECT 1'");
    let with = |number: u8| {
        let text = format!("() RETURNS int LANGUAGE sql AS 'SELECT {number}'");
        schema(&[TABLES], &[function("number", &text), other.clone()])
    };
    scratch.migrate(&with(1));
    assert_eq!(scratch.migrate(&with(2)).functions, ["number"]);
    assert_eq!(scratch.text("SELECT number()::text"), "2");
    // One that somebody dropped comes back.
    scratch.client.batch_execute("DROP FUNCTION other()").unwrap();
    assert_eq!(scratch.migrate(&with(2)).functions, ["other"]);
    // New tables may have taken something along.
    let two = [TABLES, ("tables/0002_more.sql", "SELECT 1")];
    let more = schema(&two, &[function("number", "() RETURNS int LANGUAGE sql AS 'SELECT 2'"), other.clone()]);
    assert_eq!(scratch.migrate(&more).len(), 3);
}

#[test]
fn another_signature_replaces_the_function() {
    let mut scratch = Scratch::new();
    let trigger = "; CREATE OR REPLACE TRIGGER guard BEFORE INSERT ON notes FOR EACH ROW EXECUTE FUNCTION guard()";
    let guard = function("guard", &format!("() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'{trigger}"));
    let of = |arguments: &str, answer: &str| {
        let text = format!("({arguments}) RETURNS {answer} LANGUAGE sql AS 'SELECT 1::{answer}'");
        schema(&[TABLES], &[function("number", &text), guard.clone()])
    };
    scratch.migrate(&of("", "int"));
    assert_eq!(scratch.migrate(&of("a int", "bigint")).functions, ["number"]);
    let signatures = "SELECT string_agg(oid::regprocedure || ' ' || prorettype::regtype, ', ') FROM pg_proc WHERE proname = 'number'";
    assert_eq!(scratch.text(signatures), "number(integer) bigint");
    assert_eq!(scratch.text("SELECT tgname::text FROM pg_trigger WHERE NOT tgisinternal"), "guard");
}

#[test]
fn a_function_whose_file_is_gone_is_dropped() {
    let mut scratch = Scratch::new();
    let (one, two) = (
        function("one", "() RETURNS int LANGUAGE sql AS 'SELECT 1'"),
        function("two", "() RETURNS int LANGUAGE sql AS 'SELECT 2'"),
    );
    scratch.migrate(&schema(&[TABLES], &[one.clone(), two]));
    let less = schema(&[TABLES], &[one]);
    let standings = status(&mut scratch.client, &less).unwrap();
    assert!(standings.iter().any(|standing| standing.name == "two" && standing.state == "gone"));
    assert_eq!(scratch.migrate(&less).dropped_functions, ["two"]);
    assert_eq!(scratch.text("SELECT (to_regprocedure('two()') IS NULL)::text"), "true");
}

#[test]
fn what_stands_on_a_function_is_not_lost() {
    let mut scratch = Scratch::new();
    let one = |answer: &str| function("one", &format!("() RETURNS {answer} LANGUAGE sql AS 'SELECT 1::{answer}'"));
    scratch.migrate(&schema(&[TABLES], &[one("int")]));
    scratch.client.batch_execute("CREATE VIEW ones AS SELECT one() FROM notes").unwrap();
    // Another body is no reason to drop anything.
    let (path, text) = one("int");
    scratch.migrate(&schema(&[TABLES], &[(path, text.replace("SELECT 1", "SELECT 2"))]));
    for next in [schema(&[TABLES], &[one("bigint")]), schema(&[TABLES], &[])] {
        let refused = migrate(&mut scratch.client, &next).unwrap_err().to_string();
        assert!(refused.contains("something stands: ") && refused.contains("relation ones"), "{refused}");
    }
    assert_eq!(scratch.text("SELECT count(*)::text FROM ones"), "0");
    // What the function's own file makes is made anew.
    let aggregate = |word: &str| {
        let aggregate = "; CREATE OR REPLACE AGGREGATE sums(int) (SFUNC = plus, STYPE = int)";
        function("plus", &format!("({word} int, b int) RETURNS int LANGUAGE sql AS 'SELECT $1 + b'{aggregate}"))
    };
    scratch.migrate(&schema(&[TABLES], &[one("int"), aggregate("a")]));
    scratch.migrate(&schema(&[TABLES], &[one("int"), aggregate("c")]));
    assert_eq!(scratch.text("SELECT count(*)::text FROM pg_proc WHERE proname = 'sums'"), "1");
}

#[test]
fn a_faulty_function_takes_all_of_them_back() {
    let mut scratch = Scratch::new();
    let good = function("good", "() RETURNS int LANGUAGE sql AS 'SELECT 1'");
    let bad = function("bad", "() RETURNS int LANGUAGE sql AS 'SELECT nothing()'");
    let refused = migrate(&mut scratch.client, &schema(&[TABLES], &[good.clone(), bad])).unwrap_err().to_string();
    assert!(refused.contains("cannot check the functions") && refused.contains("nothing()"), "{refused}");
    assert_eq!(scratch.text("SELECT (to_regprocedure('good()') IS NULL)::text"), "true");
    // The tables are there by now, and the functions come next time, in whichever order they call one another.
    let calls = function("calls", "() RETURNS int LANGUAGE sql AS 'SELECT good()'");
    assert_eq!(scratch.migrate(&schema(&[TABLES], &[calls, good])).functions, ["calls", "good"]);
}

#[test]
fn a_newer_database_is_refused() {
    let mut scratch = Scratch::new();
    let next = schema(&[TABLES, ("tables/0002_more.sql", "SELECT 1")], &[]);
    scratch.migrate(&next);
    assert!(scratch.refusal(&schema(&[TABLES], &[])).contains("newer than this command: it has version 2"));
    scratch.client.batch_execute("UPDATE schema_release SET release = '99.0.0'").unwrap();
    assert!(scratch.refusal(&next).contains("migrated by release 99.0.0"));
    scratch.client.batch_execute("UPDATE schema_release SET release = '0.0.1'").unwrap();
    scratch.migrate(&next);
    assert_eq!(scratch.text("SELECT release FROM schema_release"), mw::release::VERSION);
}

#[test]
fn a_database_from_before_the_squash_is_told_to_start_anew() {
    let mut scratch = Scratch::new();
    let history = "CREATE TABLE schema_migrations (version integer PRIMARY KEY, name text, checksum text, applied_at timestamptz);
                   INSERT INTO schema_migrations VALUES (58, '0058_callers', 'x', now())";
    scratch.client.batch_execute(history).unwrap();
    let refused = scratch.refusal(&schema(&[TABLES], &[]));
    assert!(refused.contains("remove .mw/pg") && refused.contains("docs/postgresql.md"), "{refused}");
}

#[test]
fn an_edited_version_is_refused() {
    let mut scratch = Scratch::new();
    scratch.migrate(&schema(&[TABLES], &[]));
    let refused = scratch.refusal(&schema(&[(TABLES.0, "CREATE TABLE notes ();")], &[]));
    assert!(refused.contains("0001_notes was edited after it was applied"), "{refused}");
}

#[test]
fn two_at_once_apply_everything_once() {
    let scratch = Scratch::new();
    let url = scratch.database.url();
    let at_once = || migrate(&mut connect(url).unwrap(), &embedded().unwrap()).unwrap().len();
    let counts = std::thread::scope(|scope| {
        let threads = [scope.spawn(at_once), scope.spawn(at_once)];
        threads.map(|thread| thread.join().unwrap())
    });
    let schema = embedded().unwrap();
    let all = schema.tables.len() + schema.functions.len();
    assert!(counts == [all, 0] || counts == [0, all], "{counts:?}");
}

#[test]
fn schema_sql_is_the_schema_of_now() {
    let mut scratch = Scratch::new();
    let root = folder::root().unwrap();
    scratch.migrate(&embedded().unwrap());
    let page = migrations::page(&mut scratch.client, &embedded().unwrap(), &root).unwrap();
    let file = std::fs::read_to_string(root.join("migrations/schema.sql")).unwrap();
    let differs = page.lines().zip(file.lines()).position(|(now, then)| now != then);
    let differs = differs.or((page.len() != file.len()).then(|| page.lines().count().min(file.lines().count())));
    assert_eq!(
        differs, None,
        "out of date from this line on: mw-stack db --fast -- mw db schema --to migrations/schema.sql"
    );
}
