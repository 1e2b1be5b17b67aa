//! What must always hold, what it means when it does not, and what an operator does then.

use serde::{Deserialize, Serialize};

/// Everything that the doctor looks for. The names are those of `migrations/functions/doctor`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Invariant {
    TimelineGap,
    TimelineTampered,
    TimelineUnreadable,
    StateUnreadable,
    StateDiffers,
    RunColumnsDiffer,
    RunWithoutDeadline,
    RunOverdue,
    RunStuck,
    JobDiffers,
    JobOrphaned,
    JobSubmittedTwice,
    EffectLost,
    EffectDead,
    EffectAfterEnd,
    EffectAbandoned,
    EffectUnclaimable,
    GateDiffers,
    GateWithoutDecision,
    GateAgainstPolicy,
    WebhookUnprocessed,
    DeadLetterStalled,
}

const REBUILD: &str = "mw doctor --rebuild RUN writes the state anew from the timeline";
const RESTORE: &str = "mw sweep gives it its effect back within a minute";
const END: &str = "end the run: mw runs terminate RUN; mw runs retry RUN then goes on in a successor";
const RETRY: &str = "mw runs retry RUN re-arms it; or mw runs cancel RUN ends the run";
const EVIDENCE: &str = "compare the run with a backup before anything else; mw runs cancel RUN ends it if it is open";

impl Invariant {
    pub const ALL: &'static [Invariant] = &[
        Invariant::TimelineGap,
        Invariant::TimelineTampered,
        Invariant::TimelineUnreadable,
        Invariant::StateUnreadable,
        Invariant::StateDiffers,
        Invariant::RunColumnsDiffer,
        Invariant::RunWithoutDeadline,
        Invariant::RunOverdue,
        Invariant::RunStuck,
        Invariant::JobDiffers,
        Invariant::JobOrphaned,
        Invariant::JobSubmittedTwice,
        Invariant::EffectLost,
        Invariant::EffectDead,
        Invariant::EffectAfterEnd,
        Invariant::EffectAbandoned,
        Invariant::EffectUnclaimable,
        Invariant::GateDiffers,
        Invariant::GateWithoutDecision,
        Invariant::GateAgainstPolicy,
        Invariant::WebhookUnprocessed,
        Invariant::DeadLetterStalled,
    ];

    /// What a finding means, and how it is repaired; `RUN` stands for the run's id.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Invariant::TimelineGap => ("events of the run are missing, or its version is not their number", EVIDENCE),
            Invariant::TimelineTampered => ("an event was changed after it was written: its hash says so", EVIDENCE),
            Invariant::TimelineUnreadable => (
                "an event was written by a newer version, or damaged",
                "run the newest mw; else end the run: mw runs terminate RUN",
            ),
            Invariant::StateUnreadable => ("the run cannot be loaded, so nothing can move it", REBUILD),
            Invariant::StateDiffers => ("the run is not what its timeline says", REBUILD),
            Invariant::RunColumnsDiffer => ("lists and the sweep see another run than commands do", REBUILD),
            Invariant::RunWithoutDeadline => ("an open run has no deadline, or an ended one still has one", REBUILD),
            Invariant::RunOverdue => (
                "the deadline passed and no sweep acted",
                "see that the scheduled sweep runs (mw sweep runs it now); if it skips this run: mw runs terminate RUN",
            ),
            Invariant::RunStuck => ("nothing will happen to this run before its deadline", END),
            Invariant::JobDiffers => ("the table of jobs and the run disagree: callbacks may miss the job", END),
            Invariant::JobOrphaned => ("nobody submits or polls this open job any more", RESTORE),
            Invariant::JobSubmittedTwice => ("two tasks of a provider were taken for one job", END),
            Invariant::EffectLost => ("the timeline asks for work that is not in the outbox", RESTORE),
            Invariant::EffectDead => ("an effect is dead and the open run waits for it", RETRY),
            Invariant::EffectAfterEnd => (
                "the run has ended and something would still be done for it",
                "UPDATE outbox SET state = 'fenced', lease_until = NULL, fence = fence + 1 WHERE run_id = 'RUN' AND \
                 state IN ('due', 'leased', 'held') AND kind NOT IN ('notify', 'trace', 'report')",
            ),
            Invariant::EffectAbandoned => (
                "whoever worked on it went silent, and no sweep took it back",
                "mw sweep; when that does not help, see that the scheduled sweep runs and answers",
            ),
            Invariant::EffectUnclaimable => (
                "the database knows no such provider, so nobody ever takes this effect",
                "mw db migrate registers the providers of this version; if it is none of them: mw runs terminate RUN",
            ),
            Invariant::GateDiffers => ("the gate that people see is not the one at which the run waits", END),
            Invariant::GateWithoutDecision => {
                ("a decision is not recorded everywhere: gate, timeline, approvals", EVIDENCE)
            }
            Invariant::GateAgainstPolicy => {
                ("a gate was decided after its time or by too few people, or expired before its time", EVIDENCE)
            }
            Invariant::WebhookUnprocessed => (
                "a delivery was accepted and nothing came of it",
                "the job is polled anyway; if its run waits, mw runs retry RUN",
            ),
            Invariant::DeadLetterStalled => (
                "a dead letter is due and no sweep has tried it",
                "mw sweep; when that does not help, see that the scheduled sweep runs and answers",
            ),
        }
    }

    #[must_use]
    pub fn meaning(self) -> &'static str {
        self.words().0
    }

    /// What to do about it for a run.
    #[must_use]
    pub fn repair(self, run_id: Option<&str>) -> String {
        self.words().1.replace("RUN", run_id.unwrap_or("RUN"))
    }
}

impl std::fmt::Display for Invariant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.serialize(f)
    }
}
