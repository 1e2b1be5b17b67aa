//! Committing decisions. [`commit`] is the only statement that changes runs; it takes one decision (a gate) or many
//! (the dispatcher), each guarded by its run's version and answered for itself.

use crate::chat::Turn;
use crate::{Database, DbError, call, text};
use mw_core::Timestamp;
use mw_core::run::{Command, Context, Recorded, Refusal, Run, Transition, apply};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// Tries of one person's decision against a run that keeps moving.
const TRIES_MAX: u32 = 20;

/// How an effect ends.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Settle {
    pub effect_id: i64,
    /// The token of the claim; an older one changes nothing.
    pub fence: i64,
    #[serde(flatten)]
    pub outcome: Outcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    Done,
    /// Given up; visible, and replayable by an operator.
    Dead,
    /// Due again at a time. `not_sent`: surely nothing reached the provider. `uncounted`: the attempt was not its own.
    Again {
        #[serde(with = "time::serde::rfc3339")]
        due_at: Timestamp,
        not_sent: bool,
        uncounted: bool,
    },
    /// Kept, under a lease that starts now, and sent once more.
    Resend {
        lease_seconds: u32,
    },
}

/// A client's Idempotency-Key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Idempotency {
    pub caller: String,
    pub key: String,
    /// Hash of the request: the same key with another request is an error.
    pub fingerprint: String,
}

/// One thing to commit: a run's transition, an effect's end, or both at once.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Decision {
    pub transition: Option<Transition>,
    pub settle: Option<Settle>,
    pub idempotency: Option<Idempotency>,
    pub chat: Option<Turn>,
}

/// What became of one decision.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum Committed {
    Committed,
    /// The run moved on; here it is, for another try.
    Conflict {
        run: Option<Box<Run>>,
    },
    /// The effect's lease is somebody else's now; the run, if the decision had one, is this.
    Fenced {
        run: Option<Box<Run>>,
    },
    /// The idempotency key is known; this run was made then.
    Replay {
        run_id: String,
    },
    /// The idempotency key is known for another request.
    Mismatch {
        run_id: String,
    },
    /// The service drains: no run starts. Nothing was written.
    Draining {
        reason: Option<String>,
    },
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct CommitAnswer {
    /// One per decision, in order.
    pub results: Vec<Committed>,
    /// Whether a dispatcher should be kicked.
    pub kick: bool,
}

/// Commits decisions, each with its own guard.
pub fn commit(db: &mut dyn Database, now: Timestamp, decisions: &[Decision]) -> Result<CommitAnswer, DbError> {
    let decisions: Vec<Value> = decisions.iter().map(Decision::to_json).collect();
    call(db, "SELECT run_commit($1)", &json!({"now": text(now), "decisions": decisions}))
}

impl Decision {
    fn to_json(&self) -> Value {
        let mut decision = Map::new();
        let mut put = |key: &str, value: Value| decision.insert(key.to_owned(), value);
        if let Some(transition) = &self.transition {
            let run = &transition.run;
            put("expected_version", json!(transition.expected_version));
            put("run", json!(run));
            put("result", run.result());
            put("rows", json!(transition.rows));
            put("events", transition.events.iter().map(event_json).collect());
            if transition.expected_version == 0 {
                put("payload", run.payload());
            }
        }
        if let Some(settle) = &self.settle {
            put("settle", json!(settle));
        }
        if let Some(idempotency) = &self.idempotency {
            put("idempotency", json!(idempotency));
        }
        if let Some(chat) = &self.chat {
            put("chat", json!(chat));
        }
        Value::Object(decision)
    }
}

fn event_json(event: &Recorded) -> Value {
    // The body is hashed as this text; PostgreSQL derives the jsonb from it.
    let body = serde_json::to_string(event).unwrap_or_default();
    json!({"seq": event.seq, "type": event.event.name(), "at": text(event.at), "actor": event.actor, "body": body})
}

/// Why a transition was not committed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum TransitionError {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Database(#[from] DbError),
    /// The run kept moving; nothing was recorded.
    #[error("the run is changing too quickly")]
    Contended,
}

/// A committed (or already fulfilled) transition.
#[derive(Debug, Clone, PartialEq)]
pub struct Moved {
    pub run: Run,
    pub kick: bool,
}

/// Decides a command on a loaded run and commits it; decides again when the run moved on meanwhile.
pub fn transition(
    db: &mut dyn Database,
    mut run: Run,
    command: &Command,
    actor: &str,
    context: &mut Context<'_>,
) -> Result<Moved, TransitionError> {
    for _ in 0..TRIES_MAX {
        let Some(transition) = apply(&run, command, actor, context)? else {
            return Ok(Moved { run, kick: false });
        };
        let next = transition.run.clone();
        let decision = Decision { transition: Some(transition), ..Decision::default() };
        let answer = commit(db, context.now, std::slice::from_ref(&decision))?;
        match answer.results.into_iter().next() {
            Some(Committed::Committed) => return Ok(Moved { run: next, kick: answer.kick }),
            Some(Committed::Conflict { run: Some(fresh) }) => run = *fresh,
            Some(
                Committed::Conflict { run: None }
                | Committed::Fenced { .. }
                | Committed::Replay { .. }
                | Committed::Mismatch { .. }
                | Committed::Draining { .. },
            )
            | None => return Err(DbError::Failed("unexpected result of run_commit".to_owned()).into()),
        }
    }
    Err(TransitionError::Contended)
}
