//! What every provider's errors mean. docs/effects.md shows it; `UPDATE_DOCS=1 cargo test -p mw-integrations` writes it anew.

use mw_integrations::registry::SYSTEMS;
use mw_integrations::{FaultClass, llm, otlp};
use mw_media::retry::{Pattern, RULES, Rule, Trouble, class_of};
use std::fmt::Write;

#[test]
fn every_status_has_its_class() {
    for system in SYSTEMS {
        for status in 0..=1100 {
            let expected = match status {
                429 => FaultClass::RateLimited,
                502..=504 if **system == otlp::SYSTEM => FaultClass::Unavailable,
                _ if **system == otlp::SYSTEM => FaultClass::Final,
                529 => FaultClass::RateLimited,
                408 | 425 | 500..=999 => FaultClass::Unavailable,
                409 if **system == llm::SYSTEM => FaultClass::Retryable,
                _ => FaultClass::Final,
            };
            assert_eq!(class_of(system.rules, &Trouble::Status(status)), expected, "{} {status}", system.name);
        }
    }
}

#[test]
fn silence_is_an_outage_and_a_task_of_a_moment_ago_is_not() {
    for system in SYSTEMS {
        let class = |trouble| class_of(system.rules, &trouble);
        assert_eq!(class(Trouble::NotSent), FaultClass::Unavailable);
        assert_eq!(class(Trouble::NoAnswer), FaultClass::Unavailable);
        assert_eq!(class(Trouble::Unreadable), FaultClass::Retryable);
        assert_eq!(class(Trouble::NotListed), FaultClass::Retryable);
        assert_eq!(class(Trouble::Failed("")), FaultClass::Final, "{}", system.name);
    }
}

/// An error that the rule is about.
fn example(pattern: &Pattern) -> Trouble<'static> {
    match pattern {
        Pattern::NotSent => Trouble::NotSent,
        Pattern::NoAnswer => Trouble::NoAnswer,
        Pattern::Unreadable => Trouble::Unreadable,
        Pattern::NotListed => Trouble::NotListed,
        Pattern::Status(statuses) => Trouble::Status(*statuses.start()),
        Pattern::Code(codes) => Trouble::Code(*codes.start()),
        Pattern::Word(words) => Trouble::Word(words.first().unwrap_or(&"a word of no list")),
        Pattern::Failed(words) => Trouble::Failed(words.first().unwrap_or(&"a word of no list")),
    }
}

#[test]
fn no_rule_is_hidden_behind_an_earlier_one() {
    for system in SYSTEMS {
        for (place, rule) in system.rules.iter().enumerate() {
            let first = system.rules.iter().position(|rule| rule.pattern.fits(&example(&system.rules[place].pattern)));
            assert_eq!(first, Some(place), "{} {:?}", system.name, rule.pattern);
        }
    }
    for (place, rule) in RULES.iter().enumerate() {
        assert_eq!(RULES.iter().position(|earlier| earlier.pattern.fits(&example(&rule.pattern))), Some(place));
    }
}

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/effects.md");
const BEGIN: &str = "<!-- generated: retry rules -->\n";
const END: &str = "<!-- end -->";

fn table() -> String {
    let mut text = "| provider | error | class | meaning |\n|---|---|---|---|\n".to_owned();
    let own = SYSTEMS.iter().flat_map(|system| system.rules.iter().map(|rule| (system.title, rule)));
    for (provider, Rule { pattern, class, meaning }) in own.chain(RULES.iter().map(|rule| ("every", rule))) {
        let class = match class {
            FaultClass::Unavailable => "unavailable",
            FaultClass::RateLimited => "rate limited",
            FaultClass::Retryable => "retryable",
            FaultClass::Final => "final",
        };
        writeln!(text, "| {provider} | {} | {class} | {meaning} |", in_words(pattern)).unwrap();
    }
    text
}

fn in_words(pattern: &Pattern) -> String {
    let range = |start: i64, end: i64| match (start, end) {
        (start, end) if start == end => start.to_string(),
        (0, _) => "any other".to_owned(),
        (start, end) => format!("{start}–{end}"),
    };
    match pattern {
        Pattern::NotSent => "not sent".to_owned(),
        Pattern::NoAnswer => "no answer".to_owned(),
        Pattern::Unreadable => "unreadable".to_owned(),
        Pattern::NotListed => "not listed".to_owned(),
        Pattern::Status(statuses) => format!("HTTP {}", range((*statuses.start()).into(), (*statuses.end()).into())),
        Pattern::Code(codes) => format!("code {}", range(*codes.start(), *codes.end())),
        Pattern::Word([]) => "any other word".to_owned(),
        Pattern::Word(words) => words.join(", "),
        Pattern::Failed([]) => "a job that failed".to_owned(),
        Pattern::Failed(words) => format!("a job that failed: “{}”", words.join("”, “")),
    }
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
        assert_eq!(page, expected, "docs/effects.md is stale: UPDATE_DOCS=1 cargo test -p mw-integrations");
    }
}
