//! Brendan plans without a language model: a message and what is known about the user go in, an intent comes out.

use super::{CONFIDENCE_ASK, CONFIDENCE_START, Complexity, KnownProject, KnownRun, PROMPT_CHARS_MAX, Proposal};
use crate::definition::StepRequest;
use crate::run::Input;

/// What the user wants.
#[derive(Debug, Clone, PartialEq)]
pub enum Intent {
    Start(Box<Proposal>),
    /// How one run stands, or the newest.
    ShowStatus {
        run_id: Option<String>,
    },
    ListRuns,
    /// The link of the open gate, of one run or of the newest that waits.
    SendLink {
        run_id: Option<String>,
    },
    /// Something about a video, but not enough to start.
    AskBack {
        question: String,
    },
    /// Nothing that he does; the knowledge may have an answer.
    Decline,
}

const MAKE_WORDS: &[&str] =
    &["make", "create", "generate", "produce", "start", "build", "render", "film", "run a", "new run"];
const VIDEO_WORDS: &[&str] = &["video", "clip", "run", "reel", "short", "film", "tiktok"];

/// Reads a message.
pub fn plan(message: &str, projects: &[KnownProject], runs: &[KnownRun]) -> Intent {
    let text = message.to_lowercase();
    let run_id = runs.iter().find(|run| text.contains(&run.run_id.to_lowercase())).map(|run| run.run_id.clone());
    let makes = MAKE_WORDS.iter().any(|word| has_words(&text, word));
    if !makes {
        if has_words(&text, "link") || has_words(&text, "approve") || has_words(&text, "approval") {
            return Intent::SendLink { run_id };
        }
        if has_words(&text, "my runs") || has_words(&text, "list runs") || has_words(&text, "which runs") {
            return Intent::ListRuns;
        }
        if run_id.is_some()
            || ["status", "how is", "how far", "progress", "what happened", "where is"]
                .iter()
                .any(|words| has_words(&text, words))
        {
            return Intent::ShowStatus { run_id };
        }
    }
    propose(message, &text, projects, makes)
}

fn propose(message: &str, text: &str, projects: &[KnownProject], makes: bool) -> Intent {
    let named = projects.iter().filter(|project| project.has_runs).find(|project| {
        has_words(text, &project.key) || project.keywords.iter().any(|word| has_words(text, &word.to_lowercase()))
    });
    let about = subject(message);
    let video = VIDEO_WORDS.iter().any(|word| has_words(text, word));
    let confidence = confidence(named.is_some(), makes, video, about.is_some());
    // Who asks how a clip is made does not ask for one.
    let asks = message.trim_end().ends_with('?') && !makes;
    if confidence < CONFIDENCE_ASK || (asks && confidence < CONFIDENCE_START) {
        return Intent::Decline;
    }
    let meant = named.or_else(|| projects.iter().find(|project| project.has_runs && project.is_default));
    let Some(project) = meant.filter(|_| confidence >= CONFIDENCE_START) else {
        let names: Vec<&str> = projects.iter().filter(|p| p.has_runs).map(|p| p.key.as_str()).collect();
        let question = format!("What should the video be about, and for which project ({})?", names.join(", "));
        return Intent::AskBack { question };
    };
    let is_made = |request: &&StepRequest| request.words.iter().any(|words| has_words(text, &words.to_lowercase()));
    let made: Vec<&StepRequest> = project.requests.iter().filter(is_made).collect();
    let skip: Vec<String> = made.iter().flat_map(|request| request.skip.clone()).collect();
    let add: Vec<String> = made.iter().flat_map(|request| request.add.clone()).collect();
    Intent::Start(Box::new(Proposal {
        project: project.key.clone(),
        input: Input { prompt: Some(prompt(message)), object: about, ..Input::default() },
        complexity: Complexity::of(!skip.is_empty(), !add.is_empty()),
        skip,
        add,
        confidence,
    }))
}

/// How sure the words make us. A wish to make something of a named project, or about a subject, is enough to start; a
/// video without either asks back.
fn confidence(project: bool, makes: bool, video: bool, subject: bool) -> f64 {
    let weights = [(project, 0.45), (makes, 0.30), (video, 0.15), (subject, 0.25)];
    let sum: f64 = weights.iter().filter(|(present, _)| *present).map(|(_, weight)| weight).sum();
    sum.min(0.99)
}

