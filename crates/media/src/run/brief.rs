//! What an open gate of a media run decides about, as every channel shows it: the plan, the clips or the final video, texts, cost, what
//! code can check of the guard-rails, who may decide, who has, and what may be edited.

use crate::definition::{Role, Settings, Step};
use crate::disclosure::Disclosed;
use crate::persona;
use crate::run::body::{ClipState, PersonaSource};
use crate::run::guardrail::{self, Check};
use crate::run::{Field, Run, Text};
use crate::status::GateName;
use serde::Serialize;

/// What people are shown at a gate of a media run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct About {
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

pub(super) fn about(run: &Run) -> About {
    let settings = run.body.settings.as_ref();
    About {
        clips: (0..).zip(&run.body.clips).map(|(index, _)| clip_brief(run, index)).collect(),
        video_url: run.body.render_url.clone(),
        caption: text(run, Field::Caption),
        post_title: text(run, Field::PostTitle),
        disclosure: disclosed(run),
        cost: cost(run),
        checks: guardrail::checks(run),
        guardrails: settings.map(Settings::sentences).unwrap_or_default(),
    }
}

fn clip_brief(run: &Run, index: u32) -> ClipBrief {
    let clip = run.body.clips.get(index as usize);
    let url = clip.and_then(|clip| match &clip.state {
        ClipState::Generated { url } => Some(url.clone()),
        ClipState::Pending | ClipState::Failed { .. } => None,
    });
    ClipBrief {
        index,
        subject: clip.map(|clip| clip.subject.clone()).unwrap_or_default(),
        header: clip.map(|clip| clip.header.clone()).unwrap_or_default(),
        prompt: text(run, Field::Prompt(index)),
        url,
    }
}

/// A text as it stands; else what the rules would write.
pub(super) fn text(run: &Run, field: Field) -> Text {
    if let Some(text) = field.get(run) {
        return Text { text: Some(text.to_owned()), proposed: false };
    }
    let by_rules = |role| (run.body.personas == PersonaSource::Rules).then(|| persona::by_rules(run, role));
    let proposal = match field {
        Field::Prompt(index) => by_rules(Role::Write).and_then(|output| output.prompts.get(index as usize).cloned()),
        Field::Caption => by_rules(Role::Caption).and_then(|output| output.caption),
        Field::PostTitle => by_rules(Role::Caption).and_then(|output| output.title),
        Field::Title | Field::Subject(_) | Field::Header(_) => None,
    };
    Text { text: proposal, proposed: true }
}

/// What comes after the gate, up to the next one.
pub(super) fn releases(run: &Run, gate: GateName) -> String {
    let after = run.body.later_steps();
    let until_gate = after.iter().take_while(|step| !matches!(step, Step::Gate { .. }));
    let words: Vec<String> = until_gate.filter_map(|step| step_words(run, step)).collect();
    let next = after.iter().find_map(|step| match step {
        Step::Gate { gate, .. } => Some(format!("the {gate} gate opens")),
        Step::Persona { .. } | Step::Generate { .. } | Step::Render { .. } | Step::Publish { .. } => None,
    });
    let words: Vec<String> = words.into_iter().chain(next).collect();
    if words.is_empty() { format!("the run goes on after the {gate} gate") } else { words.join(", then ") }
}

fn step_words(run: &Run, step: &Step) -> Option<String> {
    let settings = run.body.settings.as_ref()?;
    match step {
        Step::Gate { .. } => None,
        Step::Persona { persona, role, .. } => Some(match role {
            Role::Ideate => format!("{persona} works out the idea"),
            Role::Write => format!("{persona} writes the prompts"),
            Role::Edit => format!("{persona} plans the cut"),
            Role::Sound => format!("{persona} designs the sound"),
            Role::Caption => format!("{persona} writes the caption"),
        }),
        Step::Generate { .. } => Some(format!("{} clips are generated, which costs credits", run.body.clips.len())),
        Step::Render { .. } => Some("the final video is rendered".to_owned()),
        Step::Publish { .. } => Some(format!("the video is posted to {}", settings.publish.platforms.join(", "))),
    }
}

