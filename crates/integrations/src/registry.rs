//! Every outside system, one line each: its folder, and the parts that it has. Everybody else loops over these lists or looks
//! a name up that a row, a definition or a request brought; nobody names a system.
//!
//! The lists are apart, so that a component links only the parts that it asks for.

use crate::jobs::JobProvider;
use crate::post::Messenger;
use crate::system::{Limits, System};
use crate::webhook::Webhook;
use serde_json::{Value, json};

macro_rules! systems {
    ($($folder:ident: [$($part:ident)*];)*) => {
        /// All of them.
        pub static SYSTEMS: &[&System] = &[$(&crate::$folder::SYSTEM),*];
        static JOBS: &[Option<&dyn JobProvider>] = &[$(systems!(@jobs $folder $($part)*)),*];
        static MESSENGERS: &[Option<&dyn Messenger>] = &[$(systems!(@messenger $folder $($part)*)),*];
        static WEBHOOKS: &[Option<&Webhook>] = &[$(systems!(@webhook $folder $($part)*)),*];
    };
    (@jobs $folder:ident jobs $($rest:ident)*) => { Some(&crate::$folder::JOBS) };
    (@jobs $folder:ident $other:ident $($rest:ident)*) => { systems!(@jobs $folder $($rest)*) };
    (@jobs $folder:ident) => { None };
    (@messenger $folder:ident messenger $($rest:ident)*) => { Some(&crate::$folder::MESSENGER) };
    (@messenger $folder:ident $other:ident $($rest:ident)*) => { systems!(@messenger $folder $($rest)*) };
    (@messenger $folder:ident) => { None };
    (@webhook $folder:ident webhook $($rest:ident)*) => { Some(&crate::$folder::WEBHOOK) };
    (@webhook $folder:ident $other:ident $($rest:ident)*) => { systems!(@webhook $folder $($rest)*) };
    (@webhook $folder:ident) => { None };
}

systems! {
    kieai: [jobs webhook];
    shotstack: [jobs webhook];
    upload_post: [jobs webhook];
    llm: [];
    telegram: [messenger];
    slack: [messenger];
    otlp: [];
    sentry: [];
    standard: [];
    mock: [];
}

/// The system of that name.
pub fn system(name: &str) -> Option<&'static System> {
    SYSTEMS.iter().copied().find(|system| system.name == name)
}

/// The systems that make jobs.
pub fn job_providers() -> impl Iterator<Item = (&'static System, &'static dyn JobProvider)> {
    SYSTEMS.iter().zip(JOBS).filter_map(|(system, jobs)| Some((*system, (*jobs)?)))
}

/// What makes the jobs of the provider of that name.
pub fn job_provider(name: &str) -> Option<&'static dyn JobProvider> {
    job_providers().find(|(system, _)| system.name == name).map(|(_, jobs)| jobs)
}

/// The systems where people are.
pub fn messengers() -> impl Iterator<Item = (&'static System, &'static dyn Messenger)> {
    SYSTEMS.iter().zip(MESSENGERS).filter_map(|(system, messenger)| Some((*system, (*messenger)?)))
}

/// The messenger of that name.
pub fn messenger(name: &str) -> Option<&'static dyn Messenger> {
    messengers().find(|(system, _)| system.name == name).map(|(_, messenger)| messenger)
}

/// The rows of `provider_states`, as the database takes them.
pub fn rows() -> Value {
    let row = |system: &System, limits: Limits| {
        json!({
            "provider": system.name, "job_seconds": system.job_seconds.map(|family| family.family),
            "takes_export": system.takes_export,
            "starts_max": limits.starts_max, "window_seconds": limits.window_seconds,
            "open_jobs_max": limits.open_jobs_max, "in_flight_max": limits.in_flight_max,
        })
    };
    SYSTEMS.iter().filter_map(|system| Some(row(system, system.limits?))).collect()
}

/// The webhooks of all that have one.
pub fn webhooks() -> impl Iterator<Item = &'static Webhook> {
    WEBHOOKS.iter().copied().flatten()
}

/// The webhook of the provider of that name.
pub fn webhook(name: &str) -> Option<&'static Webhook> {
    webhooks().find(|webhook| webhook.system.name == name)
}
