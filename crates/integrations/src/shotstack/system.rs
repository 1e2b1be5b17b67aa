//! Shotstack by its names, limits and errors.

use crate::system::{Address, JobSeconds, Limits, Probe, Secret, System};
use mw_media::retry::FaultClass::{Final, Retryable};
use mw_media::retry::Pattern::Failed;
use mw_media::retry::{Rule, rule};

const ADDRESS: Address = Address {
    variable: "shotstack_base_url",
    default: "https://api.shotstack.io/edit/v1",
    simulated: "shotstack/edit/v1",
};

pub static SYSTEM: System = System {
    rules: &RULES,
    // About 10 requests a second are documented, polls included.
    limits: Some(Limits { starts_max: Some(5), window_seconds: 1, open_jobs_max: Some(100), in_flight_max: Some(32) }),
    secrets: &[Secret::everywhere("shotstack_api_key")],
    known_secrets: &["dev-shotstack"],
    addresses: &[ADDRESS],
    probes: &[Probe {
        name: "shotstack",
        address: ADDRESS,
        key: "shotstack_api_key",
        header: ("x-api-key", ""),
        more_headers: &[],
        versioned: false,
        question: "/render/00000000-0000-0000-0000-000000000000",
        optional: false,
    }],
    job_seconds: Some(JobSeconds {
        family: "shotstack_render_seconds",
        help: "Renders, from the run's request to Shotstack's last word.",
    }),
    ..System::new("shotstack", "Shotstack", "renders the video")
};

static RULES: [Rule; 2] = [
    rule(Failed(TRANSIENT_WORDS), Retryable, "a render that failed in passing"),
    rule(Failed(&[]), Final, "a render that failed"),
];

/// The words after which Shotstack's own command submits once more.
const TRANSIENT_WORDS: &[&str] = &[
    "temporar",
    "try again",
    "timeout",
    "time out",
    "timed out",
    "timedout",
    "too many requests",
    "unavailable",
    "throttl",
];

#[cfg(test)]
mod tests {
    use super::*;
    use mw_media::retry::Trouble;

    #[test]
    fn a_render_that_failed_in_passing_may_succeed_another_time() {
        for word in TRANSIENT_WORDS {
            let message = format!("Oh: {}!", word.to_uppercase());
            assert_eq!(SYSTEM.class_of(&Trouble::Failed(&message)), Retryable, "{message}");
        }
        assert_eq!(SYSTEM.class_of(&Trouble::Failed("Asset not found")), Final);
    }
}
