//! What is done about a provider's error, and when an effect is tried again. Pure: the caller brings the attempt and a
//! random number. [`RULES`] is the one home of which error means what; docs/effects.md shows it.

use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;

/// Attempts of a submission or a persona before it is given up.
pub const ATTEMPTS_MAX: u32 = 5;
/// Longest wait between attempts.
const WAIT_SECONDS_MAX: u32 = 32;
/// Longest wait between two questions to a provider.
const POLL_SECONDS_MAX: u32 = 15;
/// Longest time that a circuit breaker stays open before a probe goes: each wait is twice the one before.
pub const BREAKER_SECONDS_MAX: u32 = 600;
/// A provider's Retry-After is believed up to this; the step's deadline ends the wait anyway.
pub const RETRY_AFTER_SECONDS_MAX: u64 = 3600;

/// What can be done about a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultClass {
    /// The provider is not there: ask again later. In a row, these open its circuit breaker.
    Unavailable,
    /// The provider is well and wants fewer requests: ask again later, not before its Retry-After.
    RateLimited,
    /// The provider is well; the same request may succeed another time.
    Retryable,
    /// Asking again gives the same answer.
    Final,
}

/// Who made the error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Provider {
    Kieai,
    Shotstack,
    UploadPost,
    Llm,
    Telegram,
    Slack,
    /// The collector of traces.
    Otlp,
    Sentry,
}

/// An error as it looks on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble<'a> {
    /// Surely never reached the provider: refused, unknown host.
    NotSent,
    /// Time-out, reset, cut-off answer.
    NoAnswer,
    /// Says success and cannot be understood.
    Unreadable,
    /// A task that we were given is not listed.
    NotListed,
    /// The HTTP status decides.
    Status(u16),
    /// kie.ai's own `code`, which decides alone, whatever the status; also the code of a failed task.
    Code(i64),
    /// A render that failed, with Shotstack's words.
    RenderFailed(&'a str),
    /// A post that no platform has.
    PostFailed,
    /// The provider's own word for an error, with HTTP 200.
    Word(&'a str),
}

/// Which errors a rule is about.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Pattern {
    NotSent,
    NoAnswer,
    Unreadable,
    NotListed,
    Status(RangeInclusive<u16>),
    Code(RangeInclusive<i64>),
    /// The words contain one of these, in any case.
    RenderFailed(&'static [&'static str]),
    PostFailed,
    /// One of these; none means any.
    Word(&'static [&'static str]),
}

struct Rule {
    /// `None` for every provider.
    provider: Option<Provider>,
    pattern: Pattern,
    class: FaultClass,
    #[cfg_attr(not(test), expect(dead_code, reason = "for the page, which a test writes"))]
    meaning: &'static str,
}

/// The words after which Shotstack's own command submits once more.
const TRANSIENT_WORDS: &[&str] = &[
    "temporar",
    "try again",
    "timeout",
    "time out",
    "timed out",
    "timedout",
    "too many requests",
    "unavailable",
    "throttl",
];

/// What Slack says, with HTTP 200, when it is not well.
const SLACK_DOWN_WORDS: &[&str] = &["internal_error", "fatal_error", "service_unavailable", "request_timeout"];

const fn rule(provider: Option<Provider>, pattern: Pattern, class: FaultClass, meaning: &'static str) -> Rule {
    Rule { provider, pattern, class, meaning }
}

