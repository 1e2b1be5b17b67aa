//! What people are told of a run, wherever they read it. An event becomes a [`Notice`] in the commit; the words are made
//! from the run as it stands when they are sent, so that nobody is asked about what has been decided meanwhile. Plain
//! text: each channel escapes it for its own markup (Telegram, Slack).

use crate::Timestamp;
use crate::run::{Body, Common, Event, Kind, Question, Recorded, Run, rfc3339};
use crate::speech::plain;
use crate::status::{End, GateName, Verdict};
use serde::{Deserialize, Serialize};
use time::Duration;

/// Longer texts of personas and providers are cut: a message is read at a glance.
pub const QUOTE_CHARS_MAX: usize = 600;
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
    RunEnded { end: End },
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

/// What an event gives people to read.
pub fn of<B: Kind>(run: &Run<B>, recorded: &Recorded<Event<B>>) -> Option<Notice> {
    let gates = match &recorded.event {
        Event::Common(event) => of_gate(event),
        Event::Started(_) | Event::Own(_) => None,
    };
    match gates {
        Some(occasion) => Some(Notice { seq: recorded.seq, occasion, at: recorded.at }),
        None => of_end(run, recorded.seq, recorded.at),
    }
}

/// What the event of this number gives people to read, where it ended the run. Whoever cancels knows it.
pub fn of_end<B: Body>(run: &Run<B>, seq: u64, at: Timestamp) -> Option<Notice> {
    match run.end.filter(|_| run.version == seq)? {
        end @ (End::Done | End::Failed | End::Rejected | End::Expired) => {
            Some(Notice { seq, occasion: Occasion::RunEnded { end }, at })
        }
        End::Cancelled => None,
    }
}

fn of_gate(event: &Common) -> Option<Occasion> {
    match event {
        Common::GateOpened(opened) => Some(Occasion::GateOpened { gate: opened.gate, opening: opened.opening }),
        // Links and buttons of the opening before are void, so everybody is asked anew.
        Common::GateReopened { gate, opening, .. } => Some(Occasion::GateOpened { gate: *gate, opening: *opening }),
        Common::GateWarned { gate, opening } => Some(Occasion::GateWarned { gate: *gate, opening: *opening }),
        Common::GateEscalated { gate, opening } => Some(Occasion::GateEscalated { gate: *gate, opening: *opening }),
        Common::GateDecided(decided) => match decided.verdict {
            Verdict::Approve | Verdict::RequestChanges => {
                Some(Occasion::GateDecided { gate: decided.gate, opening: decided.opening })
            }
            // The end of the run, which comes with it, says who rejected.
            Verdict::Reject => None,
        },
        Common::GateVoted(_)
        | Common::GateExpired { .. }
        | Common::GateWithdrawn { .. }
        | Common::GateExtended { .. }
        | Common::RunPaused { .. }
        | Common::RunResumed { .. }
        | Common::DeadlineExtended { .. }
        | Common::RunRetried { .. }
        | Common::ArtifactAttached(_)
        | Common::RunRejected { .. }
        | Common::RunExpired { .. }
        | Common::RunFailed { .. }
        | Common::RunCancelled { .. } => None,
    }
}

/// The words for an occasion, from the run as it stands now; `None` when it was overtaken: the gate is open no more.
pub fn message<B: Kind>(run: &Run<B>, occasion: Occasion) -> Option<Message> {
    let (title, mut lines, asked) = match occasion {
        Occasion::GateOpened { gate, opening } => asked(run, gate, opening, "")?,
        Occasion::GateWarned { gate, opening } => asked(run, gate, opening, "Time is running out: ")?,
        Occasion::GateEscalated { gate, opening } => asked(run, gate, opening, "Nobody has decided yet: ")?,
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
        Occasion::RunEnded { end } => {
            let Question { title, lines } = unsuccessful(run, end).unwrap_or_else(|| B::done(run));
            (title, lines, None)
        }
    };
    lines.push(format!("{} · run {}", quote(&run.title), run.run_id));
    Some(Message { title: quote(&title), text: lines.join("\n"), asked })
}

/// The words for an occasion of a run whose body nobody here can read: those of its end, unless the kind has them.
pub fn message_of_unread<B: Body>(run: &Run<B>, occasion: Occasion) -> Option<Message> {
    let Question { title, mut lines } = match occasion {
        Occasion::RunEnded { end } => unsuccessful(run, end)?,
        Occasion::GateOpened { .. }
        | Occasion::GateWarned { .. }
        | Occasion::GateEscalated { .. }
        | Occasion::GateDecided { .. } => return None,
    };
    lines.push(format!("{} · run {}", quote(&run.title), run.run_id));
    Some(Message { title, text: lines.join("\n"), asked: None })
}

/// The words for an end that all kinds share; what a run has done is the kind's to say.
fn unsuccessful<B: Body>(run: &Run<B>, end: End) -> Option<Question> {
    let (title, lines) = match end {
        End::Done => return None,
        End::Failed => ("The run failed", run.error.iter().map(|error| quote(&error.error_message)).collect()),
        End::Rejected => ("The run was rejected", rejection(run)),
        End::Expired => ("Nobody decided in time, the run has ended", Vec::new()),
        End::Cancelled => ("The run was cancelled", Vec::new()),
    };
    Some(Question { title: title.to_owned(), lines })
}

/// What is asked and until when; `None` unless this opening of the gate still waits.
fn asked<B: Kind>(
    run: &Run<B>,
    gate: GateName,
    opening: u32,
    before: &str,
) -> Option<(String, Vec<String>, Option<Asked>)> {
    let open = run.opening(opening).filter(|open| open.gate == gate)?;
    let Question { title, lines: shown } = B::question(run, open.key());
    let mut lines = vec![quote(&open.summary)];
    lines.extend(shown);
    lines.push(format!("Open until {}.", to_the_minute(open.deadline)));
    Some((format!("{before}{title}"), lines, Some(Asked { gate, opening })))
}

fn rejection<B: Body>(run: &Run<B>) -> Vec<String> {
    let Some(decided) = run.decided.last().filter(|decided| decided.verdict == Verdict::Reject) else {
        return Vec::new();
    };
    let mut lines = vec![quote(&format!("{} said no at the {} gate.", decided.approver, decided.gate))];
    lines.extend(decided.comment.as_deref().map(quote));
    lines
}

/// A text that others wrote, without live addresses: a message is in our name.
pub fn quote(text: &str) -> String {
    let text = plain(text.trim());
    match text.char_indices().nth(QUOTE_CHARS_MAX) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

fn to_the_minute(at: Timestamp) -> String {
    rfc3339(at).get(..16).map(|text| format!("{} UTC", text.replace('T', " "))).unwrap_or_default()
}
