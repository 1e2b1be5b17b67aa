//! kie.ai by its names, limits and errors.

use crate::system::{Address, JobSeconds, Limits, Probe, Secret, System};
use mw_media::retry::FaultClass::{Final, RateLimited, Unavailable};
use mw_media::retry::Pattern::Code;
use mw_media::retry::{Rule, rule};

const ADDRESS: Address = Address { variable: "kieai_base_url", default: "https://api.kie.ai", simulated: "kieai" };

pub static SYSTEM: System = System {
    rules: &RULES,
    // 20 new requests per 10 s and usually 100 tasks at once are documented.
    limits: Some(Limits {
        starts_max: Some(20),
        window_seconds: 10,
        open_jobs_max: Some(100),
        in_flight_max: Some(64),
    }),
    secrets: &[Secret::everywhere("kieai_api_key"), Secret::everywhere("kieai_signing_secret").rotating()],
    known_secrets: &["dev-kieai", "kieai-secret"],
    addresses: &[ADDRESS],
    probes: &[Probe {
        name: "kieai",
        address: ADDRESS,
        key: "kieai_api_key",
        header: ("authorization", "Bearer "),
        more_headers: &[],
        versioned: false,
        question: "/api/v1/veo/record-info?taskId=mw-validate",
        optional: false,
    }],
    job_seconds: Some(JobSeconds {
        family: "kieai_job_seconds",
        help: "Clips, from the run's request to kie.ai's last word.",
    }),
    ..System::new("kieai", "kie.ai", "makes the clips")
};

/// By its own `code`, which decides alone, whatever the status; also the code of a failed task.
static RULES: [Rule; 6] = [
    rule(Code(429..=429), RateLimited, "too many requests, also with HTTP 200: refused and not queued"),
    rule(Code(408..=408), Unavailable, "its upstream stayed silent"),
    rule(Code(455..=455), Unavailable, "maintenance"),
    rule(Code(500..=500), Unavailable, "server error"),
    rule(Code(502..=504), Unavailable, "server error"),
    rule(Code(0..=999), Final, "402 credits, 401 key, 422 validation, 501 generation failed, 505 disabled, …"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use mw_media::retry::Trouble;

    #[test]
    fn every_code_has_its_class() {
        for code in -1..=1100 {
            let expected = match code {
                429 => RateLimited,
                408 | 455 | 500 | 502..=504 => Unavailable,
                _ => Final,
            };
            assert_eq!(SYSTEM.class_of(&Trouble::Code(code)), expected, "{code}");
        }
    }
}
