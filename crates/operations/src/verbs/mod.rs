//! What operators do to a run by name, from whichever channel: the order is read, decided by the core, and answered with its outcome;
//! asking twice is harmless. `bulk` does it to a page of runs.

pub mod body;
pub mod bulk;

use crate::runs;
use body::{CancelRun, ExtendRun, PauseRun, RerunRun, RetryRun};
use mw_edge::body::{Body, Fields, Moment, Text, Whole};
use mw_edge::{Context, Problem, clock, ids, problem};
use mw_kernel::Timestamp;
use mw_kernel::run::{self, AnyRun, EXTEND_DAYS_MAX, Order, PAUSE_DAYS, Refusal};
use mw_kernel::status::Verb;
use mw_store::commit::TransitionError;
use mw_store::unreadable::{self, Ended, Wanted};
use time::Duration;

const SECONDS_MIN: u32 = 60;
const SECONDS_MAX: u32 = EXTEND_DAYS_MAX * 24 * 3600;

/// An order with why and by whom.
pub struct VerbRequest {
    pub order: Order,
    pub reason: String,
    pub actor: String,
}

impl VerbRequest {
    /// Reads an order's members; what is wrong with them is gathered in `fields`.
    pub fn read(verb: Verb, fields: &mut Fields<'_>, key: String, now: Timestamp) -> VerbRequest {
        let (order, reason, actor) = match verb {
            Verb::Cancel => {
                let CancelRun { reason, actor } = Body::read(fields);
                (Order::Cancel, reason, actor)
            }
            Verb::Resume => {
                let body::Order { reason, actor } = Body::read(fields);
                (Order::Resume, reason, actor)
            }
            Verb::Terminate => {
                let body::Order { reason, actor } = Body::read(fields);
                (Order::Terminate, reason, actor)
            }
            Verb::Pause => {
                let PauseRun { reason, actor, seconds, until } = Body::read(fields);
                let until = moment(seconds, until, fields, now);
                (Order::Pause { until: until.unwrap_or_else(|| now + Duration::days(PAUSE_DAYS)) }, reason, actor)
            }
            Verb::Extend => {
                let ExtendRun { reason, actor, seconds, until } = Body::read(fields);
                let until = moment(seconds, until, fields, now);
                if until.is_none() && fields.errors.is_empty() {
                    fields.fail("until", "Field required: until, or seconds");
                }
                (Order::Extend { until: until.unwrap_or(now) }, reason, actor)
            }
            Verb::Retry => {
                let RetryRun { reason, actor, fresh } = Body::read(fields);
                (Order::Retry { key, fresh: fresh.unwrap_or(false) }, reason, actor)
            }
            Verb::Rerun => {
                let RerunRun { reason, actor, from, fresh } = Body::read(fields);
                (Order::Rerun { from: from.0, key, fresh: fresh.unwrap_or(false) }, reason, actor)
            }
        };
        let reason = Text::said(reason).unwrap_or_else(|| default_reason(verb));
        let actor = Text::said(actor).unwrap_or_else(|| "api".to_owned());
        VerbRequest { order, reason, actor }
    }
}

fn default_reason(verb: Verb) -> String {
    match verb {
        Verb::Cancel => "cancelled via API".to_owned(),
        Verb::Pause | Verb::Resume | Verb::Terminate | Verb::Extend | Verb::Retry | Verb::Rerun => {
            format!("{verb} via API")
        }
    }
}

/// `until` as it stands, or `seconds` from now.
fn moment(
    seconds: Option<Whole<SECONDS_MIN, SECONDS_MAX>>,
    until: Option<Moment>,
    fields: &mut Fields<'_>,
    now: Timestamp,
) -> Option<Timestamp> {
    let until = until.map(|until| until.0);
    if until.is_some_and(|until| until <= now) {
        fields.fail("until", "should be in the future");
    }
    until.or_else(|| seconds.map(|seconds| now + Duration::seconds(i64::from(seconds.0))))
}

