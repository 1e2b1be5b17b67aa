//! Letters in the one spelling by which texts are compared, and characters that nobody sees. The full-text index has the same
//! spelling in SQL: `kb_spelling` in migrations/tables/0007_knowledge.sql.

/// A text in lower case by Unicode, without accents and without what nobody sees: `İSTANBUL` is `istanbul`, `STRAẞE` is `strasse`, `résumé` is `resume`
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
    for c in of_plain_width(letter).to_lowercase().filter(|c| !is_accent(*c) && invisible(*c).is_none()) {
        match c {
            'ß' => out.push_str("ss"),
            'æ' | 'ǣ' | 'ǽ' => out.push_str("ae"),
            'œ' => out.push_str("oe"),
            _ => out.push(base(c)),
        }
    }
}

fn of_plain_width(c: char) -> char {
    let full = ('\u{ff01}'..='\u{ff5e}').contains(&c);
    if full { char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c) } else { c }
}

/// Whether the character only changes the letter before it: an accent, or a vowel sign or point of Arabic and Hebrew, which most
/// people leave out.
#[must_use]
pub fn is_accent(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{591}'..='\u{5bd}' | '\u{5bf}' | '\u{5c1}' | '\u{5c2}' | '\u{5c4}' | '\u{5c5}' | '\u{5c7}'
        | '\u{64b}'..='\u{65f}' | '\u{670}')
}

/// Each letter before those that are it with an accent, in lower case. A text and no table: components have little room.
const ACCENTED: &str = "aàáâãäåāăąǎǟǡǻȁȃȧḁ cçćĉċčḉ dďđḋḍḏḑḓ eèéêëēĕėęěȅȇȩḕḗḙḛḝ gĝğġģǧǵḡ hĥħȟḣḥḧḩḫẖ iìíîïĩīĭįıǐȉȋḭḯ jĵǰ \
                        kķǩḱḳḵ lĺļľłḷḹḻḽ nñńņňǹṅṇṉṋ oòóôõöøǿōŏőơǒǫǭȍȏȫȭȯȱṍṏṑṓ rŕŗřȑȓṙṛṝṟ sśŝşšșṡṣṥṧṩ tţťŧțṫṭṯṱẗ \
                        uùúûüũūŭůűųưǔǖǘǚǜȕȗṳṵṷṹṻ wŵẁẃẅẇẉẘ yýÿŷȳẏẙ zźżžẑẓẕ αά εέ ηή ιίϊΐ οό υύϋΰ ωώ σς еёѐӗ ийѝӣӥ ії ʒǯ \
                        øǿ гѓ кќ уўӯӱӳ ѵѷ жӂӝ аӑӓ әӛ зӟ оӧ өӫ эӭ чӵ ыӹ bḃḅḇ fḟ mḿṁṃ pṕṗ vṽṿ xẋẍ اآأإ وؤ يئ ەۀ ہۂ ےۓ";
/// The same for Vietnamese and for the Greek of old books, whose letters stand together: where each group begins.
const GROUPS: [(char, char); 30] = [
    ('\u{1ea0}', 'a'),
    ('\u{1eb8}', 'e'),
    ('\u{1ec8}', 'i'),
    ('\u{1ecc}', 'o'),
    ('\u{1ee4}', 'u'),
    ('\u{1ef2}', 'y'),
    ('\u{1f00}', 'α'),
    ('\u{1f10}', 'ε'),
    ('\u{1f20}', 'η'),
    ('\u{1f30}', 'ι'),
    ('\u{1f40}', 'ο'),
    ('\u{1f50}', 'υ'),
    ('\u{1f60}', 'ω'),
    ('\u{1f70}', 'α'),
    ('\u{1f72}', 'ε'),
    ('\u{1f74}', 'η'),
    ('\u{1f76}', 'ι'),
    ('\u{1f78}', 'ο'),
    ('\u{1f7a}', 'υ'),
    ('\u{1f7c}', 'ω'),
    ('\u{1f80}', 'α'),
    ('\u{1f90}', 'η'),
    ('\u{1fa0}', 'ω'),
    ('\u{1fb0}', 'α'),
    ('\u{1fc0}', 'η'),
    ('\u{1fd0}', 'ι'),
    ('\u{1fe0}', 'υ'),
    ('\u{1fe4}', 'ρ'),
    ('\u{1fe6}', 'υ'),
    ('\u{1ff0}', 'ω'),
];

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
        '\u{1ea0}'..='\u{1ef9}' | '\u{1f00}'..='\u{1ffc}' => {
            GROUPS.iter().rev().find(|(first, _)| *first <= c).map_or(c, |(_, base)| *base)
        }
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

