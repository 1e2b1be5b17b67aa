//! Providers that misbehave (the simulator's faults). A job is never submitted twice while its provider can still tell
//! about the first.

mod answers;
mod refusals;

use crate::support::Run;
use crate::support::simulator::Storm;
use serde_json::Value;

/// The provider's tasks of a run, of one provider.
fn tasks(storm: &Storm, run: &Run, provider: &str) -> Vec<Value> {
    let all = storm.tasks(&run.job_ids());
    all.into_iter().filter(|task| task["provider"] == provider).collect()
}

/// Nothing of this run was submitted twice.
#[track_caller]
fn assert_submitted_once(storm: &Storm, run: &Run) {
    let jobs = run.job_ids();
    let mut seen: Vec<String> =
        storm.tasks(&jobs).iter().map(|task| task["job_id"].as_str().unwrap().to_owned()).collect();
    let count = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), count, "a job has two tasks");
    assert_eq!(count, jobs.len(), "each job has its task");
}
