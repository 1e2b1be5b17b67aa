//! A stack of a test's own, through the development library: for killing hosts, for several hosts, for low limits.

use super::service::Service;
use mw_stack::builder::Builder;
use mw_stack::stack::Stack;

/// Limits that no suite reaches.
pub(crate) const OPEN_LIMITS: [(&str, &str); 5] = [
    ("RUNS_START_PER_MINUTE", "100000"),
    ("RUNS_BULK_PER_MINUTE", "100000"),
    ("HITL_APPROVE_PER_MINUTE", "100000"),
    ("CHAT_PER_MINUTE", "100000"),
    ("MCP_PER_MINUTE", "100000"),
];

pub(crate) fn builder() -> Builder {
    OPEN_LIMITS.into_iter().fold(Builder::new().fast(true), |builder, (name, limit)| builder.setting(name, limit))
}

/// Its hosts export traces and errors to its simulator from now on; the collector is at this address.
pub(crate) fn exporting(stack: &mut Stack, collector: &str) {
    let sentry = stack.simulator_url().unwrap().replace("://", &format!("://{SENTRY_KEY}@"));
    stack.change("OTLP_ENDPOINT", collector);
    stack.change("OTLP_HEADERS", &format!("x-api-key={COLLECTOR_KEY}"));
    stack.change("SENTRY_DSN", &format!("{sentry}/sentry/42"));
    stack.replace_host(0).unwrap();
}

pub(crate) const COLLECTOR_KEY: &str = "dev-key-of-the-collector";
pub(crate) const SENTRY_KEY: &str = "devkeyofsentry0123456789";

/// The stack as the suites see a service.
pub(crate) fn service_of(stack: &Stack) -> Service {
    let setting = |name: &str| stack.setting(name).unwrap_or_default().to_owned();
    Service {
        base_url: stack.base_url(),
        api_key: setting("API_KEY"),
        sweep_key: setting("SWEEP_KEY"),
        database_url: stack.database().url().to_owned(),
        app_database_url: stack.setting("DATABASE_URL").unwrap_or_default().to_owned(),
        mode: stack.mode().name().to_owned(),
        sim_url: stack.simulator_url(),
        hitl_secret: setting("HITL_SECRET"),
        kieai_secret: setting("KIEAI_SIGNING_SECRET"),
        upload_post_secret: setting("UPLOAD_POST_SIGNING_SECRET"),
    }
}
