//! What people are told of a run, wherever they read it. An event becomes a [`Notice`] in the commit; the words are made
//! from the run as it stands when they are sent, so that nobody is asked about what has been decided meanwhile. Plain
//! text: each channel escapes it for its own markup (`mw_providers::telegram`, `mw_providers::slack`).

use crate::Timestamp;
use crate::brendan::speech::plain;
use crate::run::{Event, Recorded, Run, rfc3339};
use crate::status::{GateName, Verdict};
use serde::{Deserialize, Serialize};
use time::Duration;

/// Longer texts of personas and providers are cut: a message is read at a glance.
const QUOTE_CHARS_MAX: usize = 600;
/// Later than this nobody is told any more: a channel that was away for so long would bring only old news.
const NEWS_HOURS: i64 = 24;

/// What people are told about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "occasion", rename_all = "snake_case")]
pub enum Occasion {
    GateOpened { gate: GateName, opening: u32 },
    GateWarned { gate: GateName, opening: u32 },
    GateEscalated { gate: GateName, opening: u32 },
    GateDecided { gate: GateName, opening: u32 },
    RunPublished,
    RunFailed,
    RunRejected,
    RunExpired,
}

/// One occasion of a run, as it stands in the outbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// The event's number: with the run and the address it makes the effect's key, so that nobody is told twice.
    pub seq: u64,
    #[serde(flatten)]
    pub occasion: Occasion,
    #[serde(with = "time::serde::rfc3339")]
    pub at: Timestamp,
}

impl Notice {
    /// Whether it is too late to tell it.
    pub fn is_old(&self, now: Timestamp) -> bool {
        now - self.at > Duration::hours(NEWS_HOURS)
    }
}

/// A gate that a message asks to decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    pub gate: GateName,
    pub opening: u32,
}

/// What is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub title: String,
    /// Lines of plain text, not escaped.
    pub text: String,
    /// Set when the reader can decide: a link and buttons belong under it.
    pub asked: Option<Asked>,
}

/// What an event gives people to hear.
pub fn of(recorded: &Recorded) -> Option<Notice> {
    let occasion = match &recorded.event {
        // Links and buttons of the opening before are void, so everybody is asked anew.
        Event::GateOpened { gate, opening, .. } | Event::GateReopened { gate, opening, .. } => {
            Occasion::GateOpened { gate: *gate, opening: *opening }
        }
        Event::GateWarned { gate, opening } => Occasion::GateWarned { gate: *gate, opening: *opening },
        Event::GateEscalated { gate, opening } => Occasion::GateEscalated { gate: *gate, opening: *opening },
        Event::GateDecided(decided) => match decided.verdict {
            Verdict::Approve | Verdict::RequestChanges => {
                Occasion::GateDecided { gate: decided.gate, opening: decided.opening }
            }
            // The end of the run, which comes with it, says who rejected.
            Verdict::Reject => return None,
        },
        Event::RunPublished => Occasion::RunPublished,
        Event::RunFailed { .. } => Occasion::RunFailed,
        Event::RunRejected { .. } => Occasion::RunRejected,
        Event::RunExpired { .. } => Occasion::RunExpired,
        Event::RunStarted(_)
        | Event::StepStarted { .. }
        | Event::GateVoted(_)
        | Event::GateExpired { .. }
        | Event::GateExtended { .. }
        | Event::PersonaRequested { .. }
        | Event::PersonaFinished { .. }
        | Event::JobRequested { .. }
        | Event::JobSubmitted { .. }
        | Event::JobSubmissionRepeated { .. }
        | Event::JobSucceeded { .. }
        | Event::JobFailed { .. }
        | Event::JobRetried { .. }
        | Event::JobReplaced { .. }
        | Event::JobAdopted { .. }
        | Event::ClipAdopted { .. }
        | Event::RunPaused { .. }
        | Event::RunResumed { .. }
        | Event::DeadlineExtended { .. }
        | Event::RunRetried { .. }
        | Event::ArtifactAttached(_)
        | Event::RunCancelled { .. } => return None,
    };
    Some(Notice { seq: recorded.seq, occasion, at: recorded.at })
}

