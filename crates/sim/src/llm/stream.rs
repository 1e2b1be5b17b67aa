//! An answer piece by piece: slowly, cut in the middle, or with an error where the rest should have been.

use std::io;
use std::time::Duration;

use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures::stream;

use super::faults::*;
use crate::fault::{On, Provider};
use crate::world::App;

/// Between two pieces of a slow stream, unless the rule says.
const SLOW_MS: u64 = 100;

/// In which everything before the cut leaves.
const BEFORE_CUT: Duration = Duration::from_millis(20);

/// Letters of a text that come at once.
const PIECE_CHARS: usize = 12;

/// Sends events, each already written as it goes over the wire; `error` is what the provider would send in place of the rest.
pub(super) fn response(app: &App, provider: Provider, events: Vec<String>, error: String) -> Response {
    let strikes = |fault| app.strikes(provider, fault, On::Create);
    let half = events.len() / 2;
    let mut pieces: Vec<io::Result<String>> = events.into_iter().map(Ok).collect();
    if strikes(STREAM_ERROR).is_some() {
        pieces.truncate(half);
        pieces.push(Ok(error));
    } else if strikes(STREAM_CUT).is_some() {
        pieces.truncate(half);
        pieces.push(Err(io::Error::other("told to cut the stream")));
    }
    let wait = strikes(SLOW_STREAM).map(|rule| Duration::from_millis(rule.ms.unwrap_or(SLOW_MS)));
    let pieces = stream::unfold(pieces.into_iter(), move |mut rest| async move {
        let piece = rest.next()?;
        if let Some(wait) = wait.or(piece.is_err().then_some(BEFORE_CUT)) {
            tokio::time::sleep(wait).await;
        }
        Some((piece, rest))
    });
    ([(header::CONTENT_TYPE, "text/event-stream; charset=utf-8")], Body::from_stream(pieces)).into_response()
}

/// A text in the pieces in which it is streamed.
pub(super) fn pieces(text: &str) -> Vec<String> {
    let letters: Vec<char> = text.chars().collect();
    letters.chunks(PIECE_CHARS).map(|piece| piece.iter().collect()).collect()
}
