//! The published vectors of Standard Webhooks and Svix, and the mutations of their own tests.

use crate::common::headers;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use hmac::{Hmac, KeyInit, Mac};
use mw_integrations::SignatureStatus::{self, Invalid, Missing, Valid};
use mw_integrations::standard::{Source, SourcesError, delivery_id, parse_callback, sources};
use mw_integrations::{CallbackError, Hint};
use proptest::prelude::*;
use sha2::Sha256;

struct Vector {
    secret: &'static str,
    id: &'static str,
    timestamp: &'static str,
    body: &'static str,
    signature: &'static str,
}

const STANDARD_WEBHOOKS: Vector = Vector {
    secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
    timestamp: "1614265330",
    body: r#"{"test": 2432232314}"#,
    signature: "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
};

const SVIX: Vector = Vector {
    secret: "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
    id: "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
    timestamp: "1649367553",
    body: r#"{"email":"test@example.com","username":"test_user"}"#,
    signature: "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=",
};

fn source(secrets: &[&str]) -> Source {
    let entries: Vec<String> = secrets.iter().map(|secret| format!("them={secret}")).collect();
    sources(&entries.join(",")).unwrap().remove(0)
}

impl Vector {
    fn now(&self) -> u64 {
        self.timestamp.parse().unwrap()
    }

    fn check(&self, prefix: &str, id: &str, timestamp: &str, signature: &str) -> SignatureStatus {
        let names = ["id", "timestamp", "signature"].map(|name| format!("{prefix}-{name}"));
        let pairs = [(names[0].as_str(), id), (&names[1], timestamp), (&names[2], signature)];
        source(&[self.secret]).verify(&headers(&pairs), self.body.as_bytes(), self.now())
    }

    fn signed(&self, signature: &str) -> SignatureStatus {
        self.check("webhook", self.id, self.timestamp, signature)
    }
}

#[test]
fn the_vectors_are_valid_under_both_names_of_the_headers() {
    for vector in [STANDARD_WEBHOOKS, SVIX] {
        for prefix in ["webhook", "svix", "Webhook"] {
            let status = vector.check(prefix, vector.id, vector.timestamp, vector.signature);
            assert_eq!(status, Valid, "{} {prefix}", vector.id);
        }
    }
}

#[test]
fn each_header_must_be_there_and_the_sets_are_not_mixed() {
    let vector = STANDARD_WEBHOOKS;
    let all =
        [("webhook-id", vector.id), ("webhook-timestamp", vector.timestamp), ("webhook-signature", vector.signature)];
    let check =
        |pairs: &[(&str, &str)]| source(&[vector.secret]).verify(&headers(pairs), vector.body.as_bytes(), vector.now());
    for missing in 0..3 {
        let mut pairs = all.to_vec();
        pairs.remove(missing);
        assert_eq!(check(&pairs), Missing);
    }
    assert_eq!(check(&[all[0], all[1], ("svix-signature", vector.signature)]), Missing);
    assert_eq!(check(&[]), Missing);
    assert_eq!(delivery_id(&headers(&all)), Some(vector.id));
}

#[test]
fn times_more_than_five_minutes_away_are_refused() {
    let vector = SVIX;
    let pairs = [("svix-id", vector.id), ("svix-timestamp", vector.timestamp), ("svix-signature", vector.signature)];
    for (now, expected) in [
        (vector.now() + 300, Valid),
        (vector.now() - 300, Valid),
        (vector.now() + 301, Invalid),
        (vector.now() - 301, Invalid),
    ] {
        assert_eq!(source(&[vector.secret]).verify(&headers(&pairs), vector.body.as_bytes(), now), expected);
    }
    for time in ["", "now", "+1649367553", "1649367553.0", "-1"] {
        assert_eq!(vector.check("svix", vector.id, time, vector.signature), Invalid, "{time}");
    }
}