/// The words for an occasion, from the run as it stands now; `None` when it was overtaken: the gate is open no more.
pub fn message(run: &Run, occasion: Occasion) -> Option<Message> {
    let (title, lines, asked) = match occasion {
        Occasion::GateOpened { gate, opening } => {
            (question(gate).to_owned(), gate_lines(run, opening)?, Some(Asked { gate, opening }))
        }
        Occasion::GateWarned { gate, opening } => (
            format!("Time is running out: {}", question(gate)),
            gate_lines(run, opening)?,
            Some(Asked { gate, opening }),
        ),
        Occasion::GateEscalated { gate, opening } => (
            format!("Nobody has decided yet: {}", question(gate)),
            gate_lines(run, opening)?,
            Some(Asked { gate, opening }),
        ),
        Occasion::GateDecided { gate, opening } => {
            let decided = run.decided.iter().find(|decided| (decided.gate, decided.opening) == (gate, opening))?;
            let did = match decided.verdict {
                Verdict::Approve => "approved",
                Verdict::Reject => "rejected",
                Verdict::RequestChanges => "asked for changes at",
            };
            let title = format!("{} {did} the {gate} gate", decided.approver);
            (title, decided.comment.iter().map(|comment| quote(comment)).collect(), None)
        }
        Occasion::RunPublished => ("Your video is published".to_owned(), links(run.publish_url.as_deref()), None),
        Occasion::RunFailed => {
            let why = run.error.as_ref().map(|error| quote(&error.error_message));
            ("The run failed".to_owned(), why.into_iter().collect(), None)
        }
        Occasion::RunRejected => ("The run was rejected".to_owned(), rejection(run), None),
        Occasion::RunExpired => ("Nobody decided in time, the run has ended".to_owned(), Vec::new(), None),
    };
    let mut lines = lines;
    lines.push(format!("{} · run {}", quote(&run.title), run.run_id));
    Some(Message { title: quote(&title), text: lines.join("\n"), asked })
}

fn question(gate: GateName) -> &'static str {
    match gate {
        GateName::Workflow => "Start this run?",
        GateName::Ideate => "Make these clips?",
        GateName::Prepublish => "Publish this video?",
    }
}

/// What is decided and until when; `None` unless this opening of the gate still waits.
fn gate_lines(run: &Run, opening: u32) -> Option<Vec<String>> {
    let open = run.gate.as_ref().filter(|open| open.opening == opening)?;
    let mut lines = vec![quote(&open.summary)];
    lines.extend(links(run.render_url.as_deref().filter(|_| open.gate == GateName::Prepublish)));
    lines.extend(run.disclosed().map(|disclosed| disclosed.summary));
    let deadline = run.pause.as_ref().map(|pause| pause.step_deadline).or(run.deadline);
    lines.extend(deadline.map(|at| format!("Open until {}.", to_the_minute(at))));
    Some(lines)
}

fn rejection(run: &Run) -> Vec<String> {
    let Some(decided) = run.decided.last().filter(|decided| decided.verdict == Verdict::Reject) else {
        return Vec::new();
    };
    let mut lines = vec![quote(&format!("{} said no at the {} gate.", decided.approver, decided.gate))];
    lines.extend(decided.comment.as_deref().map(quote));
    lines
}

fn links(url: Option<&str>) -> Vec<String> {
    url.map(str::to_owned).into_iter().collect()
}

