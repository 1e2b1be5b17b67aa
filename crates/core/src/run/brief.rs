//! What an open gate decides about, as every channel shows it: the plan, the clips or the final video, texts, cost, what
//! code can check of the guard-rails, who may decide, who has, and what may be edited.

use crate::Timestamp;
use crate::definition::{Role, Settings, Step};
use crate::disclosure::Disclosed;
use crate::gate_policy::OnExpiry;
use crate::persona;
use crate::run::edit::Field;
use crate::run::gate::persona_before;
use crate::run::guardrail::{self, Check};
use crate::run::state::{ClipState, DecidedGate, PersonaSource, Run};
use crate::status::GateName;
use serde::Serialize;

/// An open gate, for people and for inboxes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Brief {
    pub run_id: String,
    pub project: String,
    pub title: String,
    pub user_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_by: Option<String>,
    pub gate: GateName,
    pub opening: u32,
    pub summary: String,
    /// What an approval sets off.
    pub releases: String,
    #[serde(with = "time::serde::rfc3339")]
    pub opened_at: Timestamp,
    #[serde(with = "time::serde::rfc3339::option")]
    pub deadline: Option<Timestamp>,
    /// What happens then.
    pub on_expiry: OnExpiry,
    pub clips: Vec<ClipBrief>,
    /// The final video, once it is rendered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub video_url: Option<String>,
    pub caption: Text,
    pub post_title: Text,
    /// What the post says of how it was made; only at the gate that decides about the post.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disclosure: Option<Disclosed>,
    pub cost: Cost,
    /// What code can check.
    pub checks: Vec<Check>,
    /// What only people can.
    pub guardrails: Vec<String>,
    pub quorum: Quorum,
    /// Whether a rejection needs a reason.
    pub reason_required: bool,
    pub fields: Vec<EditableField>,
    /// The persona that changes would go back to; none when none works before the gate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changes_go_to: Option<String>,
    /// What was said at this gate before.
    pub earlier: Vec<DecidedGate>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClipBrief {
    pub index: u32,
    pub subject: String,
    pub header: String,
    pub prompt: Text,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

/// A text as it stands, or as a persona that speaks by rule would write it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Text {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// It is not written yet.
    pub proposed: bool,
}

/// What the run takes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Cost {
    pub clips: usize,
    pub seconds: f64,
    /// Of all clips, where the project says what one costs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cents: Option<u64>,
    /// Whether it is spent already.
    pub spent: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Quorum {
    pub needed: u32,
    pub approved_by: Vec<String>,
    /// Who may decide.
    pub who: String,
    pub self_approval: bool,
}

/// A text that may be changed while approving.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EditableField {
    pub field: Field,
    pub label: String,
    pub text: Text,
    pub chars_max: usize,
}

impl Run {
    /// The brief of the open gate; `None` when no gate is open.
    pub fn brief(&self) -> Option<Brief> {
        let open = self.gate.as_ref()?;
        let policy = self.policy().cloned().unwrap_or_default();
        let persona = persona_before(self).and_then(|step| self.pipeline.get(step as usize));
        let fields = policy.edits.iter().flat_map(|editable| Field::of(*editable, self.clips.len()));
        Some(Brief {
            run_id: self.run_id.clone(),
            project: self.definition.key.clone(),
            title: self.title.clone(),
            user_id: self.user_id.clone(),
            started_by: self.started_by.clone(),
            gate: open.gate,
            opening: open.opening,
            summary: open.summary.clone(),
            releases: self.releases(open.gate),
            opened_at: open.opened_at,
            deadline: self.deadline,
            on_expiry: policy.on_expiry,
            clips: (0..).zip(&self.clips).map(|(index, _)| self.clip_brief(index)).collect(),
            video_url: self.render_url.clone(),
            caption: self.text(Field::Caption),
            post_title: self.text(Field::PostTitle),
            disclosure: self.disclosed(),
            cost: self.cost(),
            checks: guardrail::checks(self),
            guardrails: self.settings.as_ref().map(Settings::sentences).unwrap_or_default(),
            quorum: Quorum {
                needed: policy.approvals,
                approved_by: open.votes.iter().map(|vote| vote.approver.clone()).collect(),
                who: policy.who(),
                self_approval: policy.self_approval,
            },
            reason_required: policy.reason_required,
            fields: fields
                .map(|field| EditableField {
                    field,
                    label: field.label(),
                    text: self.text(field),
                    chars_max: field.chars_max(),
                })
                .collect(),
            changes_go_to: persona.map(|step| step.name().to_owned()),
            earlier: self.decided.iter().filter(|decided| decided.gate == open.gate).cloned().collect(),
        })
    }

