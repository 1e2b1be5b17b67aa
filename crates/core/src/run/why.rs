//! What a run is waiting for, in plain words: since when, until when, what happens then, and what an operator can do.

use crate::Timestamp;
use crate::definition::Step;
use crate::gate_policy::OnExpiry;
use crate::job::JobKind;
use crate::run::rfc3339;
use crate::run::rows::EffectKind;
use crate::run::state::{ClipState, JobPhase, OpenGate, Pause, Run};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What the database knows beside the run.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
pub struct Facts {
    /// When the current step began.
    #[serde(with = "time::serde::rfc3339::option", default)]
    pub step_since: Option<Timestamp>,
    /// Effects that are not done, the oldest first.
    #[serde(default)]
    pub effects: Vec<OpenEffect>,
    /// Providers that are not asked until a moment, because they failed several times in a row.
    #[serde(default)]
    pub resting: BTreeMap<String, String>,
}

/// An effect that is not done.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct OpenEffect {
    pub kind: EffectKind,
    pub provider: String,
    pub state: EffectState,
    pub attempt: u32,
    #[serde(with = "time::serde::rfc3339")]
    pub due_at: Timestamp,
    #[serde(default)]
    pub job_id: Option<String>,
    /// It may have reached the provider, and no answer came.
    #[serde(default)]
    pub unanswered: bool,
    #[serde(default)]
    pub last_error: Option<String>,
}

/// Where an effect that is not done stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EffectState {
    Due,
    Leased,
    /// Its run is paused.
    Held,
    /// Given up.
    Dead,
}

/// The explanation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Why {
    pub waiting_for: String,
    #[serde(with = "time::serde::rfc3339::option")]
    pub since: Option<Timestamp>,
    #[serde(with = "time::serde::rfc3339::option")]
    pub until: Option<Timestamp>,
    /// What happens at that moment, if nothing happens before.
    pub then: String,
    /// What is known of the work in flight.
    pub details: Vec<String>,
    /// What an operator can do now.
    pub can: Vec<String>,
}

impl Run {
    /// Explains the run.
    pub fn why(&self, facts: &Facts) -> Why {
        let details = facts.effects.iter().map(|effect| effect.words(facts)).collect();
        if self.status.is_terminal() {
            return self.why_ended();
        }
        if let Some(pause) = &self.pause {
            return self.why_paused(pause, details);
        }
        if let Some(open) = &self.gate {
            return self.why_gate(open, details);
        }
        let (waiting_for, can) = self.why_at_work();
        Why {
            waiting_for,
            since: facts.step_since,
            until: self.deadline,
            then: "the run fails with step_timeout; what was finished is kept".to_owned(),
            details,
            can: can.into_iter().chain(self.verbs(&["extend", "pause", "cancel", "terminate"])).collect(),
        }
    }

    fn verbs(&self, verbs: &[&str]) -> Vec<String> {
        verbs.iter().map(|verb| format!("mw runs {verb} {}", self.run_id)).collect()
    }

    fn why_ended(&self) -> Why {
        let reason = self.error.as_ref().map(|error| format!(": {}: {}", error.error_type, error.error_message));
        let step = self.current_step().map_or("publish", Step::name);
        let retry = (self.status != crate::status::Status::Published)
            .then(|| format!("mw runs retry {} (a successor that goes on at {step})", self.run_id));
        let rerun = format!("mw runs rerun {} --from STEP (a successor from that step on)", self.run_id);
        Why {
            waiting_for: format!("nothing: it is {}{}", self.status, reason.unwrap_or_default()),
            since: self.finished_at,
            until: None,
            then: "nothing moves an ended run; going on means a successor".to_owned(),
            details: Vec::new(),
            can: retry.into_iter().chain([rerun]).collect(),
        }
    }

    fn why_paused(&self, pause: &Pause, details: Vec<String>) -> Why {
        Why {
            waiting_for: format!("an operator: {} paused it ({})", pause.actor, pause.reason),
            since: Some(pause.since),
            until: self.deadline,
            then: "the run expires; a successor can go on from it".to_owned(),
            details,
            can: self.verbs(&["resume", "extend", "cancel", "terminate"]),
        }
    }

    fn why_gate(&self, open: &OpenGate, work: Vec<String>) -> Why {
        let gate = open.gate;
        let policy = self.policy().cloned().unwrap_or_default();
        let voters: Vec<&str> = open.votes.iter().map(|vote| vote.approver.as_str()).collect();
        let mut details = vec![format!("may decide: {}", policy.who())];
        if policy.approvals > 1 {
            let names = if voters.is_empty() { String::new() } else { format!(": {}", voters.join(", ")) };
            details.push(format!("{} of {} approvals{names}", voters.len(), policy.approvals));
        }
        if let Some(escalation) = policy.escalate.as_ref().filter(|_| open.escalated) {
            details.push(format!(
                "called in: {}",
                [&escalation.approvers[..], &escalation.groups[..]].concat().join(", ")
            ));
        }
        details.extend(work);
        let then = match policy.on_expiry {
            OnExpiry::ExtendOnce if !open.extended => "the gate gets its time once more",
            OnExpiry::Reject => "the gate expires and the run is rejected",
            OnExpiry::Expire | OnExpiry::ExtendOnce => {
                "the gate and the run expire; a successor can open the gate again"
            }
        };
        let gates = ["show", "link"].map(|verb| format!("mw gates {verb} {} {gate}", self.run_id));
        Why {
            waiting_for: format!("a person at the {gate} gate: {}", open.summary),
            since: Some(open.opened_at),
            until: self.deadline,
            then: then.to_owned(),
            details,
            can: gates.into_iter().chain(self.verbs(&["extend", "pause", "cancel", "terminate"])).collect(),
        }
    }

