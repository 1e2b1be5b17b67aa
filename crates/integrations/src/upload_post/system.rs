//! upload-post by its names, limits and errors.

use crate::system::{Address, JobSeconds, Limits, Probe, Secret, System};
use mw_media::retry::FaultClass::Final;
use mw_media::retry::Pattern::Failed;
use mw_media::retry::{Rule, rule};

const ADDRESS: Address = Address {
    variable: "upload_post_base_url",
    default: "https://api.upload-post.com/api",
    simulated: "upload-post/api",
};

pub static SYSTEM: System = System {
    rules: &RULES,
    // Only daily caps per account are documented.
    limits: Some(Limits {
        starts_max: Some(20),
        window_seconds: 10,
        open_jobs_max: Some(100),
        in_flight_max: Some(32),
    }),
    secrets: &[Secret::everywhere("upload_post_api_key"), Secret::everywhere("upload_post_signing_secret").rotating()],
    known_secrets: &["dev-upload-post", "upload-post-secret"],
    addresses: &[ADDRESS],
    probes: &[Probe {
        name: "upload_post",
        address: ADDRESS,
        key: "upload_post_api_key",
        header: ("authorization", "Apikey "),
        more_headers: &[],
        versioned: false,
        question: "/uploadposts/history?external_id=mw-validate",
        optional: false,
    }],
    job_seconds: Some(JobSeconds {
        family: "upload_post_seconds",
        help: "Posts, from the run's request to upload-post's last word.",
    }),
    ..System::new("upload-post", "upload-post", "posts it")
};

static RULES: [Rule; 1] = [rule(Failed(&[]), Final, "no platform has it; one platform that has it makes it a success")];
