//! The providers' port as the command has it.

use mw_integrations::{HttpClient, Pieces, StreamingClient, TransportError};
use std::future::Future;
use std::pin::pin;
use std::task::{Poll, Waker};
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(20);

/// The providers' port over a client that blocks.
pub(crate) struct Client;

impl HttpClient for Client {
    async fn send(
        &self,
        request: http::Request<Vec<u8>>,
    ) -> std::result::Result<http::Response<Vec<u8>>, TransportError> {
        let agent: ureq::Agent =
            ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(TIMEOUT)).build().into();
        let unanswered = |error: ureq::Error| TransportError::Unanswered(error.to_string());
        let mut answer = agent.run(request).map_err(unanswered)?;
        let body = answer.body_mut().read_to_vec().map_err(unanswered)?;
        let (parts, _) = answer.into_parts();
        Ok(http::Response::from_parts(parts, body))
    }
}

/// A body that has come whole.
pub(crate) struct Whole(Option<Vec<u8>>);

impl StreamingClient for Client {
    type Pieces = Whole;

    async fn stream(
        &self,
        request: http::Request<Vec<u8>>,
    ) -> std::result::Result<http::Response<Whole>, TransportError> {
        Ok(self.send(request).await?.map(|body| Whole(Some(body))))
    }
}

impl Pieces for Whole {
    async fn next(&mut self) -> std::result::Result<Option<Vec<u8>>, TransportError> {
        Ok(self.0.take())
    }
}

/// The value of a future that never waits, since its client blocks.
pub(crate) fn finished<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut context = std::task::Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
    }
}
