//! Dead letters: deliveries that match no job. The sweep tries them again; operators list, look at, replay and discard
//! them. None is deleted before one of the two has settled it, and the receipt keeps how: a stranger's the sweep discards
//! by itself after three days ([`crate::retention`]).

use crate::{Database, DbError, call, text};
use mw_kernel::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

mw_kernel::words! {
    /// Why a delivery is a dead letter; a CHECK on `webhook_dlq.error` knows the same words.
    Reason {
        UnknownJob = "unknown_job",
        NoReference = "no_reference",
        AmbiguousAccount = "ambiguous_account",
        AmbiguousTask = "ambiguous_task",
    }
}

impl Reason {
    /// What happened and what helps, for an operator.
    pub fn explanation(self) -> &'static str {
        match self {
            Reason::UnknownJob => {
                "No job of ours has the id, task or profile that this delivery names. Most often it overtook the \
                 answer of its submission, and the sweep finds the job within a minute. If the tries are used up, the \
                 task is not ours, or its run is gone: discard it."
            }
            Reason::NoReference => {
                "This delivery names no job at all: neither our job id in its address nor a task id in its body. No \
                 retry can help unless the matching changes: look at the payload, then discard it."
            }
            Reason::AmbiguousAccount => {
                "This delivery names only the profile, and several posts of that profile are open; none is guessed. It \
                 is matched when one of them is left, and the open posts are asked for anyway."
            }
            Reason::AmbiguousTask => {
                "Jobs of several providers have this task id; none is guessed. Both are asked for anyway: discard it \
                 when they have ended."
            }
        }
    }
}

/// What a page of the sweep's retries did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Retried {
    /// Letters that were due.
    pub acted: u64,
    /// Those among them that found their job.
    pub processed: u64,
}

/// Matches letters that are due to their jobs once more.
pub fn retry(db: &mut dyn Database, now: Timestamp, limit: u32) -> Result<Retried, DbError> {
    call(db, "dead_letters_retry", &json!({"now": text(now), "limit": limit}))
}

/// Filters of a list; all of them must match.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    pub provider: Option<String>,
    pub reason: Option<Reason>,
    /// Whether the automatic tries are used up.
    pub exhausted: Option<bool>,
    /// Creation time and id of the last letter of the page before.
    pub before: Option<(String, String)>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Page {
    pub letters: Vec<Value>,
    pub more: bool,
}

/// Lists letters, newest first, one page by key.
pub fn list(db: &mut dyn Database, filter: &Filter, limit: u32) -> Result<Page, DbError> {
    let before = filter.before.as_ref().map(|(created_at, id)| json!({"created_at": created_at, "id": id}));
    let request = json!({
        "provider": filter.provider, "reason": filter.reason, "exhausted": filter.exhausted, "before": before,
        "limit": limit,
    });
    call(db, "dead_letters_list", &request)
}

/// Reads one letter with its delivery, the payload in base64 and cut; also one that is settled. `None` for any other id.
pub fn view(db: &mut dyn Database, id: &str, payload_bytes: usize) -> Result<Option<Value>, DbError> {
    call(db, "dead_letter_view", &json!({"id": id, "payload_bytes": payload_bytes}))
}

/// What an operator wants done with a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Match the stored delivery again and act on it.
    Replay,
    /// Take it out of the queue; the receipt stays.
    Discard,
}

/// Who wants what done with letters, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order<'a> {
    pub action: Action,
    pub actor: &'a str,
    pub reason: &'a str,
    /// Only say what would become of them.
    pub dry_run: bool,
}

mw_kernel::words! {
    /// What became of a letter.
    Ending {
        Processed = "processed",
        Discarded = "discarded",
        /// Still no job to match: the letter stays.
        NoJob = "no_job",
        AlreadyProcessed = "already_processed",
        AlreadyDiscarded = "already_discarded",
        /// No receipt has this id.
        Unknown = "unknown",
    }
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Settled {
    pub result: Ending,
    pub provider: Option<String>,
    pub run_id: Option<String>,
    /// With [`Ending::NoJob`]: why not.
    pub reason: Option<Reason>,
    #[serde(default)]
    pub kick: bool,
}

/// Replays or discards one letter. Its id is that of its receipt; doing it twice says that it is done.
pub fn settle(db: &mut dyn Database, now: Timestamp, id: &str, order: &Order<'_>) -> Result<Settled, DbError> {
    let request = json!({
        "now": text(now), "id": id, "action": order.action, "actor": order.actor, "reason": order.reason,
        "dry_run": order.dry_run,
    });
    call(db, "dead_letter_settle", &request)
}
