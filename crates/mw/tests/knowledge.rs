//! `mw kb` and `mw ingest`, as a person runs them against a database of their own, and the shipped knowledge against the
//! questions that it must answer.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may panic")]

use mw::{folder, migrations, mode::Mode};
use mw_stack::{builder::Builder, database::Database};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;

/// A migrated database without knowledge, a folder, and a person.
struct Person {
    database: Database,
    folder: PathBuf,
    settings: Vec<(String, String)>,
}

impl Person {
    fn new() -> Person {
        let given = std::env::var("DATABASE_URL").ok();
        let database = Database::scratch(&folder::root().unwrap(), given.as_deref(), true).unwrap();
        let mut client = migrations::connect(database.url()).unwrap();
        migrations::migrate(&mut client, &migrations::embedded().unwrap()).unwrap();
        let folder = std::env::temp_dir().join(format!("mw-knowledge-{}", uuid::Uuid::new_v4()));
        fs::create_dir(&folder).unwrap();
        Person { database, folder, settings: Vec::new() }
    }

    fn sees(&self, code: i32, arguments: &[&str]) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mw"));
        command.args(arguments).current_dir(folder::root().unwrap()).env("MWPY_SKIP_DOTENV", "1");
        command.env("DATABASE_URL", self.database.url()).envs(self.settings.clone());
        let output = command.output().unwrap();
        let text = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap()).concat();
        assert_eq!(output.status.code(), Some(code), "mw {arguments:?}: {text}");
        text
    }

    fn ingests(&self, code: i32, more: &[&str]) -> String {
        self.sees(code, &[&["kb", "ingest", self.folder.to_str().unwrap()], more].concat())
    }

    fn finds(&self, query: &str) -> Vec<Value> {
        let text = self.sees(0, &["--json", "kb", "search", query]);
        serde_json::from_str::<Value>(&text).unwrap()["passages"].as_array().unwrap().clone()
    }

    fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let file = self.folder.join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

