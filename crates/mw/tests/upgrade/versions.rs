//! Two small versions of a schema: the one records what it is sent, the next is held against that, and each way to break the
//! first is found.

use crate::{Release, complaints, missing, record::Log};
use mw::folder;
use mw::migrations::{self, Schema};
use mw_stack::{cluster::Cluster, database::Database};
use mw_store::{Database as _, Param, native::Client};
use serde_json::{Value, json};

const NOTES: (&str, &str) = (
    "tables/0001_notes.sql",
    "CREATE TABLE notes (id bigint GENERATED ALWAYS AS IDENTITY, at timestamptz, words text NOT NULL);",
);
const ADD: (&str, &str) = ("functions/notes/note_add.sql", "
    CREATE OR REPLACE FUNCTION note_add(request jsonb) RETURNS jsonb
    LANGUAGE sql AS $$
        INSERT INTO notes (at, words) VALUES (clock_timestamp(), request->>'words') RETURNING jsonb_build_object('id', id, 'at', at)
    $$;");
const LIST: (&str, &str) = (
    "functions/notes/notes_list.sql",
    "
    CREATE OR REPLACE FUNCTION notes_list(request jsonb) RETURNS jsonb
    LANGUAGE sql AS $$ SELECT jsonb_build_object('notes', jsonb_agg(words ORDER BY id)) FROM notes $$;",
);

/// Adds a column with a default, answers with more, and has its functions in other hands: of another kind, and new.
const COLOURS: (&str, &str) =
    ("tables/0002_colours.sql", "ALTER TABLE notes ADD COLUMN colour text NOT NULL DEFAULT 'white';");
const LIST_AND_COUNT: (&str, &str) = (
    "functions/lists/notes_list.sql",
    "
    CREATE OR REPLACE FUNCTION notes_list(request jsonb) RETURNS json
    LANGUAGE sql AS $$
        SELECT json_build_object('notes', json_agg(words ORDER BY id), 'count', notes_count()) FROM notes
    $$;",
);
const COUNT: (&str, &str) = (
    "functions/lists/notes_count.sql",
    "
    CREATE OR REPLACE FUNCTION notes_count() RETURNS bigint
    LANGUAGE sql AS $$ SELECT count(*) FROM notes $$;",
);

fn schema(files: &[(&str, &str)]) -> Schema {
    Schema::of(files.iter().copied()).unwrap()
}

/// The first version as it was recorded: somebody adds two notes and reads them.
fn recorded() -> Release {
    let first = schema(&[NOTES, ADD, LIST]);
    let cluster = Cluster::fast(&folder::root().unwrap());
    let database = Database::scratch_in(&cluster).unwrap();
    migrations::migrate(&mut migrations::connect(database.url()).unwrap(), &first).unwrap();
    let name = url::Url::parse(database.url()).unwrap().path().trim_start_matches('/').to_owned();
    let mut url = url::Url::parse(&database.cluster().unwrap().superuser_url(&name).unwrap()).unwrap();
    url.query_pairs_mut().append_pair("options", "-c log_statement=all");
    let mut client = Client::connect(&url.as_str().replace('+', "%20")).unwrap();
    let log = Log::begin();
    for (function, request) in
        [("note_add", json!({"words": "it's"})), ("note_add", json!({"words": "two"})), ("notes_list", json!({}))]
    {
        client.query(function, &[Param::Json(&request.to_string())]).unwrap();
    }
    let names = ["note_add", "notes_list"];
    let calls = log.calls().into_iter().filter(|call| names.contains(&call.function.as_str())).collect();
    Release::recorded(first, calls)
}

#[test]
fn a_release_is_recorded_as_it_spoke() {
    let release = recorded();
    let spoken: Vec<(&str, &Value)> = release.calls.iter().map(|call| (call.function.as_str(), &call.answer)).collect();
    let added = [json!({"id": 1, "at": null}), json!({"id": 2, "at": null})];
    let listed = json!({"notes": ["it's", "two"]});
    assert_eq!(spoken, [("note_add", &added[0]), ("note_add", &added[1]), ("notes_list", &listed)]);
}

#[test]
fn an_upgrade_is_held_against_the_release_before() {
    let before = recorded();
    let found = |files: &[(&str, &str)]| complaints(&before, &schema(files)).join("\n");
    assert_eq!(found(&[NOTES, COLOURS, ADD, LIST_AND_COUNT, COUNT]), "");

    let strict = ("tables/0002_colours.sql", "ALTER TABLE notes ADD COLUMN colour text NOT NULL;");
    assert!(found(&[NOTES, strict, ADD, LIST]).contains("at version 2, call 0, note_add was"), "a write is refused");
    assert!(found(&[NOTES, ADD]).contains("call 2, notes_list was"), "a function that is called is gone");
    let poorer = (
        LIST.0,
        "
        CREATE OR REPLACE FUNCTION notes_list(request jsonb) RETURNS jsonb
        LANGUAGE sql AS $$ SELECT jsonb_build_object('count', count(*)) FROM notes $$;",
    );
    assert!(found(&[NOTES, ADD, poorer]).contains("notes_list.notes is gone"), "an answer lacks a member");
}

#[test]
fn a_member_that_is_gone_or_another_is_found() {
    let before = json!({"a": 1, "b": [{"c": "x"}], "volatile": null});
    let differs = |now: Value| {
        let mut found = Vec::new();
        missing(&before, &now, "", &mut found);
        found.len()
    };
    assert_eq!(differs(json!({"a": 1, "b": [{"c": "x", "new": 1}], "volatile": 7, "new": 2})), 0);
    assert_eq!(differs(json!({"a": 1, "b": [{"c": "y"}]})), 1);
    assert_eq!(differs(json!({"a": 1, "b": []})), 1);
    assert_eq!(differs(json!({"b": [{}]})), 2);
}
