//! The vectors of the providers' contracts, and every way to spoil them.

use crate::common::headers;
use hmac::{Hmac, KeyInit, Mac};
use mw_integrations::{SignatureStatus, kieai, shotstack, upload_post};
use proptest::prelude::*;
use sha2::Sha256;

const NOW: u64 = 1_787_567_409;
const TIME: &str = "1787567409";

const KIE_SECRET: &str = "test-hmac-key";
const KIE_SIGNATURE: &str = "6sSlfWgiUUHoxYfa+JmQexhTXd7JRR+gMaYDX9CBlnQ=";
const KIE_BODY: &str = r#"{"code":200,"data":{"taskId":"bd8f4b1a52048d0f17a38b49591abfa1","state":"success"}}"#;

const POST_SECRET: &str = "test-secret";
const POST_SIGNATURE: &str = "sha256=7ee56e1f6f40fb16fd365f5cf407a37cdc8e5f44d2a6176d130d784a3832b8b8";
const POST_BODY: &str = r#"{"event":"upload_completed","job_id":"j1","platform":"tiktok","result":{"success":true,"url":"https://example.com/p/1"}}"#;

type Verify = fn(&http::HeaderMap, &[u8], &[&str], u64) -> SignatureStatus;

struct Scheme {
    verify: Verify,
    secret: &'static str,
    body: &'static str,
    signature: (&'static str, &'static str),
    timestamp: &'static str,
}

const KIE: Scheme = Scheme {
    verify: kieai::verify,
    secret: KIE_SECRET,
    body: KIE_BODY,
    signature: ("X-Webhook-Signature", KIE_SIGNATURE),
    timestamp: "X-Webhook-Timestamp",
};

const POST: Scheme = Scheme {
    verify: upload_post::verify,
    secret: POST_SECRET,
    body: POST_BODY,
    signature: ("X-Upload-Post-Signature", POST_SIGNATURE),
    timestamp: "X-Upload-Post-Timestamp",
};

impl Scheme {
    fn check(&self, pairs: &[(&str, &str)], secrets: &[&str], now: u64) -> SignatureStatus {
        (self.verify)(&headers(pairs), self.body.as_bytes(), secrets, now)
    }

    fn pairs(&self) -> [(&'static str, &'static str); 2] {
        [self.signature, (self.timestamp, TIME)]
    }
}

#[test]
fn vectors_are_valid_within_the_tolerance() {
    for scheme in [KIE, POST] {
        for (now, status) in [
            (NOW, SignatureStatus::Valid),
            (NOW + 300, SignatureStatus::Valid),
            (NOW - 300, SignatureStatus::Valid),
            (NOW + 301, SignatureStatus::Invalid),
            (NOW - 301, SignatureStatus::Invalid),
        ] {
            assert_eq!(scheme.check(&scheme.pairs(), &[scheme.secret], now), status);
        }
    }
}

#[test]
fn header_names_have_no_case() {
    for scheme in [KIE, POST] {
        let (upper, lower) = (scheme.signature.0.to_uppercase(), scheme.timestamp.to_lowercase());
        let pairs = [(upper.as_str(), scheme.signature.1), (lower.as_str(), TIME)];
        assert_eq!(scheme.check(&pairs, &[scheme.secret], NOW), SignatureStatus::Valid);
    }
}

#[test]
fn two_secrets_are_valid_at_once_and_an_empty_one_never() {
    for scheme in [KIE, POST] {
        let check = |secrets: &[&str]| scheme.check(&scheme.pairs(), secrets, NOW);
        assert_eq!(check(&["new", scheme.secret]), SignatureStatus::Valid);
        assert_eq!(check(&[scheme.secret, "old"]), SignatureStatus::Valid);
        assert_eq!(check(&["new", "old"]), SignatureStatus::Invalid);
        assert_eq!(check(&["", "  "]), SignatureStatus::Unsigned);
        assert_eq!(check(&[]), SignatureStatus::Unsigned);
    }
}

#[test]
fn missing_headers() {
    for scheme in [KIE, POST] {
        let check = |pairs: &[(&str, &str)]| scheme.check(pairs, &[scheme.secret], NOW);
        assert_eq!(check(&[]), SignatureStatus::Missing);
        assert_eq!(check(&[(scheme.timestamp, TIME)]), SignatureStatus::Missing);
        assert_eq!(check(&[scheme.signature]), SignatureStatus::Invalid);
        assert_eq!(check(&[("x-uploadpost-signature", POST_SIGNATURE)]), SignatureStatus::Missing);
    }
}

#[test]
fn spoilt_headers() {
    for scheme in [KIE, POST] {
        let (name, signature) = scheme.signature;
        let flipped = signature.replace('7', "8");
        let longer = format!("{signature}0");
        let padded = format!("{signature}=");
        let upper = signature.to_uppercase();
        let spoilt = [
            ("", TIME),
            ("sha256=", TIME),
            (&flipped, TIME),
            (&longer, TIME),
            (&padded, TIME),
            (&upper, TIME),
            (&signature[1..], TIME),
            (&signature[..signature.len() - 1], TIME),
            (signature, "1787567410"),
            (signature, "+1787567409"),
            (signature, "1787567409.0"),
            (signature, "now"),
            (signature, ""),
        ];
        for (signature, time) in spoilt {
            let status = scheme.check(&[(name, signature), (scheme.timestamp, time)], &[scheme.secret], NOW);
            assert_eq!(status, SignatureStatus::Invalid, "{signature} {time}");
        }
    }
}