/// What an order came to.
pub struct Performed {
    /// The run's version before.
    pub version: u64,
    /// The run, or its successor; `None` for one that could not be read and was ended.
    pub after: Option<AnyRun>,
    pub kick: bool,
}

/// Carries an order out on a run.
pub fn perform(run_id: &str, request: VerbRequest, context: &mut Context) -> Result<Performed, Problem> {
    let loaded = runs::load(context, run_id);
    let request = VerbRequest { actor: context.actor(&request.actor)?, ..request };
    let run = match loaded {
        Ok(run) => run,
        Err(problem) if problem.status == 500 && request.order == Order::Terminate => {
            return end_unreadable(run_id, &request, context, problem);
        }
        Err(problem) => return Err(problem),
    };
    let version = run.version;
    let mut new_id = ids::new_id;
    let mut decision = run::Context { now: clock::now(), new_id: &mut new_id };
    let (kinds, VerbRequest { order, reason, actor }) = (context.kinds, &request);
    match mw_store::commit::order(context.database()?, kinds, run, order, reason, actor, &mut decision) {
        Ok(moved) => Ok(Performed { version, after: Some(moved.run), kick: moved.kick }),
        Err(error @ TransitionError::Refused(Refusal::Unreadable { .. })) if *order == Order::Terminate => {
            end_unreadable(run_id, &request, context, error.into())
        }
        Err(error) => Err(error.into()),
    }
}

/// A run that this version cannot read is ended on what can be known of it: no run is beyond reach.
fn end_unreadable(
    run_id: &str,
    request: &VerbRequest,
    context: &mut Context,
    unread: Problem,
) -> Result<Performed, Problem> {
    let wanted = Wanted {
        run_id: run_id.to_owned(),
        error: run::terminated(&request.reason, &request.actor),
        actor: request.actor.clone(),
    };
    let ended = unreadable::end(context.database()?, clock::now(), &[wanted])?;
    match ended.ends.first() {
        Some(Ended::Ended) => Ok(Performed { version: 0, after: None, kick: ended.kick }),
        Some(Ended::Before) => Err(problem::conflict("run-already-ended", format!("Run {run_id} has ended already"))),
        Some(Ended::Moved) => Err(TransitionError::Contended.into()),
        Some(Ended::Missing) | None => Err(unread),
    }
}

/// `changed`, `unchanged`, or `successor` with the run that opened, or was there already.
pub fn outcome(run_id: &str, version: u64, after: &AnyRun) -> (&'static str, Option<String>) {
    if after.run_id != run_id {
        ("successor", Some(after.run_id.clone()))
    } else if after.version == version {
        ("unchanged", None)
    } else {
        ("changed", None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_takes_its_time_from_a_moment_or_from_seconds() {
        let now = clock::now();
        let read = |verb, body: &str| {
            let members: serde_json::Value = serde_json::from_str(body).unwrap();
            let mut fields = Fields::new(members.as_object().unwrap(), "#");
            VerbRequest::read(verb, &mut fields, String::new(), now).order
        };
        assert_eq!(read(Verb::Pause, "{}"), Order::Pause { until: now + Duration::days(PAUSE_DAYS) });
        let hour = Order::Extend { until: now + Duration::hours(1) };
        assert_eq!(read(Verb::Extend, r#"{"seconds":3600}"#), hour);
        let until = clock::parse("2999-01-01T00:00:00Z").unwrap();
        assert_eq!(read(Verb::Extend, r#"{"until":"2999-01-01T00:00:00Z","seconds":60}"#), Order::Extend { until });
    }

    #[test]
    fn the_answer_says_what_happened() {
        let mut run = mw_media::run::Run::empty("r1".to_owned()).erase().unwrap();
        run.version = 3;
        assert_eq!(outcome("r1", 3, &run), ("unchanged", None));
        assert_eq!(outcome("r1", 2, &run), ("changed", None));
        assert_eq!(outcome("r0", 9, &run), ("successor", Some("r1".to_owned())));
    }
}
