//! GET /metrics: stored totals, gauges and histograms as Prometheus text, or as OpenMetrics for who asks for it. Open, or
//! closed by a key of its own; without a redirect, bounded in its number of series.

mod exposition;

use exposition::{Exposition, Format};
use mw_edge::about::Tag::Operations;
use mw_edge::config::Config;
use mw_edge::route::{Route, open_get};
use mw_edge::{Context, Problem, Request, Response, auth, clock, problem};
use mw_media::metrics::RUNS_MAX;

/// The contract's default for runs with series of their own.
const RUNS_DEFAULT: u64 = 200;

pub const ROUTES: &[Route] = &[open_get("/metrics", show)
    .guarded_by(|request, context| require_key(request, &context.config))
    .is(Operations, "metrics", "Prometheus metrics")
    .more("Open, or for `METRICS_KEY` only where that is set, as `x-api-key` or `Authorization: Bearer`.")
    .also_by("metricsKey")
    .gives_as::<String>(200, "text/plain", "Text format 0.0.4.")
    .refuses(&[401, 503])];

fn show(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    let format = Format::asked(request.header("accept").unwrap_or_default());
    let runs = runs(request, &context.config, format)?;
    let version = context.config.or("version", env!("CARGO_PKG_VERSION"));
    let metrics = mw_store::metrics::read(context.database()?, clock::now(), runs)?;
    let text = Exposition::of(metrics, &version).text(format);
    Ok(Response::new(200, format.content_type(), text).with_header("vary", "accept"))
}

/// 401 without the key, where there is one. One that is set and too weak opens nothing, not even the page.
fn require_key(request: &Request, config: &Config) -> Result<(), Problem> {
    const KEY: &str = "metrics_key";
    if !config.is_set(KEY) {
        return Ok(());
    }
    config.required(KEY)?;
    let is_shown = auth::sent_key(request).is_some_and(|sent| auth::is_one_of(sent, &config.secrets(KEY)));
    if is_shown { Ok(()) } else { Err(problem::invalid_api_key()) }
}

/// How many of the newest runs have series of their own. Prometheus asks for OpenMetrics, and gets them. The plain text has them
/// only where `?runs=` asks: the contract's label `runId` is against the style that `promtool check metrics` wants.
fn runs(request: &Request, config: &Config, format: Format) -> Result<u32, Problem> {
    let most = config.number("metrics_runs", RUNS_DEFAULT)?.min(u64::from(RUNS_MAX));
    let unasked = match format {
        Format::OpenMetrics => most,
        Format::Prometheus => 0,
    };
    let asked = request.query("runs").and_then(|text| text.parse::<u64>().ok()).unwrap_or(unasked);
    Ok(u32::try_from(asked.min(most)).unwrap_or(RUNS_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_closes_it_and_both_headers_open_it() {
        let answer = |configured: &[(&str, &str)], headers: &[(&str, &str)]| {
            require_key(&Request::in_memory("GET", "/metrics", headers, ""), &Config::of(configured))
                .map_err(|problem| problem.status)
        };
        let keys = [("metrics_key", "the-key"), ("metrics_key_previous", "the-old-key")];
        for headers in [
            [("authorization", "Bearer the-key")],
            [("authorization", "bearer the-old-key")],
            [("x-api-key", "the-key")],
        ] {
            assert_eq!(answer(&keys, &headers), Ok(()), "{headers:?}");
        }
        for headers in [&[][..], &[("x-api-key", "")], &[("x-api-key", "another")], &[("authorization", "the-key")]] {
            assert_eq!(answer(&keys, headers), Err(401), "{headers:?}");
            assert_eq!(answer(&[], headers), Ok(()), "{headers:?}");
            // The key before the current one closes nothing by itself.
            assert_eq!(answer(&[("metrics_key_previous", "the-old-key")], headers), Ok(()), "{headers:?}");
        }
    }

    #[test]
    fn a_weak_key_closes_it_to_everybody() {
        let weak = Config::of(&[("environment", "prod"), ("metrics_key", "dev-metrics-key")]);
        let asked = Request::in_memory("GET", "/metrics", &[("x-api-key", "dev-metrics-key")], "");
        assert_eq!(require_key(&asked, &weak).unwrap_err().status, 503);
    }

    #[test]
    fn series_by_run_are_asked_for_and_bounded() {
        let count = |target: &str, format: Format, configured: &[(&str, &str)]| {
            runs(&Request::in_memory("GET", target, &[], ""), &Config::of(configured), format).unwrap()
        };
        assert_eq!(count("/metrics", Format::Prometheus, &[]), 0);
        assert_eq!(count("/metrics", Format::OpenMetrics, &[]), 200);
        assert_eq!(count("/metrics?runs=7", Format::Prometheus, &[]), 7);
        assert_eq!(count("/metrics?runs=999999", Format::Prometheus, &[]), 200);
        assert_eq!(count("/metrics?runs=-1", Format::Prometheus, &[]), 0);
        assert_eq!(count("/metrics", Format::OpenMetrics, &[("metrics_runs", "0")]), 0);
        assert_eq!(count("/metrics", Format::OpenMetrics, &[("metrics_runs", "5000000000")]), 1_000);
    }
}
