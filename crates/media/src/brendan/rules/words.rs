//! A message as words, each in one spelling: people differ in case, accents, apostrophes and typing errors.

use mw_kernel::letters::{fold_into, is_accent, is_unspaced};
use std::ops::Range;

/// What stands between a word and the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Pause {
    None,
    /// A comma, a bracket, a dash: one thought ends.
    Comma,
    Colon,
    /// A full stop, an exclamation mark, a new line.
    Sentence,
    Question,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Word {
    /// In the spelling in which words are compared.
    pub(super) text: String,
    /// Its bytes in the message.
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) pause: Pause,
}

/// Longer messages are read up to here: whoever writes more than this says what they want before.
const WORDS_MAX: usize = 400;

/// A message's words. A letter of a script without spaces is a word of its own, so that words of such a language are found as
/// runs of letters.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Words<'a> {
    pub(super) message: &'a str,
    list: Vec<Word>,
}

impl<'a> Words<'a> {
    pub(super) fn of(message: &'a str) -> Words<'a> {
        let mut words = Words { message, list: Vec::new() };
        let mut open = false;
        let mut letters = message.char_indices().peekable();
        let mut before = ' ';
        let mut line_begins = true;
        while let Some((from, c)) = letters.next().filter(|_| words.list.len() < WORDS_MAX) {
            let next = letters.peek().map(|(_, next)| *next);
            let to = from + c.len_utf8();
            // What somebody else wrote, quoted as in mail, and the name by which a bot is called are not what the message says.
            let name = if c == '@' && (!before.is_alphanumeric() || message.starts_with('/')) {
                bot_name(message.get(to..).unwrap_or_default())
            } else {
                0
            };
            if c == '>' && line_begins {
                words.pause(Pause::Sentence);
                (open, before) = (false, '\n');
                letters.by_ref().find(|(_, c)| *c == '\n');
                continue;
            }
            if name > 0 {
                (open, before) = (false, ' ');
                letters.nth(name - 1);
                continue;
            }
            line_begins = c == '\n' || (line_begins && c.is_whitespace());
            if c.is_alphanumeric() || (open && is_accent(c)) {
                if !open || is_unspaced(c) || is_unspaced(before) {
                    words.list.push(Word { text: String::new(), from, to, pause: Pause::None });
                }
                open = true;
                if let Some(word) = words.list.last_mut() {
                    fold_into(&mut word.text, c);
                    word.to = to;
                }
            } else if !(open && is_inside(c, next)) {
                open = false;
                words.pause(pause(c, before, next));
            }
            before = c;
        }
        words.list.retain(|word| !word.text.is_empty());
        words
    }

    fn pause(&mut self, pause: Pause) {
        if let Some(word) = self.list.last_mut() {
            word.pause = word.pause.max(pause);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    pub(super) fn all(&self) -> Range<usize> {
        0..self.len()
    }

    /// The word at a place; `""` behind the last.
    pub(super) fn text(&self, place: usize) -> &str {
        self.list.get(place).map_or("", |word| word.text.as_str())
    }

    /// The words that stand in these bytes of the message.
    pub(super) fn within(&self, bytes: Range<usize>) -> Range<usize> {
        let before = |end: usize| self.list.iter().take_while(|word| word.from < end).count();
        before(bytes.start)..before(bytes.end)
    }

    /// The word before a place.
    pub(super) fn before(&self, place: usize) -> &str {
        place.checked_sub(1).map_or("", |place| self.text(place))
    }

    pub(super) fn pause_after(&self, place: usize) -> Pause {
        self.list.get(place).map_or(Pause::Sentence, |word| word.pause)
    }

    /// Where the phrase that begins at a place ends; `None` where it does not stand there.
    pub(super) fn ends(&self, place: usize, phrase: &str) -> Option<usize> {
        let mut at = place;
        for word in phrase.split(' ') {
            if self.text(at) != word || word.is_empty() {
                return None;
            }
            at += 1;
        }
        Some(at)
    }

    /// Where the longest of the phrases that begin at a place ends.
    pub(super) fn longest(&self, place: usize, phrases: &str) -> Option<usize> {
        phrases.split('|').filter_map(|phrase| self.ends(place, phrase)).max()
    }

    /// The first place within a range where one of the phrases stands whole, and its words.
    pub(super) fn find(&self, within: Range<usize>, phrases: &str) -> Option<Range<usize>> {
        within.clone().find_map(|place| {
            let end = self.longest(place, phrases).filter(|end| *end <= within.end)?;
            Some(place..end)
        })
    }

    pub(super) fn has(&self, phrases: &str) -> bool {
        self.find(self.all(), phrases).is_some()
    }

    /// The words of the range as one text of single spaces.
    pub(super) fn joined(&self, range: Range<usize>) -> String {
        let texts: Vec<&str> = range.map(|place| self.text(place)).collect();
        texts.join(" ")
    }

    /// The part of the message from the first word of the range to its last, as it was typed.
    pub(super) fn typed(&self, range: Range<usize>) -> &'a str {
        let from = self.list.get(range.start).map(|word| word.from);
        let to = range.end.checked_sub(1).and_then(|last| self.list.get(last)).map(|word| word.to);
        from.zip(to).and_then(|(from, to)| self.message.get(from..to)).unwrap_or_default()
    }

    /// What stands between two neighbouring words.
    pub(super) fn between(&self, place: usize) -> &'a str {
        let from = self.list.get(place).map(|word| word.to);
        let to = self.list.get(place + 1).map(|word| word.from);
        from.zip(to).and_then(|(from, to)| self.message.get(from..to)).unwrap_or_default()
    }
}

/// Whether a list (`one|two|three`) has the word.
pub(super) fn lists(list: &str, word: &str) -> bool {
    list.split('|').any(|listed| listed == word)
}

/// Words in the one spelling, in single spaces: how a project's own words are compared with a message.
pub(super) fn phrase(text: &str) -> String {
    let words = Words::of(text);
    words.joined(words.all())
}

/// Whether the character belongs to the word it stands in: an apostrophe, or what joins letters without being seen.
fn is_inside(c: char, next: Option<char>) -> bool {
    let apostrophe = matches!(c, '\'' | '\u{2019}' | '\u{2bc}' | '`');
    (apostrophe && next.is_some_and(char::is_alphanumeric)) || matches!(c, '\u{200c}' | '\u{200d}')
}

/// The letters of a bot's name that stand here; 0 where none does. Names of bots end in "bot", and no others of Telegram do.
fn bot_name(text: &str) -> usize {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    let name = text.get(..end).unwrap_or_default();
    if name.to_ascii_lowercase().ends_with("bot") { name.len() } else { 0 }
}

fn pause(c: char, before: char, next: Option<char>) -> Pause {
    let at_end = next.is_none_or(char::is_whitespace);
    match c {
        '?' | '\u{ff1f}' | '\u{61f}' => Pause::Question,
        '!' | '\n' | '\r' | '\u{3002}' | '\u{ff01}' | ';' | '\u{2026}' => Pause::Sentence,
        // A point within a number or a name ends nothing.
        '.' if at_end || next == Some('.') => Pause::Sentence,
        ':' if at_end => Pause::Colon,
        ',' | '(' | ')' | '\u{3001}' | '\u{ff0c}' | '\u{60c}' | '\u{2013}' | '\u{2014}' => Pause::Comma,
        '-' if at_end && before.is_whitespace() => Pause::Comma,
        _ => Pause::None,
    }
}

/// Whether a word is meant although it is typed with one slip: two letters changed places, or, in a longer word, one letter too
/// many, too few or wrong.
pub(super) fn is_like(typed: &str, meant: &str) -> bool {
    if typed == meant {
        return true;
    }
    let (a, b): (Vec<char>, Vec<char>) = (typed.chars().collect(), meant.chars().collect());
    let same = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    let (a, b) = (a.get(same..).unwrap_or_default(), b.get(same..).unwrap_or_default());
    if meant.len() < 4 || same == 0 {
        return false;
    }
    if let ([a0, a1, a_rest @ ..], [b0, b1, b_rest @ ..]) = (a, b)
        && (a0, a1, a_rest) == (b1, b0, b_rest)
    {
        return true;
    }
    let rest = |letters: &[char]| letters.get(1..).unwrap_or_default().to_vec();
    meant.len() >= 5 && (rest(a) == b || a == rest(b) || rest(a) == rest(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(message: &str) -> Vec<String> {
        let words = Words::of(message);
        words.all().map(|place| words.text(place).to_owned()).collect()
    }

    #[test]
    fn words_have_one_spelling() {
        assert_eq!(texts("I'd LIKE a café-Video, don’t…"), ["id", "like", "a", "cafe", "video", "dont"]);
        assert_eq!(texts("cafe\u{301} İstanbul STRAẞE"), ["cafe", "istanbul", "strasse"]);
        assert_eq!(texts("ろうそくAISMR 🕯️"), ["ろ", "う", "そ", "く", "aismr"]);
        assert_eq!(texts("می\u{200c}خواهم"), ["می\u{200c}خواهم".replace('\u{200c}', "")]);
        assert_eq!(texts(""), Vec::<String>::new());
    }

    #[test]
    fn a_bots_name_and_quoted_lines_are_no_words() {
        assert_eq!(texts("@mylo_bot make cats"), ["make", "cats"]);
        assert_eq!(texts("cats, @Mylo_Bot."), ["cats"]);
        assert_eq!(texts("/help@MyloBot"), ["help"]);
        assert_eq!(texts("ann@robot.org @ann"), ["ann", "robot", "org", "ann"]);
        assert_eq!(texts("> make a video\n > of cats\nWhy > how?\n>no"), ["why", "how"]);
    }

    #[test]
    fn pauses_are_known() {
        let words = Words::of("a, b. c 3.5 d: e? f - g");
        let pauses: Vec<Pause> = words.all().map(|place| words.pause_after(place)).collect();
        use Pause::{Colon, Comma, None, Question, Sentence};
        assert_eq!(pauses, [Comma, Sentence, None, None, None, Colon, Question, Comma, None]);
    }

    #[test]
    fn a_part_of_a_message_is_as_it_was_typed() {
        let words = Words::of("Make İstanbul's  Café!");
        assert_eq!(words.typed(1..3), "İstanbul's  Café");
        assert_eq!((words.typed(2..2), words.typed(7..9)), ("", ""));
    }

    #[test]
    fn one_slip_is_forgiven() {
        for (typed, meant) in [
            ("vidoe", "video"),
            ("mkae", "make"),
            ("crate", "create"),
            ("asmr", "aismr"),
            ("vidio", "video"),
            ("genrate", "generate"),
            ("videoo", "video"),
        ] {
            assert!(is_like(typed, meant), "{typed}");
        }
        for (typed, meant) in [
            ("mike", "make"),
            ("made", "make"),
            ("a", "run"),
            ("ruin", "run"),
            ("clap", "clip"),
            ("modern", "video"),
            ("", "video"),
        ] {
            assert!(!is_like(typed, meant), "{typed}");
        }
    }
}
