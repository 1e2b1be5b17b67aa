//! The table of docs/state-machine.md, made from the code: every status × every command. The page is checked here;
//! `UPDATE_DOCS=1 cargo test -p mw-core` writes it anew.

use crate::persona::PersonaOutput;
use crate::run::testing::{T0, approve, every_state, try_command_at};
use crate::run::{Attachment, Command, GateDecision, Refusal, Run};
use crate::status::{Status, Verdict};
use std::collections::BTreeSet;
use std::fmt::Write;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/state-machine.md");
const BEGIN: &str = "<!-- generated: status x command -->\n";
const END: &str = "<!-- end -->";

/// The commands, each made to fit the run as far as it can.
fn commands(run: &Run) -> Vec<(&'static str, Vec<Command>)> {
    let gate = run.gate.as_ref().map(|open| open.gate).or(run.decided.last().map(|decided| decided.gate));
    let decide = |verdict| {
        let decision = gate.map(|gate| GateDecision { verdict, approver: "second person".into(), ..approve(gate) });
        decision.into_iter().map(Command::DecideGate).collect()
    };
    let job_ids: Vec<String> = run.jobs.keys().cloned().chain(["unknown".to_owned()]).collect();
    let jobs = |make: &dyn Fn(String) -> Command| job_ids.iter().cloned().map(make).collect();
    let attachment = Attachment {
        artifact_type: "note".into(),
        provider: "api".into(),
        url: None,
        checksum: None,
        persona: None,
        metadata: serde_json::json!({}),
    };
    vec![
        ("approve", decide(Verdict::Approve)),
        ("reject", decide(Verdict::Reject)),
        ("cancel", vec![Command::Cancel { reason: "r".into(), actor: "a".into() }]),
        ("deadline passes", vec![Command::PassDeadline]),
        (
            "persona answers",
            vec![Command::FinishPersona { step: run.step, output: PersonaOutput::default(), source: "m".into() }],
        ),
        ("persona fails", vec![Command::FailPersona { step: run.step, code: "c".into(), message: "m".into() }]),
        ("job submitted", jobs(&|job_id| Command::SubmitJob { job_id, task_id: "t".into(), adopted: false })),
        ("job done", jobs(&|job_id| Command::FinishJob { job_id, url: "u".into() })),
        ("job fails", jobs(&|job_id| Command::FailJob { job_id, code: "c".into(), message: "m".into() })),
        ("attach", vec![Command::Attach(attachment)]),
    ]
}

/// Where the commands lead; `None` when each of them is refused.
fn outcome(run: &Run, commands: Vec<Command>) -> BTreeSet<String> {
    let at = run.deadline.unwrap_or(T0);
    let mut words = BTreeSet::new();
    for command in commands {
        // Only the passing of time needs the deadline to be over; everything else happens before.
        let now = if command == Command::PassDeadline { at } else { T0 };
        match try_command_at(run, command, now) {
            Ok(next) if next.version != run.version => words.insert(next.status.to_string()),
            Ok(_) => words.insert("unchanged".to_owned()),
            Err(Refusal::AlreadyDecided { .. }) => words.insert("409 decided".to_owned()),
            Err(
                Refusal::AlreadyTerminal { .. }
                | Refusal::NotWaiting { .. }
                | Refusal::StaleLink
                | Refusal::StaleJob { .. }
                | Refusal::StaleStep { .. }
                | Refusal::NotDue { .. },
            ) => false,
        };
    }
    words
}

fn table() -> String {
    let mut runs = every_state();
    // Every phase of a job: requested, submitted, and one of two done.
    let generating = crate::run::testing::at_generate();
    let ids = crate::run::testing::job_ids(&generating);
    let mut run = generating.clone();
    runs.push(generating);
    for id in &ids {
        run = try_command_at(&run, Command::SubmitJob { job_id: id.clone(), task_id: id.clone(), adopted: false }, T0)
            .unwrap();
        runs.push(run.clone());
    }
    runs.push(try_command_at(&run, Command::FinishJob { job_id: ids[0].clone(), url: "u".into() }, T0).unwrap());
    let names: Vec<&str> = commands(&runs[0]).into_iter().map(|(name, _)| name).collect();
    let mut text = format!("| status | {} |\n|{}\n", names.join(" | "), "---|".repeat(names.len() + 1));
    for status in Status::ALL.iter().filter(|status| **status != Status::Paused) {
        let mut cells = vec![BTreeSet::new(); names.len()];
        for run in runs.iter().filter(|run| run.status == *status) {
            for (cell, (_, commands)) in cells.iter_mut().zip(commands(run)) {
                cell.extend(outcome(run, commands));
            }
        }
        let cells = cells.iter().map(|cell| {
            let words: Vec<&str> = cell.iter().map(String::as_str).collect();
            if words.is_empty() { "refused".to_owned() } else { words.join(", ") }
        });
        writeln!(text, "| **{status}** | {} |", cells.collect::<Vec<_>>().join(" | ")).unwrap();
    }
    text
}

#[test]
fn the_page_of_the_state_machine_is_the_codes() {
    let page = std::fs::read_to_string(PAGE).unwrap();
    let (head, rest) = page.split_once(BEGIN).expect("the page has the table's marker");
    let (_, tail) = rest.split_once(END).expect("the page has the end marker");
    let expected = format!("{head}{BEGIN}{}{END}{tail}", table());
    if std::env::var("UPDATE_DOCS").is_ok() {
        std::fs::write(PAGE, expected).unwrap();
    } else {
        assert_eq!(page, expected, "docs/state-machine.md is stale: UPDATE_DOCS=1 cargo test -p mw-core");
    }
}
