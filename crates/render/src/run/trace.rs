//! What a render job's own events are in its trace: its steps, and each try with its worker's time.

use crate::run::event::RenderEventName;
use crate::run::kind::Status;
use crate::run::successor::JobStep;
use mw_kernel::trace::{Key, Line, Outcome, Tree};

const RENDER: &str = "render";

pub(super) fn take(tree: &mut Tree<'_>, line: &Line) {
    let Some(name) = RenderEventName::parse(&line.name) else { return tree.mark_run(line) };
    let (at, try_id) = (line.at, line.text("try_id").to_owned());
    match name {
        RenderEventName::PickedUp => step(tree, JobStep::Plan, line),
        RenderEventName::Planned => step(tree, JobStep::Render, line),
        RenderEventName::Assembling => step(tree, JobStep::Assemble, line),
        RenderEventName::Assigned => {
            let what = line.text_in("assignment", "what");
            let engine = line.text_in("assignment", "engine");
            let title = if engine.is_empty() { what.to_owned() } else { format!("{engine} {what}") };
            tree.begin(Key::Job(try_id.clone()), title, line, [("job_id", try_id.as_str().into())]);
        }
        RenderEventName::Started => {
            let worker = [("worker", line.text_in("lease", "worker").into())];
            tree.begin(Key::Call(RENDER, try_id), RENDER.to_owned(), line, worker);
        }
        RenderEventName::Failed => tree.end_job(&try_id, at, Outcome::Error(line.text("code").to_owned())),
        RenderEventName::Withdrawn => tree.end_job(&try_id, at, Outcome::Unset),
        RenderEventName::SegmentDone | RenderEventName::VideoMade => tree.end_job(&try_id, at, Outcome::Ok),
        RenderEventName::Unserved | RenderEventName::Served | RenderEventName::Restored => {
            tree.mark(&Key::Job(try_id), line);
        }
        RenderEventName::FellBack | RenderEventName::SegmentFailed => tree.mark(&Key::Step, line),
        RenderEventName::Done => tree.finish(Status::Done.as_str(), Outcome::Ok, at),
    }
}

/// A step begins; segments that wait go on waiting.
fn step(tree: &mut Tree<'_>, step: JobStep, line: &Line) {
    tree.end(&Key::Step, line.at, Outcome::Unset);
    tree.begin(Key::Step, format!("step {step}"), line, []);
}
