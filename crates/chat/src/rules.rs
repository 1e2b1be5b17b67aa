//! A turn without a language model: core's rules plan it.

use super::Turn;
use super::carry::{self, Account, Spoken};
use crate::context::Context;
use crate::problem::Problem;
use crate::reply::{self, Reply};
use mw_core::brendan::rules::{Intent, plan};
use mw_core::brendan::{KnownProject, KnownRun};
use mw_store::chat::Decision;
use mw_store::knowledge;
use serde_json::json;

pub(super) fn answer(context: &mut Context, turn: &Turn, account: &Account) -> Result<Spoken, Problem> {
    let Turn { asked, loaded, .. } = turn;
    let projects: Vec<KnownProject> = loaded.projects.iter().map(|project| project.known.clone()).collect();
    let runs: Vec<KnownRun> = loaded.runs.iter().map(|run| run.known.clone()).collect();
    let mut reply = Reply::default();
    let mut citations = json!([]);
    let mut decision = None;
    reply::begin(&mut reply, context, turn.audience(), loaded)?;
    match plan(&asked.message, &projects, &runs) {
        Intent::Start(proposal) => return carry::start(context, turn, account, *proposal, reply, citations),
        Intent::ShowStatus { run_id } => reply::status(&mut reply, loaded, run_id.as_deref()),
        Intent::ListRuns => reply::runs(&mut reply, loaded),
        Intent::SendLink { run_id } => {
            reply::link(&mut reply, context, turn.audience(), loaded, run_id.as_deref())?;
        }
        Intent::AskBack { question } => {
            decision = Some(Decision::Clarify);
            reply.say(question);
        }
        Intent::Decline => {
            decision = Some(Decision::Decline);
            let answer = knowledge::answer(context.database()?, &asked.message)?;
            reply.say(answer.text.as_deref().unwrap_or(reply::HELP));
            citations = answer.citations;
        }
    }
    carry::say(context, turn, account, &reply, decision, citations)
}
