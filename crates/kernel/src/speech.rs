//! What of a text that we did not write reaches a person in our name: a model's words, and those of people (titles, comments,
//! reasons) and providers that stand in notices. Addresses are made dead: links of gates are put below a text by us and by nobody
//! else, so whatever looks like one in such a text is a mistake, or somebody's trap. Passages that a model names count as cited when
//! they were given to it. What nobody sees goes where it hides or spoofs; what a language is written with stays.

use crate::letters::{invisible, is_of_real_text};

/// A word that goes on for longer is passed on as it is by then.
const WORD_BYTES_MAX: usize = 2_000;
/// Takes a model's text in pieces and gives it without live addresses; holds the last word back, which may go on.
#[derive(Debug, Default)]
pub struct Speech {
    held: String,
    /// The last character that was kept of the pieces so far.
    before: Option<char>,
}

impl Speech {
    /// The next piece, and what may be said by now.
    pub fn push(&mut self, piece: &str) -> String {
        for c in piece.chars().filter(|c| !c.is_control() || *c == '\n') {
            if is_of_real_text(c, self.before) {
                self.held.push(c);
                self.before = Some(c);
            }
        }
        let end = match self.held.char_indices().rev().find(|(_, c)| c.is_whitespace()) {
            Some((at, space)) => at + space.len_utf8(),
            None if self.held.len() > WORD_BYTES_MAX => self.held.len(),
            None => 0,
        };
        let rest = self.held.split_off(end);
        words(&std::mem::replace(&mut self.held, rest))
    }

    /// The rest.
    #[must_use]
    pub fn finish(self) -> String {
        words(&self.held)
    }
}

/// A whole text.
#[must_use]
pub fn plain(text: &str) -> String {
    let mut speech = Speech::default();
    let said = speech.push(text);
    said + &speech.finish()
}

fn words(text: &str) -> String {
    text.split_inclusive(char::is_whitespace)
        .map(|word| {
            // An address is found, and made dead, as it is when nothing invisible stands in it.
            let seen: String = word.chars().filter(|c| invisible(*c).is_none()).collect();
            without_mentions(if is_address(&seen) { dead(&seen) } else { word.to_owned() })
        })
        .collect()
}

fn is_dot(c: char) -> bool {
    matches!(c, '.' | '\u{3002}' | '\u{ff0e}' | '\u{ff61}')
}

/// Breaks `@name`, which messengers make a link to somebody of, and `/name`, which they make a link of that sends it to the bot as a
/// message of whoever taps it. An address of mail and a path have something before their sign, and a path goes on after it.
fn without_mentions(word: String) -> String {
    if !word.contains(['@', '/']) {
        return word;
    }
    let mut out = String::with_capacity(word.len() + 2);
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut before = None;
    let mut letters = word.chars();
    while let Some(c) = letters.next() {
        // A sign alone, or one that was broken before, is no link: a text may come through here twice.
        let is_link = letters.as_str().starts_with(is_word)
            && !before.is_some_and(is_word)
            && (c == '@' || c == '/' && !matches!(before, Some('/' | '<' | '>')) && !is_path(letters.as_str()));
        if is_link {
            out.push('[');
        }
        out.push(c);
        if is_link {
            out.push(']');
        }
        before = Some(c);
    }
    out
}

/// Whether what stands behind a slash goes on to another one.
fn is_path(rest: &str) -> bool {
    rest.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_').starts_with('/')
}

/// What a messenger or a browser may make a link of: a scheme, a name that ends like a domain, four numbers.
fn is_address(word: &str) -> bool {
    if word.contains("://") || word.to_lowercase().contains("www.") || has_four_numbers(word) {
        return true;
    }
    let mut parts = word.split(is_dot);
    let mut before = parts.next().unwrap_or_default();
    parts.any(|after| {
        let letters = after.chars().take_while(|c| c.is_alphabetic()).count();
        let ends = after.chars().nth(letters).is_none_or(|next| !next.is_alphanumeric());
        let is_domain = before.ends_with(is_of_name) && letters >= 2 && ends;
        before = after;
        is_domain
    })
}

/// A letter, a digit, or whatever Telegram also takes for a part of a domain's name, such as a picture.
fn is_of_name(c: char) -> bool {
    c.is_alphanumeric() || (c > '\u{bf}' && !c.is_whitespace() && !is_dot(c) && !is_quoting(c))
}

/// General punctuation: dashes, quotation marks, dots of omission.
fn is_quoting(c: char) -> bool {
    ('\u{2000}'..='\u{206f}').contains(&c)
}

