//! The three providers, and the language model where there is a key for one: where they are, and one harmless question to each.

use super::Context;
use crate::{
    api::{Answer, Api, Call, text},
    error::Result,
    mode::Mode,
    settings::{Settings, origin},
};
use serde_json::{Value, json};

/// A provider, and a request that reads: of a task, a render and a post that do not exist.
pub(super) struct Provider {
    pub(super) name: &'static str,
    base_url: (&'static str, &'static str),
    key: &'static str,
    header: (&'static str, &'static str),
    question: &'static str,
}

/// The last two are models, of which the first that has a key is asked by the product.
const PROVIDERS: [Provider; 5] = [
    Provider {
        name: "kieai",
        base_url: ("KIEAI_BASE_URL", "https://api.kie.ai"),
        key: "KIEAI_API_KEY",
        header: ("authorization", "Bearer "),
        question: "/api/v1/veo/record-info?taskId=mw-validate",
    },
    Provider {
        name: "shotstack",
        base_url: ("SHOTSTACK_BASE_URL", "https://api.shotstack.io/edit/v1"),
        key: "SHOTSTACK_API_KEY",
        header: ("x-api-key", ""),
        question: "/render/00000000-0000-0000-0000-000000000000",
    },
    Provider {
        name: "upload_post",
        base_url: ("UPLOAD_POST_BASE_URL", "https://api.upload-post.com/api"),
        key: "UPLOAD_POST_API_KEY",
        header: ("authorization", "Apikey "),
        question: "/uploadposts/history?external_id=mw-validate",
    },
    Provider {
        name: "openai",
        base_url: ("OPENAI_BASE_URL", "https://api.openai.com"),
        key: "OPENAI_API_KEY",
        header: ("authorization", "Bearer "),
        question: "/v1/models",
    },
    Provider {
        name: "anthropic",
        base_url: ("ANTHROPIC_BASE_URL", "https://api.anthropic.com"),
        key: "ANTHROPIC_API_KEY",
        header: ("x-api-key", ""),
        question: "/v1/models",
    },
];
const MODELS: [&str; 2] = ["openai", "anthropic"];

/// Those that matter: a model only with a key.
fn providers(settings: &Settings) -> impl Iterator<Item = &'static Provider> {
    PROVIDERS.iter().filter(|provider| !MODELS.contains(&provider.name) || settings.get(provider.key).is_some())
}

impl Provider {
    fn base_url<'a>(&self, settings: &'a Settings) -> &'a str {
        settings.get(self.base_url.0).unwrap_or(self.base_url.1)
    }

    pub(super) fn host(&self, settings: &Settings) -> Result<String> {
        origin(self.base_url.0, self.base_url(settings))
    }
}

/// The hosts by provider, as both `config` and `env` show them.
pub(super) fn hosts(settings: &Settings) -> Result<Value> {
    let hosts = providers(settings).map(|provider| Ok((provider.name.to_owned(), provider.host(settings)?.into())));
    hosts.collect::<Result<serde_json::Map<String, Value>>>().map(Value::Object)
}

pub(super) fn run(context: &Context, dry_run: bool) -> Result<u8> {
    let settings = &context.settings;
    let mode = Mode::choose(None, settings)?;
    let is_asked = !dry_run && mode != Mode::Mock;
    let mut answers = Vec::new();
    for provider in providers(settings) {
        let host = provider.host(settings)?;
        let mut base_url = provider.base_url(settings).trim_end_matches('/');
        if MODELS.contains(&provider.name) {
            // It may end with the version that the question begins with.
            base_url = base_url.trim_end_matches("/v1");
        }
        let url = format!("{base_url}{}", provider.question);
        let verdict = if is_asked { ask(provider, &url, settings.need(provider.key)?) } else { Value::Null };
        answers
            .push(json!({ "provider": provider.name, "host": host, "asks": format!("GET {url}"), "answer": verdict }));
    }
    let is_fine = |answer: &Value| answer.pointer("/answer/ok") != Some(&Value::Bool(false));
    let ok = answers.iter().all(is_fine);
    let report = json!({ "mode": mode.name(), "asked": is_asked, "providers": answers, "ok": ok });
    context.print(&report, |_| {
        println!("providers   {}{}", mode.name(), if mode == Mode::Mock { ": nobody is asked" } else { "" });
        for answer in &answers {
            let verdict = answer.pointer("/answer/detail").and_then(Value::as_str).unwrap_or("not asked");
            println!("  {:<12} {:<36} {verdict}", text(answer, "provider"), text(answer, "host"));
            println!("  {:<12} {}", "", text(answer, "asks"));
        }
    })?;
    Ok(u8::from(!ok))
}

fn ask(provider: &Provider, url: &str, key: &str) -> Value {
    let mut headers = vec![(provider.header.0, format!("{}{key}", provider.header.1))];
    if provider.name == "anthropic" {
        headers.push(("anthropic-version", "2023-06-01".to_owned()));
    }
    let (ok, detail) = match Api::at("", "").send(url, &Call { post: None, headers }) {
        Ok(answer) => verdict(&answer),
        Err(_) => (false, "does not answer".to_owned()),
    };
    json!({ "ok": ok, "detail": detail })
}

/// That there is no such task is a good answer: the key was taken. kie.ai says what is wrong in the body's `code`.
fn verdict(answer: &Answer) -> (bool, String) {
    let code = answer.body.get("code").and_then(Value::as_u64).unwrap_or_default();
    match (answer.status, code) {
        (401 | 403, _) | (_, 401 | 403) => (false, "refuses the key".to_owned()),
        (402, _) | (_, 402) => (false, "has no credits left".to_owned()),
        (429 | 500.., _) | (_, 429 | 455 | 500..) => (false, format!("is not well: {} {code}", answer.status)),
        (status, _) => (true, format!("reachable, takes the key ({status})")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_among_the_providers_only_with_a_key() {
        let names = |given: &str| -> Vec<&str> {
            let settings = Settings::of(crate::settings::parse_lines(given));
            providers(&settings).map(|provider| provider.name).collect()
        };
        assert_eq!(names(""), ["kieai", "shotstack", "upload_post"]);
        assert_eq!(names("ANTHROPIC_API_KEY=k"), ["kieai", "shotstack", "upload_post", "anthropic"]);
    }

    #[test]
    fn a_missing_task_is_fine_and_a_refused_key_is_not() {
        let verdict = |status: u16, body: Value| verdict(&Answer::of(status, body)).0;
        assert!(verdict(404, json!({"success": false})) && verdict(200, json!({"code": 422, "msg": "no task"})));
        assert!(!verdict(401, json!({})) && !verdict(200, json!({"code": 401})) && !verdict(200, json!({"code": 402})));
        assert!(!verdict(503, Value::Null) && !verdict(200, json!({"code": 455})));
    }
}
