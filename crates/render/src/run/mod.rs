//! A render job as a kind of run.
//!
//! ```text
//! queued ─claim─► planning ─► rendering_segments ─every segment is there─► assembling ─video verified─► done
//! ```
//!
//! Every piece of work (a segment, the video) is idle, waiting, under way, done or failed; [`go_on`] gives whatever is idle to
//! somebody, by the [`ladder`]. Each try is an effect with a lease and a fence of its own: [`claim`], [`finish`], [`fail`].
//! [`reroute`] looks at what still waits. A retry is a successor: another run of the same job that keeps the segments it has.

mod body;
mod claim;
mod engines;
mod event;
mod evolve;
mod fail;
mod finish;
mod force_fail;
mod go_on;
mod kind;
mod ladder;
mod observe;
mod page;
mod reroute;
mod rows;
mod start;
mod successor;
mod trace;
mod view;
mod why;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use body::{Hop, Made, Output, Phase, Render, Segment, SegmentStatus, Stage, Work};
pub use claim::{Claim, heartbeat};
pub use engines::Engines;
pub use event::{Fallback, Kept, OrderedBy, Plan, RenderEvent, RenderEventName};
pub use fail::{Failed, MESSAGE_CHARS_MAX};
pub use finish::{FinishedSegment, FinishedVideo};
pub use force_fail::{ERROR_DEFAULT, FailureReason, JOB_DEADLINE};
pub use go_on::{ASSEMBLY_SECONDS, JOB_SECONDS, JOB_SECONDS_PER_SEGMENT};
pub use kind::{RenderCommand, Status};
pub use ladder::{ASSEMBLIES_MAX, HANDED_BACK_MAX, TRIES_MAX};
pub use observe::{LogLine, Metric, Observation, observe};
pub use reroute::NO_ENGINE_SECONDS;
pub use start::{QUEUE_SECONDS, StartRequest, start};
pub use view::{JobStatus, JobView, Metadata, MetadataSegment, SegmentView, metadata_uri};

use crate::spec::WorkSpec;
use crate::work::{Assignment, Held};
use mw_kernel::run::Refusal;

pub type Run = mw_kernel::Run<Render>;
pub type Event = mw_kernel::run::Event<Render>;
pub type Draft = mw_kernel::run::Draft<Render>;
pub type Recorded = mw_kernel::run::Recorded<Event>;
pub type Started = mw_kernel::run::Started<Plan>;
pub type Command = mw_kernel::run::Command<RenderCommand>;

fn own(event: RenderEvent) -> Event {
    Event::Own(event)
}

/// Refuses whoever no longer holds a try, or names one that is over.
fn stale(run: &Run, try_id: &str) -> Refusal {
    Refusal::StaleJob { run_id: run.run_id.clone(), job_id: try_id.to_owned() }
}

impl Render {
    /// What a worker is handed for an assignment; none where something that it needs is not there.
    pub fn spec_of(&self, assignment: Assignment) -> Option<WorkSpec> {
        let count = self.count();
        let planned = |index: u32| self.segment(index).map(|segment| &segment.planned);
        Some(match assignment {
            Assignment::Segment { index, engine, archetype } => {
                WorkSpec::Segment(self.spec.segment(planned(index)?, count, archetype, engine))
            }
            Assignment::SegmentTemplate { index } => {
                WorkSpec::Template(self.spec.segment_template(planned(index)?, count))
            }
            Assignment::Assembly => {
                let made = |segment: &Segment| Some((segment.planned.clone(), segment.made.as_ref()?.file.clone()));
                let segments: Vec<_> = self.segments.iter().map(made).collect::<Option<_>>()?;
                WorkSpec::Assembly(self.spec.assembly(&segments))
            }
            Assignment::VideoTemplate => WorkSpec::Template(self.spec.video_template()),
        })
    }

    /// What a worker is handed for the try that it holds.
    pub fn spec_of_held(&self, held: &Held) -> Option<WorkSpec> {
        let (one, _) = self.held(held)?;
        self.spec_of(one.assignment)
    }
}
