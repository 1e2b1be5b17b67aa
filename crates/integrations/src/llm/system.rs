//! A language model by its names, limits and errors; it speaks one of two APIs.

use super::anthropic;
use crate::system::{Address, Limits, Probe, Secret, System};
use mw_media::retry::FaultClass::Retryable;
use mw_media::retry::Pattern::Status;
use mw_media::retry::{Rule, rule};

const OPENAI: Address = Address { variable: "openai_base_url", default: "https://api.openai.com", simulated: "openai" };
const ANTHROPIC: Address =
    Address { variable: "anthropic_base_url", default: "https://api.anthropic.com", simulated: "anthropic" };

pub static SYSTEM: System = System {
    rules: &RULES,
    limits: Some(Limits { starts_max: Some(100), window_seconds: 10, open_jobs_max: None, in_flight_max: Some(64) }),
    secrets: &[Secret::where_set("openai_api_key"), Secret::where_set("anthropic_api_key")],
    addresses: &[OPENAI, ANTHROPIC],
    probes: &[
        Probe {
            name: "openai",
            address: OPENAI,
            key: "openai_api_key",
            header: ("authorization", "Bearer "),
            more_headers: &[],
            versioned: true,
            question: "/models",
            optional: true,
        },
        Probe {
            name: "anthropic",
            address: ANTHROPIC,
            key: "anthropic_api_key",
            header: ("x-api-key", ""),
            more_headers: &[("anthropic-version", anthropic::VERSION)],
            versioned: true,
            question: "/models",
            optional: true,
        },
    ],
    ..System::new("llm", "Language model", "speaks for the personas")
};

static RULES: [Rule; 1] = [rule(Status(409..=409), Retryable, "the official client repeats it")];
