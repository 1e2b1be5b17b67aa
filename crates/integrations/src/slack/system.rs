//! Slack by its names, limits and errors.

use crate::system::{Address, Limits, Secret, System};
use mw_media::retry::FaultClass::{Final, RateLimited, Unavailable};
use mw_media::retry::Pattern::Word;
use mw_media::retry::{Rule, rule};

pub static SYSTEM: System = System {
    rules: &RULES,
    // It takes about one message a second for a channel.
    limits: Some(Limits { starts_max: Some(1), window_seconds: 1, open_jobs_max: None, in_flight_max: Some(4) }),
    secrets: &[Secret::where_set("slack_bot_token"), Secret::where_set("slack_signing_secret").rotating()],
    addresses: &[
        Address { variable: "slack_base_url", default: "https://slack.com/api", simulated: "slack/api" },
        Address { variable: "slack_hooks_base_url", default: "https://hooks.slack.com", simulated: "slack/hooks" },
    ],
    ..System::new("slack", "Slack", "tells people, brings their decisions")
};

/// What it says with HTTP 200.
static RULES: [Rule; 3] = [
    rule(Word(&["ratelimited", "rate_limited"]), RateLimited, "too many messages"),
    rule(
        Word(&["internal_error", "fatal_error", "service_unavailable", "request_timeout"]),
        Unavailable,
        "its own trouble",
    ),
    rule(Word(&[]), Final, "no such channel, archived, not a member, token refused, …"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use mw_media::retry::Trouble;

    #[test]
    fn its_words_have_their_class() {
        for (word, class) in
            [("ratelimited", RateLimited), ("internal_error", Unavailable), ("channel_not_found", Final), ("", Final)]
        {
            assert_eq!(SYSTEM.class_of(&Trouble::Word(word)), class, "{word}");
        }
    }
}
