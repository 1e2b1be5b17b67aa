//! HTTP/1.1 by hand, since these suites must send what no well-behaved client would. Every answer is held to what holds
//! for all of them: a request id, problem+json for errors, and never a 5xx unless the test says that it may be.

use super::service::Service;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

const TIME_LIMIT: Duration = Duration::from_secs(40);

/// A request to be sent.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    service: Service,
    method: String,
    target: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Option<Vec<u8>>,
    limits_matter: bool,
}

impl Call {
    pub(crate) fn new(service: &Service, method: &str, target: &str) -> Call {
        Call {
            service: service.clone(),
            method: method.to_owned(),
            target: target.to_owned(),
            headers: Vec::new(),
            body: None,
            limits_matter: false,
        }
    }

    pub(crate) fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Call {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// With the right API key.
    pub(crate) fn key(self) -> Call {
        let key = self.service.api_key.clone();
        self.header("x-api-key", key)
    }

    pub(crate) fn json(self, body: &Value) -> Call {
        self.body("application/json", body.to_string())
    }

    pub(crate) fn body(self, content_type: &str, body: impl Into<Vec<u8>>) -> Call {
        self.header("content-type", content_type).bytes(body)
    }

    /// A body without a content type.
    pub(crate) fn bytes(mut self, body: impl Into<Vec<u8>>) -> Call {
        self.body = Some(body.into());
        self
    }

    /// This test is about rate limits: they are not lifted for it.
    pub(crate) fn limited(mut self) -> Call {
        self.limits_matter = true;
        self
    }

    /// Sends, and checks what holds for every answer.
    pub(crate) fn send(&self) -> Answer {
        let mut answer = self.send_once();
        // The suites share one API key, and so its limits; a used up budget is a project's own.
        while answer.status == 429 && !self.limits_matter && !answer.text().contains("\"budget-exhausted\"") {
            self.service.database().execute("DELETE FROM rate_limits", &[]);
            answer = self.send_once();
        }
        answer
    }

    fn send_once(&self) -> Answer {
        let answer = self.try_send().unwrap_or_else(|error| panic!("{}: {error}", self.name()));
        answer.check(self);
        answer
    }

    fn name(&self) -> String {
        format!("{} {}", self.method, self.target.chars().take(120).collect::<String>())
    }

    /// Sends, and leaves the answer to be read as it comes.
    pub(crate) fn open(&self) -> std::io::Result<TcpStream> {
        let (mut stream, address) = self.connect()?;
        stream.write_all(&self.request(address))?;
        Ok(stream)
    }

    fn connect(&self) -> std::io::Result<(TcpStream, &str)> {
        let address = self.service.base_url.trim_start_matches("http://");
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(TIME_LIMIT))?;
        stream.set_write_timeout(Some(TIME_LIMIT))?;
        stream.set_nodelay(true)?;
        Ok((stream, address))
    }

    /// Sends to a host that may be dying; nothing is checked.
    pub(crate) fn try_send(&self) -> std::io::Result<Answer> {
        let (mut stream, address) = self.connect()?;
        // A server that refuses early stops reading; its answer is there all the same.
        let sent = stream.write_all(&self.request(address));
        let mut received = Vec::new();
        let read = stream.read_to_end(&mut received);
        match Answer::parse(&received, &self.method) {
            Some(answer) => Ok(answer),
            None => Err(sent.and(read.map(|_| ())).err().unwrap_or_else(|| {
                let text = String::from_utf8_lossy(&received).into_owned();
                std::io::Error::other(format!("no HTTP answer but {text:?}"))
            })),
        }
    }

    fn request(&self, host: &str) -> Vec<u8> {
        let mut bytes =
            format!("{} {} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n", self.method, self.target).into_bytes();
        for (name, value) in &self.headers {
            bytes.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
        }
        let has_length =
            self.headers.iter().any(|(name, _)| matches!(name.as_str(), "content-length" | "transfer-encoding"));
        if !has_length && (self.body.is_some() || self.method == "POST") {
            let length = self.body.as_ref().map_or(0, Vec::len);
            bytes.extend(format!("content-length: {length}\r\n").into_bytes());
        }
        bytes.extend(b"\r\n");
        bytes.extend(self.body.iter().flatten());
        bytes
    }
}