/// An address in numbers: 6.6.6.6
fn has_four_numbers(word: &str) -> bool {
    let is_number = |part: &&str| (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    let parts: Vec<&str> = word.split(|c: char| !c.is_alphanumeric() && !is_dot(c)).collect();
    parts.iter().any(|part| part.split(is_dot).count() >= 4 && part.split(is_dot).all(|part| is_number(&part)))
}

fn dead(word: &str) -> String {
    let mut out = String::with_capacity(word.len() + 8);
    let mut rest = word.replace("://", "[:]//");
    while let Some((at, dot)) = rest.char_indices().find(|(_, c)| is_dot(*c)) {
        let after = rest.split_off(at + dot.len_utf8());
        rest.truncate(at);
        out.push_str(&rest);
        out.push_str(if after.starts_with(char::is_alphanumeric) { "[.]" } else { "." });
        rest = after;
    }
    out + &rest
}

/// The numbers of passages that a text names as `[1]` or `[1, 2]`, each once, in their order there; `given` is how many there
/// are.
#[must_use]
pub fn cited(text: &str, given: usize) -> Vec<usize> {
    let mut numbers = Vec::new();
    let brackets = text.split('[').skip(1).filter_map(|part| part.split_once(']'));
    for number in brackets.flat_map(|(inside, _)| inside.split(',')).filter_map(|text| text.trim().parse().ok()) {
        if (1..=given).contains(&number) && !numbers.contains(&number) {
            numbers.push(number);
        }
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn no_address_stays_alive() {
        for (text, dead) in [
            ("see https://evil.example/a?token=1 now", "see https[:]//evil[.]example/a?token=1 now"),
            ("[here](http://1.2.3.4/x)", "[here](http[:]//1[.]2[.]3[.]4/x)"),
            ("www.evil.com, evil.com/path", "www[.]evil[.]com, evil[.]com/path"),
            ("ann@evil.com\ntg://resolve?x", "ann@evil[.]com\ntg[:]//resolve?x"),
            ("evil\u{3002}com ht\u{200b}tps://x", "evil[.]com https[:]//x"),
            ("pay \u{1f4a9}.la or 6.6.6.6/pay", "pay \u{1f4a9}[.]la or 6[.]6[.]6[.]6/pay"),
            ("mailto:x@\u{1f4a9}.ws (10.0.0.1)", "mailto:x@\u{1f4a9}[.]ws (10[.]0[.]0[.]1)"),
            ("ask @evil_bot or ann@evil.com", "ask [@]evil_bot or ann@evil[.]com"),
        ] {
            assert_eq!(plain(text), dead);
        }
    }

    #[test]
    fn a_command_to_the_bot_is_no_link() {
        for (text, dead) in [
            ("Tap /make_a_video_about_tax", "Tap [/]make_a_video_about_tax"),
            ("(/start@evil_bot) \u{200b}/run!", "([/]start@evil_bot) [/]run!"),
            ("and/or 1/2 GET /v1/runs/x </b>", "and/or 1/2 GET /v1/runs/x </b>"),
            ("\u{1f44d}/run \u{1f44d}@ann", "\u{1f44d}[/]run \u{1f44d}[@]ann"),
        ] {
            assert_eq!(plain(text), dead);
            assert_eq!(plain(dead), dead, "twice is once");
        }
    }

    #[test]
    fn sentences_numbers_and_ids_stay_as_they_are() {
        let text =
            "It takes 3.5 s. Then it waits, e.g. at the ideate gate.\n\nRun 0b7c-9 (aismr): 12 clips … \"moon\" [1].";
        assert_eq!(plain(text), text);
        assert_eq!(plain("nul\0 and \u{1b}[31m"), "nul and [31m");
    }

    #[test]
    fn languages_stay_as_they_are_written() {
        for text in ["می\u{200c}خواهم", "👩\u{200d}👧 ❤\u{fe0f}", "\u{200f}שלום\u{200f}", "क्\u{200d}ष"]
        {
            assert_eq!(plain(text), text);
        }
        assert_eq!(plain("a\u{e0041}b \u{202e}c\u{2067} \u{2060}d"), "ab c d");
    }

    #[test]
    fn invisible_characters_keep_no_address_alive() {
        for text in [
            "evil.c\u{200c}om",
            "evil\u{200e}.com",
            "evil.\u{200d}com",
            "https:\u{200d}//evil.com",
            "@\u{200d}x evil.com",
        ] {
            let said = plain(text);
            assert!(said.ends_with("evil[.]com"), "{said:?}");
        }
    }

    #[test]
    fn only_passages_that_were_given_are_cited() {
        assert_eq!(cited("So it is [2]. And so [1, 2][7] [x] [0] [3", 3), [2, 1]);
        assert_eq!(cited("nothing", 3), Vec::<usize>::new());
        assert_eq!(cited("[1]", 0), Vec::<usize>::new());
    }

    #[test]
    fn a_text_that_comes_through_twice_stays_as_it_is() {
        for text in
            ["[@evil_bot](x) @here, 3 @ 5", "https://a.example/x www.b.org 6.6.6.6", "x@\u{1f4a9}.ws ann@evil.com"]
        {
            let once = plain(text);
            assert_eq!(plain(&once), once);
        }
        assert_eq!(plain("[@evil_bot](x) 3 @ 5"), "[[@]evil_bot](x) 3 @ 5");
    }

    proptest! {
        #[test]
        fn pieces_make_the_same_text_as_the_whole(text in "([a-z]{0,4}[.:/ \\n\u{3002}\u{200b}ä]{0,3}){0,30}", cuts in prop::collection::vec(0usize..60, 0..8)) {
            let chars: Vec<char> = text.chars().collect();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(chars.len())).collect();
            cuts.sort_unstable();
            cuts.push(chars.len());
            let (mut speech, mut said, mut from) = (Speech::default(), String::new(), 0);
            for cut in cuts {
                said += &speech.push(&chars[from..cut].iter().collect::<String>());
                from = cut;
            }
            said += &speech.finish();
            prop_assert_eq!(&said, &plain(&text));
            prop_assert!(!said.contains("://"));
        }
    }
}
