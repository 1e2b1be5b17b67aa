//! `mw dlq`: deliveries of webhooks that match no job: list, look at, replay, discard. Nothing changes without `--yes`.

use super::Context;
use crate::{
    api::{Api, escaped, list, text},
    error::{Error, Result},
};
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Letters that the API settles in one call.
const PAGE: u32 = 100;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the dead letters that wait, newest first, with the reason and the next try.
    #[command(
        after_help = "Examples:\n  mw dlq list --exhausted\n  mw dlq list --provider std:replicate --why unknown_job"
    )]
    List {
        #[command(flatten)]
        filter: Filter,
        /// At most this many.
        #[arg(long, default_value_t = 20)]
        limit: u32,
        /// Go on after an earlier page (its next_cursor).
        #[arg(long)]
        cursor: Option<String>,
    },
    /// Show one dead letter: what came, what it was matched by, and in plain words what to do.
    Show { id: String },
    /// Match dead letters again and act on them: by id, or by filter. Says what would happen; --yes does it.
    #[command(after_help = "\
Examples:
  mw dlq replay 2f6c… --yes
  mw dlq replay --provider std:replicate    what would become of all of its dead letters
  mw dlq replay --provider std:replicate --yes --reason 'secret fixed'

A replay keeps the receipt's id and acts on what was stored. One that still finds no job stays. Doing it twice is
harmless.")]
    Replay(Order),
    /// Take dead letters out of the queue for good: by id, or by filter. Says what would happen; --yes does it.
    #[command(after_help = "\
Examples:
  mw dlq discard 2f6c… --reason 'a test of theirs' --yes
  mw dlq discard --why no_reference --exhausted --reason 'names no job'

The receipt stays, with who and why.")]
    Discard(Order),
    /// Replay the newest dead letters of all providers, as the runbook writes it.
    #[command(after_help = "Example:\n  mw dlq replay-webhooks --limit 50 --dry-run")]
    ReplayWebhooks {
        /// At most this many.
        #[arg(long, default_value_t = 50)]
        limit: u32,
        /// Only say what would happen.
        #[arg(long)]
        dry_run: bool,
    },
}

