//! Corpus files that are HTTP messages, read leniently so that a spoilt one still is some message.

use crate::edge;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use mw_integrations::{HttpClient, Pieces, StreamingClient, TransportError};
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// The first line, the headers and what follows the empty line.
pub(crate) struct Message {
    /// `HTTP/1.1 200`, or `POST /path`.
    pub(crate) start: String,
    /// Names in lower case, values as text, as components get them.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Message {
    pub(crate) fn read(bytes: &[u8]) -> Message {
        let end = bytes.windows(2).position(|pair| pair == b"\n\n").unwrap_or(bytes.len());
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let mut lines = head.split('\n');
        let start = lines.next().unwrap_or_default().to_owned();
        let headers = lines.filter_map(|line| line.split_once(':'));
        Message {
            start,
            headers: headers.map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned())).collect(),
            body: bytes.get(end + 2..).unwrap_or_default().to_vec(),
        }
    }

    pub(crate) fn header_map(&self) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in &self.headers {
            if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_str(value)) {
                map.append(name, value);
            }
        }
        map
    }

    /// The second word of the first line: a status, or a request target.
    pub(crate) fn target(&self) -> &str {
        self.start.split(' ').nth(1).unwrap_or_default()
    }

    /// As a component gets it: hosts refuse targets and header values that HTTP has not.
    pub(crate) fn request(&self) -> edge::Request {
        let body = self.body.clone();
        let is_value = |(_, value): &&(String, String)| HeaderValue::from_bytes(value.as_bytes()).is_ok();
        let headers = self.headers.iter().filter(is_value).cloned().collect();
        let method = self.start.split(' ').next().unwrap_or_default();
        let target: String = self.target().chars().filter(|letter| !letter.is_control()).collect();
        edge::Request::new(method, &target, headers, Box::new(move |_| Ok(body)))
    }
}

/// A provider that gives one answer to everything.
pub(crate) struct Provider(Message);

impl Provider {
    pub(crate) fn answering(bytes: &[u8]) -> Provider {
        Provider(Message::read(bytes))
    }
}

impl HttpClient for Provider {
    async fn send(&self, _request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, TransportError> {
        let status = self.0.target().parse().unwrap_or(200);
        let mut response = Response::builder().status(status).body(self.0.body.clone()).unwrap_or_default();
        *response.headers_mut() = self.0.header_map();
        Ok(response)
    }
}

/// A body in pieces of a few bytes.
pub(crate) struct Drops(Vec<u8>);

impl StreamingClient for Provider {
    type Pieces = Drops;

    async fn stream(&self, request: Request<Vec<u8>>) -> Result<Response<Drops>, TransportError> {
        self.send(request).await.map(|response| response.map(Drops))
    }
}

impl Pieces for Drops {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, TransportError> {
        let rest = self.0.split_off(self.0.len().min(7));
        let piece = std::mem::replace(&mut self.0, rest);
        Ok((!piece.is_empty()).then_some(piece))
    }
}

/// Runs a future that never waits.
pub(crate) fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the future waits"),
    }
}
