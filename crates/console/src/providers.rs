//! GET /console/providers: how each provider is met: its breaker, its limits and what is used of them, its attempts.

use super::Answer;
use super::plot::{Of, Plot, plot};
use super::view::{Chip, Frame, Moment, Place, page};
use super::visitor::Guest;
use askama::Template;
use mw_edge::{Context, startup};
use mw_integrations::registry;
use mw_kernel::status::ProvidersMode;
use mw_media::metrics;
use mw_store::console::{Point, ProviderRow};
use mw_store::metrics::Sample;

#[derive(Template)]
#[template(path = "providers.html")]
struct Page {
    frame: Frame,
    mode: &'static str,
    mode_words: &'static str,
    providers: Vec<Provider>,
}

struct Provider {
    name: String,
    /// For people.
    title: String,
    breaker: Chip,
    failures: u32,
    breaker_failures: u32,
    retry: Option<Moment>,
    held: Option<Moment>,
    due: u32,
    oldest_due: Option<Moment>,
    gauges: Vec<Gauge>,
    attempts: Vec<(String, String)>,
    /// Mean seconds until an answer.
    seconds: Vec<(String, String)>,
    webhooks: Vec<(String, String)>,
    plots: Vec<Plot>,
}

/// How much of a limit is used; without a limit only how much.
struct Gauge {
    name: String,
    used: u32,
    most: Option<u32>,
}

pub(super) fn show(guest: &Guest, context: &mut Context) -> Answer {
    let mode = startup::mode(&context.config)?;
    let seen = mw_store::console::providers(context.connection()?, guest.visit())?;
    let visitor = guest.admit(seen.shell, context)?;
    let mode_words = match mode {
        ProvidersMode::Mock => "new runs ask nobody: answers are made up on the spot",
        ProvidersMode::Sim => "new runs ask the simulator on this machine",
        ProvidersMode::Live => "new runs ask the real providers, and cost money",
    };
    let totals = &seen.page.totals;
    // Nobody has a breaker where nobody is asked.
    let rows = seen.page.providers.iter().filter(|row| row.provider != "mock" || mode == ProvidersMode::Mock);
    let providers = rows.map(|row| Provider::of(row, totals, &seen.page.series)).collect();
    let frame = Frame::of("Providers", Place::Providers, &visitor);
    Ok(page(200, &Page { frame, mode: mode.as_str(), mode_words, providers })?)
}

impl Provider {
    fn of(row: &ProviderRow, totals: &[Sample], series: &[Point]) -> Provider {
        let breaker = match row.breaker.as_str() {
            "closed" => Chip::new("healthy", "good"),
            "half_open" => Chip::new("half open: probed", "wait"),
            _ => Chip::new("open: not asked", "bad"),
        };
        let gauge = |name: String, used, most| Gauge { name, used, most };
        Provider {
            name: row.provider.clone(),
            title: title(&row.provider),
            breaker,
            failures: row.failures,
            breaker_failures: row.breaker_failures,
            retry: Moment::read_some(row.retry_at.as_deref()),
            held: Moment::read_some(row.held_until.as_deref()),
            due: row.due,
            oldest_due: Moment::read_some(row.oldest_due_at.as_deref()),
            gauges: vec![
                gauge(format!("starts in {} s", row.window_seconds), row.starts, row.starts_max),
                gauge("open jobs".to_owned(), row.open_jobs, row.open_jobs_max),
                gauge("in flight".to_owned(), row.in_flight, row.in_flight_max),
            ],
            attempts: counts(totals, "effect_attempts_total", &row.provider, &["kind", "outcome"]),
            seconds: counts(totals, "provider_request_seconds", &row.provider, &["kind"]),
            webhooks: counts(totals, "webhook_verify_total", &row.provider, &["status"]),
            plots: vec![
                plot("Answers", Of::Seconds, series, metrics::PROVIDER_ANSWERS, &row.provider),
                plot("Errors", Of::Times, series, metrics::PROVIDER_ERRORS, &row.provider),
            ],
        }
    }
}

fn title(provider: &str) -> String {
    match registry::system(provider) {
        Some(system) => format!("{}: {}", system.title, system.does),
        None => provider.to_owned(),
    }
}

/// A provider's totals of a family, each under the values of these labels.
fn counts(totals: &[Sample], name: &str, provider: &str, labels: &[&str]) -> Vec<(String, String)> {
    let own = totals.iter().filter(|sample| sample.name == name && label(&sample.labels, "provider") == Some(provider));
    own.map(|sample| {
        let words: Vec<&str> = labels.iter().filter_map(|wanted| label(&sample.labels, wanted)).collect();
        (words.join(" · ").replace('_', " "), shown(sample.value))
    })
    .collect()
}

/// Counts are whole; of seconds, three significant places do.
fn shown(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value}") } else { format!("{value:.3}") }
}

/// The value of a label in `a="b",c="d"`; none of ours holds a comma or a quote.
fn label<'a>(labels: &'a str, name: &str) -> Option<&'a str> {
    let pairs = labels.split(',').filter_map(|pair| pair.split_once('='));
    pairs.into_iter().find(|(key, _)| *key == name).map(|(_, value)| value.trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_are_shown_by_provider() {
        let sample =
            |labels: &str, value| Sample { name: "effect_attempts_total".into(), labels: labels.into(), value };
        let totals = [
            sample("provider=\"p\",kind=\"submit\",outcome=\"rate_limited\"", 3.0),
            sample("provider=\"llm\",kind=\"persona\",outcome=\"answered\"", 1.0),
        ];
        let found = counts(&totals, "effect_attempts_total", "p", &["kind", "outcome"]);
        assert_eq!(found, [("submit · rate limited".to_owned(), "3".to_owned())]);
        assert!(counts(&totals, "webhook_verify_total", "p", &["status"]).is_empty());
    }
}
