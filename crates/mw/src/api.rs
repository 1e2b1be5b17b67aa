//! The HTTP API as the command uses it: JSON in and out, refusals as sentences, and patience while a host restarts.

use crate::{
    error::{Error, Result},
    exposition::Exposition,
    settings::Settings,
    signals,
};
use mw_configuration::machine::told;
use serde_json::Value;
use std::time::{Duration, Instant};

#[derive(Clone)]
pub(crate) struct Api {
    agent: ureq::Agent,
    base_url: String,
    key: String,
    /// The key of /metrics, where it has one of its own.
    metrics_key: Option<String>,
    /// How long a host that is away for a moment is waited for.
    pub(crate) patience: Duration,
}

const METRICS: &str = "/metrics";

/// One request; built once, sent as often as it takes.
#[derive(Clone, Default)]
pub(crate) struct Call {
    pub(crate) post: Option<Value>,
    pub(crate) headers: Vec<(&'static str, String)>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
    retry_after_seconds: Option<u64>,
}

impl Api {
    pub(crate) fn new(settings: &Settings) -> Result<Self> {
        Self::of_host(settings.api_base_url(), settings, None)
    }

    /// A host, with the keys that the settings have for it, unless it has one of its own.
    pub(crate) fn of_host(base_url: impl Into<String>, settings: &Settings, key: Option<&str>) -> Result<Self> {
        let metrics_key = settings.get("METRICS_KEY").map(str::to_owned);
        let key = key.map_or_else(|| settings.need("API_KEY"), Ok)?;
        Ok(Self { metrics_key, ..Self::at(base_url, key) })
    }

    pub(crate) fn at(base_url: impl Into<String>, key: impl Into<String>) -> Self {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_connect(Some(Duration::from_secs(3)))
            .timeout_global(Some(Duration::from_secs(30)))
            .build()
            .into();
        Self { agent, base_url: base_url.into(), key: key.into(), metrics_key: None, patience: Duration::ZERO }
    }

    /// The same with another patience.
    pub(crate) fn with_patience(&self, patience: Duration) -> Self {
        Self { patience, ..self.clone() }
    }

    pub(crate) fn base_url(&self) -> &str {
        &self.base_url
    }

    pub(crate) fn key_header(&self) -> (&'static str, String) {
        ("x-api-key", self.key.clone())
    }

    /// GET with the key; a refusal is an error.
    pub(crate) fn get(&self, path: &str) -> Result<Value> {
        self.send(path, &Call { post: None, headers: vec![self.key_header()] })?.accepted(path)
    }

    /// What /metrics shows.
    pub(crate) fn metrics(&self) -> Result<Exposition> {
        let key = self.metrics_key.clone().map(|key| ("x-api-key", key));
        let call = Call { post: None, headers: key.into_iter().collect() };
        Ok(Exposition::parse(self.send(METRICS, &call)?.accepted(METRICS)?.as_str().unwrap_or_default()))
    }

    /// POST with the key; a refusal is an error.
    pub(crate) fn post(&self, path: &str, body: Value) -> Result<Value> {
        self.send(path, &Call { post: Some(body), headers: vec![self.key_header()] })?.accepted(path)
    }

    /// Sends until there is an answer that is not "later", or patience ends. `path` may be a whole address.
    pub(crate) fn send(&self, path: &str, call: &Call) -> Result<Answer> {
        let url = self.address_of(path)?;
        let began = Instant::now();
        loop {
            let outcome = self.send_once(&url, call);
            let pause = match &outcome {
                Ok(answer) if !answer.means_later() => return outcome,
                Ok(answer) => Duration::from_secs(answer.retry_after_seconds.unwrap_or(1)),
                Err(_) => Duration::from_millis(200),
            };
            if began.elapsed() + pause > self.patience {
                return outcome;
            }
            signals::pause(pause)?;
        }
    }

    fn send_once(&self, url: &str, call: &Call) -> Result<Answer> {
        let mut request = http::Request::builder().uri(url).method(if call.post.is_some() { "POST" } else { "GET" });
        for (name, value) in &call.headers {
            request = request.header(*name, value);
        }
        let sent = match &call.post {
            None => request.body(()).map_err(ureq::Error::from).and_then(|request| self.agent.run(request)),
            Some(body) => request
                .header("content-type", "application/json")
                .body(body.to_string())
                .map_err(ureq::Error::from)
                .and_then(|request| self.agent.run(request)),
        };
        self.read(sent)
    }

    /// DELETE with the key; a refusal is an error.
    pub(crate) fn delete(&self, path: &str) -> Result<Value> {
        let (name, key) = self.key_header();
        self.read(self.agent.delete(self.address_of(path)?).header(name, key).call())?.accepted(path)
    }

    fn address_of(&self, path: &str) -> Result<String> {
        let url = if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.base_url) };
        let has_scheme = ["http://", "https://"].iter().any(|scheme| url.starts_with(scheme));
        if has_scheme && url::Url::parse(&url).is_ok() {
            return Ok(url);
        }
        Err(Error::misuse("API_BASE_URL must begin with http:// or https://, like http://127.0.0.1:3000"))
    }

    fn read(&self, sent: std::result::Result<http::Response<ureq::Body>, ureq::Error>) -> Result<Answer> {
        let mut answer = sent.map_err(|error| self.unreachable(&error))?;
        let text = answer.body_mut().read_to_string().map_err(|error| self.unreachable(&error))?;
        let retry_after = answer.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
        Ok(Answer {
            status: answer.status().as_u16(),
            body: serde_json::from_str(&text).unwrap_or(Value::String(text)),
            retry_after_seconds: retry_after,
        })
    }

    fn unreachable(&self, error: &ureq::Error) -> Error {
        Error::failed(format!(
            "no answer from {} ({error}): is it running? Start it with ./dev up, or set API_BASE_URL",
            told(&self.base_url)
        ))
    }
}