#[test]
fn upload_post_wants_its_prefix() {
    let bare = POST_SIGNATURE.strip_prefix("sha256=").unwrap();
    for value in [bare.to_owned(), format!("sha1={bare}"), format!("SHA256={bare}")] {
        let pairs = [(POST.signature.0, value.as_str()), (POST.timestamp, TIME)];
        assert_eq!(POST.check(&pairs, &[POST_SECRET], NOW), SignatureStatus::Invalid);
    }
}

#[test]
fn upload_post_signs_the_body_with_its_time() {
    let over_the_body_alone = format!("sha256={}", generic(POST_SECRET, POST_BODY));
    let pairs = [(POST.signature.0, over_the_body_alone.as_str()), (POST.timestamp, TIME)];
    assert_eq!(POST.check(&pairs, &[POST_SECRET], NOW), SignatureStatus::Invalid);
}

#[test]
fn kie_finds_the_id_under_both_names() {
    let body = KIE_BODY.replace("taskId", "task_id");
    let both = r#"{"data":{"taskId":"another","task_id":"bd8f4b1a52048d0f17a38b49591abfa1"}}"#;
    for body in [body.as_str(), both] {
        let status = kieai::verify(&headers(&KIE.pairs()), body.as_bytes(), &[KIE_SECRET], NOW);
        assert_eq!(status, SignatureStatus::Valid);
    }
}

/// Why a kie.ai callback is a poke and no more.
#[test]
fn kie_does_not_sign_the_body() {
    let forged = KIE_BODY.replace("success", "forged");
    let status = kieai::verify(&headers(&KIE.pairs()), forged.as_bytes(), &[KIE_SECRET], NOW);
    assert_eq!(status, SignatureStatus::Valid);
}

#[test]
fn kie_bodies_without_a_task_are_invalid() {
    for body in ["", "{", "[]", "{}", r#"{"data":{}}"#, r#"{"data":{"taskId":7}}"#, r#"{"data":null}"#] {
        let status = kieai::verify(&headers(&KIE.pairs()), body.as_bytes(), &[KIE_SECRET], NOW);
        assert_eq!(status, SignatureStatus::Invalid, "{body}");
    }
}

#[test]
fn the_generic_scheme_is_accepted_beside() {
    for scheme in [KIE, POST] {
        let signature = generic(scheme.secret, scheme.body);
        for name in ["X-Signature", "x-kie-signature", "X-Webhook-Signature"] {
            let status = scheme.check(&[(name, &signature)], &["new", scheme.secret], 0);
            assert_eq!(status, SignatureStatus::Valid, "{name}");
        }
        let upper = signature.to_uppercase();
        let status = scheme.check(&[("x-signature", &upper)], &[scheme.secret], NOW);
        assert_eq!(status, SignatureStatus::Invalid);
        // Only the first header counts.
        let pairs = [("x-signature", "0000"), ("x-webhook-signature", signature.as_str())];
        assert_eq!(scheme.check(&pairs, &[scheme.secret], NOW), SignatureStatus::Invalid);
    }
}

#[test]
fn shotstack_is_unsigned_whatever_comes() {
    let signature = generic("secret", "{}");
    let headers = headers(&[("x-signature", &signature)]);
    assert_eq!(shotstack::verify(&headers, b"{}", &["secret"], NOW), SignatureStatus::Unsigned);
}

#[test]
fn unreadable_headers_are_invalid() {
    let mut headers = headers(&[("x-upload-post-timestamp", TIME)]);
    let bytes = http::HeaderValue::from_bytes(b"sha256=\xff\xfe").unwrap();
    headers.insert("x-upload-post-signature", bytes);
    let status = upload_post::verify(&headers, POST_BODY.as_bytes(), &[POST_SECRET], NOW);
    assert_eq!(status, SignatureStatus::Invalid);
}

#[test]
fn the_delivery_id_is_told_and_is_no_key() {
    let named = headers(&[("X-Upload-Post-Delivery", " d-1 ")]);
    assert_eq!(upload_post::delivery_id(&named), Some("d-1"));
    assert_eq!(upload_post::delivery_id(&headers(&[])), None);
    assert_eq!(mw_integrations::dedup_key(b"x"), mw_integrations::dedup_key(b"x"));
}

fn generic(secret: &str, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body.as_bytes());
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

proptest! {
    #[test]
    fn any_flipped_bit_of_the_body_is_noticed(position in 0..POST_BODY.len(), bit in 0u8..8) {
        let mut body = POST_BODY.as_bytes().to_vec();
        body[position] ^= 1 << bit;
        let status = upload_post::verify(&headers(&POST.pairs()), &body, &[POST_SECRET], NOW);
        prop_assert_eq!(status, SignatureStatus::Invalid);
    }

    #[test]
    fn no_headers_and_no_body_break_the_check(
        signature in "[ -~]{0,80}", time in "[ -~]{0,20}", body: Vec<u8>, now: u64,
    ) {
        for scheme in [KIE, POST] {
            let pairs = [(scheme.signature.0, signature.as_str()), (scheme.timestamp, time.as_str())];
            let status = (scheme.verify)(&headers(&pairs), &body, &[scheme.secret], now);
            prop_assert_eq!(status, SignatureStatus::Invalid);
        }
    }
}
