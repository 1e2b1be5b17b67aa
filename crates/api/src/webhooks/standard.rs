//! POST /v1/webhooks/std/:source: events of configured sources that sign by Standard Webhooks. Stored as provider
//! `std:<source>`, once per id, which the signature covers.

use super::{COMMITTED, JobQuery, Verified, WebhookReceipt, read};
use mw_edge::about::Tag::Webhooks;
use mw_edge::config::Misconfigured;
use mw_edge::route::{Route, open_post};
use mw_edge::webhook_sources::sources;
use mw_edge::{Context, Problem, Request, Response, clock, problem, shape};
use mw_integrations::standard;
use serde_json::{Map, Value};

pub const ROUTES: &[Route] = &[open_post("/v1/webhooks/std/{source}", receive)
    .is(Webhooks, "webhook_std", "Accept an event of a source that signs by Standard Webhooks")
    .more(
        "Signed over `id.timestamp.body` (`webhook-id`, `webhook-timestamp`, `webhook-signature`, or the same as `svix-…`), within 300 s. Its job is named by `?job=`, else by `data.job_id` or `data.task_id`.",
    )
    .path::<SourcePath>()
    .query::<JobQuery>()
    .takes::<Map<String, Value>>()
    .gives::<WebhookReceipt>(COMMITTED)
    .refuses(&[403, 429])];

shape! {
    pub struct SourcePath {
        /// A name of STD_WEBHOOK_SOURCES.
        pub source: String,
    }
}

fn receive(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    let sources = sources(&context.config).map_err(Misconfigured)?;
    let name = request.parameter("source");
    let source = sources.iter().find(|source| source.name == name);
    let source = source.ok_or_else(|| problem::not_found("source not found"))?;
    let (headers, body) = read(request)?;
    let status = source.verify(&headers, &body, clock::unix_now());
    let key = standard::delivery_id(&headers).unwrap_or_default().to_owned();
    let provider = format!("std:{}", source.name);
    let parse = standard::parse_callback;
    let headers = &standard::HEADERS;
    let verified = Verified { provider: &provider, status, signs_body: true, headers, key, parse, answer: &[] };
    verified.record(request, context, &body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mw_edge::config::Config;
    use mw_edge::route::answer;
    use mw_edge::webhook_sources::VARIABLE;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    fn refusal(configured: &str, method: &str, path: &str) -> Problem {
        let mut context = Context::new(Config::of(&[(VARIABLE, configured)]), "r".to_owned());
        answer(&[ROUTES], &mut Request::in_memory(method, path, &[], "{}"), &mut context).err().unwrap()
    }

    #[test]
    fn an_unknown_source_touches_no_database() {
        let configured = format!("replicate={SECRET}");
        for path in ["/v1/webhooks/std/openai", "/v1/webhooks/std/Replicate"] {
            let refused = refusal(&configured, "POST", path);
            assert_eq!((refused.status, refused.detail.as_str()), (404, "source not found"), "{path}");
        }
        assert_eq!(refusal(&configured, "GET", "/v1/webhooks/std/replicate").status, 405);
    }

    #[test]
    fn a_broken_configuration_is_told_without_its_secret() {
        let refused = refusal(&format!("replicate={SECRET},{SECRET}"), "POST", "/v1/webhooks/std/replicate");
        assert_eq!(refused.status, 503);
        let cause = refused.cause.unwrap();
        assert!(cause.contains("STD_WEBHOOK_SOURCES: entry 2") && !cause.contains("MfKQ"), "{cause}");
    }
}
