//! Letters in the one spelling by which texts are compared, and characters that nobody sees. The full-text index has the same
//! spelling in SQL: `kb_spelling` in migrations/tables/0007_knowledge.sql.

/// A text in lower case by Unicode and without accents: `İSTANBUL` is `istanbul`, `STRAẞE` is `strasse`, `résumé` is `resume`
/// however its accents are written, and letters of full width are plain ones. Its bytes are others than the text's.
#[must_use]
pub fn folded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        fold_into(&mut out, c);
    }
    out
}

/// One letter of [`folded`].
pub fn fold_into(out: &mut String, letter: char) {
    for c in of_plain_width(letter).to_lowercase().filter(|c| !is_accent(*c)) {
        match c {
            'ß' => out.push_str("ss"),
            'æ' => out.push_str("ae"),
            'œ' => out.push_str("oe"),
            _ => out.push(base(c)),
        }
    }
}

fn of_plain_width(c: char) -> char {
    let full = ('\u{ff01}'..='\u{ff5e}').contains(&c);
    if full { char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c) } else { c }
}

/// Whether the character only changes the letter before it.
#[must_use]
pub fn is_accent(c: char) -> bool {
    ('\u{300}'..='\u{36f}').contains(&c)
}

/// Each letter before those that are it with an accent, in lower case. A text and no table: components have little room.
const ACCENTED: &str = "aàáâãäåāăąǎ cçćĉċč dďđ eèéêëēĕėęě gĝğġģ hĥħ iìíîïĩīĭįı jĵ kķ lĺļľł nñńņň oòóôõöøōŏőơ rŕŗř sśŝşšș \
                        tţťŧț uùúûüũūŭůűųư wŵ yýÿŷ zźżž αά εέ ηή ιίϊΐ οό υύϋΰ ωώ σς её ий ії";
/// The same for Vietnamese, whose letters stand together: where each group begins.
const VIETNAMESE: [(char, char); 6] =
    [('\u{1ea0}', 'a'), ('\u{1eb8}', 'e'), ('\u{1ec8}', 'i'), ('\u{1ecc}', 'o'), ('\u{1ee4}', 'u'), ('\u{1ef2}', 'y')];

/// In one pass: splitting and searching texts is code that every component would carry.
fn first_of_group(c: char) -> Option<char> {
    let mut first = None;
    for letter in ACCENTED.chars() {
        match letter {
            ' ' => first = None,
            _ if letter == c => return first.or(Some(c)),
            _ => first = first.or(Some(letter)),
        }
    }
    None
}

/// The letter without the accent that is part of it.
fn base(c: char) -> char {
    match c {
        '\u{0}'..='\u{bf}' => c,
        '\u{1ea0}'..='\u{1ef9}' => VIETNAMESE.iter().rev().find(|(first, _)| *first <= c).map_or(c, |(_, base)| *base),
        _ => first_of_group(c).unwrap_or(c),
    }
}

/// Whether the letter is of a script that sets no spaces between words: Chinese, Japanese, Korean (whose endings hang on words),
/// Thai, Lao, Burmese, Khmer.
#[must_use]
pub fn is_unspaced(c: char) -> bool {
    matches!(c, '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{3005}' | '\u{3041}'..='\u{30ff}'
        | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

/// What a character that nobody sees is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Invisible {
    /// Hides a text or turns its direction round: no language is written with it.
    Hides,
    /// Joins or parts letters: Persian, Hindi and pictures of families are written with it.
    Joins,
    /// Says which way the text runs: Arabic and Hebrew beside numbers are written with it.
    Directs,
    /// Chooses the shape of the character before it.
    Shapes,
}

/// What an invisible character is good for; `None` for one that is seen.
#[must_use]
pub fn invisible(c: char) -> Option<Invisible> {
    Some(match c {
        '\u{200c}' | '\u{200d}' => Invisible::Joins,
        '\u{200e}' | '\u{200f}' | '\u{61c}' => Invisible::Directs,
        '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}' => Invisible::Shapes,
        // Soft hyphen, fillers, zero widths, embeddings and overrides, invisible operators and isolates, annotations, tags.
        '\u{ad}'
        | '\u{180e}'
        | '\u{200b}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{3164}'
        | '\u{feff}'
        | '\u{ffa0}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e007f}' => Invisible::Hides,
        _ => return None,
    })
}

/// Whether a character that nobody sees may follow another: no language needs two of a kind in a row, and whoever hides a text
/// in them does.
#[must_use]
pub fn is_of_real_text(c: char, before: Option<char>) -> bool {
    match invisible(c) {
        None => true,
        Some(Invisible::Hides) => false,
        kind => before.is_none_or(|before| invisible(before) != kind),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_word_has_one_spelling() {
        for (written, spelling) in [
            ("İstanbul", "istanbul"),
            ("ISTANBUL", "istanbul"),
            ("Diyarbakır", "diyarbakir"),
            ("STRAẞE", "strasse"),
            ("Straße", "strasse"),
            ("STRASSE", "strasse"),
            ("résumé", "resume"),
            ("re\u{301}sume\u{301}", "resume"),
            ("Café", "cafe"),
            ("Łódź", "lodz"),
            ("ΟΔΟΣ", "οδοσ"),
            ("οδός", "οδοσ"),
            ("ＡＩＳＭＲ", "aismr"),
            ("Tiếng Việt", "tieng viet"),
            ("蜡烛", "蜡烛"),
        ] {
            assert_eq!(folded(written), spelling, "{written}");
            assert_eq!(folded(&folded(written)), spelling, "{written}");
        }
    }

    #[test]
    fn what_languages_are_written_with_stays() {
        let kept = |text: &str| {
            let mut before = None;
            let kept = text.chars().filter(|c| {
                let is_kept = is_of_real_text(*c, before);
                before = Some(*c);
                is_kept
            });
            kept.collect::<String>()
        };
        for real in [
            "می\u{200c}خواهم",
            "क्\u{200d}ष",
            "👩\u{200d}👧",
            "❤\u{fe0f}\u{200d}🔥",
            "\u{200f}שלום\u{200f} 5",
            "葛\u{e0100}城",
        ] {
            assert_eq!(kept(real), real);
        }
        for (hidden, seen) in [
            ("a\u{e0041}\u{e0042}b", "ab"),
            ("\u{202e}cod.exe", "cod.exe"),
            ("a\u{2066}b\u{2069}", "ab"),
            ("a\u{200b}\u{2060}\u{feff}\u{ad}b", "ab"),
            ("a\u{fe0f}\u{fe01}\u{fe02}b", "a\u{fe0f}b"),
            ("a\u{200c}\u{200d}\u{200c}b", "a\u{200c}b"),
        ] {
            assert_eq!(kept(hidden), seen, "{hidden:?}");
        }
    }
}
