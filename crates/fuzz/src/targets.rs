//! The table of targets, which is also the list of parsers: `tests/fuzz/complete.rs` fails for a component or a parser that
//! no target names.

use crate::{Seen, channels, edge, operator, provider_answers, requests, routes, rules, webhooks};

/// A parser under fuzz.
pub struct Target {
    /// The name of its corpus, too.
    pub name: &'static str,
    /// The components whose requests it makes.
    pub components: &'static [&'static str],
    /// The parsers that it feeds, as `module::function`.
    pub parsers: &'static [&'static str],
    /// Panics where the promise is broken.
    pub check: fn(&[u8]) -> Seen,
}

const fn parsers(name: &'static str, parsers: &'static [&'static str], check: fn(&[u8]) -> Seen) -> Target {
    Target { name, components: &[], parsers, check }
}

const fn route(
    name: &'static str,
    components: &'static [&'static str],
    parsers: &'static [&'static str],
    check: fn(&[u8]) -> Seen,
) -> Target {
    Target { name, components, parsers, check }
}

pub const TARGETS: &[Target] = &[
    // Deliveries and their signatures.
    parsers("kieai_webhook", &["kieai/webhook::verify", "kieai/webhook::parse_callback"], webhooks::kieai),
    parsers(
        "shotstack_webhook",
        &["shotstack/webhook::verify", "shotstack/webhook::parse_callback"],
        webhooks::shotstack,
    ),
    parsers(
        "upload_post_webhook",
        &["upload_post/webhook::verify", "upload_post/webhook::parse_callback"],
        webhooks::upload_post,
    ),
    parsers("standard_webhook", &["standard::verify", "standard::parse_callback"], webhooks::standard),
    parsers("webhook_sources", &["standard::sources"], webhooks::sources),
    parsers("telegram_update", &["telegram::parse", "telegram::is_from_telegram"], channels::telegram),
    parsers("slack_interaction", &["slack::parse", "slack::is_from_slack"], channels::slack),
    parsers("button", &["button::verify"], channels::button),
    // Answers of providers and of language models.
    parsers("kieai_answer", &["answer::read"], provider_answers::kieai),
    parsers("shotstack_answer", &["answer::read"], provider_answers::shotstack),
    parsers("upload_post_answer", &["answer::read"], provider_answers::upload_post),
    parsers("llm_answer", &["llm/anthropic::read", "llm/openai::read"], provider_answers::llm),
    parsers("damaged_json", &["lenient::read"], provider_answers::damaged),
    parsers("tool_call", &["brendan/tools::read", "persona/tool::read"], provider_answers::tool_call),
    parsers("retry_after", &[], provider_answers::retry_after),
    // Bodies, headers and tokens by themselves.
    parsers("run_start_body", &["start/body::parse", "start/body::read"], requests::run_start),
    parsers("chat_body", &["turn::parse", "turn::read"], requests::chat),
    parsers("artifact_body", &["runs::parse_attachment", "body::read"], requests::artifact),
    parsers("decision_body", &["gate/request::parse", "gate/request::read", "run/edit::parse"], requests::decision),
    parsers("render_job_body", &["asset::parse"], rules::render_job_body),
    parsers("mcp_message", &["message::read"], requests::rpc_message),
    parsers("form", &[], requests::form),
    parsers("target_and_headers", &["request::parse"], requests::target_and_headers),
    parsers("cursor", &["cursor::parse"], requests::cursor),
    parsers("moment", &["clock::parse"], requests::moment),
    parsers("gate_token", &["token::verify"], rules::gate_token),
    // Files, and what the operator's command reads.
    parsers("mp4_head", &["lib::read", "movie::read"], rules::mp4_head),
    parsers("project_definition", &["definition::from_json"], rules::project_definition),
    parsers("knowledge_file", &["knowledge/document::documents"], rules::knowledge_file),
    parsers("env_file", &["lib::parse_lines"], operator::env_file),
    parsers("database_address", &["address::read"], operator::database_address),
    parsers("exposition", &["exposition::parse"], operator::exposition),
    parsers("backup_manifest", &["cli/backup/manifest::parse"], operator::backup_manifest),
    parsers("sentry_dsn", &["sentry::parse"], operator::sentry_dsn),
    // Whole requests, by component.
    route("chat_route", &["chat"], &["chat/ask::open"], |bytes| routes::serve(bytes, edge::chat)),
    route("console_pages_route", &["console"], &["view::read", "view::read_some"], |bytes| {
        routes::serve(bytes, edge::console_pages)
    }),
    route("console_actions_route", &["console-actions"], &["form::read"], |bytes| {
        routes::serve(bytes, edge::console_actions)
    }),
    route("gate_link_route", &["gate-link"], &[], |bytes| routes::serve(bytes, edge::gate_link)),
    route("gates_route", &["gate-ideate", "gate-prepublish", "gate-workflow"], &[], |bytes| {
        routes::serve(bytes, edge::gates)
    }),
    route("inbox_route", &["gates"], &["status::parse"], |bytes| routes::serve(bytes, edge::inbox)),
    route("mcp_route", &["mcp"], &[], |bytes| routes::serve(bytes, edge::mcp)),
    route("operations_route", &["operations"], &[], |bytes| routes::serve(bytes, edge::operations)),
    route("run_start_route", &["run-start"], &[], |bytes| routes::serve(bytes, edge::run_start)),
    route("run_verbs_route", &["run-verbs"], &[], |bytes| routes::serve(bytes, edge::run_verbs)),
    route("runs_route", &["runs"], &[], |bytes| routes::serve(bytes, edge::runs)),
    route("slack_route", &["slack"], &[], |bytes| routes::serve(bytes, edge::slack)),
    route("telegram_route", &["telegram"], &[], |bytes| routes::serve(bytes, edge::telegram)),
    route(
        "webhooks_route",
        &["webhook-kieai", "webhook-shotstack", "webhook-std", "webhook-upload-post"],
        &["webhooks::read"],
        |bytes| routes::serve(bytes, edge::webhooks),
    ),
    route("bodiless_route", &["health", "metrics", "not-found", "projects"], &[], |bytes| {
        routes::serve(bytes, edge::without_body)
    }),
];

/// Components and parsers that no stranger reaches, and why.
pub const UNREACHED: &[(&str, &str)] = &[
    ("config-check", "a private component that reads no part of its request"),
    ("database", "a private component; what it reads, the component beside it wrote"),
    ("dispatch", "a private component that reads the method only"),
    ("sweep", "reads keys and the method only"),
    ("sweep-cron", "called by the host"),
    ("database/remote::decoded", "what the component beside it wrote; its property is tested beside it"),
    ("words::parse", "a word of a closed list; unknown ones are told apart in the tests of what reads them"),
];
