//! What a run is waiting for, in plain words: since when, until when, what happens then, and what an operator can do.

use crate::Timestamp;
use crate::gate_policy::OnExpiry;
use crate::run::kind::Kind;
use crate::run::rfc3339;
use crate::run::rows::EffectKind;
use crate::run::state::{OpenGate, Pause, Run};
use crate::status::End;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a run waits for that waits for no person, as its kind knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Working {
    pub waiting_for: String,
    /// What happens when the deadline of the work passes.
    pub then: String,
    /// Whether something failed that an operator can ask for again.
    pub can_retry: bool,
}

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

impl<B: Kind> Run<B> {
    /// Explains the run.
    pub fn why(&self, facts: &Facts) -> Why {
        let details = facts.effects.iter().map(|effect| effect.words(facts)).collect();
        if let Some(end) = self.end {
            return self.why_ended(end);
        }
        if let Some(pause) = &self.pause {
            return self.why_paused(pause, details);
        }
        let Some(first) = self.gates.first() else { return self.why_working(facts, details) };
        let mut why = self.why_gate(first, details);
        for open in self.gates.iter().skip(1) {
            why.details.push(format!("and for a person at the {} gate: {}", open.gate, open.summary));
        }
        why.until = self.deadline;
        why
    }

    fn why_working(&self, facts: &Facts, details: Vec<String>) -> Why {
        let Working { waiting_for, then, can_retry } = B::working(self);
        let retry = can_retry.then(|| format!("mw runs retry {} (what failed goes out again)", self.run_id));
        Why {
            waiting_for,
            since: facts.step_since,
            until: self.deadline,
            then,
            details,
            can: retry.into_iter().chain(self.verbs(&["extend", "pause", "cancel", "terminate"])).collect(),
        }
    }

    fn verbs(&self, verbs: &[&str]) -> Vec<String> {
        verbs.iter().map(|verb| format!("mw runs {verb} {}", self.run_id)).collect()
    }

    fn why_ended(&self, end: End) -> Why {
        let reason = self.error.as_ref().map(|error| format!(": {}: {}", error.error_type, error.error_message));
        let retry = B::goes_on_at(self)
            .filter(|_| end != End::Done)
            .map(|step| format!("mw runs retry {} (a successor that goes on at {step})", self.run_id));
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
        let (gate, policy) = (open.gate, &open.policy);
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
            until: Some(open.deadline),
            then: then.to_owned(),
            details,
            can: gates.into_iter().chain(self.verbs(&["extend", "pause", "cancel", "terminate"])).collect(),
        }
    }
}

impl OpenEffect {
    fn words(&self, facts: &Facts) -> String {
        let what = match self.kind {
            EffectKind::Persona => "asking the language model".to_owned(),
            EffectKind::Submit => format!("submitting job {} to {}", self.job(), self.provider),
            EffectKind::Poll => format!("asking {} about job {}", self.provider, self.job()),
            EffectKind::Own => format!("the work that {} does", self.provider),
            EffectKind::Notify => format!("telling somebody over {}", self.provider),
            EffectKind::Trace => "handing its trace to the collector".to_owned(),
            EffectKind::Report => "reporting to Sentry".to_owned(),
        };
        let resting = facts.resting.get(&self.provider);
        let state = match (self.state, resting) {
            (EffectState::Dead, _) => format!("dead after {} attempts", self.attempt),
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