/// What came back.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// A relative address of ours, as it stands on a page or in a redirect, from the place that we are served under.
#[track_caller]
pub(crate) fn from_root(address: &str) -> &str {
    let rest = address.trim_start_matches("../").trim_start_matches("./");
    assert!(rest.len() < address.len(), "{address} is not relative");
    &address[address.len() - rest.len() - 1..]
}

impl Answer {
    fn parse(bytes: &[u8], method: &str) -> Option<Answer> {
        let end = find(bytes, b"\r\n\r\n")?;
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let mut lines = head.split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let mut answer = Answer { status, headers, body: Vec::new() };
        let rest = &bytes[end + 4..];
        answer.body = match answer.header("transfer-encoding") {
            Some("chunked") => unchunked(rest)?,
            _ => rest.to_vec(),
        };
        let announced = answer.header("content-length").and_then(|length| length.parse::<usize>().ok());
        let whole = method == "HEAD" || announced.is_none_or(|length| length == answer.body.len());
        whole.then_some(answer)
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }

    /// Where a redirect leads, from the place that we are served under: our own addresses are relative.
    pub(crate) fn location(&self) -> Option<&str> {
        self.header("location").map(from_root)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("an answer is UTF-8")
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("no JSON ({error}): {}", self.text()))
    }

    pub(crate) fn is_html(&self) -> bool {
        self.header("content-type").is_some_and(|value| value.starts_with("text/html"))
    }

    /// Whether it is an answer to a message, which says in its own way what is wrong.
    fn is_json_rpc(&self) -> bool {
        self.header("content-type") == Some("application/json") && self.json()["jsonrpc"] == "2.0"
    }

    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Answer {
        assert_eq!(self.status, status, "{}", String::from_utf8_lossy(&self.body));
        self
    }

    /// A problem with this status and this text.
    #[track_caller]
    pub(crate) fn expect_problem(self, status: u16, detail: &str) -> Value {
        let problem = self.expect(status).json();
        assert_eq!(problem["detail"], detail);
        problem
    }

    /// A 422 that names this place.
    #[track_caller]
    pub(crate) fn expect_invalid(self, pointer: &str) -> Value {
        let problem = self.expect(422).json();
        let pointers: Vec<&Value> =
            problem["errors"].as_array().into_iter().flatten().map(|error| &error["pointer"]).collect();
        assert!(pointers.iter().any(|found| **found == pointer), "{pointer} is not in {problem}");
        problem
    }

    #[track_caller]
    fn check(&self, call: &Call) {
        let name = call.name();
        assert!(self.status < 500, "{name}: {} {}", self.status, String::from_utf8_lossy(&self.body));
        let request_id = self.header("x-request-id").unwrap_or_else(|| panic!("{name}: no X-Request-ID"));
        assert!(!request_id.is_empty() && request_id.len() <= 128, "{name}: X-Request-ID {request_id:?}");
        let has_body = call.method != "HEAD" && self.status != 204;
        if self.status >= 400 && has_body && !self.is_html() && !self.is_json_rpc() {
            self.check_problem(&name, request_id);
        }
    }

    #[track_caller]
    fn check_problem(&self, name: &str, request_id: &str) {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{name}");
        let problem = self.json();
        assert_eq!(problem["status"], self.status, "{name}: {problem}");
        assert_eq!(problem["request_id"], request_id, "{name}: {problem}");
        for member in ["type", "title", "detail", "code", "instance"] {
            assert!(problem[member].as_str().is_some_and(|text| !text.is_empty()), "{name}: {member} of {problem}");
        }
        for error in problem["errors"].as_array().into_iter().flatten() {
            assert!(error["detail"].is_string() && error["pointer"].is_string(), "{name}: {problem}");
        }
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

fn unchunked(mut bytes: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = find(bytes, b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&bytes[..end]).ok()?.trim(), 16).ok()?;
        let rest = bytes.get(end + 2..)?;
        if size == 0 {
            return Some(body);
        }
        body.extend(rest.get(..size)?);
        bytes = rest.get(size + 2..)?;
    }
}
