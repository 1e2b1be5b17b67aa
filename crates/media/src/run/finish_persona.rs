//! A persona's answer came from the language model, or did not and will not.

use crate::definition::Step;
use crate::persona::PersonaOutput;
use crate::run::advance::leave_when_done;
use crate::run::{Common, Context, Draft, Event, MediaEvent, Refusal, Run};
use mw_kernel::run::refuse_ended;

pub(super) fn decide(
    run: &Run,
    step: u32,
    output: &PersonaOutput,
    source: &str,
    context: &mut Context<'_>,
) -> Result<Vec<Event>, Refusal> {
    let persona = persona_at(run, step)?;
    let mut draft = Draft::of(run);
    let event =
        Event::Own(MediaEvent::PersonaFinished { step, persona, source: source.to_owned(), output: output.clone() });
    draft.push(event, context);
    leave_when_done(&mut draft, context);
    Ok(draft.events)
}

/// A failing persona fails its run; no rule speaks in its place.
pub(super) fn fail(run: &Run, step: u32, code: &str, message: &str) -> Result<Vec<Event>, Refusal> {
    let persona = persona_at(run, step)?;
    Ok(vec![Event::Common(Common::RunFailed {
        error_type: code.to_owned(),
        error_message: format!("{persona}: {message}"),
    })])
}

fn persona_at(run: &Run, step: u32) -> Result<String, Refusal> {
    refuse_ended(run)?;
    match run.body.current_step() {
        Some(Step::Persona { persona, .. }) if run.body.step == step && !run.body.answered => Ok(persona.clone()),
        Some(
            Step::Persona { .. }
            | Step::Gate { .. }
            | Step::Generate { .. }
            | Step::Render { .. }
            | Step::Publish { .. },
        )
        | None => Err(Refusal::StaleStep { run_id: run.run_id.clone(), step }),
    }
}

#[cfg(test)]
mod tests {
    use crate::persona::PersonaOutput;
    use crate::run::MediaCommand;
    use crate::run::testing::{at_persona, try_command};
    use crate::run::{Command, Refusal};
    use crate::status::Status;

    #[test]
    fn an_answer_moves_the_run_on_once() {
        let run = at_persona();
        let finish = Command::Own(MediaCommand::FinishPersona {
            step: run.body.step,
            output: PersonaOutput::default(),
            source: "m".into(),
        });
        let next = try_command(&run, finish.clone()).unwrap();
        assert_eq!(next.status, Status::AwaitingIdeate);
        assert!(matches!(try_command(&next, finish), Err(Refusal::StaleStep { .. })));
    }

    #[test]
    fn a_failing_persona_fails_the_run_by_name() {
        let run = at_persona();
        let fail = Command::Own(MediaCommand::FailPersona {
            step: run.body.step,
            code: "llm_refusal".into(),
            message: "no".into(),
        });
        let next = try_command(&run, fail).unwrap();
        assert_eq!(next.status, Status::Failed);
        assert!(next.error.unwrap().error_message.starts_with("iggy"));
    }
}
