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
