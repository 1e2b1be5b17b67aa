//! A verb on many runs: a page of them at a time, with an answer for each. A dry run decides and commits nothing; so what it
//! shows is what would happen.

use super::VerbRequest;
use mw_edge::{Context, Problem, clock, ids, shape};
use mw_kernel::run::{self, AnyRun};
use mw_store::commit::{TransitionError, order_all};
use mw_store::runs::{Filter, Listed, States};

/// What is asked for.
pub struct BulkRequest {
    pub verb: VerbRequest,
    pub filter: Filter,
    pub page: u32,
    /// Only say what would happen.
    pub dry_run: bool,
}

shape! {
    /// What became of a run, or would.
    #[serde(rename_all = "camelCase")]
    #[schemars(inline)]
    pub struct BulkResult {
        pub run_id: String,
        pub status: Option<String>,
        #[schemars(extend("enum" = ["changed", "unchanged", "successor", "refused"]))]
        pub outcome: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(with = "String")]
        pub successor: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(with = "String")]
        pub code: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(with = "String")]
        pub detail: Option<String>,
    }
}

/// What happens to each run, or would, and whether to wake the dispatcher.
pub fn perform(bulk: &BulkRequest, found: States, context: &mut Context) -> Result<(Vec<BulkResult>, bool), Problem> {
    let mut new_id = ids::new_id;
    let mut decision = run::Context { now: clock::now(), new_id: &mut new_id };
    let VerbRequest { order, reason, actor } = &bulk.verb;
    let kinds = context.kinds;
    let readable: Vec<&AnyRun> = found.runs.iter().filter_map(|row| row.run.as_deref().ok()).collect();
    let mut outcomes: Vec<BulkResult> = Vec::with_capacity(readable.len());
    let mut kick = false;
    if bulk.dry_run {
        for run in readable {
            let planned = kinds.of(run).and_then(|kind| kind.order(run, order, reason, actor, &mut decision));
            let after = planned.map(|transition| transition.map_or_else(|| run.clone(), |moved| moved.run));
            let outcome = result(run, after.map_err(TransitionError::from));
            // The successor of a dry run will never be.
            outcomes.push(BulkResult { successor: None, ..outcome });
        }
    } else {
        let moved = order_all(context.database()?, kinds, &readable, order, reason, actor, &mut decision)?;
        for (run, moved) in readable.iter().zip(moved) {
            kick |= moved.as_ref().is_ok_and(|moved| moved.kick);
            outcomes.push(result(run, moved.map(|moved| moved.run)));
        }
    }
    let mut outcomes = outcomes.into_iter();
    let results = found.runs.iter().filter_map(|row| match &row.run {
        Ok(_) => outcomes.next(),
        Err(_) => Some(unreadable(row)),
    });
    Ok((results.collect(), kick))
}

fn result(before: &AnyRun, after: Result<AnyRun, TransitionError>) -> BulkResult {
    match after {
        Ok(after) => {
            let (outcome, successor) = super::outcome(&before.run_id, before.version, &after);
            let (run_id, status) = (before.run_id.clone(), Some(after.status.to_string()));
            BulkResult { run_id, status, outcome, successor, code: None, detail: None }
        }
        Err(error) => {
            let problem = Problem::from(error);
            refused(&before.run_id, Some(before.status.to_string()), problem.code, &problem.detail)
        }
    }
}

fn unreadable(row: &Listed) -> BulkResult {
    let detail = "this version cannot read the run's state; terminate it by its id";
    refused(&row.run_id, None, "run-unreadable", detail)
}

fn refused(run_id: &str, status: Option<String>, code: &str, detail: &str) -> BulkResult {
    let (code, detail) = (Some(code.to_owned()), Some(detail.to_owned()));
    BulkResult { run_id: run_id.to_owned(), status, outcome: "refused", successor: None, code, detail }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_run_says_why() {
        let run = mw_media::run::Run::empty("r1".to_owned()).erase().unwrap();
        let refused = run::Refusal::Paused { run_id: "r1".to_owned() };
        let answer = result(&run, Err(refused.into()));
        assert_eq!((answer.outcome, answer.code.as_deref()), ("refused", Some("run-paused")));
    }
}
