//! What the refusals of the store and of the core mean in HTTP.

use crate::clock;
use crate::config::Misconfigured;
use crate::problem::{self, FieldError, Problem};
use mw_kernel::run::{self, Refusal};
use mw_store::DbError;
use mw_store::commit::TransitionError;

/// When a caller that was refused while the service drains may ask again.
const DRAINING_RETRY_AFTER_SECONDS: u32 = 60;

impl From<Misconfigured> for Problem {
    fn from(error: Misconfigured) -> Problem {
        problem::misconfigured().because(error)
    }
}

impl From<DbError> for Problem {
    fn from(error: DbError) -> Problem {
        match error {
            DbError::Unavailable(cause) => problem::unavailable("database unavailable").because(cause),
            DbError::Failed(cause) => problem::internal().because(cause),
        }
    }
}

impl From<TransitionError> for Problem {
    fn from(error: TransitionError) -> Problem {
        match error {
            TransitionError::Refused(refusal) => of_run(&refusal),
            TransitionError::Database(error) => error.into(),
            TransitionError::OverBudget { used, limit } => problem::budget_exhausted(used, limit, clock::now()),
            TransitionError::Draining { reason } => draining(reason.as_deref()),
            TransitionError::Contended => problem::unavailable("run is changing too quickly"),
        }
    }
}

/// What the core refuses to do with a run.
pub fn of_run(refusal: &Refusal) -> Problem {
    let text = refusal.to_string();
    match refusal {
        Refusal::AlreadyTerminal { .. } => problem::conflict("run-already-ended", text),
        Refusal::NotWaiting { .. } => problem::conflict("gate-not-open", text),
        Refusal::AlreadyDecided { decided, .. } => problem::conflict("gate-already-decided", text)
            .with_member("decision", decided.verdict.outcome())
            .with_member("decided_by", decided.approver.clone())
            .with_member("decided_at", run::rfc3339(decided.at)),
        Refusal::WhichGate { .. } => problem::conflict("gate-ambiguous", text),
        Refusal::StaleSubject { .. } => problem::conflict("gate-changed", text),
        Refusal::Unreadable { .. } => problem::conflict("run-unreadable", text),
        Refusal::StaleLink => problem::invalid_token().because("token refused: other opening"),
        Refusal::NotAllowed { .. } | Refusal::PrincipalsOnly { .. } | Refusal::SelfApproval { .. } => {
            problem::gate_not_yours(text)
        }
        Refusal::ReasonRequired { .. } => problem::invalid_field("#/comment", text),
        Refusal::EditNotAllowed { field, .. } => problem::invalid_field(&format!("#/edit/{field}"), text),
        Refusal::InvalidEdit { errors } => problem::invalid(field_errors(errors.clone()).collect()),
        Refusal::NobodyToAsk { .. } | Refusal::TooManyRounds { .. } => problem::conflict("nothing-to-change", text),
        Refusal::Paused { .. } => problem::conflict("run-paused", text),
        Refusal::NotEnded { .. } => problem::conflict("run-not-ended", text),
        Refusal::WrongStatus { .. } => problem::conflict("wrong-status", text),
        Refusal::NothingToRetry { .. } => problem::conflict("nothing-to-retry", text),
        Refusal::StepNotReached { .. } => problem::conflict("step-not-reached", text),
        Refusal::UnknownStep { .. } => problem::invalid_field("#/from", text),
        Refusal::DeadlineTooFar { .. } => problem::invalid_field("#/until", text),
        Refusal::StaleJob { .. } | Refusal::StaleStep { .. } | Refusal::NotDue { .. } => {
            problem::internal().because(text)
        }
    }
}

/// The core's faults of fields, as clients see them.
pub fn field_errors(errors: Vec<run::FieldError>) -> impl Iterator<Item = FieldError> {
    errors.into_iter().map(|error| FieldError::new(error.pointer, error.detail))
}

/// 503 for whatever would start something new.
pub fn draining(reason: Option<&str>) -> Problem {
    let detail = match reason {
        Some(reason) => format!("the service is draining and starts nothing new: {reason}"),
        None => "the service is draining and starts nothing new".to_owned(),
    };
    let problem =
        Problem::new(503, "draining", detail).with_header("retry-after", DRAINING_RETRY_AFTER_SECONDS.to_string());
    match reason {
        Some(reason) => problem.with_member("reason", reason),
        None => problem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_that_is_away_is_503() {
        assert_eq!(Problem::from(DbError::Unavailable("refused".to_owned())).status, 503);
        assert_eq!(Problem::from(DbError::Failed("x".to_owned())).status, 500);
    }

    #[test]
    fn misconfigured_is_503_with_the_cause_in_the_log() {
        let problem = Problem::from(Misconfigured("variable c is not set".to_owned()));
        assert_eq!(problem.status, 503);
        assert_eq!(problem.cause.as_deref(), Some("variable c is not set"));
    }

    #[test]
    fn draining_refuses_with_reason_and_retry_after() {
        let problem = draining(Some("upgrade"));
        assert_eq!((problem.status, problem.code), (503, "draining"));
        assert!(problem.detail.ends_with("upgrade"));
        assert_eq!(problem.headers, [("retry-after", "60".to_owned())]);
    }
}
