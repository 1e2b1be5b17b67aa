//! The conversations of tests/conversations, read as the product reads them: each message with the last ones before it, and with the
//! runs that it has started. tests/suites holds the same conversations with the whole product.

use super::super::{KnownProject, KnownRun};
use super::{HISTORY_READ, Intent, Line, Speaker, plan};
use crate::definition::{Definition, Step};
use crate::run::testing::definition;
use crate::status::Status;
use serde::Deserialize;
use std::path::Path;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Conversation {
    name: String,
    /// Held with a project that shares no name with the shipped ones.
    project: Option<String>,
    turns: Vec<Turn>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Turn {
    says: String,
    then: String,
    project: Option<String>,
    about: Option<String>,
    skip: Option<Vec<String>>,
    add: Option<Vec<String>>,
    /// What stands in the remarks of a start, one each, or in the question that is asked back.
    remarks: Option<Vec<String>>,
    #[serde(rename = "hears")]
    _hears: Option<Vec<String>>,
    #[serde(rename = "cites")]
    _cites: Option<bool>,
    #[serde(rename = "no_link")]
    _no_link: Option<bool>,
}

fn conversations() -> Vec<(String, Conversation)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/conversations");
    let mut all = Vec::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let file = file.unwrap().path();
        let group = file.file_stem().unwrap().to_string_lossy().into_owned();
        let listed: Vec<Conversation> = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        all.extend(listed.into_iter().map(|conversation| (group.clone(), conversation)));
    }
    all
}

fn word(intent: &Intent) -> &'static str {
    match intent {
        Intent::Start(_) => "start",
        Intent::ShowStatus { .. } => "status",
        Intent::ListRuns => "runs",
        Intent::CountRuns => "count",
        Intent::SendLink { .. } => "link",
        Intent::Operate { .. } => "operate",
        Intent::AskBack { .. } => "ask",
        Intent::LeaveAlone => "leave",
        Intent::Thank => "thanks",
        Intent::Help => "help",
        Intent::Decline { is_english: true } => "knowledge",
        Intent::Decline { is_english: false } => "foreign",
    }
}

/// What is wrong with how a turn was read.
fn faults(turn: &Turn, intent: &Intent) -> Vec<String> {
    let mut faults = Vec::new();
    let is_it = match turn.then.as_str() {
        "other" | "nothing" => !matches!(intent, Intent::Start(_)),
        then => then == word(intent),
    };
    if !is_it {
        faults.push(format!("expected {}, is {intent:?}", turn.then));
        return faults;
    }
    let mut differs = |what: &str, expected: Option<&dyn std::fmt::Debug>, is: &dyn std::fmt::Debug| {
        if let Some(expected) = expected
            && format!("{expected:?}") != format!("{is:?}")
        {
            faults.push(format!("{what}: expected {expected:?}, is {is:?}"));
        }
    };
    let mut remarks = Vec::new();
    if let Intent::Start(proposal) = intent {
        differs("project", turn.project.as_ref().map(|it| it as _), &proposal.project);
        differs("about", turn.about.as_ref().map(Some).as_ref().map(|it| it as _), &proposal.input.object.as_ref());
        differs("skip", turn.skip.as_ref().map(|it| it as _), &proposal.skip);
        differs("add", turn.add.as_ref().map(|it| it as _), &proposal.add);
        remarks.clone_from(&proposal.remarks);
        differs("remarks", turn.remarks.as_ref().map(Vec::len).as_ref().map(|it| it as _), &remarks.len());
    }
    if let Intent::AskBack { question } = intent {
        remarks.push(question.clone());
    }
    for expected in turn.remarks.iter().flatten() {
        if !remarks.iter().any(|remark| remark.contains(expected)) {
            faults.push(format!("{expected:?} is not said, but {remarks:?}"));
        }
    }
    faults
}

fn hold(conversation: &Conversation) -> Vec<String> {
    let definitions: Vec<Definition> = match conversation.project.as_deref() {
        None => ["aismr", "general", "test_video_gen"].map(definition).into(),
        Some(_) => vec![Definition::from_json(include_str!("../../../fixtures/harbour.json")).unwrap()],
    };
    let projects: Vec<KnownProject> = definitions.iter().cloned().map(KnownProject::from).collect();
    let (mut said, mut runs, mut faults) = (Vec::<Line>::new(), Vec::<KnownRun>::new(), Vec::new());
    for turn in &conversation.turns {
        let before = said.len().saturating_sub(HISTORY_READ as usize);
        let intent = plan(&turn.says, &said[before..], &projects, &runs);
        faults.extend(self::faults(turn, &intent).into_iter().map(|fault| format!("{:?}: {fault}", turn.says)));
        let answer = match &intent {
            Intent::AskBack { question } => question.clone(),
            _ => "…".to_owned(),
        };
        if let Intent::Start(proposal) = &intent {
            let first = definitions.iter().find(|known| known.key == proposal.project).unwrap().steps.first();
            let awaiting_gate = match first {
                Some(Step::Gate { gate, .. }) => Some(*gate),
                _ => None,
            };
            let run_id = format!("run-{}", runs.len() + 1);
            let run =
                KnownRun { run_id, project: proposal.project.clone(), status: Status::Running.into(), awaiting_gate };
            runs.insert(0, run);
        }
        said.push(Line { from: Speaker::User, text: turn.says.clone() });
        said.push(Line { from: Speaker::Brendan, text: answer });
    }
    faults
}

#[test]
fn every_conversation_goes_as_people_expect() {
    let conversations = conversations();
    assert!(conversations.len() >= 100, "only {} conversations", conversations.len());
    let mut wrong = Vec::new();
    for (group, conversation) in &conversations {
        wrong.extend(hold(conversation).into_iter().map(|fault| format!("{group}/{}: {fault}", conversation.name)));
    }
    assert!(wrong.is_empty(), "{} faults in {} conversations:\n{}", wrong.len(), conversations.len(), wrong.join("\n"));
}
