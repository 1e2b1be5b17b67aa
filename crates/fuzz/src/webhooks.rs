//! Webhooks. Only what the corpus was signed over is valid, with its own secret only; what a body claims is bounded.

use crate::Seen;
use crate::message::Message;
use mw_integrations::standard::{self as std_webhooks, Source};
use mw_integrations::{
    Callback, CallbackError, Hint, SignatureStatus, kieai as kie, lenient, shotstack as shots, upload_post as post,
};

/// The secrets and the time of the published vectors in the corpus.
const NOW: u64 = 1_787_567_409;
const TIME: &str = "1787567409";
const KIE_SECRET: &str = "test-hmac-key";
const POST_SECRET: &str = "test-secret";

/// What was signed, and the header that says so.
struct Signed {
    header: &'static str,
    signature: &'static str,
    is: fn(&Message) -> bool,
}

const KIE_TASK: &str = "bd8f4b1a52048d0f17a38b49591abfa1";
const KIE: [Signed; 4] = [
    Signed {
        header: "x-webhook-signature",
        signature: "6sSlfWgiUUHoxYfa+JmQexhTXd7JRR+gMaYDX9CBlnQ=",
        is: |message| {
            // A damaged text elsewhere in the body is not what was signed.
            let body = lenient::read(&message.body).map(|read| read.value).unwrap_or_default();
            let names = ["taskId", "task_id"].into_iter().any(|name| body["data"][name] == KIE_TASK);
            names && first(message, "x-webhook-timestamp").as_deref() == Some(TIME)
        },
    },
    generic("x-signature"),
    generic("x-kie-signature"),
    generic("x-webhook-signature"),
];

/// The scheme that every provider may use, under any of its headers.
const fn generic(header: &'static str) -> Signed {
    Signed {
        header,
        signature: "a9c98ad4010b58594241d0348545103a8af7a922ebd77b727719949561a36bcd",
        is: |message| message.body == GENERIC_BODY,
    }
}

const GENERIC_BODY: &[u8] = br#"{"code":200,"data":{"taskId":"t9","state":"completed"}}"#;

const POST_BODY: &[u8] = br#"{"event":"upload_completed","job_id":"j1","platform":"tiktok","result":{"success":true,"url":"https://example.com/p/1"}}"#;
const POST: [Signed; 1] = [Signed {
    header: "x-upload-post-signature",
    signature: "sha256=7ee56e1f6f40fb16fd365f5cf407a37cdc8e5f44d2a6176d130d784a3832b8b8",
    is: |message| message.body == POST_BODY && first(message, "x-upload-post-timestamp").as_deref() == Some(TIME),
}];

pub(crate) fn kieai(bytes: &[u8]) -> Seen {
    let message = Message::read(bytes);
    let status = signature(&message, kie::verify, KIE_SECRET, &KIE);
    callback(kie::parse_callback(&message.body));
    Seen::from(status == SignatureStatus::Valid)
}

pub(crate) fn upload_post(bytes: &[u8]) -> Seen {
    let message = Message::read(bytes);
    let status = signature(&message, post::verify, POST_SECRET, &POST);
    callback(post::parse_callback(&message.body));
    Seen::from(status == SignatureStatus::Valid)
}

pub(crate) fn shotstack(bytes: &[u8]) -> Seen {
    let message = Message::read(bytes);
    assert_eq!(shots::verify(&message.header_map(), &message.body, &["any"], NOW), SignatureStatus::Unsigned);
    Seen::from(callback(shots::parse_callback(&message.body)))
}

/// Signed by Standard Webhooks over id, time and body; Svix' names of the headers are as good.
const STANDARD_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const STANDARD_BODY: &[u8] =
    br#"{"type":"job.done","data":{"job_id":"0d4f6c3e-7f1f-4f0e-9f5e-3a1b2c3d4e5f","task_id":"t1"}}"#;
const STANDARD_SIGNATURE: &str = "v1,8R0CbRIYPR/7/3gglZZX7i6oNJOzmsuMJqGoagQlUlI=";

pub(crate) fn standard(bytes: &[u8]) -> Seen {
    let message = Message::read(bytes);
    let headers = message.header_map();
    let verify = |secret: &str| only(&format!("replicate={secret}")).verify(&headers, &message.body, NOW);
    let status = verify(STANDARD_SECRET);
    if status == SignatureStatus::Valid {
        let part = |name: &str| ["webhook", "svix"].map(|prefix| first(&message, &format!("{prefix}-{name}")));
        let signed = part("signature").into_iter().flatten().any(|text| text.contains(STANDARD_SIGNATURE));
        let genuine = message.body == STANDARD_BODY && part("timestamp").contains(&Some(TIME.to_owned()));
        assert!(signed && genuine, "a forged delivery is valid");
        assert_eq!(std_webhooks::delivery_id(&headers), Some("msg_1"));
    }
    assert_ne!(verify("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), SignatureStatus::Valid, "valid without the secret");
    callback(std_webhooks::parse_callback(&message.body));
    Seen::from(status == SignatureStatus::Valid)
}

/// The variable that names the sources: what is wrong with it is told without quoting it.
pub(crate) fn sources(bytes: &[u8]) -> Seen {
    let text = String::from_utf8_lossy(bytes);
    match std_webhooks::sources(&text) {
        Ok(sources) => {
            let fits = |name: &str| (1..=32).contains(&name.len()) && !name.contains(char::is_whitespace);
            assert!(sources.iter().all(|source| fits(&source.name) && !format!("{source:?}").contains("whsec_M")));
            Seen::from(!sources.is_empty())
        }
        Err(error) => {
            assert!(!error.to_string().contains("whsec_M"));
            Seen::Refused
        }
    }
}

fn only(text: &str) -> Source {
    std_webhooks::sources(text).unwrap().remove(0)
}

type Verify = fn(&http::HeaderMap, &[u8], &[&str], u64) -> SignatureStatus;

fn signature(message: &Message, verify: Verify, secret: &str, signed: &[Signed]) -> SignatureStatus {
    let headers = message.header_map();
    let check = |secrets: &[&str], now: u64| verify(&headers, &message.body, secrets, now);
    let status = check(&[secret], NOW);
    if status == SignatureStatus::Valid {
        let genuine = |signed: &Signed| {
            first(message, signed.header).as_deref() == Some(signed.signature) && (signed.is)(message)
        };
        assert!(signed.iter().any(genuine), "a forged delivery is valid");
        assert_eq!(check(&["other", secret], NOW), SignatureStatus::Valid);
    }
    assert_ne!(check(&["other"], NOW), SignatureStatus::Valid, "valid without the secret");
    assert_eq!(check(&["", " "], NOW), SignatureStatus::Unsigned);
    status
}

/// The first readable header of a name, as the server reads it.
fn first(message: &Message, name: &str) -> Option<String> {
    Some(message.header_map().get(name)?.to_str().ok()?.to_owned())
}

/// A claim may be wrong, never unbounded.
fn callback(parsed: Result<Callback, CallbackError>) -> bool {
    let Ok(callback) = &parsed else { return false };
    match &callback.hint {
        Hint::Done(output) => assert!(output.url.is_empty() || !output.url.contains(char::is_whitespace)),
        Hint::Failed(fault) => assert!(fault.message.chars().count() <= 500),
        Hint::Running | Hint::Unrelated => {}
    }
    true
}
