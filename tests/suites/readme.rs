//! The README's commands are those that are run.

use crate::support::{Run, service};
use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) fn root() -> PathBuf {
    mw::folder::root().unwrap()
}

/// The lines of the fenced sh blocks of a page, with continued lines joined.
pub(crate) fn commands(page: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(page).unwrap_or_else(|error| panic!("{}: {error}", page.display()));
    let mut found: Vec<String> = Vec::new();
    let (mut inside, mut continued) = (false, false);
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            inside = !inside && line.trim() == "```sh";
            continue;
        }
        let line = line.trim();
        if !inside || line.is_empty() || line.starts_with('#') {
            continue;
        }
        let piece = line.trim_end_matches('\\').trim().to_owned();
        match found.last_mut().filter(|_| continued) {
            Some(last) => *last = format!("{last} {piece}"),
            None => found.push(piece),
        }
        continued = line.ends_with('\\');
    }
    found
}

/// Every page whose commands people copy.
fn pages() -> Vec<PathBuf> {
    let mut pages = vec![root().join("README.md")];
    for entry in std::fs::read_dir(root().join("docs")).into_iter().flatten().flatten() {
        if entry.path().extension().is_some_and(|extension| extension == "md") {
            pages.push(entry.path());
        }
    }
    pages
}

fn help(program: &str, words: &[&str]) -> Option<String> {
    let program = mw_stack::prerequisites::own_program(program).unwrap();
    let output = Command::new(program).args(words).arg("--help").output().unwrap();
    output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
}

/// `mw runs list --status x` is known when `mw runs list` has help and that help names `--status`; `mw-stack …` likewise.
fn check_command(line: &str) {
    let mut words = line.split(" #").next().unwrap().split_whitespace();
    let program = words.next().unwrap();
    let words: Vec<&str> = words.collect();
    let mut verbs: Vec<&str> = Vec::new();
    let mut known = help(program, &[]).unwrap();
    for word in words.iter().take_while(|word| word.starts_with(|c: char| c.is_ascii_lowercase())) {
        let deeper: Vec<&str> = verbs.iter().copied().chain([*word]).collect();
        match listed(&known, word).then(|| help(program, &deeper)).flatten() {
            Some(help) => (known, verbs) = (help, deeper),
            None => break,
        }
    }
    assert!(!verbs.is_empty(), "{program} does not know: {line}");
    assert!(!known.contains("\nCommands:"), "{line} lacks its verb:\n{known}");
    for option in words.iter().take_while(|word| **word != "--").filter(|word| word.starts_with("--")) {
        let name = option.split('=').next().unwrap();
        assert!(known.contains(name), "{name} is no option of {program} {verbs:?}");
    }
}

/// Whether the help lists a command.
fn listed(help: &str, word: &str) -> bool {
    help.lines().any(|line| line.starts_with("  ") && line.split_whitespace().next() == Some(word))
}

/// The files that a page names in code spans: those with a folder of ours and an extension; patterns are left out.
fn files(page: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(page).unwrap();
    let ours = ["components/", "crates/", "docs/", "migrations/", "ops/", "projects/", "tests/", "wit/"];
    let is_file = |name: &&str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
        ours.iter().any(|folder| name.starts_with(folder)) && name.contains('.') && name.chars().all(plain)
    };
    text.split('`').skip(1).step_by(2).filter(is_file).map(str::to_owned).collect()
}

#[test]
fn every_file_that_a_page_names_exists() {
    let mut count = 0;
    for page in pages() {
        for file in files(&page) {
            assert!(root().join(&file).exists(), "{} names {file}", page.display());
            count += 1;
        }
    }
    assert!(count > 15, "{count} files are named");
}

#[test]
fn every_command_of_ours_on_a_page_is_one() {
    let mut count = 0;
    for page in pages() {
        for line in
            commands(&page).iter().filter(|line| ["mw ", "mw-stack "].iter().any(|program| line.starts_with(program)))
        {
            check_command(line);
            count += 1;
        }
    }
    println!("{count} commands");
}

#[test]
fn every_dev_command_in_the_docs_exists() {
    let usage = Command::new(root().join("dev")).arg("help").output().unwrap();
    let usage = String::from_utf8(usage.stdout).unwrap();
    for page in pages() {
        for line in commands(&page).iter().filter(|line| line.starts_with("./dev")) {
            let verb = line.split_whitespace().nth(1).unwrap_or("help");
            assert!(usage.contains(&format!("./dev {verb}")), "{}: {line}", page.display());
        }
    }
    let readme = commands(&root().join("README.md"));
    for line in ["./dev up", "./dev demo"] {
        assert!(readme.iter().any(|found| found == line), "{line} is not in the README");
    }
    let ci = std::fs::read_to_string(root().join(".ci/run")).unwrap();
    assert!(ci.contains("./dev test"));
}

#[test]
fn every_curl_of_the_readme_works() {
    // Those with a run in them need one that waits.
    let run = Run::start();
    let token = run.link("workflow").split("token=").nth(1).unwrap().to_owned();
    let lines = commands(&root().join("README.md"));
    let curls: Vec<&String> = lines.iter().filter(|line| line.starts_with("curl ")).collect();
    assert!(!curls.is_empty(), "the README shows how to try it");
    for line in curls {
        let here = line
            .replace("http://127.0.0.1:3000", &service().base_url)
            .replace("http://localhost:3000", &service().base_url);
        let output = Command::new("bash")
            .args(["-euo", "pipefail", "-c", &format!("{here} --fail-with-body")])
            .envs([
                ("API_KEY", &service().api_key),
                ("RUN_ID", &run.id),
                ("RUN", &run.id),
                ("TOKEN", &token),
                ("SWEEP_KEY", &service().sweep_key),
            ])
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{line}\n{text}{}", String::from_utf8_lossy(&output.stderr));
    }
}

/// All Rust sources below a folder, in one text.
fn sources(folder: &Path, text: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&std::fs::read_to_string(path).unwrap());
        }
    }
}

#[test]
fn every_test_that_the_guarantees_name_exists() {
    let page = std::fs::read_to_string(root().join("docs/guarantees.md")).unwrap();
    let mut text = String::new();
    ["crates", "tests"].iter().for_each(|folder| sources(&root().join(folder), &mut text));
    let named = page.split('`').skip(1).step_by(2).filter(|name| name.matches('_').count() > 3);
    let named: Vec<&str> = named.filter(|name| name.chars().all(|c| c.is_ascii_lowercase() || c == '_')).collect();
    assert!(named.len() > 20, "{named:?}");
    for name in named {
        assert!(text.contains(&format!("fn {name}(")), "no test is called {name}");
    }
}

#[test]
fn every_program_on_a_page_is_one_that_we_know() {
    const KNOWN: [&str; 20] = [
        "./dev",
        "mw",
        "curl",
        "cargo",
        "spin",
        "git",
        "export",
        "psql",
        "pg_dump",
        "cd",
        "echo",
        "promtool",
        "rustup",
        "docker",
        "kubectl",
        "SPIN_VARIABLE_",
        "DATABASE_URL",
        "API_KEY",
        "MW_",
        "FUZZ_",
    ];
    for page in pages() {
        for line in commands(&page) {
            assert!(KNOWN.iter().any(|known| line.starts_with(known)), "{}: {line}", page.display());
        }
    }
}
