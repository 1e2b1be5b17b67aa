//! What a media run's gates decide about: one step of the pipeline is one gate.

use crate::definition::Step;
use crate::run::{ClipState, Draft, Field, GateKey, Run};
use mw_kernel::run::{Context, Question};
use mw_kernel::status::GateName;
use serde_json::{Value, json};

/// The gate of the current step.
pub(super) fn open(draft: &mut Draft, context: &mut Context<'_>) {
    if let Some(Step::Gate { gate, policy, expires_after_seconds, .. }) = draft.run.body.current_step().cloned() {
        let id = (context.new_id)();
        draft.open_gate(GateKey { id: &id, gate }, policy, expires_after_seconds, context);
    }
}

/// The step of a gate, as the run's definition has it.
fn step_of(run: &Run, gate: GateName) -> Option<&Step> {
    run.body.pipeline.iter().find(|step| matches!(step, Step::Gate { gate: name, .. } if *name == gate))
}

/// What the gate decides about, in one sentence of its definition.
pub(super) fn summary(run: &Run, gate: GateName) -> String {
    match step_of(run, gate) {
        Some(Step::Gate { summary: Some(summary), .. }) => {
            let count = run.body.clips.len();
            let concept = || run.body.concept.clone().unwrap_or_else(|| format!("{count} clips"));
            summary.fill(|place| match place {
                "title" => vec![run.title.clone()],
                "clips" => vec![count.to_string()],
                "concept" => vec![concept()],
                _ => Vec::new(),
            })
        }
        _ => format!("Go on with {}.", run.title),
    }
}

/// The names that a summary may have in braces.
pub(crate) const SUMMARY_PLACES: [&str; 3] = ["title", "clips", "concept"];

pub(super) fn question(run: &Run, gate: GateName) -> Question {
    let title = match step_of(run, gate) {
        Some(Step::Gate { question: Some(question), .. }) => question.clone(),
        _ => format!("Go on after the {gate} gate?"),
    };
    // The video that is decided about, once there is one and it is not on its way.
    let lines = run.body.render_url.iter().cloned();
    Question { title, lines: lines.chain(super::brief::disclosed(run).map(|disclosed| disclosed.summary)).collect() }
}

/// The facts that a decision is about.
pub(super) fn subject(run: &Run) -> Value {
    let body = &run.body;
    let clip = |clip: &super::Clip| {
        let url = match &clip.state {
            ClipState::Generated { url } => Some(url.clone()),
            ClipState::Pending | ClipState::Failed { .. } => None,
        };
        json!({"subject": clip.subject, "header": clip.header, "prompt": clip.prompt, "url": url})
    };
    json!({
        "title": run.title, "concept": body.concept, "clips": body.clips.iter().map(clip).collect::<Vec<_>>(),
        "caption": Field::Caption.get(run), "post_title": Field::PostTitle.get(run), "video": body.render_url,
        "publish": body.settings.as_ref().map(|settings| &settings.publish),
    })
}

/// The step of the persona whose work the open gate decides about: the nearest before it with nothing paid for in between
/// but a render.
pub(super) fn persona_before(run: &Run) -> Option<u32> {
    let before = run.body.pipeline.get(..run.body.step as usize)?.iter().enumerate().rev();
    let mut work = before.skip_while(|(_, step)| matches!(step, Step::Render { .. }));
    work.next()
        .filter(|(_, step)| matches!(step, Step::Persona { .. }))
        .and_then(|(index, _)| u32::try_from(index).ok())
}
