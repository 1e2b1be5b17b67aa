//! `mw gates`: what waits for a person, and deciding.

use super::Context;
use crate::{
    api::{Api, escaped, list, text},
    error::{Error, Result},
};
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the gates that wait for a person, the most urgent first.
    #[command(after_help = "Example:\n  mw gates list --mine")]
    List {
        /// Only gates that you may decide.
        #[arg(long)]
        mine: bool,
        /// Only this gate: workflow, ideate or prepublish.
        #[arg(long)]
        gate: Option<String>,
        #[arg(long)]
        project: Option<String>,
        /// Gates on a page.
        #[arg(long, default_value_t = 50)]
        limit: u32,
        /// Goes on after the page before.
        #[arg(long)]
        cursor: Option<String>,
    },
    /// Show what an open gate decides about, who may decide, and what may be edited.
    Show { run: String, gate: String },
    /// Print the signed link with which a person decides, without a key.
    #[command(after_help = "Example:\n  mw gates link 6f1c… ideate --approver ann")]
    Link {
        run: String,
        gate: String,
        /// Whom the link is for; you, unless said.
        #[arg(long)]
        approver: Option<String>,
    },
    /// Approve: the run goes on once enough people have.
    #[command(after_help = "Examples:\n  mw gates approve 6f1c… ideate\n  \
        mw gates approve 6f1c… ideate --edit 'clips.0.prompt=A candle in the rain'")]
    Approve {
        #[command(flatten)]
        decision: Decision,
        /// Changes a text while approving: FIELD=TEXT, with the names that `mw gates show` lists. Repeatable.
        #[arg(long, value_name = "FIELD=TEXT")]
        edit: Vec<String>,
    },
    /// Reject: the run ends.
    #[command(after_help = "Example:\n  mw gates reject 6f1c… ideate --comment 'too dark'")]
    Reject(Decision),
    /// Send the work back to the persona before the gate, with what to change.
    #[command(after_help = "Example:\n  mw gates request-changes 6f1c… ideate --comment 'warmer light'")]
    RequestChanges(Decision),
    /// Make every link of an open gate void, and every approval so far.
    #[command(after_help = "Example:\n  mw gates reopen 6f1c… ideate --reason 'the link was forwarded'")]
    Reopen {
        run: String,
        gate: String,
        /// Why, for the timeline and for those who are notified.
        #[arg(long)]
        reason: Option<String>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Decision {
    run: String,
    /// workflow, ideate or prepublish.
    gate: String,
    /// Why, for the timeline.
    #[arg(long)]
    comment: Option<String>,
    /// A name for the timeline, where several people share a key.
    #[arg(long, env = "MW_APPROVER")]
    approver: Option<String>,
    /// Only if the gate still stands at this opening, which `mw gates show` prints.
    #[arg(long)]
    opening: Option<u32>,
}

pub(crate) fn run(context: &Context, command: Command) -> Result<u8> {
    let api = Api::new(&context.settings)?;
    match command {
        Command::List { mine, gate, project, limit, cursor } => {
            let filters = [
                ("mine", mine.then(|| "true".to_owned())),
                ("gate", gate),
                ("project", project),
                ("limit", Some(limit.to_string())),
                ("cursor", cursor),
            ];
            let page = api.get(&super::runs::with_query("/v1/gates", &filters))?;
            context.print(&page, print_page)
        }
        Command::Show { run, gate } => {
            let item = api.get(&gate_path(&run, &gate))?;
            context.print(&item, |item| print_brief(part(item, "brief")))
        }
        Command::Link { run, gate, approver } => {
            let link = api.get(&super::runs::with_query(&link_path(&run, &gate), &[("approver", approver)]))?;
            context
                .print(&link, |link| println!("{}\nexpires in {}", text(link, "approvalUrl"), text(link, "expiresIn")))
        }
        Command::Approve { decision, edit } => decide(context, &api, "approve", &decision, Some(edits(&edit)?)),
        Command::Reject(decision) => decide(context, &api, "reject", &decision, None),
        Command::RequestChanges(decision) => decide(context, &api, "request_changes", &decision, None),
        Command::Reopen { run, gate, reason } => {
            let answer = api.post(&format!("{}/reopen", gate_path(&run, &gate)), json!({ "reason": reason }))?;
            context.print(&answer, |answer| {
                println!("{gate} of {run} opened again (opening {}): earlier links are void", part(answer, "opening"))
            })
        }
    }
}

pub(crate) fn link_path(run: &str, gate: &str) -> String {
    format!("/v1/hitl/link/{}/{}", escaped(run), escaped(gate))
}

fn gate_path(run: &str, gate: &str) -> String {
    format!("/v1/gates/{}/{}", escaped(run), escaped(gate))
}

/// A member, or null.
fn part<'a>(value: &'a Value, name: &str) -> &'a Value {
    value.get(name).unwrap_or(&Value::Null)
}

