//! Texts that are longer than a messenger takes, in pieces that end where a reader would pause: after a paragraph, a line, a sentence or
//! a word. Texts are divided before they are escaped, so no piece ends inside an entity of markup, and by characters, so none ends inside
//! a pair of UTF-16's; a letter stays with its accents, an emoji with its parts.

/// A paragraph, a line or a sentence that would leave most of a piece empty is no place to pause: a piece is at least this part of the most.
const SHORTEST_PART: usize = 4;

/// The pieces of a text, in order, without the white space between them. `size` says what a character takes of `size_max`.
pub(crate) fn pieces(text: &str, size_max: usize, size: fn(char) -> usize) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (piece, after) = rest.split_at_checked(end(rest, size_max, size)).unwrap_or((rest, ""));
        pieces.push(piece.trim_end());
        rest = after.trim_start();
    }
    pieces
}

/// Where the first piece ends.
fn end(text: &str, size_max: usize, size: fn(char) -> usize) -> usize {
    let mut taken = 0;
    let over = text.char_indices().find(|(_, letter)| {
        taken += size(*letter);
        taken > size_max
    });
    let Some((end, next)) = over else { return text.len() };
    let fitting = text.get(..end).unwrap_or_default();
    let least = end / SHORTEST_PART;
    let after = |mark: &str| fitting.rfind(mark).map(|at| at + mark.len()).filter(|at| *at > least);
    let sentence = || {
        let ends = fitting.char_indices().zip(fitting.chars().skip(1).chain([next]));
        let ends = ends.filter(|((_, letter), next)| match letter {
            '.' | '!' | '?' | '…' => next.is_whitespace(),
            '。' | '！' | '？' => true,
            _ => false,
        });
        ends.map(|((at, letter), _)| at + letter.len_utf8()).last().filter(|at| *at > least)
    };
    let word = || match next.is_whitespace() {
        true => Some(end),
        false => fitting.rfind(char::is_whitespace).filter(|at| *at > 0),
    };
    after("\n\n")
        .or_else(|| after("\n"))
        .or_else(sentence)
        .or_else(word)
        .unwrap_or_else(|| whole_letters(fitting, next))
}

/// The end of the last letter that the next character is no part of. A text that has none is divided all the same.
fn whole_letters(fitting: &str, next: char) -> usize {
    let mut end = fitting.len();
    let mut following = next;
    for (at, letter) in fitting.char_indices().rev() {
        if !belongs_to_the_letter_before(following) && letter != JOINER {
            return end;
        }
        (end, following) = (at, letter);
    }
    if fitting.is_empty() { next.len_utf8() } else { fitting.len() }
}

const JOINER: char = '\u{200d}';

/// Accents, what chooses the look of an emoji, its skin, its flag, and what joins it to others.
fn belongs_to_the_letter_before(letter: char) -> bool {
    matches!(letter, JOINER | '\u{300}'..='\u{36f}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{fe20}'..='\u{fe2f}' | '\u{1f3fb}'..='\u{1f3ff}' | '\u{e0020}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(text: &str, size_max: usize) -> Vec<&str> {
        pieces(text, size_max, char::len_utf16)
    }

    #[test]
    fn a_text_ends_where_a_reader_would_pause() {
        for (text, size_max, expected) in [
            ("", 10, vec![]),
            (" short \n", 10, vec!["short"]),
            ("One paragraph.\n\nAnother one. And more", 30, vec!["One paragraph.", "Another one. And more"]),
            ("first line\nsecond line", 15, vec!["first line", "second line"]),
            ("It is so. Is it? It is", 18, vec!["It is so. Is it?", "It is"]),
            ("see a.example.org or b", 15, vec!["see", "a.example.org", "or b"]),
            ("これは文です。次の文です。", 9, vec!["これは文です。", "次の文です。"]),
            ("some words here", 10, vec!["some words", "here"]),
            ("I. A very long sentence", 20, vec!["I. A very long", "sentence"]),
            ("abcdefgh", 3, vec!["abc", "def", "gh"]),
        ] {
            assert_eq!(of(text, size_max), expected, "{text:?}");
        }
    }

    #[test]
    fn no_letter_is_divided() {
        // Each of these is two units of UTF-16 and one letter, or several of both.
        assert_eq!(of("😀😀😀", 3), ["😀", "😀", "😀"]);
        assert_eq!(of("xx\u{1f44d}\u{1f3fd}", 4), ["xx", "\u{1f44d}\u{1f3fd}"]);
        assert_eq!(of("aaae\u{301}", 4), ["aaa", "e\u{301}"]);
        let family = "\u{1f469}\u{200d}\u{1f467}";
        assert_eq!(of(&format!("xx{family}"), 6), ["xx", family]);
    }

    proptest! {
        #[test]
        fn every_piece_fits_and_no_word_is_lost(text in "[a-z.😀é\u{301} \n]{0,200}", size_max in 4usize..40) {
            let pieces = of(&text, size_max);
            let bare = |text: &str| text.chars().filter(|letter| !letter.is_whitespace()).collect::<String>();
            prop_assert_eq!(pieces.iter().map(|piece| bare(piece)).collect::<String>(), bare(&text));
            for piece in pieces {
                prop_assert!(!piece.is_empty() && piece.encode_utf16().count() <= size_max, "{:?}", piece);
            }
        }
    }
}
