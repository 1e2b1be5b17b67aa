//! JSON that strangers send, read although its text is damaged. Whoever cuts a text between two bytes or two halves of a character sends
//! half an emoji (`\ud83d` alone) or a byte that is no UTF-8; others begin with a byte order mark, or send the U+0000 that
//! PostgreSQL cannot store. Each such place is read as U+FFFD, the mark is dropped, and the reader is told that it was so. One
//! home for every path on which strangers' JSON comes in: answers of providers and models, streams, webhooks, updates of
//! messengers. Signatures are checked over the bytes as they came, and our own API reads strictly (`mw_edge::body`).

use std::borrow::Cow;

use serde_json::Value;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
const REPLACEMENT: &[u8] = b"\\ufffd";

/// JSON, and whether its text had to be repaired.
#[derive(Debug, Clone, PartialEq)]
pub struct Lenient {
    pub value: Value,
    pub repaired: bool,
}

/// `None` for what is no JSON, however it is mended.
pub fn read(bytes: &[u8]) -> Option<Lenient> {
    let body = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    let (text, mended) = mended(body);
    let repaired = mended || body.len() < bytes.len();
    serde_json::from_str(&text).ok().map(|value| Lenient { value, repaired })
}

/// The text, and whether anything in it was replaced.
pub(crate) fn mended(bytes: &[u8]) -> (String, bool) {
    let mut bytes = bytes.to_vec();
    let escapes = mend_escapes(&mut bytes);
    let text = String::from_utf8_lossy(&bytes);
    let is_mended = escapes || matches!(text, Cow::Owned(_));
    (text.into_owned(), is_mended)
}

/// Replaces what stands for no character, in its place: `\ufffd` is as long. Backslashes stand in texts only, so JSON that is sound
/// stays as it is.
fn mend_escapes(bytes: &mut [u8]) -> bool {
    let (mut at, mut mended) = (0, false);
    while let Some(step) = bytes.get(at..).and_then(|rest| rest.iter().position(|byte| *byte == b'\\')) {
        at += step;
        at += match unit(bytes, at) {
            // A letter after a backslash, or a second backslash.
            None => 2,
            Some(0xd800..=0xdbff) if matches!(unit(bytes, at + 6), Some(0xdc00..=0xdfff)) => 12,
            Some(0 | 0xd800..=0xdfff) => {
                if let Some(escape) = bytes.get_mut(at..at + 6) {
                    escape.copy_from_slice(REPLACEMENT);
                }
                mended = true;
                6
            }
            Some(_) => 6,
        };
    }
    mended
}

/// The UTF-16 unit that the escape at this place is.
fn unit(bytes: &[u8], at: usize) -> Option<u16> {
    let digits = bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn repaired(bytes: &[u8]) -> Value {
        let read = read(bytes).unwrap();
        assert!(read.repaired, "{}", String::from_utf8_lossy(bytes));
        read.value
    }

    #[test]
    fn what_stands_for_no_character_is_replaced() {
        for (text, value) in [
            (r#"["\ud83d"]"#, "\u{fffd}"),
            (r#"["\uDE00"]"#, "\u{fffd}"),
            (r#"["\uD83D\uD83D\uDE00"]"#, "\u{fffd}😀"),
            (r#"["\ud83d\n"]"#, "\u{fffd}\n"),
            (r#"["\ude00\ud83d"]"#, "\u{fffd}\u{fffd}"),
            (r#"["\ud83d\u0041"]"#, "\u{fffd}A"),
            (r#"["\\\ud83d"]"#, "\\\u{fffd}"),
            (r#"["a\u0000b"]"#, "a\u{fffd}b"),
        ] {
            assert_eq!(repaired(text.as_bytes()), json!([value]), "{text}");
        }
        assert_eq!(repaired(b"[\"caf\xc3\"]"), json!(["caf\u{fffd}"]));
        assert_eq!(repaired(b"\xef\xbb\xbf{}"), json!({}));
        assert_eq!(repaired(br#"{"\ud83d":1}"#), json!({"\u{fffd}": 1}));
    }

    #[test]
    fn what_looks_like_half_a_character_stays() {
        for text in [r#"["\\ud83d"]"#, r#"["\ud83d\ude00"]"#, r#"["\\\\ud83d \uD83D\uDe00"]"#, r#"["\\u0000"]"#] {
            let expected = Lenient { value: serde_json::from_str(text).unwrap(), repaired: false };
            assert_eq!(read(text.as_bytes()), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_json_is_not_read() {
        let deep = "[".repeat(100_000);
        for bytes in
            [b"".as_slice(), b"{", b"\xff", b"\xef\xbb\xbf", br#"["\ud8"#, br#"["\u"]"#, b"\\", deep.as_bytes()]
        {
            assert_eq!(read(bytes), None);
        }
    }

    proptest! {
        #[test]
        fn sound_json_is_read_as_it_is(text in "([^\\\\\"\u{0}]|\\\\u{0}){0,20}") {
            let json = json!({ text.clone(): [text] });
            let sound = Lenient { value: json.clone(), repaired: json.to_string().contains("\\u0000") };
            let read = read(json.to_string().as_bytes()).unwrap();
            prop_assert_eq!(read.repaired, sound.repaired);
            prop_assert!(read.repaired || read == sound);
        }

        #[test]
        fn damaged_texts_are_read_and_can_be_stored(
            parts in proptest::collection::vec(prop_oneof![
                Just(b"\\ud83d".to_vec()), Just(b"\\uDE00".to_vec()), Just(b"\\\\".to_vec()), Just(b"\\u0000".to_vec()),
                Just(b"\\n".to_vec()), Just(b"\xf0\x9f".to_vec()), Just(b"\xff".to_vec()), Just("é😀".as_bytes().to_vec()),
                Just(b"u0000".to_vec()),
            ], 0..12),
        ) {
            let text = [b"[\"".as_slice(), &parts.concat(), b"\"]"].concat();
            let read = read(&text).unwrap();
            prop_assert!(!read.value[0].as_str().unwrap().contains('\0'));
            let strict = serde_json::from_slice::<Value>(&text).ok().filter(|_| !read.repaired);
            prop_assert_eq!(strict.is_some(), !read.repaired);
            prop_assert!(strict.is_none_or(|strict| strict == read.value));
        }
    }
}
