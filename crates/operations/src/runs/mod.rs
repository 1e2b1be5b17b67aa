//! What handlers do with runs: load one, ask core to decide, commit, and say in HTTP what a refusal means.

use crate::auth;
use crate::context::Context;
use crate::limits::Limiter;
use crate::problem::{self, Problem};
use crate::request::Request;
use crate::run_start::field_errors;
use crate::{clock, drain};
use mw_core::principal::Named;
use mw_core::run::{self, Command, Refusal, Run};
use mw_core::status::GateName;
use mw_store::DbError;
use mw_store::commit::TransitionError;
use mw_store::runs::{Asking, Loaded};

/// Longer or odder texts are no run ids, and need no statement to say so.
const RUN_ID_LENGTH_MAX: usize = 128;

impl From<DbError> for Problem {
    fn from(error: DbError) -> Problem {
        match error {
            DbError::Unavailable(cause) => problem::unavailable("database unavailable").because(cause),
            DbError::Failed(cause) => problem::internal().because(cause),
        }
    }
}

pub fn is_run_id(text: &str) -> bool {
    (1..=RUN_ID_LENGTH_MAX).contains(&text.len()) && !text.chars().any(char::is_control)
}

/// Loads a run or answers 404.
pub fn load(context: &mut Context, run_id: &str) -> Result<Run, Problem> {
    load_for(context, run_id, None).map(|(run, _)| run)
}

/// The same, with what is known of whoever a link is to be made for.
pub fn load_for(context: &mut Context, run_id: &str, approver: Option<&str>) -> Result<(Run, Option<Named>), Problem> {
    let not_found = || problem::not_found("run not found");
    if !is_run_id(run_id) {
        return Err(not_found());
    }
    context.log.about_run(run_id);
    let loaded = loaded(context, run_id, Asking { approver, ..Asking::default() })?;
    Ok((loaded.run.ok_or_else(not_found)?, loaded.approver))
}

/// A run with what is left of the caller's limit and what is known of the approver whom a link names, in one statement;
/// 429 when nothing is left.
pub fn load_counted(
    context: &mut Context,
    run_id: &str,
    limiter: Limiter,
    request: &Request,
    approver: Option<&str>,
) -> Result<Loaded, Problem> {
    let caller = auth::limiter_subject(request, context);
    let limit = limiter.limit(&context.config, &caller)?;
    // An id that cannot exist still counts.
    let run_id = if is_run_id(run_id) { run_id } else { "" };
    context.log.about_run(run_id);
    let loaded = loaded(context, run_id, Asking { key_hash: None, approver, limit: Some(&limit) })?;
    limiter.check(loaded.limit.as_ref())?;
    Ok(loaded)
}

/// The statement that loads also finds out whose key it is.
fn loaded(context: &mut Context, run_id: &str, by: Asking<'_>) -> Result<Loaded, Problem> {
    let key_hash = context.claimed_key();
    let by = Asking { key_hash: key_hash.as_deref(), ..by };
    let loaded = mw_store::runs::load_for(context.connection()?, clock::now(), run_id, by)?;
    context.admit(loaded.principal.clone())?;
    Ok(loaded)
}

/// What a command did.
pub struct Outcome {
    pub run: Run,
    /// False when the wish was fulfilled before.
    pub changed: bool,
    /// Whether to wake the dispatcher.
    pub kick: bool,
}

/// Decides a command on a loaded run and commits it, again and again while others are faster.
pub fn carry_out(context: &mut Context, run: Run, command: &Command, actor: &str) -> Result<Outcome, TransitionError> {
    let version = run.version;
    let database = context.database().map_err(|problem| {
        TransitionError::Database(DbError::Failed(problem.cause.map_or(problem.detail, String::from)))
    })?;
    let mut new_id = new_id;
    let mut decision_context = run::Context { now: clock::now(), new_id: &mut new_id };
    let moved = mw_store::commit::transition(database, run, command, actor, &mut decision_context)?;
    Ok(Outcome { changed: moved.run.version != version, run: moved.run, kick: moved.kick })
}

