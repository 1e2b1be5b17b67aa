//! The rows that follow from a job's events: each try is an effect of its own.

use crate::run::{Recorded, Render};
use crate::run::{RenderEvent, Run};
use crate::work::Assignment;
use mw_kernel::Timestamp;
use mw_kernel::run::{Artifact, Effect, EffectKind, Event, Rearmed, Rows, done_notification};
use serde_json::json;

pub(super) fn extend(run: &Run, event: &RenderEvent, at: Timestamp, rows: &mut Rows) {
    match event {
        RenderEvent::Assigned { try_id, assignment, due_at, .. } => {
            rows.effects.push(effect(try_id, *assignment, *due_at));
        }
        RenderEvent::Restored { try_id } => {
            let one = run.body.find(try_id).and_then(|(_, work)| work.one());
            let rearmed = |assignment| Rearmed { effect: effect(try_id, assignment, at), unanswered: false };
            rows.rearmed.extend(one.map(|one| rearmed(one.assignment)));
        }
        RenderEvent::PickedUp { .. }
        | RenderEvent::Planned { .. }
        | RenderEvent::Started { .. }
        | RenderEvent::Failed { .. }
        | RenderEvent::Withdrawn { .. }
        | RenderEvent::Unserved { .. }
        | RenderEvent::Served { .. }
        | RenderEvent::FellBack(_)
        | RenderEvent::SegmentDone { .. }
        | RenderEvent::SegmentFailed { .. }
        | RenderEvent::Assembling { .. }
        | RenderEvent::VideoMade { .. }
        | RenderEvent::Done => {}
    }
}

/// A try is an effect and no provider's job: its worker holds it for as long as it works, so that the effect's lease and fence say
/// all there is to say.
fn effect(try_id: &str, assignment: Assignment, due_at: Timestamp) -> Effect {
    Effect {
        key: format!("render:{try_id}"),
        kind: EffectKind::Own,
        provider: assignment.provider().to_owned(),
        job_id: None,
        payload: json!({"try_id": try_id, "kind": assignment.kind()}),
        due_at,
    }
}

/// What a job leaves for people to see.
pub(super) fn artifacts(run: &Run, recorded: &Recorded) -> Vec<Artifact> {
    let Event::Own(event) = &recorded.event else { return Vec::new() };
    match event {
        RenderEvent::SegmentDone { index, file, .. } => {
            let made = run.body.segment(*index).and_then(|segment| segment.made.as_ref());
            let maker = made.map_or("", |made| made.assignment.maker());
            let metadata = json!({"index": index, "engine": maker, "milliseconds": file.milliseconds});
            let artifact = Artifact::new("render.segment", maker, metadata).at(file.asset.as_str());
            vec![Artifact { checksum: Some(file.sha256.clone()), ..artifact }]
        }
        RenderEvent::VideoMade { video, thumbnail, verification, .. } => {
            let maker = run.body.output.as_ref().map_or("", |output| output.assignment.maker());
            let report = serde_json::to_value(verification).unwrap_or_default();
            let length = json!({"duration_seconds": verification.control.duration_seconds});
            let made = Artifact::new("render.video", maker, length).at(video.as_str());
            vec![
                Artifact { checksum: Some(verification.control.sha256.clone()), ..made },
                Artifact::new("render.thumbnail", maker, json!({})).at(thumbnail.as_str()),
                Artifact::new("render.verification", "render", report),
            ]
        }
        RenderEvent::Done => vec![done_notification(run)],
        RenderEvent::PickedUp { .. }
        | RenderEvent::Planned { .. }
        | RenderEvent::Assigned { .. }
        | RenderEvent::Started { .. }
        | RenderEvent::Failed { .. }
        | RenderEvent::Withdrawn { .. }
        | RenderEvent::Unserved { .. }
        | RenderEvent::Served { .. }
        | RenderEvent::Restored { .. }
        | RenderEvent::FellBack(_)
        | RenderEvent::SegmentFailed { .. }
        | RenderEvent::Assembling { .. } => Vec::new(),
    }
}

/// Gives tries that nobody works on their effects back.
pub(super) fn restore(run: &Run, job_ids: &[String]) -> Vec<mw_kernel::run::Event<Render>> {
    let lost = job_ids.iter().filter(|try_id| run.body.find(try_id).is_some());
    lost.map(|try_id| Event::Own(RenderEvent::Restored { try_id: try_id.clone() })).collect()
}