/// What stands after "about", "of" or "with a": the object of the video.
fn subject(message: &str) -> Option<String> {
    let lower = message.to_lowercase();
    // Lower-casing may move byte offsets of some letters; then no subject is guessed.
    if lower.len() != message.len() {
        return None;
    }
    let after = [" about ", " of ", " featuring ", " with "]
        .iter()
        .find_map(|word| lower.find(word).and_then(|at| message.get(at + word.len()..)))?;
    let end = after.find(['.', ',', '!', '?', ';', '\n']).unwrap_or(after.len());
    let subject = after.get(..end)?.trim();
    let subject =
        ["a ", "an ", "the ", "some "].iter().find_map(|article| subject.strip_prefix(article)).unwrap_or(subject);
    let subject: String = subject.chars().take(200).collect();
    (!subject.trim().is_empty()).then(|| subject.trim().to_owned())
}

fn prompt(message: &str) -> String {
    let cut: String = message.trim().chars().take(PROMPT_CHARS_MAX).collect();
    cut.trim().to_owned()
}

/// Whether the words stand in the text as whole words; `_` and `-` read as spaces.
fn has_words(text: &str, words: &str) -> bool {
    let plain = |text: &str| {
        format!(
            " {} ",
            text.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).collect::<Vec<_>>().join(" ")
        )
    };
    plain(text).contains(&plain(words))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::testing::{definition, gate};
    use crate::status::Status;
    use proptest::prelude::*;

    fn known(key: &str) -> KnownProject {
        let definition = definition(key);
        KnownProject {
            has_runs: definition.has_runs(),
            key: definition.key,
            title: definition.title,
            keywords: definition.keywords,
            is_default: definition.is_default,
            requests: definition.requests,
        }
    }

    fn projects() -> Vec<KnownProject> {
        ["test_video_gen", "aismr", "general"].map(known).to_vec()
    }

    fn runs() -> Vec<KnownRun> {
        vec![KnownRun {
            run_id: "run-abc".into(),
            project: "aismr".into(),
            status: Status::AwaitingIdeate.into(),
            awaiting_gate: Some(gate("ideate")),
        }]
    }

    fn proposal(message: &str) -> Proposal {
        match plan(message, &projects(), &runs()) {
            Intent::Start(proposal) => *proposal,
            other => panic!("{message}: {other:?}"),
        }
    }

    #[test]
    fn the_runbooks_message_starts_a_test_video_run() {
        let proposal = proposal("Make a Test Video Gen run about LangGraph");
        assert_eq!(proposal.project, "test_video_gen");
        assert_eq!(proposal.input.object.as_deref(), Some("LangGraph"));
    }

    #[test]
    fn a_request_about_candles_is_about_candles() {
        let proposal = proposal("Create an AISMR video about candles, please");
        assert_eq!((proposal.project.as_str(), proposal.input.object.as_deref()), ("aismr", Some("candles")));
    }

    #[test]
    fn words_for_less_and_more_change_the_pipeline() {
        let simple = proposal("make a simple test video about cats");
        assert_eq!((simple.skip, simple.complexity), (vec!["alex".to_owned()], Complexity::Simple));
        let sound = proposal("make a surreal clip of soap with a soundtrack");
        assert_eq!((sound.add, sound.complexity), (vec!["morgan".to_owned()], Complexity::Complex));
    }

    #[test]
    fn questions_start_nothing() {
        let some = Some("run-abc".to_owned());
        let cases = [
            ("what is the status?", Intent::ShowStatus { run_id: None }),
            ("status of run-abc", Intent::ShowStatus { run_id: some.clone() }),
            ("show my runs", Intent::ListRuns),
            ("please send the approve link for RUN-ABC", Intent::SendLink { run_id: some }),
            ("hello there", Intent::Decline),
            ("tell me a joke about cats", Intent::Decline),
        ];
        for (message, expected) in cases {
            assert_eq!(plan(message, &projects(), &runs()), expected, "{message}");
        }
    }

    #[test]
    fn a_question_about_clips_is_left_to_the_knowledge() {
        for message in ["How long is a video of the moon?", "What is a good prompt for a clip about candles?"] {
            assert_eq!(plan(message, &projects(), &runs()), Intent::Decline, "{message}");
        }
        assert!(matches!(plan("Can you make a video?", &projects(), &[]), Intent::AskBack { .. }));
    }

    #[test]
    fn a_wish_without_a_subject_asks_back() {
        for message in ["make a video", "create a clip please"] {
            assert!(matches!(plan(message, &projects(), &[]), Intent::AskBack { .. }), "{message}");
        }
    }

    proptest! {
        #[test]
        fn any_message_has_an_intent_and_a_valid_input(message in "\\PC{0,600}") {
            if let Intent::Start(proposal) = plan(&message, &projects(), &runs()) {
                prop_assert!(proposal.confidence >= CONFIDENCE_START);
                prop_assert!(proposal.input.prompt.is_some_and(|prompt| prompt.chars().count() <= 400));
            }
        }
    }
}
