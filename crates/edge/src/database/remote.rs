//! Asks the component `database` for a statement: `POST http://database.spin.internal/`, which never leaves the host. The wire
//! is that of `encoded`, read on the other side by [`super::service`].

use super::{Answer, Way};
use crate::config::Config;
use crate::outbound::{self, Timeouts};
use mw_integrations::TransportError;
use mw_store::{DbError, Param};
use std::time::Duration;

const DATABASE_URL: &str = "http://database.spin.internal/";

/// Longer than a statement may take (`statement_timeout` of the role) and may wait for a connection.
const TIMEOUTS: Timeouts = Timeouts {
    connect: Duration::from_secs(1),
    first_byte: Duration::from_secs(25),
    between_bytes: Duration::from_secs(10),
};

/// How many bytes of the body are each parameter, in their order: `j12,b7` is JSON of 12 bytes, then 7 bytes as they are; `o` an
/// observation.
pub(super) const PARAMETERS: &str = "x-parameters";
/// The SQL function.
pub(super) const FUNCTION: &str = "x-function";
/// Done, and the observation is recorded.
pub(super) const RECORDED: u16 = 201;
pub(super) const FAILED: u16 = 500;
pub(super) const UNAVAILABLE: u16 = 503;

/// The way through the component `database`.
pub struct Remote {
    request_id: String,
}

impl Way for Remote {
    fn open(_config: &Config, request_id: &str) -> Box<dyn Way> {
        Box::new(Remote { request_id: request_id.to_owned() })
    }

    fn query(&mut self, function: &str, params: &[Param<'_>]) -> Result<Answer, DbError> {
        let (parameters, body) = encoded(params);
        let request = http::Request::post(DATABASE_URL)
            .header(FUNCTION, function)
            .header(PARAMETERS, parameters)
            .header("x-request-id", &self.request_id)
            .body(body)
            .map_err(|error| DbError::Failed(error.to_string()))?;
        let unreachable = |error: TransportError| DbError::Unavailable(format!("the database component: {error}"));
        let (status, body) = outbound::send_blocking(request, TIMEOUTS).map_err(unreachable)?;
        let text = String::from_utf8(body).map_err(|error| DbError::Failed(error.to_string()))?;
        match status {
            200 | RECORDED => Ok(Answer { text, recorded: status == RECORDED }),
            FAILED => Err(DbError::Failed(text)),
            UNAVAILABLE => Err(DbError::Unavailable(text)),
            other => Err(DbError::Unavailable(format!("the database component answered {other}"))),
        }
    }
}

fn encoded(params: &[Param<'_>]) -> (String, Vec<u8>) {
    let mut body = Vec::with_capacity(params.iter().map(|param| bytes_of(param).len()).sum());
    let mut lengths = Vec::with_capacity(params.len());
    for param in params {
        let letter = match param {
            Param::Json(_) => 'j',
            Param::Bytes(_) => 'b',
            Param::Observation(_) => 'o',
        };
        let bytes = bytes_of(param);
        lengths.push(format!("{letter}{}", bytes.len()));
        body.extend_from_slice(bytes);
    }
    (lengths.join(","), body)
}

fn bytes_of<'a>(param: &'a Param<'_>) -> &'a [u8] {
    match param {
        Param::Json(text) | Param::Observation(text) => text.as_bytes(),
        Param::Bytes(bytes) => bytes,
    }
}

/// The parameters that [`encoded`] has written; `None` for what it never writes.
pub(super) fn decoded<'a>(parameters: &str, mut body: &'a [u8]) -> Option<Vec<Param<'a>>> {
    let mut params = Vec::new();
    for part in parameters.split(',').filter(|part| !part.is_empty()) {
        let length: usize = part.get(1..)?.parse().ok()?;
        let (bytes, rest) = body.split_at_checked(length)?;
        params.push(match part.get(..1)? {
            "j" => Param::Json(std::str::from_utf8(bytes).ok()?),
            "b" => Param::Bytes(bytes),
            "o" => Param::Observation(std::str::from_utf8(bytes).ok()?),
            _ => return None,
        });
        body = rest;
    }
    body.is_empty().then_some(params)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::mem::discriminant;

    fn same(one: &[Param<'_>], other: &[Param<'_>]) -> bool {
        one.len() == other.len()
            && one.iter().zip(other).all(|(a, b)| discriminant(a) == discriminant(b) && bytes_of(a) == bytes_of(b))
    }

    proptest! {
        #[test]
        fn parameters_survive_the_wire(json in ".{0,40}", bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let all = [Param::Json(&json), Param::Bytes(&bytes), Param::Observation(&json)];
            for params in [&[], &all[..1], &all[..2], &all[..]] {
                let (parameters, body) = encoded(params);
                prop_assert!(decoded(&parameters, &body).is_some_and(|read| same(&read, params)));
            }
        }

        #[test]
        fn nothing_else_is_read(parameters in "[jbox0-9,-]{0,12}", body in prop::collection::vec(any::<u8>(), 0..9)) {
            if let Some(params) = decoded(&parameters, &body) {
                prop_assert_eq!(params.iter().map(|param| bytes_of(param).len()).sum::<usize>(), body.len());
            }
        }
    }
}
