//! Outbound HTTP over wasi:http with explicit time-outs; several requests can be under way at once in one `block_on`.
//! What matters to callers is whether a request that failed can have reached the other side.

use futures::future::poll_fn;
use mw_integrations::{HttpClient, Pieces, StreamingClient, TransportError};
use spin_executor::CancelOnDropToken;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use wasi::clocks::monotonic_clock::subscribe_duration;
use wasi::http::outgoing_handler;
use wasi::http::types::{
    ErrorCode, FutureIncomingResponse, Headers, IncomingBody, IncomingResponse, Method, OutgoingBody, OutgoingRequest,
    RequestOptions, Scheme,
};
use wasi::io::poll::Pollable;
use wasi::io::streams::{InputStream, StreamError};

/// No provider answers more; what is longer is cut off as unanswered.
const ANSWER_LIMIT_BYTES: usize = 4 * 1024 * 1024;
const READ_SIZE_BYTES: u64 = 64 * 1024;

/// Runs a future that waits for outbound requests until it is done.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    spin_sdk::http::run(future)
}

/// What a future gives, unless it takes longer than this.
pub async fn within<T>(limit: Duration, work: impl Future<Output = T>) -> Option<T> {
    let started = Instant::now();
    let mut work = pin!(work);
    let mut waiting = None;
    poll_fn(|context| {
        if let Poll::Ready(done) = work.as_mut().poll(context) {
            return Poll::Ready(Some(done));
        }
        match limit.checked_sub(started.elapsed()) {
            None | Some(Duration::ZERO) => Poll::Ready(None),
            Some(left) => wait(&mut waiting, subscribe_duration(nanoseconds(left)), context),
        }
    })
    .await
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    pub connect: Duration,
    pub first_byte: Duration,
    pub between_bytes: Duration,
}

/// Leases outlive these.
pub const PROVIDER_TIMEOUTS: Timeouts = Timeouts {
    connect: Duration::from_secs(3),
    first_byte: Duration::from_secs(25),
    between_bytes: Duration::from_secs(10),
};

/// People wait for these, and a webhook's sender does.
pub const CHANNEL_TIMEOUTS: Timeouts = Timeouts {
    connect: Duration::from_secs(3),
    first_byte: Duration::from_secs(10),
    between_bytes: Duration::from_secs(5),
};

#[derive(Debug, Clone, Copy)]
pub struct Outbound {
    pub timeouts: Timeouts,
}

impl HttpClient for Outbound {
    async fn send(&self, request: http::Request<Vec<u8>>) -> Result<http::Response<Vec<u8>>, TransportError> {
        let pending = start(request, self.timeouts)?;
        let response = head(&pending).await?;
        let answer = answer(&response);
        let mut body = Body::of(response)?;
        let mut bytes = Vec::new();
        while let Some(piece) = body.next().await? {
            bytes.extend_from_slice(&piece);
            if bytes.len() > ANSWER_LIMIT_BYTES {
                return Err(TransportError::Unanswered(format!("answer is longer than {ANSWER_LIMIT_BYTES} bytes")));
            }
        }
        answer.body(bytes).map_err(|error| TransportError::Unanswered(error.to_string()))
    }
}

/// Sends a request and waits for its whole answer, while nothing else goes on: for a call to another component of this
/// application in the middle of other work. The executor could not wait for it there.
pub fn send_blocking(request: http::Request<Vec<u8>>, timeouts: Timeouts) -> Result<(u16, Vec<u8>), TransportError> {
    let pending = start(request, timeouts)?;
    pending.subscribe().block();
    let response = match pending.get() {
        Some(Ok(Ok(response))) => response,
        Some(Ok(Err(code))) => return Err(fault(code)),
        Some(Err(())) | None => return Err(TransportError::Unanswered("there is no answer".to_owned())),
    };
    let status = response.status();
    let body = Body::of(response)?;
    let mut bytes = Vec::new();
    loop {
        match body.stream.blocking_read(READ_SIZE_BYTES) {
            Ok(piece) => bytes.extend_from_slice(&piece),
            Err(StreamError::Closed) => return Ok((status, bytes)),
            Err(error) => return Err(TransportError::Unanswered(format!("{error:?}"))),
        }
    }
}

