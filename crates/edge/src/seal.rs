//! Texts that go out and come back unchanged: a signature for one purpose, so that what is good for one is for no other.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

fn mac(secret: &str, domain: &str, text: &str) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok()?;
    mac.update(domain.as_bytes());
    mac.update(text.as_bytes());
    Some(mac)
}

/// The signature of a text.
pub fn sign(secret: &str, domain: &str, text: &str) -> String {
    mac(secret, domain, text).map(|mac| URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())).unwrap_or_default()
}

/// Whether a signature is of this text, by any secret that is valid now; in constant time.
pub fn is_signed(secrets: &[String], domain: &str, text: &str, signature: &str) -> bool {
    let Ok(signature) = URL_SAFE_NO_PAD.decode(signature) else { return false };
    let secrets = secrets.iter().filter(|secret| !secret.is_empty());
    secrets.filter_map(|secret| mac(secret, domain, text)).any(|mac| mac.verify_slice(&signature).is_ok())
}
