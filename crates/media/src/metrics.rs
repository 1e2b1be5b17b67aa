//! The families of /metrics: what each is called, what it means, which labels it has, how a histogram is divided.
//! docs/metrics.md holds this list and the families of providers, and a test holds them together. Numbers are kept by the database
//! (migrations/functions/metrics); this is the one home of names and bounds.

use Kind::{Counter, Gauge, Histogram};

/// How the numbers of a family behave.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// Only rises. Its name ends with `_total`.
    Counter,
    Gauge,
    /// Observations by upper bound, ascending, without +Inf. Its name ends with the unit.
    Histogram(&'static [f64]),
}

/// Metrics of one name.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Family {
    pub name: &'static str,
    pub kind: Kind,
    pub labels: &'static [&'static str],
    pub help: &'static str,
}

/// The contract's bounds for requests and searches, seconds.
const REQUEST: &[f64] = &[0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0];
/// The contract's bounds for a mock publication, seconds; its targets of 30 and 45 s are bounds.
const PUBLISH: &[f64] = &[0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 45.0, 60.0];
/// Work that takes seconds to half an hour.
const WORK: &[f64] = &[0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 45.0, 60.0, 120.0, 300.0, 600.0, 1800.0];
/// People take minutes to days.
const WAIT: &[f64] = &[10.0, 60.0, 300.0, 900.0, 3600.0, 14_400.0, 43_200.0, 86_400.0, 259_200.0, 604_800.0];
/// One call of a provider; its time-outs end below the last bound.
const CALL: &[f64] = &[0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0];
/// A sweep; its lease is 60 s.
const SWEEP: &[f64] = &[0.01, 0.05, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0];

/// What the console draws over time.
pub const RUNS_STARTED: &str = "runs_started";
pub const RUNS_FAILED: &str = "runs_failed";
pub const GATE_WAITS: &str = "gate_waits";
pub const ANSWERS: &str = "answers";
pub const ERRORS: &str = "errors";
pub const PROVIDER_ANSWERS: &str = "provider_answers";
pub const PROVIDER_ERRORS: &str = "provider_errors";

/// Of which family each is made, and of which labels, as SQL's LIKE has it.
pub const SERIES: [(&str, &str, &str); 8] = [
    (RUNS_STARTED, "runs_started_total", "%"),
    (RUNS_FAILED, "runs_finished_total", "%status=\"failed\"%"),
    (GATE_WAITS, "gate_wait_seconds", "%"),
    (ANSWERS, REQUEST_SECONDS, "%"),
    (ERRORS, REQUEST_SECONDS, "%status=\"5%"),
    (PROVIDER_ANSWERS, "provider_request_seconds", "%"),
    (PROVIDER_ERRORS, "effect_attempts_total", "%outcome=\"failed\"%"),
    (PROVIDER_ERRORS, "effect_attempts_total", "%outcome=\"rate_limited\"%"),
];

/// The duration of a request, whose count is `http_requests_total` too. The only family that is also kept by run.
pub const REQUEST_SECONDS: &str = "http_request_duration_seconds";

/// Runs whose requests are kept by run, at most.
pub const RUNS_MAX: u32 = 1_000;

