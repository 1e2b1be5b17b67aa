//! `mw release` as a person runs it, in a small repository of its own.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]

use mw::{dev::database::Database, dev::folder, migrations, release::VERSION};
use serde_json::Value;
use std::{fs, path::PathBuf, process::Command};

/// What `mw release` reads of our repository, committed.
struct Repository(PathBuf);

impl Repository {
    fn new() -> Self {
        let this = Self(std::env::temp_dir().join(format!("mw-release-{}", mw::dev::secrets::random())));
        let root = folder::root().unwrap();
        let mut paths: Vec<String> = ["Cargo.toml", "README.md", "CHANGELOG.md", "spin.toml", "spin-cron.toml", "dev"]
            .into_iter()
            .chain(["crates/web/openapi.json", "ops/spinkube/app.yaml"])
            .map(str::to_owned)
            .collect();
        let pages = fs::read_dir(root.join("docs")).unwrap();
        paths.extend(pages.map(|entry| format!("docs/{}", entry.unwrap().file_name().into_string().unwrap())));
        let schema = migrations::embedded().unwrap();
        paths.extend(schema.files().map(|(path, _)| format!("migrations/{path}")));
        for path in paths {
            let target = this.0.join(&path);
            fs::create_dir_all(target.parent().unwrap()).unwrap();
            fs::copy(root.join(&path), target).unwrap();
        }
        this.write("CHANGELOG.md", &format!("# Changes\n\n## {VERSION}, 2026-11-24\n"));
        this.git(&["init", "-q"]);
        this.commit();
        this
    }

    fn write(&self, path: &str, text: &str) {
        fs::write(self.0.join(path), text).unwrap();
    }

    fn git(&self, arguments: &[&str]) {
        let identity = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"];
        let status = Command::new("git").arg("-C").arg(&self.0).args(identity).args(arguments).status().unwrap();
        assert!(status.success(), "{arguments:?}");
    }

    fn commit(&self) {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "-m", "x", "--allow-empty"]);
    }

    /// (exit code, what it prints as JSON)
    fn mw(&self, arguments: &[&str], database: Option<&str>) -> (Option<i32>, Value) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mw"));
        command.arg("--json").args(arguments).env("MW_ROOT", &self.0).env("MWPY_SKIP_DOTENV", "1");
        if let Some(url) = database {
            command.env("DATABASE_URL", url);
        }
        let output = command.output().unwrap();
        (output.status.code(), serde_json::from_slice(&output.stdout).unwrap_or_default())
    }

    /// The names of the checks with this verdict.
    fn checks(&self, verdict: &str) -> (Option<i32>, Vec<String>) {
        let (code, report) = self.mw(&["release", "check"], None);
        let checks = report["checks"].as_array().unwrap().iter();
        let named = checks.filter(|check| check["verdict"] == verdict);
        (code, named.map(|check| check["name"].as_str().unwrap().to_owned()).collect())
    }
}

impl Drop for Repository {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_release_is_refused_for_what_must_be_done_first() {
    let repository = Repository::new();
    assert_eq!(repository.checks("failed"), (Some(0), vec![]));

    repository.write("docs/lonely.md", "# Nobody names it\n");
    assert_eq!(repository.checks("failed"), (Some(1), vec!["tree".into(), "docs".into()]));
    repository.git(&["clean", "-fdq"]);

    // A release before, whose migrations are then edited.
    repository.git(&["tag", "v0.0.9"]);
    repository.git(&["tag", &format!("v{VERSION}")]);
    assert_eq!(repository.checks("failed"), (Some(0), vec![]));
    repository.write("migrations/tables/0001_projects.sql", "-- edited\n");
    repository.write("spin-cron.toml", "[application]\nversion = \"9.9.9\"\n");
    repository.write("CHANGELOG.md", &format!("## {VERSION}, unreleased\n"));
    repository.commit();
    let failed = ["tag", "version", "changelog", "migrations"].map(str::to_owned).to_vec();
    assert_eq!(repository.checks("failed"), (Some(1), failed));
}

#[test]
fn the_way_back_is_checked_against_the_database() {
    let repository = Repository::new();
    let root = folder::root().unwrap();
    let database = Database::scratch(&root, std::env::var("DATABASE_URL").ok().as_deref(), true).unwrap();
    let mut client = migrations::connect(database.url()).unwrap();
    let schema = migrations::embedded().unwrap();
    migrations::migrate(&mut client, &schema).unwrap();
    let back =
        |arguments: &[&str]| repository.mw(&[&["release", "rollback"], arguments].concat(), Some(database.url()));
    assert_eq!(back(&[]).0, Some(2), "there is no release before");
    client.execute("DELETE FROM schema_migrations WHERE version = $1", &[&schema.version()]).unwrap();
    assert_eq!(back(&["--to", "HEAD"]).0, Some(1), "the release needs a newer schema");
    client.execute("INSERT INTO schema_migrations VALUES ($1, 'x', 'x')", &[&schema.version()]).unwrap();
    repository.git(&["tag", "v0.0.9"]);
    let (code, report) = back(&[]);
    assert_eq!((code, &report["ok"]), (Some(0), &Value::Bool(true)));
    assert!(report["steps"].as_array().unwrap().len() > 3);

    repository.write("migrations/tables/9999_drop.sql", "ALTER TABLE runs DROP COLUMN title;\n");
    repository.commit();
    let (code, report) = back(&[]);
    assert_eq!((code, &report["checks"][0]["verdict"]), (Some(1), &Value::String("failed".into())));

    // The release calls a function that is gone.
    repository.write("crates/store/src/x.rs", "call(db, \"readiness\", &request)");
    repository.commit();
    fs::remove_file(repository.0.join("migrations/functions/health/readiness.sql")).unwrap();
    let (code, report) = back(&["--to", "HEAD"]);
    assert_eq!(code, Some(1));
    let says = report["checks"][1]["says"].as_str().unwrap();
    assert!(says.contains("calls the function readiness, which is gone"), "{says}");
}