    fn clip_brief(&self, index: u32) -> ClipBrief {
        let clip = self.clips.get(index as usize);
        let url = clip.and_then(|clip| match &clip.state {
            ClipState::Generated { url } => Some(url.clone()),
            ClipState::Pending | ClipState::Failed { .. } => None,
        });
        ClipBrief {
            index,
            subject: clip.map(|clip| clip.subject.clone()).unwrap_or_default(),
            header: clip.map(|clip| clip.header.clone()).unwrap_or_default(),
            prompt: self.text(Field::Prompt(index)),
            url,
        }
    }

    /// A text as it stands; else what the rules would write.
    pub(super) fn text(&self, field: Field) -> Text {
        if let Some(text) = field.get(self) {
            return Text { text: Some(text.to_owned()), proposed: false };
        }
        let by_rules = |role| (self.personas == PersonaSource::Rules).then(|| persona::by_rules(self, role));
        let proposal = match field {
            Field::Prompt(index) => {
                by_rules(Role::Write).and_then(|output| output.prompts.get(index as usize).cloned())
            }
            Field::Caption => by_rules(Role::Caption).and_then(|output| output.caption),
            Field::PostTitle => by_rules(Role::Caption).and_then(|output| output.title),
            Field::Title | Field::Subject(_) | Field::Header(_) => None,
        };
        Text { text: proposal, proposed: true }
    }

    /// What comes after the gate, up to the next one.
    fn releases(&self, gate: GateName) -> String {
        let after = self.pipeline.get(self.step as usize + 1..).unwrap_or_default();
        let until_gate = after.iter().take_while(|step| !matches!(step, Step::Gate { .. }));
        let words: Vec<String> = until_gate.filter_map(|step| self.step_words(step)).collect();
        let next = after.iter().find_map(|step| match step {
            Step::Gate { gate, .. } => Some(format!("the {gate} gate opens")),
            Step::Persona { .. } | Step::Generate { .. } | Step::Render { .. } | Step::Publish { .. } => None,
        });
        let words: Vec<String> = words.into_iter().chain(next).collect();
        if words.is_empty() { format!("the run goes on after the {gate} gate") } else { words.join(", then ") }
    }

    fn step_words(&self, step: &Step) -> Option<String> {
        let settings = self.settings.as_ref()?;
        match step {
            Step::Gate { .. } => None,
            Step::Persona { persona, role, .. } => Some(match role {
                Role::Ideate => format!("{persona} works out the idea"),
                Role::Write => format!("{persona} writes the prompts"),
                Role::Edit => format!("{persona} plans the cut"),
                Role::Sound => format!("{persona} designs the sound"),
                Role::Caption => format!("{persona} writes the caption"),
            }),
            Step::Generate { .. } => Some(format!("{} clips are generated, which costs credits", self.clips.len())),
            Step::Render { .. } => Some("the final video is rendered".to_owned()),
            Step::Publish { .. } => Some(format!("the video is posted to {}", settings.publish.platforms.join(", "))),
        }
    }