/// Which error means what; the first rule that fits decides, and what fits none is final. From contracts/providers.md.
static RULES: [Rule; 28] = {
    use FaultClass::{Final, RateLimited, Retryable, Unavailable};
    use Pattern::{Code, NoAnswer, NotListed, NotSent, PostFailed, RenderFailed, Status, Unreadable, Word};
    use Provider::{Kieai, Llm, Otlp, Shotstack, Slack, UploadPost};
    [
        rule(None, NotSent, Unavailable, "connection refused, unknown host: surely not received"),
        rule(None, NoAnswer, Unavailable, "time-out, reset, cut-off answer: a submission may have been received"),
        rule(
            None,
            Unreadable,
            Retryable,
            "says success and cannot be understood; as a submission it counts as no answer",
        ),
        rule(None, NotListed, Retryable, "a task of a moment ago may not be listed yet"),
        rule(
            Some(Kieai),
            Code(429..=429),
            RateLimited,
            "too many requests, also with HTTP 200: refused and not queued",
        ),
        rule(Some(Kieai), Code(408..=408), Unavailable, "its upstream stayed silent"),
        rule(Some(Kieai), Code(455..=455), Unavailable, "maintenance"),
        rule(Some(Kieai), Code(500..=500), Unavailable, "server error"),
        rule(Some(Kieai), Code(502..=504), Unavailable, "server error"),
        rule(
            Some(Kieai),
            Code(0..=999),
            Final,
            "402 credits, 401 key, 422 validation, 501 generation failed, 505 disabled, …",
        ),
        rule(Some(Llm), Status(409..=409), Retryable, "the official client repeats it"),
        rule(Some(Otlp), Status(502..=504), Unavailable, "with 429, the only statuses that OTLP says to try again"),
        rule(Some(Otlp), Status(0..=428), Final, "refused: the same spans would be refused again"),
        rule(Some(Otlp), Status(430..=999), Final, "refused: the same spans would be refused again"),
        rule(None, Status(429..=429), RateLimited, "too many requests"),
        rule(None, Status(529..=529), RateLimited, "overloaded"),
        rule(None, Status(408..=408), Unavailable, "request time-out"),
        rule(None, Status(425..=425), Unavailable, "too early"),
        rule(None, Status(500..=999), Unavailable, "server error"),
        rule(None, Status(401..=401), Final, "our key is refused; a question waits for an operator instead"),
        rule(None, Status(403..=403), Final, "not allowed; a question waits for an operator instead"),
        rule(None, Status(0..=999), Final, "any other status that is no success"),
        rule(Some(Shotstack), RenderFailed(TRANSIENT_WORDS), Retryable, "a render that failed in passing"),
        rule(Some(Shotstack), RenderFailed(&[""]), Final, "a render that failed"),
        rule(Some(UploadPost), PostFailed, Final, "no platform has it; one platform that has it makes it a success"),
        rule(Some(Slack), Word(&["ratelimited", "rate_limited"]), RateLimited, "too many messages"),
        rule(Some(Slack), Word(SLACK_DOWN_WORDS), Unavailable, "its own trouble"),
        rule(Some(Slack), Word(&[]), Final, "no such channel, not a member, token refused, …"),
    ]
};

impl Pattern {
    fn fits(&self, trouble: &Trouble<'_>) -> bool {
        match (self, trouble) {
            (Pattern::NotSent, Trouble::NotSent)
            | (Pattern::NoAnswer, Trouble::NoAnswer)
            | (Pattern::Unreadable, Trouble::Unreadable)
            | (Pattern::NotListed, Trouble::NotListed)
            | (Pattern::PostFailed, Trouble::PostFailed) => true,
            (Pattern::Status(statuses), Trouble::Status(status)) => statuses.contains(status),
            (Pattern::Code(codes), Trouble::Code(code)) => codes.contains(code),
            (Pattern::RenderFailed(words), Trouble::RenderFailed(message)) => {
                let message = message.to_ascii_lowercase();
                words.iter().any(|word| message.contains(word))
            }
            (Pattern::Word(words), Trouble::Word(word)) => words.is_empty() || words.contains(word),
            _ => false,
        }
    }
}

/// What can be done about an error.
pub fn class_of(provider: Provider, trouble: &Trouble<'_>) -> FaultClass {
    let ours = |rule: &&Rule| rule.provider.is_none_or(|only| only == provider) && rule.pattern.fits(trouble);
    RULES.iter().find(ours).map_or(FaultClass::Final, |rule| rule.class)
}

/// Seconds until the next attempt after `attempt` failed ones (from 1): 1, 2, 4, 8, then given up. The provider's
/// Retry-After wins when it asks for more; up to a quarter is added as jitter (`random` in 0..=255).
pub fn retry_wait_seconds(attempt: u32, retry_after_seconds: Option<u64>, random: u8) -> Option<f64> {
    (attempt < ATTEMPTS_MAX).then(|| backoff_seconds(attempt, retry_after_seconds, random))
}

/// The wait of an attempt that is not counted, because the provider is down for everybody: never given up.
pub fn outage_wait_seconds(attempt: u32, random: u8) -> f64 {
    backoff_seconds(attempt, None, random)
}