#[derive(Debug, Args, Default)]
pub(crate) struct Filter {
    /// Only deliveries of this provider: its name, as in its webhook's path, or std:<source>.
    #[arg(long)]
    provider: Option<String>,
    /// Only dead letters for this reason: unknown_job, no_reference, ambiguous_account, ambiguous_task.
    #[arg(long)]
    why: Option<String>,
    /// Only dead letters whose automatic tries are used up.
    #[arg(long)]
    exhausted: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Order {
    /// The dead letters; none means: by filter.
    ids: Vec<String>,
    #[command(flatten)]
    filter: Filter,
    /// At most this many, by filter.
    #[arg(long, default_value_t = 1000)]
    limit: u32,
    /// Do it.
    #[arg(long)]
    yes: bool,
    /// Why, for the receipt.
    #[arg(long)]
    reason: Option<String>,
    /// Who, for the receipt.
    #[arg(long, env = "MW_ACTOR")]
    actor: Option<String>,
}

pub(crate) fn run(context: &Context, command: Command) -> Result<u8> {
    let api = Api::new(&context.settings)?;
    match command {
        Command::List { filter, limit, cursor } => list_letters(context, &api, &filter, limit, cursor),
        Command::Show { id } => {
            let letter = api.get(&format!("/v1/dlq/{}", escaped(&id)))?;
            context.print(&letter, |letter| print!("{}", shown(letter)))
        }
        Command::Replay(order) => settle(context, &api, "replay", &order),
        Command::Discard(order) if order.reason.is_none() => {
            Err(Error::misuse("say why with --reason: the receipt keeps it"))
        }
        Command::Discard(order) => settle(context, &api, "discard", &order),
        Command::ReplayWebhooks { limit, dry_run } => {
            let (reason, actor) = (Some("replay-webhooks".to_owned()), None);
            let order = Order { ids: Vec::new(), filter: Filter::default(), limit, yes: !dry_run, reason, actor };
            settle(context, &api, "replay", &order)
        }
    }
}

fn list_letters(context: &Context, api: &Api, filter: &Filter, limit: u32, cursor: Option<String>) -> Result<u8> {
    let members = [
        ("provider", filter.provider.clone()),
        ("reason", filter.why.clone()),
        ("exhausted", filter.exhausted.then(|| "true".to_owned())),
        ("limit", Some(limit.to_string())),
        ("cursor", cursor),
    ];
    let query = members.iter().filter_map(|(name, value)| Some(format!("{name}={}", escaped(value.as_deref()?))));
    let page = api.get(&format!("/v1/dlq?{}", query.collect::<Vec<_>>().join("&")))?;
    context.print(&page, |page| {
        list(page, "letters").iter().for_each(|letter| println!("{}", line(letter)));
        match page.get("next_cursor").and_then(Value::as_str) {
            Some(cursor) => println!("more: mw dlq list --cursor {cursor}"),
            None if list(page, "letters").is_empty() => println!("no dead letter"),
            None => {}
        }
    })
}

fn line(letter: &Value) -> String {
    let next = match text(letter, "nextRetryAt") {
        "" => "tries used up".to_owned(),
        at => format!("next try {}", at.get(..19).unwrap_or(at)),
    };
    let attempts = letter.get("attempts").map(ToString::to_string).unwrap_or_default();
    let (id, provider, reason) = (text(letter, "id"), text(letter, "provider"), text(letter, "reason"));
    format!("{id}  {provider:<14}  {reason:<17}  {attempts:>2} tries  {next}")
}

fn shown(letter: &Value) -> String {
    let mut lines = vec![format!("{}  {}  {}", text(letter, "id"), text(letter, "provider"), text(letter, "outcome"))];
    for (name, title) in
        [("reason", "reason"), ("createdAt", "received"), ("nextRetryAt", "next try"), ("runId", "run")]
    {
        lines.extend(
            Some(text(letter, name)).filter(|text| !text.is_empty()).map(|text| format!("  {title:<10} {text}")),
        );
    }
    lines.extend(letter.get("match").map(|matched| format!("  {:<10} {matched}", "names")));
    let payload = letter.get("payload").unwrap_or(&Value::Null);
    lines.push(format!("  {:<10} {}", "payload", text(payload, "data")));
    lines.push(format!("{}\n", text(letter, "explanation")));
    lines.join("\n")
}

/// What became of dead letters: how many of each ending, and each of them.
#[derive(Default)]
struct Outcomes {
    counts: BTreeMap<String, u64>,
    letters: Vec<Value>,
}

impl Outcomes {
    fn add(&mut self, letter: &Value) {
        *self.counts.entry(text(letter, "result").to_owned()).or_default() += 1;
        self.letters.push(letter.clone());
    }
}

fn settle(context: &Context, api: &Api, verb: &str, order: &Order) -> Result<u8> {
    let outcomes = if order.ids.is_empty() { by_filter(api, verb, order)? } else { by_id(api, verb, order)? };
    let answer = json!({"dry_run": !order.yes, "counts": outcomes.counts, "letters": outcomes.letters});
    context.print(&answer, |answer| {
        for letter in list(answer, "letters") {
            let what = [text(letter, "result"), text(letter, "reason"), text(letter, "runId")];
            println!("{}  {}", text(letter, "id"), what.join("  ").trim_end());
        }
        let counts = outcomes.counts.iter().map(|(result, count)| format!("{count} {result}"));
        let counts = counts.collect::<Vec<_>>().join(", ");
        println!("{}", if counts.is_empty() { "no dead letter" } else { &counts });
        if !order.yes && !outcomes.letters.is_empty() {
            println!("nothing was changed; --yes does it");
        }
    })
}

fn by_id(api: &Api, verb: &str, order: &Order) -> Result<Outcomes> {
    let mut outcomes = Outcomes::default();
    for id in &order.ids {
        outcomes.add(&api.post(&format!("/v1/dlq/{}/{verb}", escaped(id)), Value::Object(order_body(order)))?);
    }
    Ok(outcomes)
}

/// Page by page; a call that fails may be repeated, since what is settled has left the queue.
fn by_filter(api: &Api, verb: &str, order: &Order) -> Result<Outcomes> {
    let mut outcomes = Outcomes::default();
    let mut cursor = Value::Null;
    let mut left = order.limit;
    while left > 0 {
        let mut body = order_body(order);
        body.insert("filter".into(), filter_json(&order.filter));
        body.insert("limit".into(), left.min(PAGE).into());
        body.insert("cursor".into(), cursor);
        let page = api.post(&format!("/v1/dlq/{verb}"), Value::Object(body))?;
        list(&page, "letters").iter().for_each(|letter| outcomes.add(letter));
        left = left.saturating_sub(u32::try_from(list(&page, "letters").len()).unwrap_or(u32::MAX));
        cursor = page.get("next_cursor").cloned().unwrap_or_default();
        if cursor.is_null() {
            break;
        }
    }
    Ok(outcomes)
}

fn order_body(order: &Order) -> Map<String, Value> {
    let members = [("reason", &order.reason), ("actor", &order.actor)];
    let given = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value.clone()?.into())));
    given.chain([("dry_run".to_owned(), (!order.yes).into())]).collect()
}

fn filter_json(filter: &Filter) -> Value {
    json!({"provider": filter.provider, "reason": filter.why, "exhausted": filter.exhausted.then_some(true)})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_is_one_line_with_its_next_try() {
        let waits = json!({"id": "i", "provider": "p", "reason": "unknown_job", "attempts": 2,
                           "nextRetryAt": "2026-01-02T03:04:05.000000Z"});
        assert!(line(&waits).ends_with("2 tries  next try 2026-01-02T03:04:05"), "{}", line(&waits));
        assert!(line(&json!({"nextRetryAt": null})).ends_with("tries used up"));
    }

    #[test]
    fn without_yes_it_is_a_dry_run() {
        let order = |yes| Order {
            ids: Vec::new(),
            filter: Filter::default(),
            limit: 1,
            yes,
            reason: Some("why".into()),
            actor: None,
        };
        assert_eq!(Value::Object(order_body(&order(false))), json!({"dry_run": true, "reason": "why"}));
        assert_eq!(order_body(&order(true))["dry_run"], false);
    }
}
