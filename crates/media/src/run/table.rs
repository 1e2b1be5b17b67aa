//! The tables of docs/state-machine.md, made from the code: every status × every command, and × every verb. The page is checked here;
//! `UPDATE_DOCS=1 cargo test -p mw-media` writes it anew.

use crate::persona::PersonaOutput;
use crate::principal::{Principal, Role};
use crate::run::testing::{T0, approve, attachment, every_state, try_command_at, with_context};
use crate::run::tests::order::orders;
use crate::run::{Command, GateDecision, MediaCommand, Order, Refusal, Run};
use crate::status::{Status, Verb, Verdict};
use std::collections::BTreeSet;
use std::fmt::Write;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/state-machine.md");
const COMMANDS: &str = "<!-- generated: status x command -->\n";
const VERBS: &str = "<!-- generated: status x verb -->\n";
const END: &str = "<!-- end -->";

/// The commands, each made to fit the run as far as it can.
fn commands(run: &Run) -> Vec<(&'static str, Vec<Command>)> {
    let gate = run.gates.first().map(|open| open.gate).or(run.decided.last().map(|decided| decided.gate));
    let decide = |verdict| {
        let decision = gate.map(|gate| GateDecision {
            verdict,
            by: Principal::known("second-person", Role::Approver, Vec::new()),
            comment: Some("c".into()),
            ..approve(gate)
        });
        decision.into_iter().map(Command::DecideGate).collect()
    };
    let job_ids: Vec<String> = run.body.jobs.keys().cloned().chain(["unknown".to_owned()]).collect();
    let jobs = |make: &dyn Fn(String) -> Command| job_ids.iter().cloned().map(make).collect();
    vec![
        ("approve", decide(Verdict::Approve)),
        ("reject", decide(Verdict::Reject)),
        ("request changes", decide(Verdict::RequestChanges)),
        ("reopen", gate.map(|gate| Command::ReopenGate { gate, reason: "r".into() }).into_iter().collect()),
        ("deadline passes", vec![Command::PassDeadline]),
        ("time runs out", vec![Command::WarnGate]),
        (
            "persona answers",
            vec![Command::Own(MediaCommand::FinishPersona {
                step: run.body.step,
                output: PersonaOutput::default(),
                source: "m".into(),
            })],
        ),
        (
            "persona fails",
            vec![Command::Own(MediaCommand::FailPersona {
                step: run.body.step,
                code: "c".into(),
                message: "m".into(),
            })],
        ),
        (
            "job submitted",
            jobs(&|job_id| Command::Own(MediaCommand::SubmitJob { job_id, task_id: "t".into(), adopted: false })),
        ),
        ("job done", jobs(&|job_id| Command::Own(MediaCommand::FinishJob { job_id, url: "u".into() }))),
        (
            "job fails",
            jobs(&|job_id| Command::Own(MediaCommand::FailJob { job_id, code: "c".into(), message: "m".into() })),
        ),
        (
            "job fails in passing",
            jobs(&|job_id| Command::Own(MediaCommand::ReplaceJob { job_id, code: "c".into(), message: "m".into() })),
        ),
        ("attach", vec![Command::Attach(attachment())]),
    ]
}

/// Where the commands lead; `None` when each of them is refused.
fn outcome(run: &Run, commands: Vec<Command>) -> BTreeSet<String> {
    let at = run.deadline.unwrap_or(T0);
    let mut words = BTreeSet::new();
    for command in commands {
        // Only the passing of time needs the deadline to be over; everything else happens before.
        let now = match command {
            Command::PassDeadline => at,
            Command::WarnGate => at - time::Duration::seconds(1),
            Command::DecideGate(_)
            | Command::ReopenGate { .. }
            | Command::Attach(_)
            | Command::Cancel { .. }
            | Command::Pause { .. }
            | Command::Resume { .. }
            | Command::Terminate { .. }
            | Command::MarkFailed { .. }
            | Command::RestoreEffects { .. }
            | Command::Extend { .. }
            | Command::Retry { .. }
            | Command::Own(MediaCommand::FinishPersona { .. })
            | Command::Own(MediaCommand::FailPersona { .. })
            | Command::Own(MediaCommand::SubmitJob { .. })
            | Command::Own(MediaCommand::RepeatSubmission { .. })
            | Command::Own(MediaCommand::FinishJob { .. })
            | Command::Own(MediaCommand::FailJob { .. })
            | Command::Own(MediaCommand::ReplaceJob { .. }) => T0,
        };
        match try_command_at(run, command, now) {
            Ok(next) if next.version != run.version => words.insert(next.status.to_string()),
            Ok(_) => words.insert("unchanged".to_owned()),
            Err(Refusal::AlreadyDecided { .. }) => words.insert("409 decided".to_owned()),
            Err(_) => false,
        };
    }
    words
}