fn backoff_seconds(attempt: u32, retry_after_seconds: Option<u64>, random: u8) -> f64 {
    let doubled = 2_u32.saturating_pow(attempt.saturating_sub(1)).min(WAIT_SECONDS_MAX);
    let asked = retry_after_seconds.unwrap_or(0).min(RETRY_AFTER_SECONDS_MAX) as f64;
    let base = f64::from(doubled).max(asked);
    base + base * 0.25 * f64::from(random) / 255.0
}

/// Seconds until the `attempt`-th question (from 1) to a provider about a job: 2, 3, 4, 6, 8, 12, then every 15.
pub fn poll_wait_seconds(attempt: u32) -> u32 {
    let waits = [2, 3, 4, 6, 8, 12];
    waits.get(attempt.saturating_sub(1) as usize).copied().unwrap_or(POLL_SECONDS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write;

    const EVERY: [Provider; 8] = [
        Provider::Kieai,
        Provider::Shotstack,
        Provider::UploadPost,
        Provider::Llm,
        Provider::Telegram,
        Provider::Slack,
        Provider::Otlp,
        Provider::Sentry,
    ];

    #[test]
    fn every_status_has_its_class() {
        for provider in EVERY {
            for status in 0..=1100 {
                let expected = match status {
                    429 => FaultClass::RateLimited,
                    502..=504 if provider == Provider::Otlp => FaultClass::Unavailable,
                    _ if provider == Provider::Otlp => FaultClass::Final,
                    529 => FaultClass::RateLimited,
                    408 | 425 | 500..=999 => FaultClass::Unavailable,
                    409 if provider == Provider::Llm => FaultClass::Retryable,
                    _ => FaultClass::Final,
                };
                assert_eq!(class_of(provider, &Trouble::Status(status)), expected, "{provider:?} {status}");
            }
        }
    }

    #[test]
    fn every_code_of_kieai_has_its_class() {
        for code in -1..=1100 {
            let expected = match code {
                429 => FaultClass::RateLimited,
                408 | 455 | 500 | 502..=504 => FaultClass::Unavailable,
                _ => FaultClass::Final,
            };
            assert_eq!(class_of(Provider::Kieai, &Trouble::Code(code)), expected, "{code}");
        }
    }

    #[test]
    fn silence_is_nobodys_request_and_a_failed_work_is() {
        for provider in EVERY {
            assert_eq!(class_of(provider, &Trouble::NotSent), FaultClass::Unavailable);
            assert_eq!(class_of(provider, &Trouble::NoAnswer), FaultClass::Unavailable);
            assert_eq!(class_of(provider, &Trouble::Unreadable), FaultClass::Retryable);
            assert_eq!(class_of(provider, &Trouble::NotListed), FaultClass::Retryable);
            assert_eq!(class_of(provider, &Trouble::PostFailed), FaultClass::Final);
        }
        for word in TRANSIENT_WORDS {
            let message = format!("Oh: {}!", word.to_uppercase());
            assert_eq!(
                class_of(Provider::Shotstack, &Trouble::RenderFailed(&message)),
                FaultClass::Retryable,
                "{message}"
            );
        }
        assert_eq!(class_of(Provider::Shotstack, &Trouble::RenderFailed("Asset not found")), FaultClass::Final);
    }

    #[test]
    fn slacks_words_have_their_class() {
        for (word, class) in [
            ("ratelimited", FaultClass::RateLimited),
            ("internal_error", FaultClass::Unavailable),
            ("channel_not_found", FaultClass::Final),
            ("", FaultClass::Final),
        ] {
            assert_eq!(class_of(Provider::Slack, &Trouble::Word(word)), class, "{word}");
        }
    }

    #[test]
    fn no_rule_is_hidden_behind_an_earlier_one() {
        for (place, rule) in RULES.iter().enumerate() {
            let example = match &rule.pattern {
                Pattern::NotSent => Trouble::NotSent,
                Pattern::NoAnswer => Trouble::NoAnswer,
                Pattern::Unreadable => Trouble::Unreadable,
                Pattern::NotListed => Trouble::NotListed,
                Pattern::PostFailed => Trouble::PostFailed,
                Pattern::Status(statuses) => Trouble::Status(*statuses.start()),
                Pattern::Code(codes) => Trouble::Code(*codes.start()),
                Pattern::RenderFailed(words) => Trouble::RenderFailed(words[0]),
                Pattern::Word(words) => Trouble::Word(words.first().unwrap_or(&"channel_not_found")),
            };
            let provider = rule.provider.unwrap_or(Provider::Shotstack);
            let first = RULES
                .iter()
                .position(|rule| rule.provider.is_none_or(|only| only == provider) && rule.pattern.fits(&example));
            assert_eq!(first, Some(place), "{:?}", rule.pattern);
        }
    }

    #[test]
    fn waits_double_and_end() {
        let waits: Vec<_> = (1..=5).map(|attempt| retry_wait_seconds(attempt, None, 0)).collect();
        assert_eq!(waits, [Some(1.0), Some(2.0), Some(4.0), Some(8.0), None]);
        let outage: Vec<_> = [1, 5, 6, 7, 4_000_000_000].map(|attempt| outage_wait_seconds(attempt, 0)).into();
        assert_eq!(outage, [1.0, 16.0, 32.0, 32.0, 32.0]);
    }

    #[test]
    fn retry_after_wins_within_an_hour() {
        assert_eq!(retry_wait_seconds(1, Some(20), 0), Some(20.0));
        assert_eq!(retry_wait_seconds(4, Some(2), 0), Some(8.0));
        assert_eq!(retry_wait_seconds(1, Some(1_000_000), 0), Some(3600.0));
    }

    #[test]
    fn jitter_adds_at_most_a_quarter() {
        for random in 0..=255 {
            let wait = retry_wait_seconds(3, None, random).unwrap();
            assert!((4.0..=5.0).contains(&wait));
        }
    }

    #[test]
    fn polls_slow_down_and_never_stop() {
        assert_eq!((1..=8).map(poll_wait_seconds).collect::<Vec<_>>(), [2, 3, 4, 6, 8, 12, 15, 15]);
    }

    const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/effects.md");
    const BEGIN: &str = "<!-- generated: retry rules -->\n";
    const END: &str = "<!-- end -->";

    fn table() -> String {
        let range = |start: i64, end: i64| match (start, end) {
            (start, end) if start == end => start.to_string(),
            (0, _) => "any other".to_owned(),
            (start, end) => format!("{start}–{end}"),
        };
        let mut text = "| provider | error | class | meaning |\n|---|---|---|---|\n".to_owned();
        for rule in &RULES {
            let provider = match rule.provider {
                None => "every",
                Some(Provider::Kieai) => "kie.ai",
                Some(Provider::Shotstack) => "Shotstack",
                Some(Provider::UploadPost) => "upload-post",
                Some(Provider::Llm) => "language model",
                Some(Provider::Telegram) => "Telegram",
                Some(Provider::Slack) => "Slack",
                Some(Provider::Otlp) => "collector of traces",
                Some(Provider::Sentry) => "Sentry",
            };
            let error = match &rule.pattern {
                Pattern::NotSent => "not sent".to_owned(),
                Pattern::NoAnswer => "no answer".to_owned(),
                Pattern::Unreadable => "unreadable".to_owned(),
                Pattern::NotListed => "not listed".to_owned(),
                Pattern::PostFailed => "post failed".to_owned(),
                Pattern::Status(statuses) => {
                    format!("HTTP {}", range((*statuses.start()).into(), (*statuses.end()).into()))
                }
                Pattern::Code(codes) => format!("code {}", range(*codes.start(), *codes.end())),
                Pattern::Word([]) => "any other word".to_owned(),
                Pattern::Word(words) => words.join(", "),
                Pattern::RenderFailed([""]) => "render failed".to_owned(),
                Pattern::RenderFailed(_) => "render failed: “temporary”, “try again”, “timeout”, …".to_owned(),
            };
            let class = match rule.class {
                FaultClass::Unavailable => "unavailable",
                FaultClass::RateLimited => "rate limited",
                FaultClass::Retryable => "retryable",
                FaultClass::Final => "final",
            };
            writeln!(text, "| {provider} | {error} | {class} | {} |", rule.meaning).unwrap();
        }
        text
    }

    #[test]
    fn the_page_of_effects_shows_the_rules() {
        let page = std::fs::read_to_string(PAGE).unwrap();
        let (head, rest) = page.split_once(BEGIN).expect("the page has the table's marker");
        let (_, tail) = rest.split_once(END).expect("the page has the end marker");
        let expected = format!("{head}{BEGIN}{}{END}{tail}", table());
        if std::env::var("UPDATE_DOCS").is_ok() {
            std::fs::write(PAGE, expected).unwrap();
        } else {
            assert_eq!(page, expected, "docs/effects.md is stale: UPDATE_DOCS=1 cargo test -p mw-media");
        }
    }
}
