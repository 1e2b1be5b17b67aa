//! What servers of OpenAI's API do otherwise than OpenAI. One table, by behaviour: nobody is known by name. Each line is met in an
//! answer, is kept to from then on, and is remembered by whoever holds the [`Settings`](super::Settings), so that the next call
//! begins where this one ended.

use std::sync::atomic::{AtomicU8, Ordering};

use serde_json::Value;

use super::spoken::Spoken;
use crate::answer::Answer;

/// What was met of a server; a bit for each behaviour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Dialect(u8);

/// Its paths have no version, although its base URL has none.
pub(super) const NO_VERSION: Dialect = Dialect(1);
/// The length limit has its old name.
pub(super) const MAX_TOKENS: Dialect = Dialect(2);
/// Its streams do not count tokens.
pub(super) const NO_STREAM_OPTIONS: Dialect = Dialect(4);
/// The schema is told in words, and JSON is asked for.
pub(super) const NO_SCHEMA: Dialect = Dialect(8);
/// JSON is asked for in words alone.
pub(super) const NO_FORMAT: Dialect = Dialect(16);
/// Tools are offered and called in words.
pub(super) const NO_TOOLS: Dialect = Dialect(32);
/// Thoughts come first and only their end is marked: what comes before it is held back.
pub(super) const THINKS_ALOUD: Dialect = Dialect(64);
/// It has answered with a text, so that the others that show in texts are known.
pub(super) const HEARD: Dialect = Dialect(128);

/// A behaviour that shows in a refusal.
struct Line {
    is: Dialect,
    name: &'static str,
    /// The member of a request that is taken otherwise.
    member: &'static str,
    /// A refusal with one of these words is about it, in lower case.
    words: &'static [&'static str],
}

/// The first line that a refusal is about is tried next.
const TABLE: [Line; 5] = [
    Line { is: MAX_TOKENS, name: "max_tokens", member: "max_completion_tokens", words: &["max_completion_tokens"] },
    Line {
        is: NO_STREAM_OPTIONS,
        name: "no stream_options",
        member: "stream_options",
        words: &["stream_options", "include_usage"],
    },
    Line {
        is: NO_SCHEMA,
        name: "no json_schema",
        member: "response_format",
        words: &["json_schema", "response_format", "schema", "grammar"],
    },
    Line {
        is: NO_FORMAT,
        name: "no response_format",
        member: "response_format",
        words: &["response_format", "json_object", "json mode", "grammar"],
    },
    Line {
        is: NO_TOOLS,
        name: "no tools",
        member: "tools",
        words: &["tool choice", "tool_choice", "support tools", "tools are not", "function call"],
    },
];
/// A refusal with one of these is about a member that it does not name.
const UNNAMED: [&str; 5] = ["parameter", "not permitted", "not support", "unsupported", "unrecognized"];

impl Dialect {
    pub(super) fn has(self, behaviour: Dialect) -> bool {
        self.0 & behaviour.0 != 0
    }

    pub(super) fn with(self, behaviour: Dialect) -> Dialect {
        Dialect(self.0 | behaviour.0)
    }

    /// The behaviours in a request, by its members.
    pub(super) fn in_request(body: &Value, version_is_guessed: bool) -> Dialect {
        let lines = TABLE.iter().filter(|line| body.get(line.member).is_some());
        let guessed = if version_is_guessed { NO_VERSION } else { Dialect::default() };
        lines.fold(guessed, |asked, line| asked.with(line.is))
    }

    /// How to ask after a refusal of what was asked; `None` where the refusal stands. A behaviour changes once in a call, which began
    /// with `first`.
    pub(super) fn after(self, first: Dialect, asked: Dialect, refusal: &Answer) -> Option<Dialect> {
        let status = refusal.status.as_u16();
        let words = refusal.body.to_string().to_lowercase();
        if matches!(status, 404 | 405) && asked.has(NO_VERSION) && !words.contains("model") {
            return Some(self.with(NO_VERSION));
        }
        if !matches!(status, 200 | 400 | 404 | 415 | 422 | 500 | 501) {
            return None;
        }
        // What was remembered may have changed.
        if first.has(MAX_TOKENS) && self == first && words.contains("max_completion_tokens") {
            return Some(Dialect(self.0 & !MAX_TOKENS.0));
        }
        let mut open = TABLE.iter().filter(|line| asked.has(line.is) && !self.with(first).has(line.is));
        let is_named = |line: &&Line| line.words.iter().any(|word| words.contains(word));
        let named = open.clone().find(is_named);
        let is_unnamed = matches!(status, 200 | 400 | 422)
            && !TABLE.iter().any(|line| is_named(&line))
            && UNNAMED.iter().any(|word| words.contains(word));
        named.or_else(|| open.next().filter(|_| is_unnamed)).map(|line| self.with(line.is))
    }

    /// With what an answer's text shows.
    pub(super) fn hearing(self, spoken: &Spoken) -> Dialect {
        let heard = if spoken.said.is_empty() { self } else { self.with(HEARD) };
        if spoken.began_with_thought { heard.with(THINKS_ALOUD) } else { heard }
    }

    /// For people: in which ways it differs, none for OpenAI's own.
    pub fn names(self) -> Vec<&'static str> {
        let more = [(NO_VERSION, "no version in its paths"), (THINKS_ALOUD, "thinks aloud")];
        let lines = TABLE.iter().map(|line| (line.is, line.name));
        lines.chain(more).filter(|(is, _)| self.has(*is)).map(|(_, name)| name).collect()
    }

    /// As it is remembered.
    pub fn byte(self) -> u8 {
        self.0
    }

    pub fn of_byte(byte: u8) -> Dialect {
        Dialect(byte)
    }
}

/// A dialect that is learnt while it is spoken. Two that differ do not make two models of one.
#[derive(Debug, Default)]
pub struct Learnt(AtomicU8);

impl Learnt {
    pub fn get(&self) -> Dialect {
        Dialect(self.0.load(Ordering::Relaxed))
    }

    pub fn set(&self, dialect: Dialect) {
        self.0.store(dialect.0, Ordering::Relaxed);
    }
}

impl Clone for Learnt {
    fn clone(&self) -> Learnt {
        Learnt(AtomicU8::new(self.get().0))
    }
}

impl PartialEq for Learnt {
    fn eq(&self, _: &Learnt) -> bool {
        true
    }
}

impl Eq for Learnt {}