#[test]
fn spoilt_signatures_are_refused_and_one_good_among_several_suffices() {
    let vector = STANDARD_WEBHOOKS;
    let good = vector.signature;
    let bare = good.strip_prefix("v1,").unwrap();
    for spoilt in [
        "",
        "v1,",
        "v1",
        bare,
        &good[..good.len() - 1],
        &format!("v1a,{bare}"),
        &format!("v2,{bare}"),
        &format!("{good}="),
        &good.to_uppercase(),
        "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    ] {
        assert_eq!(vector.signed(spoilt), Invalid, "{spoilt:?}");
    }
    let other = "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    assert_eq!(vector.signed(&format!("{other} v2,{bare} {good}")), Valid);
    assert_eq!(vector.check("webhook", "msg_other", vector.timestamp, good), Invalid);
}

#[test]
fn an_id_that_could_move_the_border_is_refused() {
    // "a.1" + "2" + body signs the same bytes as "a" + "1" + "2." + body.
    let vector = STANDARD_WEBHOOKS;
    for id in ["msg.1", "", &"x".repeat(257), "two words"] {
        assert_eq!(vector.check("webhook", id, vector.timestamp, vector.signature), Invalid, "{id}");
    }
}

/// A signature of this body, as its issuer makes it.
fn signed_by(key: &[u8], id: &str, timestamp: &str, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

#[test]
fn a_secret_is_read_as_its_issuer_writes_it() {
    // Bytes whose base64 has both letters in which the alphabets differ, and padding.
    let key = [[0xfb, 0xef, 0xff].repeat(8), vec![0xff]].concat();
    let (standard, url_safe) = (STANDARD.encode(&key), URL_SAFE.encode(&key));
    assert!(standard.contains('+') && standard.contains('/') && standard.ends_with("=="));
    let signature = signed_by(&key, "msg_1", "1614265330", "{}");
    let pairs = [("webhook-id", "msg_1"), ("webhook-timestamp", "1614265330"), ("webhook-signature", &*signature)];
    for text in [&standard, &url_safe] {
        for prefix in ["whsec_", "v1,whsec_", ""] {
            for written in [format!("{prefix}{text}"), format!("{prefix}{}", text.trim_end_matches('='))] {
                let status = source(&[&written]).verify(&headers(&pairs), b"{}", 1_614_265_330);
                assert_eq!(status, Valid, "{written}");
            }
        }
    }
}

#[test]
fn an_id_may_have_dots_and_moves_no_border() {
    let key = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    let check = |id: &str, timestamp: &str, body: &str, signature: &str| {
        let pairs = [("webhook-id", id), ("webhook-timestamp", timestamp), ("webhook-signature", signature)];
        source(&[STANDARD_WEBHOOKS.secret]).verify(&headers(&pairs), body.as_bytes(), 1_614_265_330)
    };
    let (id, body) = ("evt.1614265331", r#"{"text":"x.1614265332.{"}"#);
    let signature = signed_by(&key, id, "1614265330", body);
    assert_eq!(check(id, "1614265330", body, &signature), Valid);
    // The same bytes, divided in other ways.
    assert_eq!(check("evt", "1614265331", &format!("1614265330.{body}"), &signature), Invalid);
    let longer = r#"evt.1614265331.1614265330.{"text":"x"#;
    assert_eq!(check(longer, "1614265332", r#"{"}"#, &signature), Invalid);
}

#[test]
fn several_secrets_are_valid_at_once() {
    let new = format!("whsec_{}", STANDARD.encode([7; 64]));
    let vector = STANDARD_WEBHOOKS;
    let pairs =
        [("webhook-id", vector.id), ("webhook-timestamp", vector.timestamp), ("webhook-signature", vector.signature)];
    let check = |secrets: &[&str]| source(secrets).verify(&headers(&pairs), vector.body.as_bytes(), vector.now());
    assert_eq!(check(&[&new, vector.secret]), Valid);
    assert_eq!(check(&[vector.secret, &new]), Valid);
    assert_eq!(check(&[&new]), Invalid);
}

#[test]
fn sources_are_read_and_faults_are_told_without_a_secret() {
    let secret = STANDARD_WEBHOOKS.secret;
    let names = |text: &str| sources(text).unwrap().into_iter().map(|source| source.name).collect::<Vec<_>>();
    assert_eq!(names(""), Vec::<String>::new());
    assert_eq!(names(&format!(" a={secret}, b-2={secret} ,a={secret},")), ["a", "b-2"]);
    assert_eq!(names(&format!("up_post=v1,{secret} , a=v1,{secret},b={secret}")), ["up_post", "a", "b"]);
    let long = "x".repeat(33);
    let weak = format!("whsec_{}", STANDARD.encode([7; 23]));
    for (text, error) in [
        (secret.to_owned(), SourcesError::NoPair(1)),
        (format!("a={secret},{}", secret.replace('_', "-")), SourcesError::NoPair(2)),
        (format!("A={secret}"), SourcesError::BadName(1)),
        (format!("-a={secret}"), SourcesError::BadName(1)),
        (format!("{long}={secret}"), SourcesError::BadName(1)),
        (format!("={secret}"), SourcesError::BadName(1)),
        ("a=whsec_".to_owned(), SourcesError::BadSecret(1)),
        ("a=whsec_%%%%".to_owned(), SourcesError::BadSecret(1)),
        (format!("a={weak}"), SourcesError::BadSecret(1)),
        ("a=v1,".to_owned(), SourcesError::BadSecret(1)),
        (format!("_a={secret}"), SourcesError::BadName(1)),
        (format!("a=v1,{secret},b=v2,{secret}"), SourcesError::BadSecret(2)),
    ] {
        let found = sources(&text).unwrap_err();
        assert_eq!(found, error, "{text}");
        assert!(!found.to_string().contains("MfKQ"), "{found}");
    }
    assert!(!format!("{:?}", sources(&format!("a={secret}")).unwrap()).contains("MfKQ"));
}

#[test]
fn an_event_names_its_job_in_its_data() {
    let parse = |body: &str| parse_callback(body.as_bytes());
    let event = parse(r#"{"type":"video.completed","data":{"job_id":"j","task_id":7}}"#).unwrap();
    assert_eq!(
        (event.event.as_str(), event.job_id.as_deref(), event.task_id.as_deref()),
        ("video.completed", Some("j"), Some("7"))
    );
    assert_eq!(event.hint, Hint::Running, "nothing is claimed of the outcome");
    let nameless = parse(r#"{"type":5,"data":[]}"#).unwrap();
    assert_eq!((nameless.event.as_str(), nameless.job_id, nameless.task_id), ("event", None, None));
    for body in ["[]", "1", "", "{"] {
        assert_eq!(parse(body), Err(CallbackError::NotAnObject), "{body}");
    }
}

proptest! {
    #[test]
    fn any_flipped_bit_of_the_body_is_noticed(position in 0..SVIX.body.len(), bit in 0u8..8) {
        let mut body = SVIX.body.as_bytes().to_vec();
        body[position] ^= 1 << bit;
        let pairs = [("svix-id", SVIX.id), ("svix-timestamp", SVIX.timestamp), ("svix-signature", SVIX.signature)];
        prop_assert_eq!(source(&[SVIX.secret]).verify(&headers(&pairs), &body, SVIX.now()), Invalid);
    }

    #[test]
    fn no_text_of_sources_and_no_headers_break_the_check(text in "\\PC{0,120}", signature in "[ -~]{0,80}", body: Vec<u8>) {
        let _ = sources(&text);
        let pairs = [("webhook-id", "m"), ("webhook-timestamp", SVIX.timestamp), ("webhook-signature", signature.as_str())];
        prop_assert_eq!(source(&[SVIX.secret]).verify(&headers(&pairs), &body, SVIX.now()), Invalid);
    }
}
