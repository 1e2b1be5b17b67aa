//! A backup's manifest from a disk that somebody else wrote to: nothing in it reaches psql, SQL or a terminal.

use crate::support::{signing, unique};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;

/// `mw restore FILE --force`, where no database answers: a hostile manifest is refused before one is asked.
fn restore(file: &Path) -> (Option<i32>, String) {
    let output = Command::new(mw_stack::prerequisites::own_program("mw").unwrap())
        .args(["restore", file.to_str().unwrap(), "--force"])
        .env("DATABASE_URL", "postgres://nobody@127.0.0.1:1/nothing?connect_timeout=2")
        .output()
        .unwrap();
    (
        output.status.code(),
        [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat(),
    )
}

#[test]
fn a_hostile_manifest_runs_nothing_and_is_refused_by_name() {
    let folder = std::env::temp_dir().join(unique("manifest"));
    std::fs::create_dir(&folder).unwrap();
    let (file, trap) = (folder.join("any.dump"), folder.join("trap"));
    std::fs::write(&file, "PGDMP").unwrap();
    let hash = signing::hex(&<sha2::Sha256 as sha2::Digest>::digest("PGDMP"));
    let good = json!({
        "created_at": "2026-01-31T12:00:00Z", "release": "0.1.0", "migration": 1, "postgres": 15, "sha256": hash,
        "contents": {"runs": 1, "events": 2, "gates": 3, "approvals": 4, "artifacts": 5, "receipts": 6, "timelines": hash},
    });
    let write = |manifest: &Value| std::fs::write(folder.join("any.dump.json"), manifest.to_string()).unwrap();
    write(&good);
    let (code, said) = restore(&file);
    assert!(code == Some(1) && !said.contains("no manifest"), "the good one gets as far as the database: {said}");

    let touch = trap.display();
    let texts = [
        format!("$$;\n\\! touch {touch}\n"),
        format!("$$\t\\! touch {touch}"),
        format!("'::jsonb THEN END IF; END $$;\n\\! touch {touch}\n"),
        format!("`touch {touch}`"),
        format!("$(touch {touch})"),
        "\u{1b}[2J\u{7}".to_owned(),
        "0a".repeat(40_000),
    ];
    for text in &texts {
        for pointer in
            ["/created_at", "/release", "/migration", "/postgres", "/sha256", "/contents/runs", "/contents/timelines"]
        {
            let mut hostile = good.clone();
            *hostile.pointer_mut(pointer).unwrap() = text.as_str().into();
            write(&hostile);
            let (code, said) = restore(&file);
            assert!(code == Some(2) && said.contains("is no manifest"), "{pointer} {text:.60?}: {code:?} {said}");
            assert!(!said.contains('\u{1b}'), "{said:?}");
        }
    }
    assert!(!trap.exists());
    std::fs::remove_dir_all(&folder).unwrap();
}