/// What an invisible character is good for; `None` for one that is seen. They are those that Unicode calls ignorable by default
/// (`Default_Ignorable_Code_Point`), with the annotations.
#[must_use]
pub fn invisible(c: char) -> Option<Invisible> {
    Some(match c {
        '\u{200c}' | '\u{200d}' => Invisible::Joins,
        '\u{200e}' | '\u{200f}' | '\u{61c}' => Invisible::Directs,
        '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}' | '\u{180b}'..='\u{180d}' | '\u{180f}' => Invisible::Shapes,
        // Soft hyphen, joiner of graphemes, fillers of Hangul, Khmer vowels, zero widths, embeddings and overrides, operators and
        // isolates, shorthand, beams of music, tags.
        '\u{ad}'
        | '\u{34f}'
        | '\u{115f}'..='\u{1160}'
        | '\u{17b4}'..='\u{17b5}'
        | '\u{180e}'
        | '\u{200b}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{3164}'
        | '\u{feff}'
        | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}' => Invisible::Hides,
        _ => return None,
    })
}

/// Whether a character may follow another, the last that is kept, in a text that people write: one that nobody sees must have a use after the one before
/// it. Where each could stand anywhere, a text of any length hides in which of them do.
#[must_use]
pub fn is_of_real_text(c: char, before: Option<char>) -> bool {
    let before = before.unwrap_or(' ');
    match invisible(c) {
        None => true,
        Some(Invisible::Hides) => false,
        Some(Invisible::Joins) => {
            is_joined(before) || (c == '\u{200d}' && (is_picture(before) || before == '\u{fe0f}'))
        }
        // Beside letters that run to the right there is nothing to say.
        Some(Invisible::Directs) => is_leftward(before) || !(before.is_alphanumeric() || invisible(before).is_some()),
        Some(Invisible::Shapes) => match c {
            '\u{fe0e}' | '\u{fe0f}' => is_picture(before) || matches!(before, '#' | '*' | '0'..='9' | '©' | '®'),
            '\u{180b}'..='\u{180f}' => ('\u{1820}'..='\u{18aa}').contains(&before),
            _ => is_unspaced(before),
        },
    }
}

/// What is seen of a text, in its own letters.
#[must_use]
pub fn seen(text: &str) -> String {
    let mut before = None;
    let is_kept = |c: &char| {
        let is_real = is_of_real_text(*c, before);
        before = if is_real { Some(*c) } else { before };
        is_real
    };
    text.chars().filter(is_kept).collect()
}

/// Of a script whose letters join or stack: Arabic, Syriac, the scripts of India, Tibet, Burma, Mongolia and their neighbours.
fn is_joined(c: char) -> bool {
    matches!(c, '\u{600}'..='\u{109f}' | '\u{1700}'..='\u{18af}' | '\u{1900}'..='\u{1cff}' | '\u{a800}'..='\u{abff}'
        | '\u{fb50}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}' | '\u{11000}'..='\u{11fff}')
        && invisible(c).is_none()
}

/// A symbol, or the colour of somebody's skin.
fn is_picture(c: char) -> bool {
    matches!(c, '\u{203c}' | '\u{2049}' | '\u{2100}'..='\u{2bff}' | '\u{3030}' | '\u{303d}' | '\u{3297}' | '\u{3299}'
        | '\u{1f000}'..='\u{1faff}')
}

/// Of Hebrew, Arabic or a neighbour.
fn is_leftward(c: char) -> bool {
    matches!(c, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}') && invisible(c).is_none()
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
        for real in [
            "می\u{200c}خواهم",
            "क्\u{200d}ष",
            "👩\u{200d}👧",
            "👩🏽\u{200d}🚀",
            "❤\u{fe0f}\u{200d}🔥",
            "1\u{fe0f}\u{20e3}",
            "\u{200f}שלום\u{200f} 5",
            "C++\u{200e} שלום",
            "葛\u{e0100}城",
            "ᠠ\u{180b}",
            "ශ්\u{200d}රී",
        ] {
            assert_eq!(seen(real), real);
        }
    }

    #[test]
    fn nothing_is_hidden_in_what_nobody_sees() {
        for (hidden, expected) in [
            ("a\u{e0041}\u{e0042}b", "ab"),
            ("\u{202e}cod.exe", "cod.exe"),
            ("a\u{2066}b\u{2069}", "ab"),
            ("a\u{200b}\u{2060}\u{feff}\u{ad}b", "ab"),
            ("❤\u{fe0f}\u{fe0f}\u{fe0e}b", "❤\u{fe0f}b"),
            ("a\u{200c}\u{200d}\u{200c}b", "ab"),
            ("a\u{fe00}b\u{fe01}c\u{fe0f}", "abc"),
            ("a\u{200e}b\u{200f}c", "abc"),
            ("a \u{200e}\u{200c}\u{200e}\u{200d}b", "a \u{200e}b"),
            ("a\u{34f}\u{115f}\u{1160}\u{17b4}\u{180b}\u{180f}\u{fff0}\u{e0fff}\u{1bca0}b", "ab"),
        ] {
            assert_eq!(seen(hidden), expected, "{hidden:?}");
            assert_eq!(seen(&seen(hidden)), seen(hidden), "{hidden:?}");
        }
    }
}
