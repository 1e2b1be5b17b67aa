//! Standard Webhooks 1.0.0 (and Svix, whose headers have another prefix): the configured sources, the signature over
//! `id.timestamp.body`, and what we read of a body.

mod system;

use base64::Engine;
use base64::alphabet;
use base64::engine::general_purpose::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::HeaderMap;
use serde_json::Value;

use crate::answer::id;
use crate::callback::{self, Callback, CallbackError, Hint};
use crate::lenient::Lenient;
use crate::signature::{SignatureStatus, header, hmac_sha256, is_fresh, same};

pub use system::SYSTEM;

/// Prefixes of the three headers: the specification's, and Svix's.
const PREFIXES: [&str; 2] = ["webhook", "svix"];
/// The headers that deliveries are signed with, in either spelling.
pub const HEADERS: [&str; 6] =
    ["webhook-id", "webhook-timestamp", "webhook-signature", "svix-id", "svix-timestamp", "svix-signature"];
/// What issuers write before a secret: its version (Supabase), and what it is. Either may be missing.
const SECRET_PREFIXES: [&str; 2] = ["v1,", "whsec_"];
/// Secrets come padded or not.
const SECRET_BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
/// Bytes of a secret, as the specification has them.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;
const NAME_LENGTH_MAX: usize = 32;
const ID_LENGTH_MAX: usize = 256;
/// `version,base64` texts of a signature header that are looked at.
const SIGNATURES_MAX: usize = 16;

/// Somebody who may send, with the secrets that are valid now.
#[derive(Clone, PartialEq, Eq)]
pub struct Source {
    pub name: String,
    /// Decoded; several during a rotation.
    secrets: Vec<Vec<u8>>,
}

impl std::fmt::Debug for Source {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Source({}, {} secrets)", self.name, self.secrets.len())
    }
}

/// What is wrong with the text of the sources; never quotes it, since any part of it may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourcesError {
    #[error("entry {0} is not name=whsec_…")]
    NoPair(usize),
    #[error("the name of entry {0} must be 1 to 32 of a-z, 0-9, - and _, beginning with a letter or digit")]
    BadName(usize),
    #[error("the secret of entry {0} must be the base64 of 24 to 64 bytes, with or without whsec_ before it")]
    BadSecret(usize),
}

/// Reads `name=whsec_…,name=whsec_…`; a name that is there twice is being rotated.
pub fn sources(text: &str) -> Result<Vec<Source>, SourcesError> {
    let mut sources: Vec<Source> = Vec::new();
    for (number, entry) in (1..).zip(entries(text)) {
        let (name, secret) = entry.split_once('=').ok_or(SourcesError::NoPair(number))?;
        let (name, secret) = (name.trim(), secret.trim());
        if !is_name(name) {
            return Err(SourcesError::BadName(number));
        }
        let secret = decoded(secret).ok_or(SourcesError::BadSecret(number))?;
        match sources.iter_mut().find(|source| source.name == name) {
            Some(source) => source.secrets.push(secret),
            None => sources.push(Source { name: name.to_owned(), secrets: vec![secret] }),
        }
    }
    Ok(sources)
}

/// The entries between commas; the comma of `name=v1,whsec_…` belongs to its secret.
fn entries(text: &str) -> Vec<String> {
    let mut entries: Vec<String> = Vec::new();
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        match entries.last_mut().filter(|entry| entry.split_once('=').is_some_and(|(_, secret)| secret.trim() == "v1"))
        {
            Some(entry) => {
                entry.push(',');
                entry.push_str(part);
            }
            None => entries.push(part.to_owned()),
        }
    }
    entries
}

fn is_name(text: &str) -> bool {
    let fit = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
    (1..=NAME_LENGTH_MAX).contains(&text.len()) && text.bytes().all(fit) && !text.starts_with(['-', '_'])
}

/// The bytes of a secret, however its issuer wrote them: with or without prefixes and padding, in either alphabet of base64.
fn decoded(secret: &str) -> Option<Vec<u8>> {
    let bare = SECRET_PREFIXES.into_iter().fold(secret, |rest, prefix| rest.strip_prefix(prefix).unwrap_or(rest));
    let bytes = SECRET_BASE64.decode(bare.trim().replace('-', "+").replace('_', "/")).ok()?;
    SECRET_BYTES.contains(&bytes.len()).then_some(bytes)
}

impl Source {
    /// Checks a delivery: one valid `v1` signature under one of the secrets suffices.
    pub fn verify(&self, headers: &HeaderMap, body: &[u8], now_unix: u64) -> SignatureStatus {
        let Some(signed) = Signed::of(headers) else {
            return SignatureStatus::Missing;
        };
        let is_valid = signed.has_one_reading(body)
            && (1..=ID_LENGTH_MAX).contains(&signed.id.len())
            && is_fresh(signed.timestamp, now_unix)
            && self.secrets.iter().any(|secret| signed.is_signed_with(secret, body));
        if is_valid { SignatureStatus::Valid } else { SignatureStatus::Invalid }
    }
}

/// The three headers of a delivery.
struct Signed<'a> {
    id: &'a str,
    timestamp: &'a str,
    signatures: &'a str,
}

impl<'a> Signed<'a> {
    /// The first set that is whole; they are not mixed.
    fn of(headers: &'a HeaderMap) -> Option<Signed<'a>> {
        PREFIXES.into_iter().find_map(|prefix| {
            let part = |name: &str| header(headers, &format!("{prefix}-{name}"));
            Some(Signed { id: part("id")?, timestamp: part("timestamp")?, signatures: part("signature")? })
        })
    }

    /// Whether what is signed, `id.time.body`, can be divided in this way only, so that nobody moves a piece of one into another: a body
    /// never begins like a time, and under an id with dots it begins at the first `{`.
    fn has_one_reading(&self, body: &[u8]) -> bool {
        let begins = body.trim_ascii_start().first();
        let body_fits = !begins.is_some_and(u8::is_ascii_digit) && (begins == Some(&b'{') || !self.id.contains('.'));
        body_fits && self.id.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'{')
    }

    fn is_signed_with(&self, secret: &[u8], body: &[u8]) -> bool {
        let parts = [self.id.as_bytes(), b".", self.timestamp.as_bytes(), b".", body];
        let expected = STANDARD.encode(hmac_sha256(secret, &parts));
        let given = self.signatures.split(' ').take(SIGNATURES_MAX).filter_map(|text| text.strip_prefix("v1,"));
        given.fold(false, |found, given| found | same(given, &expected))
    }
}

/// The id of a delivery, which its signature covers: the key under which it is stored once.
pub fn delivery_id(headers: &HeaderMap) -> Option<&str> {
    Signed::of(headers).map(|signed| signed.id)
}

/// Reads which job an event is about; what became of the job is the provider's to say.
pub fn parse_callback(body: &[u8]) -> Result<Callback, CallbackError> {
    let Lenient { value: body, repaired } = callback::object(body)?;
    let member = |name: &str| body.get("data").and_then(|data| data.get(name)).and_then(id);
    Ok(Callback {
        event: body.get("type").and_then(Value::as_str).unwrap_or("event").to_owned(),
        job_id: member("job_id"),
        task_id: member("task_id"),
        run_id: None,
        video_index: None,
        profile: None,
        platform: None,
        hint: Hint::Running,
        repaired,
    })
}
