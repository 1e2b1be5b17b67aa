//! A worker takes a piece of work. The policy is held once more here, since it may have changed since the engine was chosen.

use crate::failure::FailureCode;
use crate::run::body::{Phase, Stage};
use crate::run::engines::Engines;
use crate::run::event::RenderEvent;
use crate::run::go_on::{ASSEMBLY_SECONDS, JOB_SECONDS, JOB_SECONDS_PER_SEGMENT, go_on};
use crate::run::{Draft, Event, Run, own, stale};
use crate::work::{Held, Lease};
use mw_kernel::Timestamp;
use mw_kernel::run::{Context, Refusal, deadline_after, refuse_ended};

/// A claim, as the statement that took the effect made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    pub try_id: String,
    pub worker: String,
    pub lease_id: String,
    pub fence: u64,
    pub engines: Engines,
}

/// Whether the claim was granted is to be seen in the run after it ([`crate::run::Render::held`]). Where it was not, somebody else
/// is asked now, and the claimer gets nothing.
pub(super) fn decide(run: &Run, claim: &Claim, context: &mut Context<'_>) -> Result<Vec<Event>, Refusal> {
    refuse_ended(run)?;
    let Claim { try_id, worker, lease_id, fence, engines } = claim;
    let (_, work) = run.body.find(try_id).ok_or_else(|| stale(run, try_id))?;
    let mut draft = Draft::of(run);
    match &work.stage {
        Stage::Running { lease, .. } if lease.lease_id == *lease_id && lease.fence == *fence => return Ok(Vec::new()),
        Stage::Running { one, lease } if lease.fence < *fence => {
            let (code, message) = (FailureCode::LeaseLost, format!("worker {}", lease.worker));
            let (try_id, assignment) = (try_id.clone(), one.assignment);
            draft.push(own(RenderEvent::Failed { try_id, assignment, code, message }), context);
            go_on(&mut draft, engines, context);
            return Ok(draft.events);
        }
        Stage::Waiting { one } => {
            if run.pause.is_some() {
                return Err(Refusal::Paused { run_id: run.run_id.clone() });
            }
            let policy = run.body.policy(engines.over);
            if one.assignment.engine().is_some_and(|engine| !policy.allows(engine)) {
                let reason = format!("the policy is {policy} now");
                let (try_id, assignment) = (try_id.clone(), one.assignment);
                draft.push(own(RenderEvent::Withdrawn { try_id, assignment, reason }), context);
                go_on(&mut draft, engines, context);
                return Ok(draft.events);
            }
            let limit = deadline_after(context.now, one.assignment.limit_seconds());
            let (lease_id, worker) = (lease_id.clone(), worker.clone());
            pick_up(&mut draft, &worker, context);
            let lease = Lease { lease_id, worker, fence: *fence, started_at: context.now, limit };
            draft.push(own(RenderEvent::Started { try_id: try_id.clone(), lease }), context);
        }
        Stage::Running { .. } | Stage::Idle | Stage::Done | Stage::Failed => return Err(stale(run, try_id)),
    }
    Ok(draft.events)
}

/// A worker is still there: until when its lease holds now. Refused where it no longer holds the work, or the job has ended: it
/// is to stop at once.
pub fn heartbeat(run: &Run, held: &Held, now: Timestamp) -> Result<Timestamp, Refusal> {
    refuse_ended(run)?;
    let until = run.body.held(held).and_then(|(_, lease)| lease.renewed(now));
    until.ok_or_else(|| stale(run, &held.try_id))
}

/// The first claim picks the job up; its plan was made when it was accepted.
fn pick_up(draft: &mut Draft, worker: &str, context: &mut Context<'_>) {
    if draft.run.body.phase != Phase::Queued {
        return;
    }
    let segments = draft.run.body.count();
    let deadline = deadline_after(context.now, JOB_SECONDS + segments * JOB_SECONDS_PER_SEGMENT);
    draft.push(own(RenderEvent::PickedUp { worker: worker.to_owned(), deadline }), context);
    draft.push(own(RenderEvent::Planned { segments }), context);
    if draft.run.body.is_complete() {
        draft.push(own(RenderEvent::Assembling { deadline: deadline_after(context.now, ASSEMBLY_SECONDS) }), context);
    }
}
