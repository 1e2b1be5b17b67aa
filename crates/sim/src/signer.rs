//! How a callback is signed. Each provider's signature is in its folder, written apart from the checks in `mw-integrations`, so
//! that one tests the other.

use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::config::Config;
use crate::world::unix_ms;

type Headers = Vec<(&'static str, String)>;

/// The headers that a delivery of this body is signed with.
type Sign = dyn Fn(&Config, &[u8]) -> Headers + Send + Sync;

/// Makes the headers for one attempt. The time is that of the attempt.
#[derive(Clone)]
pub(crate) struct Signer(Arc<Sign>);

impl Signer {
    pub(crate) fn new(sign: impl Fn(&Config, &[u8]) -> Headers + Send + Sync + 'static) -> Signer {
        Signer(Arc::new(sign))
    }

    pub(crate) fn unsigned() -> Signer {
        Signer::new(|_config, _body| Vec::new())
    }

    pub(crate) fn headers(&self, config: &Config, body: &[u8]) -> Headers {
        (self.0)(config, body)
    }
}

pub(crate) fn now_unix() -> u64 {
    unix_ms() / 1000
}

pub(crate) fn hmac(secret: &str, message: &[u8]) -> Vec<u8> {
    // HMAC takes keys of any length; the error type is there for other algorithms.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
        return Vec::new();
    };
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
