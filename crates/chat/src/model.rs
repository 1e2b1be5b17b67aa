//! A turn that a language model plans: it is given what it needs, asks for tools, and is given their results, a few times
//! within one deadline. No connection is held while it thinks. Nothing is changed before it is done, so whenever it fails the
//! rules can plan the same turn.

use crate::commit::Account;
use crate::reply::{self, Reply};
use crate::settings::Model;
use crate::stream::Progress;
use crate::tools::ToolExecutor;
use crate::turn::{Plan, PreparedTurn};
use mw_edge::log::Level;
use mw_edge::outbound::{self, Outbound, Timeouts};
use mw_edge::{Context, Problem, dialect};
use mw_integrations::llm::{Answered, Ask, Message, Tool, converse, converse_streaming};
use mw_integrations::{Fault, FaultClass};
use mw_media::brendan::Proposal;
use mw_media::brendan::conversation::{self, ANSWER_TOKENS_MAX, Line, ROUNDS_MAX, Speaker};
use mw_media::brendan::speech::Speech;
use mw_media::brendan::tools;
use mw_store::DbError;
use mw_store::chat::{Decision, Kept};
use serde_json::Value;
use std::time::{Duration, Instant};

const CONNECT: Duration = Duration::from_secs(3);

/// Why the rules plan a turn although there is a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fallback {
    /// The user has had the tokens of the day.
    Budget,
    TimeOut,
    /// It wants fewer requests.
    Overloaded,
    /// It is not there, or does not let us in.
    Unavailable,
    Refused,
    /// What it says cannot be used.
    Malformed,
    /// It went on calling tools.
    Rounds,
}

impl Fallback {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Fallback::Budget => "budget",
            Fallback::TimeOut => "time_out",
            Fallback::Overloaded => "overloaded",
            Fallback::Unavailable => "unavailable",
            Fallback::Refused => "refused",
            Fallback::Malformed => "malformed",
            Fallback::Rounds => "rounds",
        }
    }

    fn of(fault: &Fault) -> Fallback {
        match (fault.code.as_str(), fault.class) {
            ("refusal" | "content_filter", _) => Fallback::Refused,
            ("429" | "529", _) | (_, FaultClass::RateLimited) => Fallback::Overloaded,
            (_, FaultClass::Unavailable) => Fallback::Unavailable,
            (code, _) if code.parse::<u16>().is_ok() => Fallback::Unavailable,
            (_, FaultClass::Retryable | FaultClass::Final) => Fallback::Malformed,
        }
    }
}

/// Why a model's turn ends early.
pub(super) enum PlanFailure {
    Fallback(Fallback),
    /// Not recoverable by the fallback planner.
    Problem(Problem),
}

impl From<Problem> for PlanFailure {
    fn from(problem: Problem) -> PlanFailure {
        PlanFailure::Problem(problem)
    }
}

impl From<DbError> for PlanFailure {
    fn from(error: DbError) -> PlanFailure {
        PlanFailure::Problem(error.into())
    }
}

/// Has the model answer, and adds what is ours: how every answer begins, and links below.
pub(super) fn plan(
    context: &mut Context,
    turn: &PreparedTurn,
    model: &Model,
    account: &mut Account,
    progress: &mut dyn Progress,
) -> Result<Plan, PlanFailure> {
    let remembered = dialect::recall(&model.llm);
    let answer = converse_in_rounds(context, turn, model, account, progress);
    remembered.keep(&model.llm);
    let ModelAnswer { text, citations, links, start, decision } = answer?;
    let mut reply = Reply::default();
    reply::begin(&mut reply, context, turn.audience(), &turn.loaded)?;
    if !text.is_empty() {
        reply.add(text);
    }
    // A run that starts brings its own link.
    for run_id in links.iter().filter(|_| start.is_none()) {
        reply::link(&mut reply, context, turn.audience(), &turn.loaded, Some(run_id))?;
    }
    Ok(Plan { reply, start, decision, known: citations.clone(), citations })
}

/// What a model answers and wants to have done.
pub(super) struct ModelAnswer {
    /// Fit for people.
    pub(super) text: String,
    pub(super) citations: Value,
    /// Runs whose gate's link is wanted.
    pub(super) links: Vec<String>,
    pub(super) start: Option<Box<Proposal>>,
    pub(super) decision: Option<Decision>,
}

