//! What a button under a message carries: `<a|r><effect>.<signature>`, at most 42 bytes, since Telegram allows 64. It names
//! the message (an effect of the outbox, which knows run, gate, opening and address) and the verdict; who presses is for
//! the channel to say. Good for as long as that opening of the gate waits.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Telegram's limit for `callback_data`.
pub const BUTTON_BYTES_MAX: usize = 64;
/// Half of the signature: 128 bits are beyond guessing, and a press is counted and attributed.
const SIGNATURE_BYTES: usize = 16;

/// What a button says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Press {
    Approve,
    Reject,
}

impl Press {
    fn letter(self) -> char {
        match self {
            Press::Approve => 'a',
            Press::Reject => 'r',
        }
    }
}

/// Signs a button of a message.
pub fn issue(secret: &str, effect_id: i64, press: Press) -> String {
    let body = format!("{}{effect_id}", press.letter());
    let signature = mac(secret, &body).map(|mac| mac.finalize().into_bytes()).unwrap_or_default();
    let half = signature.get(..SIGNATURE_BYTES).unwrap_or_default();
    format!("{body}.{}", URL_SAFE_NO_PAD.encode(half))
}

/// The message and the verdict of a button that is ours, by any secret that is valid now, compared in constant time.
pub fn verify(secrets: &[&str], token: &str) -> Option<(i64, Press)> {
    if token.len() > BUTTON_BYTES_MAX {
        return None;
    }
    let (body, signature) = token.split_once('.')?;
    let signature = URL_SAFE_NO_PAD.decode(signature).ok().filter(|bytes| bytes.len() == SIGNATURE_BYTES)?;
    let mut usable = secrets.iter().filter(|secret| !secret.is_empty());
    usable
        .any(|secret| mac(secret, body).is_some_and(|mac| mac.verify_truncated_left(&signature).is_ok()))
        .then_some(())?;
    let press = [Press::Approve, Press::Reject].into_iter().find(|press| body.starts_with(press.letter()))?;
    Some((body.get(1..)?.parse().ok()?, press))
}

fn mac(secret: &str, body: &str) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok()?;
    // Another word than the links' tokens have, so that neither is ever good for the other.
    mac.update(b"gate-button\n");
    mac.update(body.as_bytes());
    Some(mac)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_button_fits_and_names_its_message_and_verdict() {
        for press in [Press::Approve, Press::Reject] {
            for effect_id in [1, i64::MAX] {
                let token = issue("secret", effect_id, press);
                assert!(token.len() <= 43, "{token}");
                assert_eq!(verify(&["new", "secret"], &token), Some((effect_id, press)), "the previous secret is good");
                assert_eq!(verify(&["other", ""], &token), None);
            }
        }
    }

    #[test]
    fn every_changed_byte_is_noticed() {
        let token = issue("secret", 12_345, Press::Reject);
        for index in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[index] = if bytes[index] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            assert_eq!(verify(&["secret"], &changed), None, "byte {index}");
        }
        assert_eq!(verify(&["secret"], &token.replacen('r', "a", 1)), None);
        assert_eq!(verify(&["secret"], token.split_once('.').unwrap().0), None);
        assert_eq!(verify(&["secret"], &format!("{}.", token.split_once('.').unwrap().0)), None);
    }

    proptest! {
        #[test]
        fn no_text_is_taken_for_a_button(text in ".{0,80}") {
            prop_assert_eq!(verify(&["secret"], &text), None);
        }
    }
}
