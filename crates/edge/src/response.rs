//! An answer: status, headers and a complete body, so that it leaves the host in one piece, or one that is made while it
//! leaves; and, if need be, work that goes on after the client has it.

use crate::context::Context;
use crate::outgoing::{self, Pieces};
use serde::Serialize;
use wasi::http::types::ResponseOutparam;

/// Work that runs after the answer has been handed over. Nothing may depend on it: an instance can be killed any time.
pub type Afterwards = Box<dyn FnOnce(&mut Context)>;

/// Hands over the head, then makes the body; says how that went and what is to be done afterwards.
pub type Streaming = Box<dyn FnOnce(ResponseOutparam, Response, &mut Context) -> Streamed>;
pub type Streamed = (Result<(), String>, Option<Afterwards>);

pub struct Response {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
    pub afterwards: Option<Afterwards>,
    /// In the place of a body. It brings its own way out, so that only who streams has the code for it.
    pub streaming: Option<Streaming>,
}

impl Response {
    pub fn new(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Response {
        Response {
            status,
            headers: vec![("content-type", content_type.to_owned())],
            body: body.into(),
            afterwards: None,
            streaming: None,
        }
    }

    /// A status and nothing else.
    pub fn empty(status: u16) -> Response {
        Response { status, headers: Vec::new(), body: Vec::new(), afterwards: None, streaming: None }
    }

    pub fn json(status: u16, value: &impl Serialize) -> Response {
        // Our types have string keys and no failing serializers; should one ever fail, the log of a 500 is right.
        match serde_json::to_vec(value) {
            Ok(body) => Response::new(status, "application/json", body),
            Err(_) => Response::empty(500),
        }
    }

    pub fn ok(value: &impl Serialize) -> Response {
        Response::json(200, value)
    }

    pub fn html(status: u16, page: String) -> Response {
        Response::new(status, "text/html; charset=utf-8", page)
    }

    pub fn text(status: u16, text: impl Into<Vec<u8>>) -> Response {
        Response::new(status, "text/plain; charset=utf-8", text)
    }

    /// An answer that is made while it leaves. The work is done whether the client stays or not.
    pub fn streaming(
        content_type: &str,
        work: impl FnOnce(&mut Pieces, &mut Context) -> Option<Afterwards> + 'static,
    ) -> Response {
        let mut response = Response::new(200, content_type, Vec::new());
        response.streaming = Some(Box::new(move |out, head, context| {
            let mut pieces = outgoing::open(out, &head);
            let afterwards = work(&mut pieces, context);
            (pieces.finish(), afterwards)
        }));
        response
    }

    pub fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Response {
        self.headers.push((name, value.into()));
        self
    }

    pub fn with_headers(mut self, headers: Vec<(&'static str, String)>) -> Response {
        self.headers.extend(headers);
        self
    }

    /// What to do once the client has its answer.
    pub fn then(mut self, work: impl FnOnce(&mut Context) + 'static) -> Response {
        self.afterwards = Some(Box::new(work));
        self
    }
}