/// Where a verb leads.
fn verb_outcome(run: &Run, order: &Order) -> Option<String> {
    let decided = with_context(T0, |context| order.decide(run, "r", "a", context)).ok()?;
    Some(match decided {
        None => "unchanged".to_owned(),
        Some(transition) if transition.expected_version == 0 => "successor".to_owned(),
        Some(transition) => transition.run.status.to_string(),
    })
}

/// Runs in every state, and with jobs in every phase.
fn runs() -> Vec<Run> {
    let mut runs = every_state();
    // Every phase of a job: requested, submitted, and one of two done.
    let generating = crate::run::testing::at_generate();
    let ids = crate::run::testing::job_ids(&generating);
    let mut run = generating.clone();
    runs.push(generating);
    for id in &ids {
        run = try_command_at(
            &run,
            Command::Own(MediaCommand::SubmitJob { job_id: id.clone(), task_id: id.clone(), adopted: false }),
            T0,
        )
        .unwrap();
        runs.push(run.clone());
    }
    let fail = |job_id: &str| {
        Command::Own(MediaCommand::FailJob { job_id: job_id.to_owned(), code: "c".into(), message: "m".into() })
    };
    runs.push(try_command_at(&run, fail(&ids[0]), T0).unwrap());
    runs.push(
        try_command_at(&run, Command::Own(MediaCommand::FinishJob { job_id: ids[0].clone(), url: "u".into() }), T0)
            .unwrap(),
    );
    runs
}

fn command_cells(run: &Run) -> Vec<BTreeSet<String>> {
    commands(run).into_iter().map(|(_, commands)| outcome(run, commands)).collect()
}

fn verb_cells(run: &Run) -> Vec<BTreeSet<String>> {
    orders().iter().map(|order| verb_outcome(run, order).into_iter().collect()).collect()
}

/// One row for each status; a cell gathers the outcomes over all runs of that status.
fn table(names: &[&str], cells_of: fn(&Run) -> Vec<BTreeSet<String>>) -> String {
    let runs = runs();
    let mut text = format!("| status | {} |\n|{}\n", names.join(" | "), "---|".repeat(names.len() + 1));
    for status in Status::ALL {
        let mut cells = vec![BTreeSet::new(); names.len()];
        for run in runs.iter().filter(|run| run.status == *status) {
            for (cell, words) in cells.iter_mut().zip(cells_of(run)) {
                cell.extend(words);
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
    let names: Vec<&str> = commands(&every_state()[0]).into_iter().map(|(name, _)| name).collect();
    let verbs: Vec<&str> = Verb::ALL.iter().map(|verb| verb.as_str()).collect();
    let expected = with_table(&page, COMMANDS, &table(&names, command_cells));
    let expected = with_table(&expected, VERBS, &table(&verbs, verb_cells));
    if std::env::var("UPDATE_DOCS").is_ok() {
        std::fs::write(PAGE, expected).unwrap();
    } else {
        assert_eq!(page, expected, "docs/state-machine.md is stale: UPDATE_DOCS=1 cargo test -p mw-media");
    }
}

fn with_table(page: &str, begin: &str, table: &str) -> String {
    let (head, rest) = page.split_once(begin).expect("the page has the table's marker");
    let (_, tail) = rest.split_once(END).expect("the page has the end marker");
    format!("{head}{begin}{table}{END}{tail}")
}
