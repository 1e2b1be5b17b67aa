//! What an operator asks for by name. One function for every way in (route, command, bulk) and for the dry run: it
//! decides, and the caller commits or does not. Retry means two things: in an open run the failed jobs go out again; of
//! an ended one a successor opens.

use crate::Timestamp;
use crate::run::kind::Kind;
use crate::run::state::Run;
use crate::run::successor::Succession;
use crate::run::{Command, Context, Decided, Refusal, apply, succeed};
use crate::status::Verb;

/// A verb with what it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    Cancel,
    /// Expires the run when nobody resumes it in time.
    Pause {
        until: Timestamp,
    },
    Resume,
    Terminate,
    Extend {
        until: Timestamp,
    },
    Retry {
        key: String,
        fresh: bool,
    },
    Rerun {
        from: String,
        key: String,
        fresh: bool,
    },
}

impl Order {
    pub fn verb(&self) -> Verb {
        match self {
            Order::Cancel => Verb::Cancel,
            Order::Pause { .. } => Verb::Pause,
            Order::Resume => Verb::Resume,
            Order::Terminate => Verb::Terminate,
            Order::Extend { .. } => Verb::Extend,
            Order::Retry { .. } => Verb::Retry,
            Order::Rerun { .. } => Verb::Rerun,
        }
    }

    /// Decides the order. `None` when it is carried out already; a decision about another run (`expected_version` 0) opens a
    /// successor.
    pub fn decide<B: Kind>(
        &self,
        run: &Run<B>,
        reason: &str,
        actor: &str,
        context: &mut Context<'_>,
    ) -> Result<Option<Decided<B>>, Refusal> {
        let (reason, actor) = (reason.to_owned(), actor.to_owned());
        let command = match self {
            Order::Retry { key, fresh } if run.is_ended() => {
                return open(run, None, key, *fresh, &actor, context);
            }
            Order::Rerun { from, key, fresh } => return open(run, Some(from), key, *fresh, &actor, context),
            Order::Retry { .. } => Command::Retry { reason },
            Order::Cancel => Command::Cancel { reason, actor: actor.clone() },
            Order::Pause { until } => Command::Pause { reason, actor: actor.clone(), until: *until },
            Order::Resume => Command::Resume { reason },
            Order::Terminate => Command::Terminate { reason, actor: actor.clone() },
            Order::Extend { until } => Command::Extend { until: *until, reason },
        };
        apply(run, &command, &actor, context)
    }
}

fn open<B: Kind>(
    parent: &Run<B>,
    from: Option<&String>,
    key: &str,
    fresh: bool,
    actor: &str,
    context: &mut Context<'_>,
) -> Result<Option<Decided<B>>, Refusal> {
    let wish = Succession { run_id: (context.new_id)(), from: from.cloned(), fresh, key: key.to_owned() };
    succeed(parent, &wish, actor, context).map(Some)
}
