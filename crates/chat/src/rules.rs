//! A turn without a language model: the rules of [`mw_media::brendan::rules`] plan it.

use crate::model::lines;
use crate::reply::{self, Reply};
use crate::turn::{Plan, PreparedTurn};
use mw_edge::{Context, Problem};
use mw_media::brendan::rules::{self, Intent};
use mw_media::brendan::{KnownProject, KnownRun};
use mw_store::chat::Decision;
use mw_store::knowledge;
use serde_json::json;

pub(super) fn plan(context: &mut Context, turn: &PreparedTurn) -> Result<Plan, Problem> {
    let PreparedTurn { request, loaded, .. } = turn;
    let projects: Vec<KnownProject> = loaded.projects.iter().map(|project| project.known.clone()).collect();
    let runs: Vec<KnownRun> = loaded.runs.iter().map(|run| run.known.clone()).collect();
    let mut plan =
        Plan { reply: Reply::default(), start: None, decision: None, citations: json!([]), known: json!([]) };
    let reply = &mut plan.reply;
    reply::begin(reply, context, turn.audience(), loaded)?;
    match rules::plan(&request.message, &lines(&loaded.history), &projects, &runs) {
        Intent::Start(proposal) => {
            // A request for a run is looked up like a question. The answer does not say what was found; the run keeps it.
            plan.known = knowledge::answer(context.database()?, &request.message)?.citations;
            plan.start = Some(proposal);
        }
        Intent::ShowStatus { run_id } => reply::status(reply, loaded, run_id.as_deref()),
        Intent::ListRuns => reply::runs(reply, loaded),
        Intent::CountRuns => reply::count(reply, loaded),
        Intent::SendLink { run_id } => reply::link(reply, context, turn.audience(), loaded, run_id.as_deref())?,
        Intent::Operate { verb, run_id } => {
            reply::operate(reply, context, turn.audience(), loaded, verb, run_id.as_deref())?;
        }
        Intent::AskBack { question } => {
            plan.decision = Some(Decision::Clarify);
            reply.add(question);
        }
        Intent::LeaveAlone => reply.add("All right: I start nothing."),
        Intent::Thank => reply.add("You are welcome."),
        Intent::Help => reply.add(reply::help(loaded)),
        Intent::Decline { is_english } => {
            plan.decision = Some(Decision::Decline);
            let answer = knowledge::answer(context.database()?, &request.message)?;
            let found = answer.text.is_some();
            plan.citations = answer.citations;
            if let Some(text) = answer.text {
                reply.add(text);
            }
            // The knowledge may know a language that the rules do not.
            if !is_english {
                reply.add(format!("{} {}", reply::NOT_ENGLISH, reply::help(loaded)));
            } else if !found {
                reply.add(reply::help(loaded));
            }
        }
    }
    Ok(plan)
}
