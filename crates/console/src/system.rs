//! GET /console/system: the sweep, what is at work, the drain switch, migrations, version, and the newest decisions.

use super::form::Form;
use super::plot::{Of, Plot, plot};
use super::view::{Frame, Moment, Place, page};
use super::visitor::{Guest, Visitor};
use super::{Answer, see_other};
use askama::Template;
use mw_edge::body::Fields;
use mw_edge::request::percent_encode;
use mw_edge::{Context, Request, clock, problem, startup};
use mw_kernel::principal::Role;
use mw_media::metrics;
use mw_operations::drain;
use mw_store::console::{DecisionRow, Point, Sweep};
use mw_store::drain::Left;
use serde_json::Value;

const REASON_LENGTH_MAX: usize = 500;
/// The sweep comes every 5 s; behind this it has missed several.
const SWEEP_LATE_SECONDS: f64 = 60.0;

#[derive(Template)]
#[template(path = "system.html")]
struct Page {
    frame: Frame,
    token: String,
    version: String,
    environment: String,
    migration: u64,
    migration_needed: u64,
    summary: String,
    draining: bool,
    drain_words: String,
    drain_since: Option<Moment>,
    counts: Vec<(String, String)>,
    oldest_due: Option<Moment>,
    swept: Option<Moment>,
    sweep_late: bool,
    report: Vec<(String, String)>,
    decisions: Vec<Decision>,
    plots: Vec<Plot>,
    may_switch: bool,
}

struct Decision {
    at: Option<Moment>,
    words: String,
    channel: String,
    path: String,
    run_id: String,
}

pub(super) fn show(guest: &Guest, request: &Request, context: &mut Context) -> Answer {
    let seen = mw_store::console::system(context.connection()?, guest.visit())?;
    let visitor = guest.admit(seen.shell, context)?;
    let system = seen.page;
    let switch = &system.left.drain;
    Ok(page(
        200,
        &Page {
            frame: Frame::of("System", Place::System, &visitor).saying(done(request)),
            token: visitor.token.clone(),
            version: context.config.or("version", env!("CARGO_PKG_VERSION")),
            environment: startup::environment(&context.config),
            migration: system.migration,
            migration_needed: mw_store::MIGRATION,
            summary: drain::summary(&system.left),
            draining: switch.on,
            drain_words: switch.reason.clone().unwrap_or_else(|| "no reason given".to_owned()),
            drain_since: Moment::read(&switch.since),
            counts: counts(&system.left),
            oldest_due: Moment::read_some(system.oldest_due_at.as_deref()),
            swept: Moment::read_some(system.sweep.last_success_at.as_deref()),
            sweep_late: system.sweep.lag_seconds.is_none_or(|lag| lag > SWEEP_LATE_SECONDS),
            report: report(&system.sweep),
            decisions: system.decisions.iter().map(decision).collect(),
            plots: plots(&system.series),
            may_switch: visitor.may(Role::Operator),
        },
    )?)
}

fn plots(series: &[Point]) -> Vec<Plot> {
    let of = |title, of, name| plot(title, of, series, name, "");
    vec![
        of("Runs started", Of::Times, metrics::RUNS_STARTED),
        of("Runs failed", Of::Times, metrics::RUNS_FAILED),
        of("Waits at gates", Of::Seconds, metrics::GATE_WAITS),
        of("Answers", Of::Seconds, metrics::ANSWERS),
        of("Errors of ours (5xx)", Of::Times, metrics::ERRORS),
    ]
}

fn counts(left: &Left) -> Vec<(String, String)> {
    let runs = left.runs.iter().map(|(status, count)| (format!("runs {}", status.as_str().replace('_', " ")), *count));
    let jobs = left.jobs.iter().map(|(state, count)| (format!("jobs {state}"), *count));
    let effects = [("effects due", left.effects.due), ("effects in flight", left.effects.leased)];
    let effects = effects.into_iter().map(|(name, count)| (name.to_owned(), count));
    let more = if left.dead_letters_more { " or more" } else { "" };
    let letters = ("dead letters".to_owned(), format!("{}{more}", left.dead_letters));
    let exact = runs.chain(jobs).chain(effects).map(|(name, count)| (name, count.to_string()));
    exact.chain([letters]).collect()
}

/// What the last sweep that had work did, without what it did not do.
fn report(sweep: &Sweep) -> Vec<(String, String)> {
    let members = sweep.report.as_ref().and_then(Value::as_object);
    let done = members.into_iter().flatten().filter(|(_, value)| value.as_u64().is_some_and(|count| count > 0));
    done.map(|(name, value)| (name.replace('_', " "), value.to_string())).collect()
}

fn decision(row: &DecisionRow) -> Decision {
    Decision {
        at: Moment::read(&row.at),
        words: format!("{} {} the {} gate", row.approver, row.decision, row.gate),
        channel: row.channel.clone(),
        path: format!("/console/runs/{}", percent_encode(&row.run_id)),
        run_id: row.run_id.clone(),
    }
}

/// POST /console/drain.
pub(super) fn act(visitor: &Visitor, form: &Form, context: &mut Context) -> Answer {
    let mut fields = Fields::new(form.members(), "#");
    let reason = fields.text("reason", 0, REASON_LENGTH_MAX);
    fields.finish()?;
    let on = match form.text("drain") {
        "on" => true,
        "off" => false,
        _ => return Err(problem::invalid_field("#/drain", "Input should be on or off").into()),
    };
    let actor = visitor.principal.name.as_str();
    mw_store::drain::switch(context.database()?, clock::now(), on, actor, reason.as_deref())?;
    Ok(see_other(format!("/console/system?drain={}", if on { "on" } else { "off" })))
}

fn done(request: &Request) -> Option<String> {
    match request.query("drain").as_deref() {
        Some("on") => Some("Draining: no new run starts.".to_owned()),
        Some("off") => Some("New runs may start again.".to_owned()),
        Some(_) | None => None,
    }
}