/// A time to the second.
fn time(text: &str) -> &str {
    text.get(..19).unwrap_or(text)
}

fn print_page(page: &Value) {
    for gate in list(page, "gates") {
        let brief = part(gate, "brief");
        let quorum = match part(part(brief, "quorum"), "needed").as_u64() {
            Some(needed) if needed > 1 => format!("  {}/{needed}", list(part(brief, "quorum"), "approved_by").len()),
            _ => String::new(),
        };
        println!(
            "{}  {:<10}  until {}{quorum}  {}",
            text(gate, "runId"),
            text(gate, "gate"),
            time(text(brief, "deadline")),
            text(brief, "summary")
        );
    }
    if let Some(cursor) = part(page, "next_cursor").as_str() {
        println!("more: --cursor {cursor}");
    }
}

fn print_brief(brief: &Value) {
    println!(
        "{} ({}), {} gate, opening {}",
        text(brief, "title"),
        text(brief, "project"),
        text(brief, "gate"),
        part(brief, "opening")
    );
    println!("{}", text(brief, "summary"));
    println!("after approval: {}", text(brief, "releases"));
    println!("until {}, then: {}", time(text(brief, "deadline")), text(brief, "on_expiry"));
    if let Some(url) = part(brief, "video_url").as_str() {
        println!("video: {url}");
    }
    if let Some(summary) = part(part(brief, "disclosure"), "summary").as_str() {
        println!("disclosure: {summary}");
    }
    for clip in list(brief, "clips") {
        println!("clip {}: {}: {}", part(clip, "index"), text(clip, "subject"), text(clip, "header"));
        if let Some(url) = part(clip, "url").as_str() {
            println!("  {url}");
        }
    }
    let quorum = part(brief, "quorum");
    let approved: Vec<&str> = list(quorum, "approved_by").iter().filter_map(Value::as_str).collect();
    println!(
        "{} of {} approvals {}; may decide: {}",
        approved.len(),
        part(quorum, "needed"),
        approved.join(", "),
        text(quorum, "who")
    );
    for check in list(brief, "checks") {
        let mark = if part(check, "kept") == true { "kept" } else { "BROKEN" };
        println!("{mark}: {} {}", text(check, "rule"), part(check, "detail").as_str().unwrap_or_default());
    }
    for field in list(brief, "fields") {
        println!(
            "may be edited: {} = {}",
            text(field, "field"),
            part(part(field, "text"), "text").as_str().unwrap_or("(not written yet)")
        );
    }
}

fn edits(texts: &[String]) -> Result<Value> {
    let mut edit = Map::new();
    for pair in texts {
        let (field, text) = pair.split_once('=').ok_or_else(|| {
            Error::misuse(format!("--edit {pair}: write FIELD=TEXT, such as --edit 'title=A new title'"))
        })?;
        edit.insert(field.trim().to_owned(), text.into());
    }
    Ok(Value::Object(edit))
}

fn decide(context: &Context, api: &Api, verb: &str, decision: &Decision, edit: Option<Value>) -> Result<u8> {
    let answer = api.post(&gate_path(&decision.run, &decision.gate), decision_body(verb, decision, edit))?;
    context.print(&answer, |answer| {
        let more = match part(answer, "needed").as_u64() {
            Some(needed) => format!(": {} of {needed} approvals", part(answer, "approvals")),
            None => String::new(),
        };
        println!("{} of {}: {}{more}", decision.gate, decision.run, text(answer, "status"));
    })
}

fn decision_body(verb: &str, decision: &Decision, edit: Option<Value>) -> Value {
    let mut body = Map::from_iter([("decision".to_owned(), verb.into())]);
    body.extend(decision.comment.clone().map(|comment| ("comment".to_owned(), comment.into())));
    body.extend(decision.approver.clone().map(|approver| ("approver".to_owned(), approver.into())));
    body.extend(decision.opening.map(|opening| ("opening".to_owned(), opening.into())));
    body.extend(edit.filter(|edit| edit != &json!({})).map(|edit| ("edit".to_owned(), edit)));
    Value::Object(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_said_is_sent() {
        let mut decision =
            Decision { run: "r".into(), gate: "ideate".into(), comment: None, approver: None, opening: None };
        assert_eq!(decision_body("approve", &decision, Some(json!({}))), json!({"decision": "approve"}));
        decision.comment = Some("no".into());
        assert_eq!(decision_body("reject", &decision, None), json!({"decision": "reject", "comment": "no"}));
        let edit = edits(&["clips.0.prompt=a=b".to_owned()]).unwrap();
        let body = decision_body("approve", &decision, Some(edit));
        assert_eq!(body["edit"], json!({"clips.0.prompt": "a=b"}));
        assert!(edits(&["title".to_owned()]).is_err());
    }
}