fn converse_in_rounds(
    context: &mut Context,
    turn: &PreparedTurn,
    model: &Model,
    account: &mut Account,
    progress: &mut dyn Progress,
) -> Result<ModelAnswer, PlanFailure> {
    let PreparedTurn { request, loaded, .. } = turn;
    if !model.is_within_budget(loaded.tokens_today.unwrap_or_default()) {
        return Err(PlanFailure::Fallback(Fallback::Budget));
    }
    let projects: Vec<_> = loaded.projects.iter().map(|project| project.known.clone()).collect();
    let system = conversation::system(&projects, loaded.summary.as_deref(), &lines(&loaded.history));
    let offered: Vec<Tool> = tools::catalogue()
        .into_iter()
        .map(|tool| Tool { name: tool.name, description: tool.description, schema: tool.schema })
        .collect();
    let mut messages = vec![Message::User(request.message.clone())];
    let mut executor = ToolExecutor::of(loaded, projects);
    let ends = Instant::now() + model.turn(request.update.is_some());
    progress.status("thinking");
    for _ in 0..ROUNDS_MAX {
        let ask = Ask {
            system: &system,
            messages: &messages,
            tools: &offered,
            shape: None,
            answer_tokens_max: ANSWER_TOKENS_MAX,
        };
        let answered = ask_model(context, model, &ask, ends, progress).map_err(PlanFailure::Fallback)?;
        account.usage += answered.usage;
        executor.add_text(&answered.text);
        let mut answers = Vec::with_capacity(answered.calls.len());
        for call in &answered.calls {
            answers.push(executor.call_tool(context, call, progress)?);
        }
        if answers.is_empty() || executor.is_done() {
            return Ok(executor.finish());
        }
        messages.push(Message::Assistant { text: answered.text, calls: answered.calls });
        messages.push(Message::ToolAnswers(answers));
    }
    Err(PlanFailure::Fallback(Fallback::Rounds))
}

/// One answer of the model, within what is left of the turn.
fn ask_model(
    context: &mut Context,
    model: &Model,
    ask: &Ask<'_>,
    ends: Instant,
    progress: &mut dyn Progress,
) -> Result<Answered, Fallback> {
    let left = ends.saturating_duration_since(Instant::now());
    let client = Outbound { timeouts: Timeouts { connect: CONNECT.min(left), first_byte: left, between_bytes: left } };
    context.release_database();
    let result = if progress.wants_text() {
        let mut speech = Speech::default();
        let mut forward = |piece: &str| progress.delta(&speech.push(piece));
        let result =
            outbound::block_on(outbound::within(left, converse_streaming(&client, &model.llm, ask, &mut forward)));
        progress.delta(&speech.finish());
        result
    } else {
        outbound::block_on(outbound::within(left, converse(&client, &model.llm, ask)))
    };
    match result {
        Some(Ok(answered)) => Ok(answered),
        Some(Err(_)) | None if Instant::now() >= ends => Err(Fallback::TimeOut),
        None => Err(Fallback::TimeOut),
        Some(Err(fault)) => {
            let cause = fault.to_string();
            context.log.write(Level::Warn, "myloware.chat", "model did not answer", &[("cause", cause.into())]);
            Err(Fallback::of(&fault))
        }
    }
}

/// Messages as a model reads them.
pub(super) fn lines(history: &[Kept]) -> Vec<Line> {
    let line = |kept: &Kept| {
        let from = if kept.said.role == "user" { Speaker::User } else { Speaker::Brendan };
        Line { from, text: kept.said.content.clone() }
    };
    history.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_says_why_the_rules_answer() {
        let cases = [
            ("refusal", FaultClass::Final, Fallback::Refused),
            ("content_filter", FaultClass::Final, Fallback::Refused),
            ("429", FaultClass::RateLimited, Fallback::Overloaded),
            ("529", FaultClass::Unavailable, Fallback::Overloaded),
            ("500", FaultClass::Unavailable, Fallback::Unavailable),
            ("401", FaultClass::Final, Fallback::Unavailable),
            ("no_answer", FaultClass::Unavailable, Fallback::Unavailable),
            ("length", FaultClass::Retryable, Fallback::Malformed),
            ("malformed_answer", FaultClass::Retryable, Fallback::Malformed),
            ("context_window", FaultClass::Final, Fallback::Malformed),
        ];
        for (code, class, expected) in cases {
            assert_eq!(Fallback::of(&Fault::new(class, code, "x")), expected, "{code}");
        }
    }
}