impl Answer {
    #[cfg(test)]
    pub(crate) fn of(status: u16, body: Value) -> Self {
        Self { status, body, retry_after_seconds: None }
    }

    /// The limit is reached, or the host or its database is away: the same call may work soon.
    fn means_later(&self) -> bool {
        matches!(self.status, 429 | 502 | 503 | 504)
    }

    /// The body, unless it is a refusal.
    pub(crate) fn accepted(self, path: &str) -> Result<Value> {
        if (200..300).contains(&self.status) {
            return Ok(self.body);
        }
        Err(refusal(self.status, &self.body, path))
    }
}

/// What the caller can change ends with 2, all else with 1.
fn refusal(status: u16, body: &Value, path: &str) -> Error {
    let detail = match body.get("detail") {
        Some(Value::String(detail)) => detail.clone(),
        Some(other) => other.to_string(),
        None => format!("{path} answered {status}"),
    };
    let fields = body.get("errors").and_then(Value::as_array).map(|errors| {
        let each = errors
            .iter()
            .map(|error| error.get("detail").and_then(Value::as_str).map_or_else(|| error.to_string(), str::to_owned));
        format!(": {}", each.collect::<Vec<_>>().join("; "))
    });
    let sentence = format!("{detail}{}", fields.unwrap_or_default());
    match status {
        401 if path == METRICS => {
            Error::misuse(format!("{sentence}: set METRICS_KEY to the key of that host's /metrics"))
        }
        401 => Error::misuse(format!("{sentence}: set API_KEY to the key of that host")),
        400 | 403 | 404 | 405 | 415 | 422 => Error::misuse(sentence),
        _ => Error::failed(format!("{sentence} ({status})")),
    }
}

/// A text field of a JSON object, or nothing.
pub(crate) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// A list in a JSON object, or nothing.
pub(crate) fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Makes a value safe inside a path or query.
pub(crate) fn escaped(value: &str) -> String {
    url::form_urlencoded::byte_serialize(value.as_bytes()).collect::<String>().replace('+', "%20")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::{
        io::{Read, Write},
        net::TcpListener,
    };

    /// Answers one connection after the other with these responses.
    fn server(answers: Vec<&'static str>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            for answer in answers {
                let (mut stream, _) = listener.accept().unwrap();
                let _ = stream.read(&mut [0; 4096]);
                stream.write_all(answer.as_bytes()).unwrap();
            }
        });
        address
    }

    const FINE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 11\r\nconnection: close\r\n\r\n{\"ok\":true}";
    const LATER: &str = "HTTP/1.1 503 X\r\ncontent-length: 2\r\nretry-after: 0\r\nconnection: close\r\n\r\n{}";

    #[test]
    fn a_host_that_is_away_is_waited_for() {
        let mut api = Api::at(server(vec!["", LATER, FINE]), "key");
        api.patience = Duration::from_secs(10);
        assert_eq!(api.post("/x", json!({})).unwrap(), json!({"ok": true}));
    }

    #[test]
    fn without_patience_the_first_answer_counts() {
        let error = Api::at(server(vec![LATER]), "key").get("/x").unwrap_err();
        assert_eq!(error.exit_code(), 1);
        let nobody = Api::at("http://127.0.0.1:9", "key").get("/x").unwrap_err();
        assert!(nobody.to_string().contains("is it running?"), "{nobody}");
    }

    #[test]
    fn an_address_without_scheme_is_named() {
        for bad in ["127.0.0.1:3000", "localhost:3000", "example.com", "ftp://example.com", "http:", ""] {
            for refused in [Api::at(bad, "key").get("/health"), Api::at(bad, "key").delete("/v1/channels/1")] {
                let refused = refused.unwrap_err();
                assert!(
                    refused.exit_code() == 2 && refused.to_string().starts_with("API_BASE_URL must"),
                    "{bad}: {refused}"
                );
            }
        }
    }

    #[test]
    fn refusals_say_what_to_change() {
        let unknown = refusal(404, &json!({"detail": "run not found"}), "/v1/runs/x");
        assert_eq!((unknown.exit_code(), unknown.to_string().as_str()), (2, "run not found"));
        let keyless = |path: &str| refusal(401, &json!({"detail": "Invalid API key"}), path).to_string();
        assert!(keyless("/").contains("set API_KEY") && keyless(METRICS).contains("set METRICS_KEY"));
        assert_eq!(refusal(409, &json!({"detail": "decided"}), "/").exit_code(), 1);
        let fields = refusal(422, &json!({"detail": "invalid", "errors": [{"detail": "too long"}]}), "/");
        assert_eq!(fields.to_string(), "invalid: too long");
    }

    #[test]
    fn values_in_paths() {
        assert_eq!(escaped("a b/c?"), "a%20b%2Fc%3F");
    }
}
