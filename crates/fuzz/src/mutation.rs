//! Spoils real messages: bytes flipped, cut, repeated and spliced, odd tokens pushed in, and JSON values swapped for
//! others where they stand, which gets past the syntax and deep into a reader.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::Value;

#[derive(Debug, Clone)]
enum Mutation {
    Flip(Index, u8),
    Insert(Index, &'static [u8]),
    Delete(Index, Index),
    Repeat(Index, Index, u8),
    /// The rest becomes that of another message.
    Splice(Index, Index, Index),
    Swap(Index, &'static str),
    Noise(Vec<u8>),
}

/// What breaks parsers: ends, escapes, numbers at their edges, text that isn't, deep nesting.
const TOKENS: &[&[u8]] = &[
    b"\0",
    b"\r\n",
    b"\n",
    b"\n\n",
    b" ",
    b"\"",
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b",",
    b"&",
    b"=",
    b"+",
    b"%",
    b"%00",
    b"%zz",
    b"%ff",
    b"?",
    b"#",
    b"/",
    b"../",
    b";",
    b"<script>",
    b"'",
    b"--",
    b"\xff\xfe",
    b"\xc3\x28",
    b"\xed\xa0\x80",
    "\u{feff}".as_bytes(),
    "\u{202e}".as_bytes(),
    "\u{130}".as_bytes(),
    "🕯️".as_bytes(),
    b"\\u0000",
    b"\\ud800",
    b"null",
    b"true",
    b"-1",
    b"0",
    b"1e999",
    b"9223372036854775808",
    b"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
    b"key-0123456789",
    b"sha256=",
    b"Retry-After: 99999999999999999999\n",
    b"code",
    b"data",
    b"https://",
];

const VALUES: &[&str] = &[
    "null",
    "true",
    "false",
    "0",
    "-1",
    "1.5",
    "1e308",
    "200",
    "429",
    "18446744073709551615",
    "\"\"",
    "\" \"",
    "\"x\"",
    r#""\u0000""#,
    r#""https://x.example/\u0000""#,
    r#""https://x.example/v.mp4""#,
    r#""javascript:alert(1)""#,
    r#""key-0123456789""#,
    r#""[\"https://x.example/\\u0000\"]""#,
    r#""{\"a\":\"\\u0000\"}""#,
    r#""2026-01-01T00:00:00Z""#,
    r#""9999999-01-01T00:00:00Z""#,
    "[]",
    "[null]",
    "{}",
    r#"{"message":"m"}"#,
    r#"{"\u0000":"\u0000"}"#,
    r#"[{"success":true}]"#,
    "[[[[[[[[]]]]]]]]",
];

/// A message spoilt a little more, the same way for the same seed.
pub fn spoilt(message: &[u8], corpus: &[Vec<u8>], seed: u32) -> Vec<u8> {
    let mut bytes = [0; 32];
    bytes[..4].copy_from_slice(&seed.to_le_bytes());
    let mut runner = TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let mutations = vec(mutation(), 1..4).new_tree(&mut runner).unwrap().current();
    let mut spoilt = message.to_vec();
    for mutation in &mutations {
        apply(mutation, corpus, &mut spoilt);
    }
    spoilt
}

/// Cases made of these messages; no mutation at all is a case too.
pub fn mutated(corpus: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    (any::<Index>(), vec(mutation(), 0..6)).prop_map(move |(start, mutations)| {
        let mut bytes = start.get(&corpus).clone();
        for mutation in &mutations {
            apply(mutation, &corpus, &mut bytes);
        }
        bytes
    })
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let index = any::<Index>;
    prop_oneof![
        2 => (index(), 0..8_u8).prop_map(|(at, bit)| Mutation::Flip(at, bit)),
        3 => (index(), select(TOKENS)).prop_map(|(at, token)| Mutation::Insert(at, token)),
        2 => (index(), index()).prop_map(|(at, end)| Mutation::Delete(at, end)),
        1 => (index(), index(), 2..40_u8).prop_map(|(at, end, times)| Mutation::Repeat(at, end, times)),
        1 => (index(), index(), index()).prop_map(|(at, other, from)| Mutation::Splice(at, other, from)),
        5 => (index(), select(VALUES)).prop_map(|(place, value)| Mutation::Swap(place, value)),
        1 => vec(any::<u8>(), 0..64).prop_map(Mutation::Noise),
    ]
}

fn apply(mutation: &Mutation, corpus: &[Vec<u8>], bytes: &mut Vec<u8>) {
    let length = bytes.len();
    match mutation {
        Mutation::Flip(at, bit) if length > 0 => bytes[at.index(length)] ^= 1 << bit,
        Mutation::Flip(..) => {}
        Mutation::Insert(at, token) => {
            let at = at.index(length + 1);
            bytes.splice(at..at, token.iter().copied());
        }
        Mutation::Delete(one, two) => {
            bytes.drain(range(one, two, length));
        }
        Mutation::Repeat(one, two, times) => {
            let range = range(one, two, length);
            let piece = bytes[range.clone()].repeat(usize::from(*times));
            bytes.splice(range, piece);
        }
        Mutation::Splice(at, other, from) => {
            let other = other.get(corpus);
            bytes.truncate(at.index(length + 1));
            bytes.extend_from_slice(&other[from.index(other.len() + 1)..]);
        }
        Mutation::Swap(place, value) => swap(place, value, bytes),
        Mutation::Noise(noise) => bytes.clone_from(noise),
    }
}

fn range(one: &Index, two: &Index, length: usize) -> std::ops::Range<usize> {
    let (one, two) = (one.index(length + 1), two.index(length + 1));
    one.min(two)..one.max(two)
}

/// Replaces one value of the body's JSON; the body is what follows an empty line, else everything.
fn swap(place: &Index, value: &str, bytes: &mut Vec<u8>) {
    let body = bytes.windows(2).position(|pair| pair == b"\n\n").map_or(0, |at| at + 2);
    let Ok(mut document) = serde_json::from_slice::<Value>(&bytes[body..]) else { return };
    let mut countdown = place.index(count(&document));
    if let Some(found) = nth(&mut document, &mut countdown) {
        *found = serde_json::from_str(value).expect(value);
    }
    bytes.truncate(body);
    bytes.extend_from_slice(document.to_string().as_bytes());
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(members) => members.values().map(count).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

fn nth<'a>(value: &'a mut Value, countdown: &mut usize) -> Option<&'a mut Value> {
    if *countdown == 0 {
        return Some(value);
    }
    *countdown -= 1;
    match value {
        Value::Array(items) => items.iter_mut().find_map(|item| nth(item, countdown)),
        Value::Object(members) => members.values_mut().find_map(|member| nth(member, countdown)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}
