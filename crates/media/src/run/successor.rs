//! A run that ended never moves again; going on means a successor: a new run of the same pipeline that starts at a step of
//! its parent, with the approvals before that step and everything that was finished. No clip is made twice: one whose
//! order is unchanged is used as it is, and a job that was still at work at its provider is followed on.

use crate::definition::Step;
use crate::job::JobSpec;
use crate::run::advance::enter;
use crate::run::body::{Clip, ClipState, JobPhase, Media};
use crate::run::event::{MediaEvent, Plan, PlannedClip};
use crate::run::retry::SUBMISSION_UNANSWERED;
use crate::run::{Context, DecidedGate, Draft, Event, Refusal, Run, Started, Succession};
use crate::status::{End, Verdict};
use serde::{Deserialize, Serialize};

/// What a successor takes over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Inheritance {
    /// Index of the step at which the successor starts.
    pub step: u32,
    pub clips: Vec<Clip>,
    #[serde(default)]
    pub concept: Option<String>,
    #[serde(default)]
    pub caption: Option<String>,
    #[serde(default)]
    pub post_title: Option<String>,
    #[serde(default)]
    pub render_url: Option<String>,
    /// Clips that are there, by what was ordered.
    pub finished: Vec<Finished>,
    /// Jobs that were at work at their provider when the parent ended.
    pub at_work: Vec<AtWork>,
    /// Jobs whose submission had no answer yet, or never had one: a provider that remembers our id makes no second one.
    #[serde(default)]
    pub unanswered: Vec<Unanswered>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finished {
    pub spec: JobSpec,
    pub url: String,
    pub from_run: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AtWork {
    pub spec: JobSpec,
    pub task_id: String,
    pub from_run: String,
}

/// The events with which a successor begins.
pub(super) fn decide(parent: &Run, wish: &Succession, context: &mut Context<'_>) -> Result<Vec<Event>, Refusal> {
    let step = first_step(parent, wish.from.as_deref())?;
    let Some(settings) = parent.body.settings.clone() else {
        return Err(Refusal::NothingToRetry { run_id: parent.run_id.clone(), status: parent.status.to_string() });
    };
    let body = &parent.body;
    let passed = body.pipeline.get(..step as usize).unwrap_or_default();
    let name = body.pipeline.get(step as usize).map_or("end", Step::name);
    let plan = Plan {
        personas: body.personas,
        pipeline: body.pipeline.clone(),
        settings,
        input: body.input.clone(),
        options: body.options.clone(),
        effects: body.effects,
        clips: body.clips.iter().map(planned).collect(),
        inheritance: Some(Box::new(inheritance(parent, step, passed, wish))),
    };
    let started = Started::after(parent, format!("{name}:{}", wish.key), approvals(parent, passed), plan);
    let mut draft = Draft::of(&Run::empty(wish.run_id.clone()));
    draft.push(Event::Started(Box::new(started)), context);
    enter(&mut draft, step, context);
    Ok(draft.events)
}

/// Where a successor starts: never behind the step that its parent reached, so that no gate is passed by.
fn first_step(parent: &Run, from: Option<&str>) -> Result<u32, Refusal> {
    let Some(name) = from else {
        return match parent.end {
            Some(End::Done) => {
                Err(Refusal::NothingToRetry { run_id: parent.run_id.clone(), status: parent.status.to_string() })
            }
            Some(End::Failed | End::Cancelled | End::Rejected | End::Expired) | None => Ok(parent.body.step),
        };
    };
    let known = || parent.body.pipeline.iter().map(|step| step.name().to_owned()).collect();
    let position = parent.body.pipeline.iter().position(|step| step.name() == name);
    let step = position.and_then(|position| u32::try_from(position).ok());
    let step = step.ok_or_else(|| Refusal::UnknownStep { step: name.to_owned(), known: known() })?;
    if step > parent.body.step {
        let reached = parent.body.current_step().map_or("none", Step::name).to_owned();
        return Err(Refusal::StepNotReached { step: name.to_owned(), reached });
    }
    Ok(step)
}

fn planned(clip: &Clip) -> PlannedClip {
    PlannedClip { subject: clip.subject.clone(), header: clip.header.clone() }
}

fn inheritance(parent: &Run, step: u32, passed: &[Step], wish: &Succession) -> Inheritance {
    let generated = passed.iter().any(|step| matches!(step, Step::Generate { .. }));
    let rendered = passed.iter().any(|step| matches!(step, Step::Render { .. }));
    let clip =
        |clip: &Clip| Clip { state: if generated { clip.state.clone() } else { ClipState::Pending }, ..clip.clone() };
    Inheritance {
        step,
        clips: parent.body.clips.iter().map(clip).collect(),
        concept: parent.body.concept.clone(),
        caption: parent.body.caption.clone(),
        post_title: parent.body.post_title.clone(),
        render_url: parent.body.render_url.clone().filter(|_| rendered),
        finished: if wish.fresh { Vec::new() } else { finished(parent) },
        at_work: if wish.fresh { Vec::new() } else { at_work(parent) },
        unanswered: if wish.fresh { Vec::new() } else { unanswered(parent) },
    }
}

/// The approvals of the gates that the successor does not open again.
fn approvals(parent: &Run, passed: &[Step]) -> Vec<DecidedGate> {
    let inherited = parent.parent.iter().flat_map(|before| &before.approved);
    let approved = inherited.chain(&parent.decided).filter(|decided| decided.verdict == Verdict::Approve);
    approved.filter(|decided| passed.iter().any(|step| step.name() == decided.gate.as_str())).cloned().collect()
}

fn finished(parent: &Run) -> Vec<Finished> {
    let inherited = parent.body.inheritance.iter().flat_map(|inheritance| inheritance.finished.clone());
    let own = parent.body.jobs.values().filter_map(|job| match (&job.spec, &job.phase) {
        (JobSpec::Generate(_), JobPhase::Succeeded { url, .. }) => {
            Some(Finished { spec: job.spec.clone(), url: url.clone(), from_run: parent.run_id.clone() })
        }
        _ => None,
    });
    inherited.chain(own).collect()
}

fn at_work(parent: &Run) -> Vec<AtWork> {
    let followed = |spec: &JobSpec| parent.body.jobs.values().any(|job| job.spec == *spec);
    let inherited = parent.body.inheritance.iter().flat_map(|inheritance| inheritance.at_work.clone());
    let own = parent.body.jobs.values().filter_map(|job| match &job.phase {
        JobPhase::Submitted { task_id } => {
            Some(AtWork { spec: job.spec.clone(), task_id: task_id.clone(), from_run: parent.run_id.clone() })
        }
        JobPhase::Requested | JobPhase::Succeeded { .. } | JobPhase::Failed { .. } | JobPhase::Replaced { .. } => None,
    });
    inherited.filter(|at_work| !followed(&at_work.spec)).chain(own).collect()
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Unanswered {
    pub spec: JobSpec,
    pub known_as: String,
}

fn unanswered(parent: &Run) -> Vec<Unanswered> {
    let own = parent.body.jobs.iter().filter(|(_, job)| match &job.phase {
        JobPhase::Requested => true,
        JobPhase::Failed { code, task_id: None, .. } => code == SUBMISSION_UNANSWERED,
        JobPhase::Failed { task_id: Some(_), .. }
        | JobPhase::Submitted { .. }
        | JobPhase::Succeeded { .. }
        | JobPhase::Replaced { .. } => false,
    });
    own.map(|(job_id, job)| Unanswered {
        spec: job.spec.clone(),
        known_as: job.known_as.clone().unwrap_or_else(|| job_id.clone()),
    })
    .collect()
}

impl Inheritance {
    /// Puts what was taken over into the body of a run that begins.
    pub(super) fn apply(self, body: &mut Media) {
        body.clips = self.clips;
        body.concept = self.concept;
        body.caption = self.caption;
        body.post_title = self.post_title;
        body.render_url = self.render_url;
    }

    /// The event that takes the place of a new order, where the same thing was ordered before.
    pub(super) fn adopt(&self, provider: &str, spec: &JobSpec, step: u32, context: &mut Context<'_>) -> Option<Event> {
        if let (JobSpec::Generate(generate), Some(clip)) =
            (spec, self.finished.iter().find(|finished| finished.spec == *spec))
        {
            let (url, from_run) = (clip.url.clone(), clip.from_run.clone());
            return Some(Event::Own(MediaEvent::ClipAdopted { index: generate.index, url, from_run }));
        }
        let (job_id, provider, spec) = ((context.new_id)(), provider.to_owned(), spec.clone());
        if let Some(job) = self.at_work.iter().find(|at_work| at_work.spec == spec) {
            let (task_id, from_run) = (job.task_id.clone(), job.from_run.clone());
            return Some(Event::Own(MediaEvent::JobAdopted { job_id, step, provider, spec, task_id, from_run }));
        }
        let known_as = self.unanswered.iter().find(|unanswered| unanswered.spec == spec)?.known_as.clone();
        Some(Event::Own(MediaEvent::JobRequested { job_id, step, provider, spec, known_as: Some(known_as) }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::MediaCommand;
    use crate::run::testing::gate;
    use crate::run::testing::{
        T0, at_gate, at_generate, decide_with, every_state, job_ids, started, step_on, try_command, with_context,
    };
    use crate::run::{Command, Decided, succeed};
    use crate::status::Status;

    fn wish(from: Option<&str>) -> Succession {
        Succession { run_id: "run-2".into(), from: from.map(str::to_owned), fresh: false, key: String::new() }
    }

    fn succeeded(parent: &Run, from: Option<&str>) -> Result<Decided, Refusal> {
        with_context(T0, |context| succeed(parent, &wish(from), "tester", context))
    }

    fn cancelled(run: &Run) -> Run {
        decide_with(run, Command::Cancel { reason: "r".into(), actor: "a".into() })
    }

    /// A run with one clip done and one at work, cancelled.
    fn half_generated() -> Run {
        let mut run = at_generate();
        let ids = job_ids(&run);
        for id in &ids {
            let submit = Command::Own(MediaCommand::SubmitJob {
                job_id: id.clone(),
                task_id: format!("task-{id}"),
                adopted: false,
            });
            run = try_command(&run, submit).unwrap();
        }
        let done = Command::Own(MediaCommand::FinishJob { job_id: ids[0].clone(), url: "https://clip-0".into() });
        cancelled(&try_command(&run, done).unwrap())
    }

    #[test]
    fn a_successor_starts_where_its_parent_stopped_in_every_state_and_the_parent_never_moves() {
        for parent in every_state() {
            match succeeded(&parent, None) {
                Ok(transition) => {
                    assert!(parent.status.is_terminal() && parent.status != Status::Published);
                    assert_eq!((transition.expected_version, transition.run.body.step >= parent.body.step), (0, true));
                    assert_eq!(transition.run.definition, parent.definition);
                    assert_eq!(transition.run.started_by.as_deref(), Some("starter"));
                    assert!(!transition.run.status.is_terminal());
                }
                Err(Refusal::NotEnded { .. }) => assert!(!parent.status.is_terminal()),
                Err(Refusal::NothingToRetry { .. }) => assert_eq!(parent.status, Status::Published),
                Err(other) => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn no_clip_is_made_twice_and_one_at_work_is_followed_on() {
        let transition = succeeded(&half_generated(), None).unwrap();
        let names: Vec<_> = transition.events.iter().map(|event| event.event.name()).collect();
        assert_eq!(names, ["run.started", "step.started", "clip.adopted", "job.adopted"]);
        let run = transition.run;
        assert_eq!(run.body.clips[0].state, ClipState::Generated { url: "https://clip-0".into() });
        let kinds: Vec<_> = transition.rows.effects.iter().map(|effect| effect.kind).collect();
        assert_eq!(kinds, [crate::run::EffectKind::Poll]);
        let job_id = job_ids(&run)[0].clone();
        let run =
            try_command(&run, Command::Own(MediaCommand::FinishJob { job_id, url: "https://clip-1".into() })).unwrap();
        assert_eq!(run.body.current_step().unwrap().name(), "render");
    }

    #[test]
    fn clips_that_are_all_there_carry_the_successor_past_the_step() {
        let mut run = at_generate();
        for id in job_ids(&run) {
            run = try_command(
                &run,
                Command::Own(MediaCommand::SubmitJob { job_id: id.clone(), task_id: id, adopted: false }),
            )
            .unwrap();
        }
        for id in job_ids(&run) {
            run = try_command(&run, Command::Own(MediaCommand::FinishJob { url: format!("https://{id}"), job_id: id }))
                .unwrap();
        }
        let transition = succeeded(&cancelled(&run), Some("generate")).unwrap();
        assert_eq!(transition.run.body.current_step().unwrap().name(), "render");
        let fresh = Succession { fresh: true, ..wish(Some("generate")) };
        let fresh = with_context(T0, |context| succeed(&cancelled(&run), &fresh, "t", context)).unwrap();
        assert_eq!(fresh.run.body.current_step().unwrap().name(), "generate");
        assert_eq!(fresh.rows.effects.len(), 2);
    }

    #[test]
    fn a_gate_that_was_refused_or_ran_out_opens_again() {
        let rejected = every_state().into_iter().find(|run| run.status == Status::Rejected).unwrap();
        let run = succeeded(&rejected, None).unwrap().run;
        assert_eq!((run.status, run.gates[0].opening), (Status::PendingWorkflow, 1));
    }

    #[test]
    fn approvals_before_the_step_are_shown_with_who_gave_them() {
        let parent = cancelled(&at_gate(gate("prepublish")));
        let run = succeeded(&parent, None).unwrap().run;
        let approved = run.parent.unwrap().approved;
        let gates: Vec<_> = approved.iter().map(|decided| (decided.gate, decided.approver.as_str())).collect();
        assert_eq!(gates, [(gate("workflow"), "operator"), (gate("ideate"), "operator")]);
        assert_eq!(run.body.render_url, parent.body.render_url);
        let again = succeeded(&parent, Some("render")).unwrap().run;
        assert_eq!((&again.body.render_url, again.body.current_step().unwrap().name()), (&None, "render"));
    }

    #[test]
    fn no_gate_is_passed_by() {
        let parent = cancelled(&started("test_video_gen"));
        for step in ["ideate", "generate", "prepublish", "publish"] {
            assert!(matches!(succeeded(&parent, Some(step)), Err(Refusal::StepNotReached { .. })), "{step}");
        }
        assert!(matches!(succeeded(&parent, Some("nowhere")), Err(Refusal::UnknownStep { .. })));
    }

    #[test]
    fn a_published_run_can_be_run_again_from_a_step() {
        let mut parent = started("test_video_gen");
        while !parent.status.is_terminal() {
            parent = step_on(&parent);
        }
        let run = succeeded(&parent, Some("publish")).unwrap().run;
        assert_eq!((run.status, run.body.render_url), (Status::Publishing, parent.body.render_url));
    }

    #[test]
    fn a_successor_of_a_successor_inherits_from_both() {
        let first = succeeded(&half_generated(), None).unwrap().run;
        let second = succeeded(&cancelled(&first), None).unwrap();
        let names: Vec<_> = second.events.iter().map(|event| event.event.name()).collect();
        assert_eq!(names, ["run.started", "step.started", "clip.adopted", "job.adopted"]);
        assert_eq!(second.run.parent.unwrap().approved.len(), 2);
    }
}