    fn why_at_work(&self) -> (String, Option<String>) {
        match self.current_step() {
            Some(Step::Persona { persona, .. }) => (format!("the language model, which speaks for {persona}"), None),
            Some(step @ (Step::Generate { .. } | Step::Render { .. } | Step::Publish { .. } | Step::Gate { .. })) => {
                let failed = self.step_jobs().any(|(_, job)| matches!(job.phase, JobPhase::Failed { .. }));
                let retry = failed.then(|| format!("mw runs retry {} (what failed goes out again)", self.run_id));
                (self.jobs_words(step), retry)
            }
            None => ("nothing that is known".to_owned(), None),
        }
    }

    /// `kie.ai: 3 of 12 clips are there, 8 at work, 1 not yet accepted`.
    fn jobs_words(&self, step: &Step) -> String {
        let phase = |test: fn(&JobPhase) -> bool| self.step_jobs().filter(|(_, job)| test(&job.phase)).count();
        let requested = phase(|phase| matches!(phase, JobPhase::Requested));
        let at_work = phase(|phase| matches!(phase, JobPhase::Submitted { .. }));
        let failed = phase(|phase| matches!(phase, JobPhase::Failed { .. }));
        let kind = self.step_jobs().next().map(|(_, job)| job.spec.kind());
        let mut parts = Vec::new();
        if matches!(step, Step::Generate { .. }) {
            let there = self.clips.iter().filter(|clip| matches!(clip.state, ClipState::Generated { .. })).count();
            parts.push(format!("{there} of {} clips are there", self.clips.len()));
        }
        for (count, words) in [(at_work, "at work"), (requested, "not yet accepted"), (failed, "failed")] {
            if count > 0 {
                parts.push(format!("{count} {words}"));
            }
        }
        format!("{}: {}", kind.map_or("a provider", JobKind::provider), parts.join(", "))
    }
}

impl OpenEffect {
    fn words(&self, facts: &Facts) -> String {
        let what = match self.kind {
            EffectKind::Persona => "asking the language model".to_owned(),
            EffectKind::Submit => format!("submitting job {} to {}", self.job(), self.provider),
            EffectKind::Poll => format!("asking {} about job {}", self.provider, self.job()),
            EffectKind::Notify => format!("telling somebody over {}", self.provider),
            EffectKind::Trace => "handing its trace to the collector".to_owned(),
            EffectKind::Report => "reporting to Sentry".to_owned(),
        };
        let resting = facts.resting.get(&self.provider);
        let state = match (self.state, resting) {
            (EffectState::Dead, _) => format!("given up after {} attempts", self.attempt),
            (EffectState::Held, _) => "held while the run is paused".to_owned(),
            (EffectState::Leased, _) => format!("attempt {} is on its way", self.attempt),
            (EffectState::Due, Some(until)) => {
                format!("waits: {} failed several times in a row and is not asked before {until}", self.provider)
            }
            (EffectState::Due, None) => format!("attempt {} is due at {}", self.attempt + 1, rfc3339(self.due_at)),
        };
        let unanswered =
            if self.unanswered { "; an earlier attempt had no answer and is looked for first" } else { "" };
        let error = self.last_error.as_ref().map(|error| format!("; last: {error}")).unwrap_or_default();
        format!("{what}: {state}{unanswered}{error}")
    }

    fn job(&self) -> &str {
        self.job_id.as_deref().unwrap_or("unknown")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::testing::{T0, at_gate, at_generate, every_state, job_ids, paused};
    use crate::status::GateName;

    fn effect(state: EffectState) -> OpenEffect {
        OpenEffect {
            kind: EffectKind::Submit,
            provider: "kieai".into(),
            state,
            attempt: 2,
            due_at: T0,
            job_id: Some("j1".into()),
            unanswered: false,
            last_error: Some("429".into()),
        }
    }

    #[test]
    fn every_state_says_what_it_waits_for_until_when_and_what_can_be_done() {
        for run in every_state() {
            let why = run.why(&Facts::default());
            assert!(!why.waiting_for.is_empty() && !why.then.is_empty() && !why.can.is_empty());
            assert_eq!(why.until, run.deadline);
            assert!(why.can.iter().all(|command| command.starts_with("mw ") && command.contains(&run.run_id)));
        }
    }

    #[test]
    fn a_gate_a_pause_and_work_are_told_apart() {
        let none = Facts::default();
        assert!(at_gate(GateName::Ideate).why(&none).waiting_for.starts_with("a person at the ideate gate"));
        assert_eq!(paused(&at_generate()).why(&none).waiting_for, "an operator: ann paused it (r)");
        assert_eq!(at_generate().why(&none).waiting_for, "kieai: 0 of 2 clips are there, 2 not yet accepted");
        let job_id = job_ids(&at_generate())[0].clone();
        assert!(!job_id.is_empty());
    }

    #[test]
    fn work_in_flight_is_told_with_its_last_error() {
        let words = |state, facts: &Facts| effect(state).words(facts);
        let none = Facts::default();
        assert_eq!(
            words(EffectState::Due, &none),
            format!("submitting job j1 to kieai: attempt 3 is due at {}; last: 429", rfc3339(T0))
        );
        assert!(words(EffectState::Dead, &none).contains("given up after 2 attempts"));
        assert!(words(EffectState::Held, &none).contains("held while the run is paused"));
        assert!(words(EffectState::Leased, &none).contains("attempt 2 is on its way"));
        let resting = Facts { resting: [("kieai".to_owned(), "noon".to_owned())].into(), ..none };
        assert!(words(EffectState::Due, &resting).contains("not asked before noon"));
        let lost = OpenEffect { unanswered: true, ..effect(EffectState::Due) };
        assert!(lost.words(&Facts::default()).contains("looked for first"));
    }
}
