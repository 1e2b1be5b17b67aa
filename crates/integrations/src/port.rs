//! The port through which this crate reaches the network.

use std::future::Future;

/// An HTTP client with time-outs of its own that follows no redirects.
pub trait HttpClient {
    /// Sends one request and reads the whole answer.
    fn send(
        &self,
        request: http::Request<Vec<u8>>,
    ) -> impl Future<Output = Result<http::Response<Vec<u8>>, TransportError>>;
}

/// An HTTP client that can give an answer piece by piece.
pub trait StreamingClient: HttpClient {
    /// An answer's body.
    type Pieces: Pieces;

    /// Sends one request and reads the head of its answer.
    fn stream(
        &self,
        request: http::Request<Vec<u8>>,
    ) -> impl Future<Output = Result<http::Response<Self::Pieces>, TransportError>>;
}

/// A body that is still coming.
pub trait Pieces {
    /// The next bytes, as soon as some are there; `None` at the end.
    fn next(&mut self) -> impl Future<Output = Result<Option<Vec<u8>>, TransportError>>;
}

/// Why there is no answer. The difference decides whether a submission may be repeated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// Surely never reached the provider: refused, unknown host, not allowed.
    #[error("not sent: {0}")]
    NotSent(String),
    /// May have reached the provider: time-out, reset, cut-off answer.
    #[error("no answer: {0}")]
    Unanswered(String),
}