const fn family(name: &'static str, kind: Kind, labels: &'static [&'static str], help: &'static str) -> Family {
    Family { name, kind, labels, help }
}

const REQUEST_LABELS: &[&str] = &["service", "path", "method", "status", "runId"];

/// How long a provider's jobs take; each provider has a family of its own (crates/integrations).
pub const fn job_seconds(name: &'static str, help: &'static str) -> Family {
    family(name, Histogram(JOB_SECONDS), &["outcome"], help)
}

/// The bounds of [`job_seconds`].
pub const JOB_SECONDS: &[f64] = WORK;

/// Every family but those of providers, by name.
pub const FAMILIES: &[Family] = &[
    family("adapter_calls_total", Counter, &["provider", "mode"], "Requests to providers, by mode (mock, live)."),
    family("api_rate_limited_requests_total", Counter, &["name"], "Requests answered 429, by limiter."),
    family(
        "chat_turns_total",
        Counter,
        &["planner", "fallback"],
        "Turns with Brendan where there is a language model, by who planned them, and why not the model.",
    ),
    family("circuit_state_changes_total", Counter, &["component", "state"], "Circuit breakers that opened or closed."),
    family("database_connections", Gauge, &[], "Connections to the database, of all processes."),
    family("database_connections_max", Gauge, &[], "How many the database's role may have."),
    family("drain_active", Gauge, &[], "1 while no new run may start."),
    family(
        "effect_attempts_total",
        Counter,
        &["provider", "kind", "outcome"],
        "Requests of effects to providers, by outcome.",
    ),
    family("gate_decisions_total", Counter, &["gate", "decision", "channel"], "What people said at gates."),
    family("gate_wait_seconds", Histogram(WAIT), &["gate", "outcome"], "From the opening of a gate to its decision."),
    family("gates_oldest_age_seconds", Gauge, &["gate"], "Since the opening of the gate that has waited longest."),
    family("gates_open", Gauge, &["gate"], "Gates that wait for people."),
    family("gates_overdue", Gauge, &[], "Open gates whose deadline has passed: the sweep is late."),
    family(
        REQUEST_SECONDS,
        Histogram(REQUEST),
        REQUEST_LABELS,
        "Time from a request's arrival to its answer; by run for the newest runs, else runId is empty.",
    ),
    family(
        "http_requests_total",
        Counter,
        REQUEST_LABELS,
        "Requests answered; by run for the newest runs, else runId is empty.",
    ),
    family("jobs_open", Gauge, &["provider", "state"], "Jobs that providers have not finished."),
    family(
        "kb_search_seconds",
        Histogram(REQUEST),
        &["project", "persona"],
        "Searches in the knowledge, by whom they are for.",
    ),
    family(
        "llm_tokens_total",
        Counter,
        &["model", "token_type"],
        "Tokens that language models have read (input) and written (output).",
    ),
    family(
        "mock_publish_seconds",
        Histogram(PUBLISH),
        &["project"],
        "Active time from run start to published in mock mode, without waits at gates.",
    ),
    family("myloware_build_info", Gauge, &["version"], "1, for the version that answers."),
    family("outbox_depth", Gauge, &["state"], "Effects that wait or are running."),
    family("outbox_oldest_due_seconds", Gauge, &[], "How long the oldest waiting effect is overdue."),
    family(
        "persona_allowlist_failures_total",
        Counter,
        &["persona", "project", "mode"],
        "Calls of tools that a persona's step does not allow, by mode of the run.",
    ),
    family("provider_breaker_state", Gauge, &["provider"], "Circuit breaker: 0 closed, 1 half open, 2 open."),
    family(
        "provider_request_seconds",
        Histogram(CALL),
        &["provider", "kind"],
        "Effects that asked a provider, from start to answer.",
    ),
    family(
        "publish_seconds",
        Histogram(WORK),
        &["project"],
        "Active time from run start to published with real or simulated providers, without waits at gates.",
    ),
    family("runs_active", Gauge, &["project", "status"], "Runs that have not ended."),
    family("runs_finished_total", Counter, &["project", "status"], "Runs that ended, by project and status."),
    family("runs_oldest_age_seconds", Gauge, &["status"], "Since the last change of the run that has stood longest."),
    family("runs_overdue", Gauge, &[], "Runs whose deadline has passed: the sweep is late."),
    family("runs_started_total", Counter, &["project"], "Runs that began."),
    family(
        "step_seconds",
        Histogram(WAIT),
        &["project", "step"],
        "Steps of ended runs, each to the next one's start, waits at gates included.",
    ),
    family(
        "supervisor_decisions_total",
        Counter,
        &["decision"],
        "What Brendan did about messages that may want a run: run, clarify, decline.",
    ),
    family("sweep_actions_total", Counter, &["reconciler"], "What the sweep acted on."),
    family("sweep_lag_seconds", Gauge, &[], "Since the last success of the sweep."),
    family("sweep_last_success_timestamp_seconds", Gauge, &[], "When the sweep last succeeded; 0 for never."),
    family("sweep_seconds", Histogram(SWEEP), &[], "Sweeps that had work."),
    family(
        "webhook_deliveries_total",
        Counter,
        &["provider", "outcome"],
        "Webhook deliveries: accepted, duplicate, dlq, ignored, refused; over the budget of strangers busy or unrecorded.",
    ),
    family("webhook_dlq_depth", Gauge, &["provider"], "Dead letters that wait, by provider; counted to 1,000."),
    family(
        "webhook_dlq_exhausted",
        Gauge,
        &[],
        "Dead letters whose automatic tries are used up: an operator must look. Counted to 1,000.",
    ),
    family("webhook_dlq_oldest_age_seconds", Gauge, &["provider"], "Age of the oldest dead letter."),
    family(
        "webhook_verify_total",
        Counter,
        &["provider", "status"],
        "Webhook deliveries, by provider and signature status.",
    ),
];

/// The family of that name.
pub fn find(name: &str) -> Option<&'static Family> {
    FAMILIES.iter().find(|family| family.name == name)
}

/// The histograms with their bounds, as the database takes them.
pub fn histograms() -> impl Iterator<Item = (&'static str, &'static [f64])> {
    FAMILIES.iter().filter_map(|family| match family.kind {
        Histogram(bounds) => Some((family.name, bounds)),
        Counter | Gauge => None,
    })
}

/// The upper bound of a histogram's bucket that a value falls into; none is +Inf.
pub fn bucket(name: &str, value: f64) -> Option<f64> {
    match find(name)?.kind {
        Histogram(bounds) => bounds.iter().copied().find(|bound| value <= *bound),
        Counter | Gauge => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_rules_of_prometheus_and_come_in_order() {
        for pair in FAMILIES.windows(2) {
            assert!(pair[0].name < pair[1].name, "{}", pair[1].name);
        }
        for family in FAMILIES {
            assert_eq!(matches!(family.kind, Counter), family.name.ends_with("_total"), "{}", family.name);
            assert!(family.help.ends_with('.'), "{}", family.name);
            if let Histogram(bounds) = family.kind {
                assert!(family.name.ends_with("_seconds"), "{}", family.name);
                assert!(bounds.windows(2).all(|pair| pair[0] < pair[1]), "{}", family.name);
            }
        }
    }

    #[test]
    fn a_bound_belongs_to_its_bucket() {
        assert_eq!(bucket("sweep_seconds", 0.05), Some(0.05));
        assert_eq!(bucket("sweep_seconds", 0.051), Some(0.1));
        assert_eq!(bucket("sweep_seconds", 31.0), None);
    }

    #[test]
    fn the_bounds_of_the_contract_are_kept() {
        assert_eq!(REQUEST, [0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0]);
        for bound in [0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0] {
            assert!(PUBLISH.contains(&bound));
        }
    }
}