/// A text that others wrote, without live addresses: a message is in our name.
fn quote(text: &str) -> String {
    let text = plain(text.trim());
    match text.char_indices().nth(QUOTE_CHARS_MAX) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

fn to_the_minute(at: Timestamp) -> String {
    rfc3339(at).get(..16).map(|text| format!("{} UTC", text.replace('T', " "))).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::testing::{T0, approve, at_gate, decide_with, with_context};
    use crate::run::{Command, GateDecision, apply};

    fn opening_of(run: &Run) -> Occasion {
        let open = run.gate.as_ref().unwrap();
        Occasion::GateOpened { gate: open.gate, opening: open.opening }
    }

    #[test]
    fn an_open_gate_asks_and_says_what_and_until_when() {
        let run = at_gate(GateName::Prepublish);
        let open = run.gate.clone().unwrap();
        let message = message(&run, opening_of(&run)).unwrap();
        assert_eq!(message.title, "Publish this video?");
        assert_eq!(message.asked, Some(Asked { gate: open.gate, opening: open.opening }));
        let video = run.render_url.as_deref().unwrap();
        for part in [open.summary.as_str(), video, "marked as made by AI on tiktok", "Open until 20", &run.run_id] {
            assert!(message.text.contains(part), "{part}: {}", message.text);
        }
    }

    #[test]
    fn nobody_is_asked_about_what_was_decided_meanwhile() {
        let run = at_gate(GateName::Workflow);
        let asked = opening_of(&run);
        let Occasion::GateOpened { gate, opening } = asked else { panic!("{asked:?}") };
        let next = decide_with(&run, Command::DecideGate(approve(GateName::Workflow)));
        assert_eq!(message(&next, asked), None);
        assert_eq!(message(&next, Occasion::GateWarned { gate, opening }), None);
        let told = message(&next, Occasion::GateDecided { gate, opening }).unwrap();
        assert_eq!((told.title.as_str(), told.asked), ("operator approved the workflow gate", None));
    }

    #[test]
    fn a_rejection_is_told_once_with_who_and_why() {
        let run = at_gate(GateName::Ideate);
        let decision =
            GateDecision { verdict: Verdict::Reject, comment: Some("too dull".into()), ..approve(GateName::Ideate) };
        let transition =
            with_context(T0, |context| apply(&run, &Command::DecideGate(decision), "t", context)).unwrap().unwrap();
        let notices = &transition.rows.notifications;
        assert_eq!(notices.iter().map(|notice| notice.occasion).collect::<Vec<_>>(), [Occasion::RunRejected]);
        let told = message(&transition.run, Occasion::RunRejected).unwrap();
        assert!(told.text.contains("operator said no at the ideate gate.") && told.text.contains("too dull"));
    }

    #[test]
    fn every_notice_of_a_run_has_a_number_of_its_own() {
        let run = at_gate(GateName::Workflow);
        let command = Command::DecideGate(approve(GateName::Workflow));
        let transition = with_context(T0, |context| apply(&run, &command, "t", context)).unwrap().unwrap();
        let notices = &transition.rows.notifications;
        assert_eq!(notices.len(), 2, "decided, and the next gate opened");
        assert!(notices[0].seq < notices[1].seq);
        let stored = serde_json::to_value(&notices[1]).unwrap();
        assert_eq!((stored["occasion"].as_str(), stored["gate"].as_str()), (Some("gate_opened"), Some("ideate")));
        assert_eq!(serde_json::from_value::<Notice>(stored).unwrap(), notices[1]);
    }

    #[test]
    fn no_words_of_others_bring_an_address_to_a_notice() {
        let evil = "ask https://evil.example/login";
        let mut run = at_gate(GateName::Prepublish);
        run.title = evil.to_owned();
        run.gate.as_mut().unwrap().summary = evil.to_owned();
        let video = run.render_url.clone().unwrap();
        let asked = message(&run, opening_of(&run)).unwrap().text;
        assert!(asked.contains(&video) && asked.matches("https[:]//evil[.]example/login").count() == 2, "{asked}");
        let decision =
            GateDecision { verdict: Verdict::Reject, comment: Some(evil.to_owned()), ..approve(GateName::Prepublish) };
        let mut rejected = decide_with(&run, Command::DecideGate(decision));
        rejected.decided.last_mut().unwrap().approver = "www.evil.example".to_owned();
        let told = message(&rejected, Occasion::RunRejected).unwrap().text;
        assert!(!told.contains("evil.example") && told.contains("www[.]evil[.]example said no"), "{told}");
    }

    #[test]
    fn long_words_are_cut_and_old_news_is_none() {
        assert_eq!(quote(&"é".repeat(QUOTE_CHARS_MAX)).chars().count(), QUOTE_CHARS_MAX);
        assert_eq!(quote(&"é".repeat(QUOTE_CHARS_MAX + 5)).chars().count(), QUOTE_CHARS_MAX + 1);
        let notice = Notice { seq: 1, occasion: Occasion::RunFailed, at: T0 };
        assert!(!notice.is_old(T0 + Duration::hours(24)) && notice.is_old(T0 + Duration::hours(25)));
    }
}