/// Where the next work is the post.
pub(super) fn disclosed(run: &Run) -> Option<Disclosed> {
    let after = run.body.later_steps();
    let mut before_next_gate = after.iter().take_while(|step| !matches!(step, Step::Gate { .. }));
    let settings =
        run.body.settings.as_ref().filter(|_| before_next_gate.any(|step| matches!(step, Step::Publish { .. })))?;
    Some(settings.publish.disclosure.on(&settings.publish.platforms))
}

fn cost(run: &Run) -> Cost {
    let clips = run.body.clips.len();
    let settings = run.body.settings.as_ref().map(|settings| &settings.clips);
    let generated = |clip: &crate::run::Clip| matches!(clip.state, ClipState::Generated { .. });
    Cost {
        clips,
        seconds: clips as f64 * settings.map_or(0.0, |clips| clips.duration_seconds),
        cents: settings.and_then(|settings| settings.price_cents).map(|cents| u64::from(cents) * clips as u64),
        spent: clips > 0 && run.body.clips.iter().all(generated),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate_policy::GatePolicy;
    use crate::principal::{Principal, Role};
    use crate::run::MediaCommand;
    use crate::run::testing::gate;
    use crate::run::testing::{approve, at_gate, at_gate_with, at_persona, decide_with, every_state};
    use crate::run::{Command, GateDecision};

    #[test]
    fn there_is_a_brief_exactly_where_a_gate_is_open() {
        for run in every_state() {
            assert_eq!(run.briefs().next().is_some(), !run.gates.is_empty(), "{}", run.status);
        }
    }

    #[test]
    fn each_gate_shows_what_it_decides_about_and_what_follows() {
        let workflow = at_gate(gate("workflow")).briefs().next().unwrap();
        assert_eq!((workflow.about.clips.len(), workflow.changes_go_to), (2, None));
        assert_eq!(workflow.releases, "iggy works out the idea, then the ideate gate opens");
        let ideate = at_gate(gate("ideate")).briefs().next().unwrap();
        assert!(ideate.about.clips.iter().all(|clip| clip.prompt.proposed && clip.prompt.text.is_some()));
        assert!(ideate.releases.contains("2 clips are generated") && !ideate.about.cost.spent);
        assert_eq!(ideate.changes_go_to.as_deref(), Some("iggy"));
        let prepublish = at_gate(gate("prepublish")).briefs().next().unwrap();
        assert!(prepublish.about.video_url.is_some() && prepublish.about.clips.iter().all(|clip| clip.url.is_some()));
        assert!(
            prepublish.about.cost.spent && prepublish.about.caption.proposed && prepublish.about.caption.text.is_some()
        );
        assert!(prepublish.releases.ends_with("the video is posted to tiktok"));
        assert_eq!(prepublish.about.disclosure.unwrap().flags[0].field, "is_aigc");
        assert_eq!((workflow.about.disclosure, ideate.about.disclosure), (None, None));
        assert_eq!(prepublish.changes_go_to.as_deref(), Some("alex"));
    }

    #[test]
    fn what_a_model_will_write_is_not_foretold() {
        let mut run = at_persona();
        run = decide_with(
            &run,
            Command::Own(MediaCommand::FinishPersona { step: 1, output: Default::default(), source: "m".into() }),
        );
        let brief = run.briefs().next().unwrap();
        assert!(brief.about.clips.iter().all(|clip| clip.prompt == Text { text: None, proposed: true }));
    }

    #[test]
    fn progress_and_fields_follow_the_policy() {
        let edits: Vec<String> = vec!["plan".into(), "script".into()];
        let run = at_gate_with(gate("ideate"), GatePolicy { approvals: 2, edits, ..GatePolicy::default() });
        let ann = Principal::known("ann", Role::Approver, Vec::new());
        let ann = GateDecision { by: ann, ..approve(gate("ideate")) };
        let brief = decide_with(&run, Command::DecideGate(ann)).briefs().next().unwrap();
        assert_eq!((brief.quorum.needed, brief.quorum.approved_by), (2, vec!["ann".to_owned()]));
        let names: Vec<String> = brief.fields.iter().map(|field| field.field.to_string()).collect();
        assert_eq!(
            names.join(" "),
            "title clips.0.subject clips.0.header clips.1.subject clips.1.header clips.0.prompt clips.1.prompt"
        );
    }
}
