//! `mw gates`: what waits for a person, and deciding.

use super::{Context, runs, show};
use crate::{
    api::{Api, escaped, list, text},
    error::Result,
};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

/// The statuses in which a run waits for a person.
const WAITING: [&str; 3] = ["pending_workflow", "awaiting_ideate", "awaiting_prepublish"];

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the runs that wait for a person.
    List,
    /// Print the signed link with which a person decides, without a key.
    #[command(after_help = "Example:\n  mw gates link 6f1c… ideate")]
    Link { run: String, gate: String },
    /// Approve: the run goes on.
    Approve(Decision),
    /// Reject: the run ends.
    #[command(after_help = "Example:\n  mw gates reject 6f1c… ideate --comment 'too dark'")]
    Reject(Decision),
}

#[derive(Debug, Args)]
pub(crate) struct Decision {
    run: String,
    /// workflow, ideate or prepublish.
    gate: String,
    /// Why, for the timeline.
    #[arg(long)]
    comment: Option<String>,
    /// Who decides, for the timeline.
    #[arg(long, env = "MW_APPROVER")]
    approver: Option<String>,
}

pub(crate) fn run(context: &Context, command: Command) -> Result<u8> {
    let api = Api::new(&context.settings)?;
    match command {
        Command::List => waiting(context, &api),
        Command::Link { run, gate } => {
            let link = api.get(&link_path(&run, &gate))?;
            context
                .print(&link, |link| println!("{}\nexpires in {}", text(link, "approvalUrl"), text(link, "expiresIn")))
        }
        Command::Approve(decision) => decide(context, &api, "approve", &decision),
        Command::Reject(decision) => decide(context, &api, "reject", &decision),
    }
}

pub(crate) fn link_path(run: &str, gate: &str) -> String {
    format!("/v1/hitl/link/{}/{}", escaped(run), escaped(gate))
}

fn waiting(context: &Context, api: &Api) -> Result<u8> {
    let mut runs: Vec<Value> = Vec::new();
    for status in WAITING {
        let filters = [("status", Some(status.to_owned())), ("limit", Some("100".to_owned()))];
        runs.extend_from_slice(list(&api.get(&runs::runs_path(&filters))?, "runs"));
    }
    context.print(&json!({ "runs": runs }), |page| {
        list(page, "runs").iter().for_each(|run| println!("{}", show::run_line(run)))
    })
}

fn decide(context: &Context, api: &Api, verb: &str, decision: &Decision) -> Result<u8> {
    let body = decision_body(verb, decision);
    let path = format!("/v1/hitl/approve/{}/{}", escaped(&decision.run), escaped(&decision.gate));
    let answer = api.post(&path, body)?;
    context.print(&answer, |answer| println!("{} of {}: {}", decision.gate, decision.run, text(answer, "status")))
}

fn decision_body(verb: &str, decision: &Decision) -> Value {
    let mut body = serde_json::Map::from_iter([("decision".to_owned(), verb.into())]);
    body.extend(decision.comment.clone().map(|comment| ("comment".to_owned(), comment.into())));
    body.extend(decision.approver.clone().map(|approver| ("approver".to_owned(), approver.into())));
    Value::Object(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_said_is_sent() {
        let mut decision = Decision { run: "r".into(), gate: "ideate".into(), comment: None, approver: None };
        assert_eq!(decision_body("approve", &decision), json!({"decision": "approve"}));
        decision.comment = Some("no".into());
        assert_eq!(decision_body("reject", &decision), json!({"decision": "reject", "comment": "no"}));
    }
}
