//! What features do with runs: load one, decide a command and commit it, show them (`view`).

pub mod view;

use mw_edge::ids::{is_run_id, new_id};
use mw_edge::{Context, Problem, Request, auth, clock, problem};
use mw_kernel::principal::Named;
use mw_kernel::run::{self, AnyCommand, AnyRun};
use mw_store::DbError;
use mw_store::commit::TransitionError;
use mw_store::runs::{Asking, Loaded};

/// Loads a run or answers 404.
pub fn load(context: &mut Context, run_id: &str) -> Result<AnyRun, Problem> {
    load_for(context, run_id, None).map(|(run, _)| run)
}

/// The same, with what is known of whoever a link is to be made for.
pub fn load_for(
    context: &mut Context,
    run_id: &str,
    approver: Option<&str>,
) -> Result<(AnyRun, Option<Named>), Problem> {
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
    request: &Request,
    approver: Option<&str>,
) -> Result<Loaded, Problem> {
    let caller = auth::limiter_subject(request, context);
    let limit = context.limit(&caller)?;
    // An id that cannot exist still counts.
    let run_id = if is_run_id(run_id) { run_id } else { "" };
    context.log.about_run(run_id);
    let loaded = loaded(context, run_id, Asking { key_hash: None, approver, limit: Some(&limit) })?;
    context.count(loaded.limit.as_ref())?;
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
pub struct Applied {
    pub run: AnyRun,
    /// False when it had been done before.
    pub changed: bool,
    /// Whether to wake the dispatcher.
    pub kick: bool,
}

/// Decides a command on a loaded run and commits it, again and again while others are faster.
pub fn apply(
    context: &mut Context,
    run: AnyRun,
    command: &AnyCommand,
    actor: &str,
) -> Result<Applied, TransitionError> {
    let (version, kinds) = (run.version, context.kinds);
    let database = context.database().map_err(|problem| {
        TransitionError::Database(DbError::Failed(problem.cause.map_or(problem.detail, String::from)))
    })?;
    let mut new_id = new_id;
    let mut decision_context = run::Context { now: clock::now(), new_id: &mut new_id };
    let moved = mw_store::commit::transition(database, kinds, run, command, actor, &mut decision_context)?;
    Ok(Applied { changed: moved.run.version != version, run: moved.run, kick: moved.kick })
}
