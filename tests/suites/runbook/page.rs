//! Every command of the runbook and of the page about incidents works, in the page's order, on a stack of its own.

use crate::readme::{commands, root};
use crate::support::Run;
use crate::support::shell::says;
use crate::support::stack::{builder, service_of};
use mw_stack::stack::Stack;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Where a page's files go; gone when dropped.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Types every line of a page but `./dev test`, which is CI itself,, and returns what was said.
fn typed(stack: &Stack, page: &str, least: usize) -> String {
    let service = service_of(stack);
    let run = Run::start_at(&service, "test_video_gen");
    let folder = Folder(std::env::temp_dir().join(crate::support::unique("runbook")));
    let path = |name: &str| folder.0.join(name).display().to_string();
    let (backup, artifact) = (path("backup.dump"), path("synthetic.json"));
    let simulator = stack.simulator_url().unwrap();
    let addresses = [
        ("KIEAI", "kieai"),
        ("SHOTSTACK", "shotstack/edit/v1"),
        ("UPLOAD_POST", "upload-post/api"),
        ("OPENAI", "openai"),
    ]
    .map(|(name, path)| (format!("{name}_BASE_URL"), format!("{simulator}/{path}")));
    let mut variables = vec![
        ("RUN", run.id.as_str()),
        ("BACKUP", &backup),
        ("ARTIFACT", &artifact),
        ("PROVIDERS_MODE", "sim"),
        ("OPENAI_API_KEY", "dev-openai-key"),
    ];
    variables.extend(addresses.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    let lines = commands(&root().join(page));
    let ours: Vec<&String> = lines.iter().filter(|line| !line.starts_with("./dev ")).collect();
    assert!(ours.len() >= least, "{ours:?}");
    let mut told = String::new();
    for line in ours {
        // A backup without a name goes where one is, which is the clone here.
        let line = if line == "mw backup" { "cd $(dirname $BACKUP) && mw backup" } else { line };
        told.push_str(&says(stack, line, &variables, ""));
    }
    told
}

#[test]
fn every_command_of_the_runbook_works() {
    let told = typed(&builder().start().unwrap(), "docs/runbook.md", 40);
    for part in [
        "reachable, takes the key",
        "all service levels are met",
        "100 requests, 0 errors",
        "waits for  a person at the workflow gate",
        "goes on as",
        "as in the backup",
        "the doctor finds nothing",
        "published after",
        "drain on since",
    ] {
        assert!(told.contains(part), "{part} is not in {told}");
    }
}

#[test]
fn every_command_of_the_incidents_works() {
    let told = typed(&builder().start().unwrap(), "docs/incidents.md", 18);
    for part in
        ["healthy: ", "waits for  a person at the workflow gate", "reachable, takes the key", "nothing was done"]
    {
        assert!(told.contains(part), "{part} is not in {told}");
    }
}

#[test]
fn every_alert_has_its_section_and_every_section_its_alert() {
    let read = |path: &str| std::fs::read_to_string(root().join(path)).unwrap();
    let (alerts, page) = (read("ops/alerts.yml"), read("docs/incidents.md"));
    let named = |text: &str, before: &str| -> BTreeSet<String> {
        text.lines().filter_map(|line| line.trim().strip_prefix(before).map(str::to_owned)).collect()
    };
    assert!(named(&alerts, "- alert: ").len() > 10);
    assert_eq!(named(&page, "## "), named(&alerts, "- alert: "));
}
