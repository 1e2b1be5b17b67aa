//! From the host's request to ours. The body stays with the host until a handler asks for it.

use crate::request::{BodyError, DRAINED_BYTES_MAX, Request};
use wasi::clocks::monotonic_clock;
use wasi::http::types::{IncomingRequest, Method};
use wasi::io::poll;
use wasi::io::streams::{InputStream, StreamError};

/// A client that sends nothing for the rest of its time is cut off; nothing else bounds it on every host.
const BODY_TIME_LIMIT_NANOSECONDS: u64 = 10_000_000_000;
const READ_SIZE_BYTES: u64 = 64 * 1024;

pub(crate) fn request(request: IncomingRequest) -> Request {
    let method = method_name(request.method());
    let target = request.path_with_query().unwrap_or_else(|| "/".to_owned());
    let headers = request
        .headers()
        .entries()
        .into_iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), String::from_utf8_lossy(&value).into_owned()))
        .collect();
    Request::new(&method, &target, headers, Box::new(move |limit| read_body(&request, limit)))
}

fn method_name(method: Method) -> String {
    match method {
        Method::Get => "GET".to_owned(),
        Method::Head => "HEAD".to_owned(),
        Method::Post => "POST".to_owned(),
        Method::Put => "PUT".to_owned(),
        Method::Delete => "DELETE".to_owned(),
        Method::Connect => "CONNECT".to_owned(),
        Method::Options => "OPTIONS".to_owned(),
        Method::Trace => "TRACE".to_owned(),
        Method::Patch => "PATCH".to_owned(),
        Method::Other(name) => name,
    }
}

fn read_body(request: &IncomingRequest, limit: usize) -> Result<Vec<u8>, BodyError> {
    let body = request.consume().map_err(|()| BodyError::Broken)?;
    let stream = body.stream().map_err(|()| BodyError::Broken)?;
    let deadline = monotonic_clock::now().saturating_add(BODY_TIME_LIMIT_NANOSECONDS);
    let mut bytes = Vec::new();
    let mut length = 0_u64;
    loop {
        match stream.read(READ_SIZE_BYTES) {
            Ok(chunk) if chunk.is_empty() => wait_for(&stream, deadline)?,
            Ok(chunk) => {
                length = length.saturating_add(chunk.len() as u64);
                if length <= limit as u64 {
                    bytes.extend_from_slice(&chunk);
                } else if length > DRAINED_BYTES_MAX {
                    return Err(BodyError::TooLarge);
                }
            }
            Err(StreamError::Closed) if length > limit as u64 => return Err(BodyError::TooLarge),
            Err(StreamError::Closed) => return Ok(bytes),
            Err(StreamError::LastOperationFailed(_)) => return Err(BodyError::Broken),
        }
    }
}

fn wait_for(stream: &InputStream, deadline: u64) -> Result<(), BodyError> {
    let readable = stream.subscribe();
    let expired = monotonic_clock::subscribe_instant(deadline);
    let ready = poll::poll(&[&readable, &expired]);
    if ready.contains(&0) { Ok(()) } else { Err(BodyError::TimedOut) }
}
