//! A restore drill: what was backed up is there again, to the hash, and goes on; a bad backup changes nothing.

use crate::support::shell::shell;
use crate::support::stack::{builder, service_of};
use crate::support::{Run, Service, signing, unique};
use mw::mode::Mode;
use mw_stack::stack::Stack;
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Everything that must survive: runs as they stand, every event's hash, every gate, every approval, every artifact.
fn kept(service: &Service) -> Vec<Value> {
    let mut database = service.database();
    [
        "SELECT run_id, status, version, state, result, deadline::text AS until, parent_run_id FROM runs ORDER BY run_id",
        "SELECT run_id, seq, encode(hash, 'hex') AS hash FROM run_events ORDER BY run_id, seq",
        "SELECT run_id, gate, opening, state, deadline::text AS until, decision FROM gates ORDER BY run_id, gate, opening",
        "SELECT run_id, gate, decision, approver, created_at::text AS at FROM hitl_approvals ORDER BY id",
        "SELECT id::text AS id, run_id, type, url, metadata FROM artifacts ORDER BY position",
        "SELECT name, last_success_at IS NOT NULL AS swept FROM leases ORDER BY name",
    ]
    .iter()
    .flat_map(|sql| database.rows(sql, &[]))
    .collect()
}

struct Drill {
    stack: Stack,
    service: Service,
    folder: PathBuf,
}

impl Drop for Drill {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Drill {
    fn start() -> Self {
        let stack = builder().mode(Mode::Mock).cron(false).start().unwrap();
        let service = service_of(&stack);
        Drill { stack, service, folder: std::env::temp_dir().join(unique("drill")) }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The exit code of `mw <verb> FILE`, and what it said.
    fn mw(&self, words: &str, file: &Path) -> (i32, String) {
        let output = shell(&self.stack, &format!("mw {words}"), &[("FILE", file.to_str().unwrap())]);
        let said = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap()).concat();
        (output.status.code().unwrap(), said)
    }

    #[track_caller]
    fn exits(&self, code: i32, words: &str, file: &Path, part: &str) {
        let (found, said) = self.mw(words, file);
        assert!(found == code && said.contains(part), "mw {words}: {found}, {part} is not in {said}");
    }
}

#[test]
fn what_was_backed_up_is_there_again_and_goes_on() {
    let drill = Drill::start();
    let published = Run::start_at(&drill.service, "test_video_gen").published();
    let waiting = Run::start_at(&drill.service, "test_video_gen").approved("workflow").waiting_for("awaiting_ideate");
    let ended = Run::start_at(&drill.service, "aismr");
    drill.service.post(&format!("/v1/runs/{}/terminate", ended.id)).send().expect(200);
    drill.service.sweep();
    let before = kept(&drill.service);
    let file = drill.file("myloware.dump");
    drill.exits(0, "backup --to $FILE", &file, "3 runs");
    drill.exits(2, "backup --to $FILE", &file, "overwrites nothing");
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(
        [&file, &drill.file("myloware.dump.json"), &drill.folder].map(|path| format!("{:o}", mode(path))),
        ["600", "600", "700"]
    );

    // What happens after the backup is lost with it, and what was lost before the restore is there again.
    let later = Run::start_at(&drill.service, "aismr");
    waiting.clone().approved("ideate");
    drill.service.database().execute("DELETE FROM runs WHERE run_id = $1", &[&published.id]);
    drill.exits(2, "restore $FILE", &file, "--force");
    drill.exits(0, "restore $FILE --force", &file, "the doctor finds nothing");
    assert_eq!(kept(&drill.service), before);
    drill.service.get(&format!("/v1/runs/{}", later.id)).send().expect(404);
    waiting.approved("ideate").approved("prepublish").waiting_for("published").assert_healthy();

    // Into an empty database it needs no force, whatever schema is there.
    let sql = "DROP TABLE runs, projects, project_versions CASCADE";
    drill.service.database().execute(sql, &[]);
    drill.exits(0, "restore $FILE", &file, "as in the backup");
    assert_eq!(kept(&drill.service), before);
}

#[test]
fn a_bad_backup_changes_nothing() {
    let drill = Drill::start();
    Run::start_at(&drill.service, "test_video_gen").published();
    let file = drill.file("good.dump");
    drill.exits(0, "backup --to $FILE", &file, "1 runs");
    let before = kept(&drill.service);
    let manifest = std::fs::read_to_string(drill.file("good.dump.json")).unwrap();
    let whole = std::fs::read(&file).unwrap();
    let half = &whole[..whole.len() * 2 / 3];

    // Cut off: the hash differs.
    let cut = drill.file("cut.dump");
    std::fs::write(&cut, half).unwrap();
    std::fs::write(drill.file("cut.dump.json"), &manifest).unwrap();
    drill.exits(2, "restore $FILE --force", &cut, "damaged or exchanged");
    // Cut off before it was hashed: PostgreSQL refuses it, and the transaction takes all back.
    let hash = signing::hex(&<sha2::Sha256 as sha2::Digest>::digest(half));
    let mut lying: Value = serde_json::from_str(&manifest).unwrap();
    lying["sha256"] = hash.into();
    std::fs::write(drill.file("cut.dump.json"), lying.to_string()).unwrap();
    drill.exits(1, "restore $FILE --force", &cut, "pg_restore");
    assert_eq!(kept(&drill.service), before);
    // Whole, but not what the manifest counted.
    let mut lying: Value = serde_json::from_str(&manifest).unwrap();
    lying["contents"]["timelines"] = "0".repeat(64).into();
    std::fs::write(drill.file("good.dump.json"), lying.to_string()).unwrap();
    drill.exits(1, "restore $FILE --force", &file, "not what the manifest says");
    assert_eq!(kept(&drill.service), before);
    // Of a later release.
    let mut later: Value = serde_json::from_str(&manifest).unwrap();
    later["migration"] = 9999.into();
    std::fs::write(drill.file("good.dump.json"), later.to_string()).unwrap();
    drill.exits(2, "restore $FILE --force", &file, "this release knows");
    std::fs::remove_file(drill.file("good.dump.json")).unwrap();
    drill.exits(2, "restore $FILE --force", &file, "belongs to the backup");
    assert_eq!(kept(&drill.service), before);
}

/// A name may hold a line that psql would take for a command; what runs it is a file in our folder.
#[test]
fn a_backup_runs_no_command_of_its_own() {
    let drill = Drill::start();
    Run::start_at(&drill.service, "test_video_gen").published();
    let trap = drill.file("trap");
    let table = format!("x\n\\! touch {}\n", trap.display()).replace('"', "\"\"");
    drill.service.database().execute(&format!("CREATE TABLE \"{table}\" (note text)"), &[]);
    let file = drill.file("hostile.dump");
    drill.exits(0, "backup --to $FILE", &file, "1 runs");
    drill.exits(0, "restore $FILE --force", &file, "the doctor finds nothing");
    assert!(!trap.exists());
}