impl StreamingClient for Outbound {
    type Pieces = Body;

    async fn stream(&self, request: http::Request<Vec<u8>>) -> Result<http::Response<Body>, TransportError> {
        let pending = start(request, self.timeouts)?;
        let response = head(&pending).await?;
        let answer = answer(&response);
        answer.body(Body::of(response)?).map_err(|error| TransportError::Unanswered(error.to_string()))
    }
}

/// The body of an answer, as it comes.
pub struct Body {
    // Dropped in this order: the host wants what hangs on another to go first.
    stream: InputStream,
    _body: IncomingBody,
    _response: IncomingResponse,
}

impl Body {
    fn of(response: IncomingResponse) -> Result<Body, TransportError> {
        let unanswered = |what: &str| TransportError::Unanswered(format!("answer has no {what}"));
        let body = response.consume().map_err(|()| unanswered("body"))?;
        let stream = body.stream().map_err(|()| unanswered("stream"))?;
        Ok(Body { stream, _body: body, _response: response })
    }
}

impl Pieces for Body {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, TransportError> {
        let mut waiting = None;
        poll_fn(|context| match self.stream.read(READ_SIZE_BYTES) {
            Ok(piece) if piece.is_empty() => wait(&mut waiting, self.stream.subscribe(), context),
            Ok(piece) => Poll::Ready(Ok(Some(piece))),
            Err(StreamError::Closed) => Poll::Ready(Ok(None)),
            Err(error) => Poll::Ready(Err(TransportError::Unanswered(format!("{error:?}")))),
        })
        .await
    }
}

fn answer(response: &IncomingResponse) -> http::response::Builder {
    let builder = http::Response::builder().status(response.status());
    response.headers().entries().into_iter().fold(builder, |builder, (name, value)| builder.header(name, value))
}

/// Hands a request to the host, its body included; nothing has been waited for yet.
fn start(request: http::Request<Vec<u8>>, timeouts: Timeouts) -> Result<FutureIncomingResponse, TransportError> {
    // Natively, in tests and under the fuzzer, there is no host that could send anything.
    if cfg!(not(target_family = "wasm")) {
        return Err(TransportError::NotSent("there is no host".to_owned()));
    }
    let (parts, bytes) = request.into_parts();
    let outgoing = OutgoingRequest::new(headers(&parts, bytes.len())?);
    let refused = |what: &str| TransportError::NotSent(format!("{what} refused by the host"));
    outgoing.set_method(&method(&parts.method)).map_err(|()| refused("method"))?;
    outgoing.set_scheme(Some(&scheme(&parts.uri))).map_err(|()| refused("scheme"))?;
    let authority = parts.uri.authority().map(|authority| authority.as_str());
    outgoing.set_authority(authority).map_err(|()| refused("authority"))?;
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    outgoing.set_path_with_query(Some(path)).map_err(|()| refused("path"))?;

    let body = outgoing.body().map_err(|()| refused("body"))?;
    let stream = body.write().map_err(|()| refused("body"))?;
    // A small body is taken whole before anything is sent; the rest of a large one follows the head.
    let written = write_some(&stream, &bytes)?;
    let rest = bytes.get(written..).unwrap_or_default();
    let options = Some(options(timeouts)?);
    if rest.is_empty() {
        drop(stream);
        OutgoingBody::finish(body, None).map_err(fault)?;
        return outgoing_handler::handle(outgoing, options).map_err(fault);
    }
    let pending = outgoing_handler::handle(outgoing, options).map_err(fault)?;
    let unanswered = |error: StreamError| TransportError::Unanswered(format!("{error:?}"));
    for chunk in rest.chunks(4096) {
        stream.blocking_write_and_flush(chunk).map_err(unanswered)?;
    }
    drop(stream);
    OutgoingBody::finish(body, None).map_err(|error| TransportError::Unanswered(format!("{error:?}")))?;
    Ok(pending)
}

fn write_some(stream: &wasi::io::streams::OutputStream, bytes: &[u8]) -> Result<usize, TransportError> {
    let not_sent = |error: StreamError| TransportError::NotSent(format!("{error:?}"));
    if bytes.is_empty() {
        return Ok(0);
    }
    let room = usize::try_from(stream.check_write().map_err(not_sent)?).unwrap_or(usize::MAX);
    let count = room.min(bytes.len());
    stream.write(bytes.get(..count).unwrap_or_default()).map_err(not_sent)?;
    Ok(count)
}

