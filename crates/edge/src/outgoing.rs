//! From our answer to the host's. Spin does not set TCP_NODELAY: an answer whose head and body leave as two packets costs a
//! keep-alive client 40 ms. So the body is written and finished before the answer is handed over, and both leave together.
//! Only an answer that is made while the client reads it goes another way: its head first, then piece by piece.

use crate::response::Response;
use wasi::http::types::{ErrorCode, Headers, OutgoingBody, OutgoingResponse, ResponseOutparam};
use wasi::io::streams::{OutputStream, StreamError};

/// Hands the answer to the host. On failure the client sees the connection close; the text is for the log.
pub(crate) fn send(out: ResponseOutparam, response: Response) -> Result<(), String> {
    let outgoing = match head(&response, Some(response.body.len())) {
        Ok(outgoing) => outgoing,
        Err(error) => return refused(out, error),
    };
    let body = outgoing.body().map_err(|()| "no body to write to".to_owned())?;
    let stream = body.write().map_err(|()| "no stream to write to".to_owned())?;
    let written = write_some(&stream, &response.body)?;
    let rest = response.body.get(written..).unwrap_or_default();
    if rest.is_empty() {
        drop(stream);
        let finished = finish(body);
        ResponseOutparam::set(out, Ok(outgoing));
        return finished;
    }
    // Larger than what the host buffers: the client has to take some of it first.
    ResponseOutparam::set(out, Ok(outgoing));
    write_rest(&stream, rest)?;
    drop(stream);
    finish(body)
}

fn refused<T>(out: ResponseOutparam, error: String) -> Result<T, String> {
    ResponseOutparam::set(out, Err(ErrorCode::InternalError(Some(error.clone()))));
    Err(error)
}

/// The body of an answer whose head has left. When the client goes away, what is written to it goes nowhere. The stream stands
/// first, and so is dropped first: the host wants what hangs on another to go before it.
pub struct Pieces(Result<(OutputStream, OutgoingBody), String>);

/// Hands the head to the host, at once.
pub(crate) fn open(out: ResponseOutparam, response: &Response) -> Pieces {
    let opened = head(response, None).and_then(|outgoing| {
        let body = outgoing.body().map_err(|()| "no body to write to".to_owned())?;
        let stream = body.write().map_err(|()| "no stream to write to".to_owned())?;
        Ok((outgoing, body, stream))
    });
    Pieces(match opened {
        Ok((outgoing, body, stream)) => {
            ResponseOutparam::set(out, Ok(outgoing));
            Ok((stream, body))
        }
        Err(error) => refused(out, error),
    })
}

impl Pieces {
    /// Sends a piece now.
    pub fn send(&mut self, bytes: &[u8]) {
        let sent = match &self.0 {
            Ok((stream, _)) => write_rest(stream, bytes).and_then(|()| stream.blocking_flush().map_err(text)),
            Err(_) => return,
        };
        if let Err(error) = sent {
            self.0 = Err(error);
        }
    }

    /// Ends the body, or says why it did not all go out.
    pub(crate) fn finish(self) -> Result<(), String> {
        let (stream, body) = self.0?;
        drop(stream);
        finish(body)
    }
}

fn head(response: &Response, length: Option<usize>) -> Result<OutgoingResponse, String> {
    let mut entries: Vec<(String, Vec<u8>)> =
        response.headers.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect();
    entries.extend(length.map(|length| ("content-length".to_owned(), length.to_string().into_bytes())));
    let headers = Headers::from_list(&entries).map_err(|error| format!("headers refused: {error:?}"))?;
    let outgoing = OutgoingResponse::new(headers);
    outgoing.set_status_code(response.status).map_err(|()| format!("status {} refused", response.status))?;
    Ok(outgoing)
}

/// Writes what the host takes at once, which for small bodies is all.
fn write_some(stream: &OutputStream, bytes: &[u8]) -> Result<usize, String> {
    if bytes.is_empty() {
        return Ok(0);
    }
    let room = stream.check_write().map_err(text)?;
    let count = usize::try_from(room).unwrap_or(usize::MAX).min(bytes.len());
    stream.write(bytes.get(..count).unwrap_or_default()).map_err(text)?;
    Ok(count)
}

fn write_rest(stream: &OutputStream, mut bytes: &[u8]) -> Result<(), String> {
    while !bytes.is_empty() {
        stream.subscribe().block();
        let count = write_some(stream, bytes)?;
        bytes = bytes.get(count..).unwrap_or_default();
    }
    Ok(())
}

fn finish(body: OutgoingBody) -> Result<(), String> {
    OutgoingBody::finish(body, None).map_err(|error| format!("body not finished: {error:?}"))
}

fn text(error: StreamError) -> String {
    format!("body not written: {error:?}")
}