#[test]
fn the_database_becomes_what_the_folder_holds() {
    let person = Person::new();
    person.write("whales.md", "# Whales\n\nA whale sings at night.");
    person.write("projects/aismr/personas/riley/lamps.json", r#"{"name": "Lamps", "description": "Lamps hum."}"#);
    person.write("picture.png", [0_u8, 1, 2]);
    person.write("long.txt", "sentence about turtles. ".repeat(1_100));

    let would = person.ingests(0, &["--dry-run"]);
    assert!(would.contains("added     whales.md") && would.contains("would be: 17 added, 0 changed"), "{would}");
    assert!(person.finds("whale").is_empty(), "a dry run changes nothing");

    let first = person.ingests(0, &[]);
    assert!(first.contains("ignored   picture.png") && first.contains("added     long.txt_chunk14"), "{first}");
    assert!(person.ingests(0, &[]).contains("0 added, 0 changed, 0 removed, 17 unchanged, 0 failed"));
    assert_eq!(person.finds("turtles")[0]["path"], "long.txt_chunk0");
    let lamps = ["kb", "search", "lamps", "--project", "aismr", "--persona", "riley"];
    assert!(person.sees(0, &lamps).contains("projects/aismr/personas/riley/lamps.json"));
    assert!(
        person.sees(0, &["kb", "search", "lamps", "--persona", "quinn"]).contains("nothing has any of these words")
    );

    let id = person.finds("whale")[0]["doc_id"].clone();
    person.write("whales.md", "# Whales\n\nA whale sleeps upright.");
    fs::remove_file(person.folder.join("long.txt")).unwrap();
    let second = person.ingests(0, &[]);
    assert!(second.contains("changed   whales.md") && second.contains("removed   long.txt_chunk0"), "{second}");
    assert!(second.contains("0 added, 1 changed, 15 removed, 1 unchanged"), "{second}");
    assert_eq!(person.finds("upright whale")[0]["doc_id"], id);
    assert!(person.finds("turtles").is_empty() && person.finds("sings").is_empty());
}

#[test]
fn an_unreadable_file_fails_and_changes_nothing() {
    let person = Person::new();
    person.write("good.md", "Otters hold hands.");
    person.write("bad.json", r#"{"name": "Badgers dig"}"#);
    person.write("worse.md", "walrus ".repeat(5_000));
    person.ingests(0, &[]);

    person.write("bad.json", "{ no");
    person.write("worse.md", [b'w', 0xff]);
    person.write("good.md", "Otters float.");
    person.write("nul.txt", "a\0b");
    let said = person.ingests(1, &[]);
    for part in [
        "FAILED    bad.json: it is not JSON",
        "FAILED    worse.md: it is not UTF-8 at byte 1",
        "nul.txt",
        "changed   good.md",
        "3 failed",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert_eq!(person.finds("badgers")[0]["path"], "bad.json");
    assert_eq!(person.finds("walrus")[0]["path"], "worse.md_chunk0");
    assert_eq!(person.finds("otters")[0]["content"], "Otters float.");
    assert!(person.ingests(1, &["--dry-run"]).contains("0 removed"));
}

#[test]
fn links_are_read_as_kubernetes_makes_them() {
    let person = Person::new();
    person.write("..2026_12_01/whales.md", "Whales sing.");
    person.write("..2026_12_01/projects/aismr/lamps.md", "Lamps hum.");
    symlink("..2026_12_01", person.folder.join("..data")).unwrap();
    symlink("..data/whales.md", person.folder.join("whales.md")).unwrap();
    symlink("..data/projects", person.folder.join("projects")).unwrap();
    symlink(".", person.folder.join("again")).unwrap();
    let said = person.ingests(0, &[]);
    for part in ["added     projects/aismr/lamps.md", "added     whales.md", "2 added"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    // As kubelet changes a volume: another folder, and `..data` renamed over the old one.
    person.write("..2026_12_02/whales.md", "Whales sleep upright.");
    person.write("..2026_12_02/projects/aismr/lamps.md", "Lamps hum.");
    symlink("..2026_12_02", person.folder.join("..data_tmp")).unwrap();
    fs::rename(person.folder.join("..data_tmp"), person.folder.join("..data")).unwrap();
    fs::remove_dir_all(person.folder.join("..2026_12_01")).unwrap();
    assert!(person.ingests(0, &[]).contains("0 added, 1 changed, 0 removed, 1 unchanged"));
}

#[test]
fn nothing_is_removed_because_it_could_not_be_read() {
    let person = Person::new();
    person.write("good.md", "Otters float.");
    person.write("linked.md", "Badgers dig.");
    person.write("inner/whales.md", "Whales sing.");
    person.write("inner/deep/long.md", "walrus ".repeat(5_000));
    person.ingests(0, &[]);
    let outside = std::env::temp_dir().join(format!("mw-knowledge-outside-{}.md", uuid::Uuid::new_v4()));
    fs::write(&outside, "A secret of the machine.").unwrap();
    fs::remove_file(person.folder.join("linked.md")).unwrap();
    symlink(&outside, person.folder.join("linked.md")).unwrap();
    fs::remove_dir_all(person.folder.join("inner")).unwrap();
    symlink("nowhere", person.folder.join("inner")).unwrap();
    let said = person.ingests(1, &[]);
    fs::remove_file(outside).unwrap();
    for part in
        ["FAILED    inner: its link leads nowhere", "FAILED    linked.md: its link leads out", "0 removed, 1 unchanged"]
    {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert_eq!(person.finds("badgers")[0]["path"], "linked.md");
    assert_eq!(person.finds("whales")[0]["path"], "inner/whales.md");
    assert!(person.finds("secret machine").is_empty());
}

#[test]
fn a_folder_without_knowledge_is_refused() {
    let person = Person::new();
    assert!(person.ingests(2, &[]).contains("there is no Markdown, JSON or text"));
    person.sees(2, &["kb", "ingest", "no-such-folder"]);
    person.sees(2, &["kb", "search", "x", "--limit", "0"]);
    person.sees(2, &["kb", "eval", "--file", "no-such-file.json"]);
    person.sees(2, &["ingest", "run", "--dir", "no-such-folder"]);
}

#[test]
fn the_shipped_knowledge_answers_its_questions() {
    let person = Person::new();
    let counted = person.sees(0, &["ingest", "run", "--dry-run"]);
    for part in [
        "personas    5",
        "projects    3",
        "guardrails  7",
        "samples     2",
        "documents   29",
        "kieai        http://127.0.0.1:3900",
    ] {
        assert!(counted.contains(part), "{part}: {counted}");
    }
    assert!(person.finds("prompt").is_empty());
    let loaded = person.sees(0, &["ingest", "run"]);
    assert!(loaded.contains("29 added") && loaded.contains("words alone decide"), "{loaded}");
    assert!(person.sees(0, &["projects", "list"]).contains("aismr"));

    let measured = person.sees(0, &["kb", "eval", "--floor", "0.9"]);
    println!("{measured}");
    assert!(measured.contains("recall@5") && measured.contains("p95"), "{measured}");
    assert!(person.sees(1, &["kb", "eval", "--floor", "1.01"]).contains("recall@5"));
}

/// With pgvector and the simulator's embedder, which counts words.
#[test]
fn two_embedders_are_never_compared() {
    let mut person = Person::new();
    let stack = Builder::new().mode(Mode::Sim).fast(true).start().unwrap();
    let simulator = format!("{}/openai", stack.simulator_url().unwrap());
    let set = |person: &mut Person, model: &str| {
        person.settings = [("OPENAI_API_KEY", "a-key"), ("OPENAI_BASE_URL", &simulator), ("EMBEDDINGS_MODEL", model)]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec();
    };
    set(&mut person, "one");
    person.write("whales.md", "A whale sings at night, and nobody listens.");
    person.write("lamps.md", "Lamps hum in the evening.");
    let said = person.ingests(0, &[]);
    if said.contains("no pgvector") {
        println!("skipped: this PostgreSQL has no pgvector");
        assert!(person.finds("whale")[0]["similarity"].is_null(), "words alone decide");
        return;
    }
    assert!(said.contains("2 made by one"), "{said}");
    assert!(person.ingests(0, &[]).contains("0 made by one"));
    // Twice as near by words and by meaning.
    let found = person.finds("nobody listens to a whale that sings at night");
    assert_eq!((&found[0]["path"], &found[0]["score"]), (&"whales.md".into(), &1.0.into()));
    assert!(found[0]["similarity"].as_f64().unwrap() > 0.8, "{found:?}");
    assert!(found[1]["similarity"].as_f64().unwrap() < 0.5, "{found:?}");

    set(&mut person, "another");
    let refused = person.sees(2, &["kb", "search", "whale"]);
    assert!(refused.contains("vectors of one, the question one of another"), "{refused}");
    let again = person.ingests(0, &[]);
    assert!(again.contains("2 made by another"), "{again}");
    assert_eq!(person.finds("whale")[0]["path"], "whales.md");

    person.settings.clear();
    assert!(person.finds("whale")[0]["similarity"].is_null(), "without an embedder words alone decide");
}