    /// Where the next work is the post.
    pub(crate) fn disclosed(&self) -> Option<Disclosed> {
        let after = self.pipeline.get(self.step as usize + 1..).unwrap_or_default();
        let mut before_next_gate = after.iter().take_while(|step| !matches!(step, Step::Gate { .. }));
        let settings =
            self.settings.as_ref().filter(|_| before_next_gate.any(|step| matches!(step, Step::Publish { .. })))?;
        Some(settings.publish.disclosure.on(&settings.publish.platforms))
    }

    fn cost(&self) -> Cost {
        let clips = self.clips.len();
        let settings = self.settings.as_ref().map(|settings| &settings.clips);
        let generated = |clip: &crate::run::Clip| matches!(clip.state, ClipState::Generated { .. });
        Cost {
            clips,
            seconds: clips as f64 * settings.map_or(0.0, |clips| clips.duration_seconds),
            cents: settings.and_then(|settings| settings.price_cents).map(|cents| u64::from(cents) * clips as u64),
            spent: clips > 0 && self.clips.iter().all(generated),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate_policy::{Editable, GatePolicy};
    use crate::principal::{Principal, Role};
    use crate::run::testing::{approve, at_gate, at_gate_with, at_persona, decide_with, every_state};
    use crate::run::{Command, GateDecision};

    #[test]
    fn there_is_a_brief_exactly_where_a_gate_is_open() {
        for run in every_state() {
            assert_eq!(run.brief().is_some(), run.gate.is_some(), "{}", run.status);
        }
    }

    #[test]
    fn each_gate_shows_what_it_decides_about_and_what_follows() {
        let workflow = at_gate(GateName::Workflow).brief().unwrap();
        assert_eq!((workflow.clips.len(), workflow.changes_go_to), (2, None));
        assert_eq!(workflow.releases, "iggy works out the idea, then the ideate gate opens");
        let ideate = at_gate(GateName::Ideate).brief().unwrap();
        assert!(ideate.clips.iter().all(|clip| clip.prompt.proposed && clip.prompt.text.is_some()));
        assert!(ideate.releases.contains("2 clips are generated") && !ideate.cost.spent);
        assert_eq!(ideate.changes_go_to.as_deref(), Some("iggy"));
        let prepublish = at_gate(GateName::Prepublish).brief().unwrap();
        assert!(prepublish.video_url.is_some() && prepublish.clips.iter().all(|clip| clip.url.is_some()));
        assert!(prepublish.cost.spent && prepublish.caption.proposed && prepublish.caption.text.is_some());
        assert!(prepublish.releases.ends_with("the video is posted to tiktok"));
        assert_eq!(prepublish.disclosure.unwrap().flags[0].field, "is_aigc");
        assert_eq!((workflow.disclosure, ideate.disclosure), (None, None));
        assert_eq!(prepublish.changes_go_to.as_deref(), Some("alex"));
    }

    #[test]
    fn what_a_model_will_write_is_not_foretold() {
        let mut run = at_persona();
        run = decide_with(&run, Command::FinishPersona { step: 1, output: Default::default(), source: "m".into() });
        let brief = run.brief().unwrap();
        assert!(brief.clips.iter().all(|clip| clip.prompt == Text { text: None, proposed: true }));
    }

    #[test]
    fn progress_and_fields_follow_the_policy() {
        let edits = vec![Editable::Plan, Editable::Script];
        let run = at_gate_with(GateName::Ideate, GatePolicy { approvals: 2, edits, ..GatePolicy::default() });
        let ann = Principal::known("ann", Role::Approver, Vec::new());
        let ann = GateDecision { by: ann, ..approve(GateName::Ideate) };
        let brief = decide_with(&run, Command::DecideGate(ann)).brief().unwrap();
        assert_eq!((brief.quorum.needed, brief.quorum.approved_by), (2, vec!["ann".to_owned()]));
        let names: Vec<String> = brief.fields.iter().map(|field| field.field.to_string()).collect();
        assert_eq!(
            names.join(" "),
            "title clips.0.subject clips.0.header clips.1.subject clips.1.header clips.0.prompt clips.1.prompt"
        );
    }
}