fn headers(parts: &http::request::Parts, length: usize) -> Result<Headers, TransportError> {
    let mut entries: Vec<(String, Vec<u8>)> = parts
        .headers
        .iter()
        .filter(|(name, _)| *name != http::header::CONTENT_LENGTH && *name != http::header::HOST)
        .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
        .collect();
    if length > 0 || parts.method == http::Method::POST {
        entries.push(("content-length".to_owned(), length.to_string().into_bytes()));
    }
    Headers::from_list(&entries).map_err(|error| TransportError::NotSent(format!("headers refused: {error:?}")))
}

fn method(method: &http::Method) -> Method {
    match method.as_str() {
        "GET" => Method::Get,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        "PATCH" => Method::Patch,
        "HEAD" => Method::Head,
        other => Method::Other(other.to_owned()),
    }
}

fn scheme(uri: &http::Uri) -> Scheme {
    match uri.scheme_str() {
        Some("https") => Scheme::Https,
        _ => Scheme::Http,
    }
}

fn options(timeouts: Timeouts) -> Result<RequestOptions, TransportError> {
    let nanoseconds = |duration| Some(nanoseconds(duration));
    let refused = |()| TransportError::NotSent("time-outs refused by the host".to_owned());
    let options = RequestOptions::new();
    options.set_connect_timeout(nanoseconds(timeouts.connect)).map_err(refused)?;
    options.set_first_byte_timeout(nanoseconds(timeouts.first_byte)).map_err(refused)?;
    options.set_between_bytes_timeout(nanoseconds(timeouts.between_bytes)).map_err(refused)?;
    Ok(options)
}

async fn head(pending: &FutureIncomingResponse) -> Result<IncomingResponse, TransportError> {
    let mut waiting = None;
    let answered = poll_fn(|context| match pending.get() {
        Some(answered) => Poll::Ready(answered),
        None => wait(&mut waiting, pending.subscribe(), context),
    })
    .await;
    match answered {
        Ok(Ok(response)) => Ok(response),
        Ok(Err(code)) => Err(fault(code)),
        Err(()) => Err(TransportError::Unanswered("answer was taken already".to_owned())),
    }
}

/// Registers with the executor; the registration is withdrawn when the future is dropped.
fn wait<T>(waiting: &mut Option<CancelOnDropToken>, until: Pollable, context: &mut Context<'_>) -> Poll<T> {
    let token = spin_executor::push_waker_and_get_token(until, context.waker().clone());
    *waiting = Some(CancelOnDropToken::from(token));
    Poll::Pending
}

/// Sorts the host's errors by the one thing that decides about a repetition: can the request have arrived?
fn fault(code: ErrorCode) -> TransportError {
    let text = format!("{code:?}");
    match code {
        ErrorCode::DnsTimeout
        | ErrorCode::DnsError(_)
        | ErrorCode::DestinationNotFound
        | ErrorCode::DestinationUnavailable
        | ErrorCode::DestinationIpProhibited
        | ErrorCode::DestinationIpUnroutable
        | ErrorCode::ConnectionRefused
        | ErrorCode::ConnectionTimeout
        | ErrorCode::ConnectionLimitReached
        | ErrorCode::TlsProtocolError
        | ErrorCode::TlsCertificateError
        | ErrorCode::HttpRequestDenied
        | ErrorCode::HttpRequestUriInvalid
        | ErrorCode::HttpRequestMethodInvalid
        | ErrorCode::ConfigurationError => TransportError::NotSent(text),
        _ => TransportError::Unanswered(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_errors_from_before_the_request_left_are_not_sent() {
        for code in [ErrorCode::ConnectionRefused, ErrorCode::DnsTimeout, ErrorCode::HttpRequestDenied] {
            assert!(matches!(fault(code), TransportError::NotSent(_)));
        }
        let unsure = [ErrorCode::ConnectionTerminated, ErrorCode::HttpResponseTimeout, ErrorCode::InternalError(None)];
        for code in unsure {
            assert!(matches!(fault(code), TransportError::Unanswered(_)));
        }
    }
}