/// A fresh unguessable id.
pub fn new_id() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// For jitter.
pub fn random_byte() -> u8 {
    let [byte, ..] = uuid::Uuid::new_v4().into_bytes();
    byte
}

impl From<TransitionError> for Problem {
    fn from(error: TransitionError) -> Problem {
        match error {
            TransitionError::Refused(refusal) => refused(&refusal),
            TransitionError::Database(error) => error.into(),
            TransitionError::OverBudget { used, limit } => problem::budget_exhausted(used, limit, clock::now()),
            TransitionError::Draining { reason } => drain::refusal(reason.as_deref()),
            TransitionError::Contended => problem::unavailable("run is changing too quickly"),
        }
    }
}

/// At a gate, a decision that could not be committed is the original's 502: nothing is recorded, a retry does it.
pub fn gate_problem(error: TransitionError) -> Problem {
    match error {
        TransitionError::Database(error) => problem::resume_failed().because(error),
        error => error.into(),
    }
}

fn refused(refusal: &Refusal) -> Problem {
    let text = refusal.to_string();
    match refusal {
        Refusal::AlreadyTerminal { .. } => problem::conflict("run-already-ended", text),
        Refusal::NotWaiting { .. } => problem::conflict("gate-not-open", text),
        Refusal::AlreadyDecided { decided, .. } => problem::conflict("gate-already-decided", text)
            .with_member("decision", decided.verdict.outcome())
            .with_member("decided_by", decided.approver.clone())
            .with_member("decided_at", run::rfc3339(decided.at)),
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
        Refusal::NothingToRetry { .. } => problem::conflict("nothing-to-retry", text),
        Refusal::StepNotReached { .. } => problem::conflict("step-not-reached", text),
        Refusal::UnknownStep { .. } => problem::invalid_field("#/from", text),
        Refusal::DeadlineTooFar { .. } => problem::invalid_field("#/until", text),
        Refusal::StaleJob { .. } | Refusal::StaleStep { .. } | Refusal::NotDue { .. } => {
            problem::internal().because(text)
        }
    }
}

/// Why a gate that isn't open has nothing to show or link to.
pub fn nothing_to_decide(run: &Run, gate: GateName) -> Problem {
    let run_id = run.run_id.clone();
    let decided = run.decided.iter().rev().find(|decided| decided.gate == gate);
    refused(&match decided {
        Some(decided) => Refusal::AlreadyDecided { gate, decided: Box::new(decided.clone()) },
        None if run.status.is_terminal() => Refusal::AlreadyTerminal { run_id, status: run.status },
        None => Refusal::NotWaiting { run_id, gate },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use mw_core::status::Status;

    #[test]
    fn texts_of_refusals_are_the_contracts() {
        let mut run = Run::unborn("r1".to_owned());
        let waiting = nothing_to_decide(&run, GateName::Ideate);
        assert_eq!((waiting.status, waiting.detail.as_str()), (409, "Run r1 is not waiting at gate ideate"));
        run.status = Status::Cancelled;
        let ended = nothing_to_decide(&run, GateName::Ideate);
        assert_eq!((ended.status, ended.detail.as_str()), (409, "Run r1 is already cancelled"));
    }

    #[test]
    fn a_database_that_is_away_is_503_and_at_a_gate_502() {
        let away = || DbError::Unavailable("refused".to_owned());
        assert_eq!(Problem::from(away()).status, 503);
        assert_eq!(Problem::from(DbError::Failed("x".to_owned())).status, 500);
        let at_gate = gate_problem(TransitionError::Database(away()));
        assert_eq!((at_gate.status, at_gate.detail.as_str()), (502, "failed to resume run"));
    }

    #[test]
    fn run_ids_are_bounded_and_printable() {
        assert!(is_run_id("6f1c") && is_run_id("run-ü"));
        for odd in ["", "a\0b", "a\nb", &"x".repeat(129)] {
            assert!(!is_run_id(odd));
        }
    }
}
