//! What a video is to be about: what stands after "about" or a word like it, else the words before "video".

use super::act::{Act, Clause, PLAIN, is_noun};
use super::mention::Mentions;
use super::words::{Pause, Words, is_like, lists};
use std::ops::Range;

const CHARS_MAX: usize = 200;
/// More words before "video" are a sentence, and no subject.
const NAME_WORDS_MAX: usize = 6;
/// Stand before what a video is about, wherever they are.
const ANYWHERE: &str =
    "about|featuring|showing|starring|that shows|which shows|that features|depicting|regarding|abt|bout";
/// Stand before it right after the name of a video.
const AFTER_NAME: &str = "of|on|with|where|in which|for";
/// Politeness and haste behind it.
const TRAILING: &str = "please|pls|plz|thanks|thank you|thx|ty|asap|if possible|if you can|for me|ok|okay|right away|right now|now|\
     cheers|lol|for us|when you can|when you have time|today|and|but|with|in|as|a|for|on|an|the|to|or|plus|at|without|\
     by|using|instead|too|also|bro|man|sir|and a|of|that is|which is|some|no|its|it is|be|it|make|keep";
const ARTICLES: &str = "a|an|the|some";
/// Said before it, and no part of it.
const LEADING: &str =
    "a|an|the|some|the topic of|topic of|the subject of|the theme of|the object|the subject|the topic";

/// Where what a video is about begins, when a word at this place announces it.
pub(super) fn marker(words: &Words<'_>, place: usize) -> Option<usize> {
    let before = words.before(place);
    let is_after_name = || place.checked_sub(1).is_some_and(|before| is_noun(words, before));
    let about = is_like(words.text(place), "about").then_some(place + 1);
    if let Some(end) = words.longest(place, ANYWHERE).or(about) {
        // "What about", and "about ten seconds".
        let is_other = matches!(before, "how" | "what" | "tell" | "me") || super::asks::counted(words, end).is_some();
        return (!is_other).then_some(end);
    }
    if is_after_name() && words.pause_after(place - 1) == Pause::Colon {
        return Some(place);
    }
    if is_after_name() && words.between(place - 1).contains(['"', '“', '«', '„']) {
        return Some(place);
    }
    // "Topic: candles", "…, subject candles".
    let begins = place.checked_sub(1).is_none_or(|before| words.pause_after(before) > Pause::None);
    if matches!(words.text(place), "subject" | "topic" | "theme" | "object")
        && (begins || words.pause_after(place) == Pause::Colon)
    {
        return Some(place + 1 + usize::from(words.text(place + 1) == "is"));
    }
    words.longest(place, AFTER_NAME).filter(|_| is_after_name())
}

/// What the clause says that the video is about: its words.
pub(super) fn of(words: &Words<'_>, mentions: &Mentions, clause: &Clause) -> Option<Range<usize>> {
    let is_clear = |place: &usize| words.longest(*place, ANYWHERE).is_some();
    let places = clause.range.clone().filter(is_clear).chain(clause.range.clone().filter(|place| !is_clear(place)));
    let announced = { places }.find_map(|place| {
        let begin = marker(words, place).filter(|begin| *begin < words.len())?;
        // "A film with a soundtrack" wants one, "a film about soundtracks" is about them.
        let wants = matches!(words.text(place), "with" | "for" | "on");
        let span = span(words, mentions, begin..clause.range.end, wants);
        (!span.is_empty()).then_some(span)
    });
    let is_wish = match clause.act {
        Act::Wish => !matches!(words.text(clause.head.start), "it" | "this" | "that" | "them"),
        Act::Noun | Act::Hint => true,
        Act::Denial | Act::Question | Act::Other => false,
    };
    announced.or_else(|| if is_wish { name(words, mentions, clause) } else { None })
}

/// The whole clause, as an answer to "What about?".
pub(super) fn answer(words: &Words<'_>, mentions: &Mentions, clause: &Clause) -> Option<Range<usize>> {
    let span = span(words, mentions, super::act::begin(words, clause)..clause.range.end, true);
    (!span.is_empty()).then_some(span)
}

/// The subject that begins at a place: up to what is wanted of the video beside it, or the end of the clause.
fn span(words: &Words<'_>, mentions: &Mentions, within: Range<usize>, wants: bool) -> Range<usize> {
    let (mut start, end) = (within.start, within.end);
    while let Some(next) = words.longest(start, LEADING).filter(|next| *next <= end) {
        start = next;
    }
    let first = start;
    let mut stop = end;
    for place in first..end {
        let want = mentions
            .is_want(place)
            .filter(|want| if want.start == first { wants } else { is_beside(words, mentions, want, end) });
        let led = if lists(ARTICLES, words.before(place)) { place.saturating_sub(1) } else { place };
        let project = mentions.at(place).is_some()
            && led > first
            && matches!(words.before(led), "for" | "in" | "as" | "with" | "using" | "style");
        if want.is_some() || project || is_end(words, first, place) {
            stop = place;
            break;
        }
    }
    if stop == end {
        stop = with_list(words, stop);
    }
    first..trimmed(words, first, stop)
}

/// Whether a want stands beside the subject and is no part of it, as "about my daily life" wants nothing.
fn is_beside(words: &Words<'_>, mentions: &Mentions, want: &Range<usize>, end: usize) -> bool {
    let next = words.text(want.end);
    let ends = want.end >= end
        || matches!(
            next,
            "and"
                | "but"
                | "with"
                | "for"
                | "in"
                | "on"
                | "please"
                | "pls"
                | "plz"
                | "thanks"
                | "to"
                | "as"
                | "plus"
                | "without"
                | "or"
                | "at"
                | "that"
        )
        || mentions.is_want(want.end).is_some();
    let before = words.before(want.start);
    let joins = |word: &str| matches!(word, "with" | "without" | "no" | "plus" | "but" | "as" | "skip" | "using");
    let is_joined =
        joins(before) || (lists(ARTICLES, before) && want.start >= 2 && joins(words.before(want.start - 1)));
    ends || is_joined
}

/// Politeness in the middle of a sentence without pauses ends the subject.
fn is_end(words: &Words<'_>, first: usize, place: usize) -> bool {
    place > first && matches!(words.text(place), "please" | "pls" | "plz" | "thx" | "asap")
}

/// A subject is a list: "glass, soap and candles".
fn with_list(words: &Words<'_>, stop: usize) -> usize {
    let mut at = stop;
    let is_item =
        |from: usize, to: usize| (1..=3).contains(&(to - from)) && (from..to).all(|place| !is_noun(words, place));
    while at > 0 && words.pause_after(at - 1) == Pause::Comma && at < words.len() {
        let mut to = at;
        while to < words.len() && words.pause_after(to) == Pause::None {
            to += 1;
        }
        let to = (to + 1).min(words.len());
        let has_and = (at..to).find(|place| matches!(words.text(*place), "and" | "or"));
        match has_and {
            Some(and) if (and == at || is_item(at, and)) && is_item(and + 1, to) && !is_said_to(words, and + 1) => {
                return to;
            }
            Some(_) => return stop,
            None if is_item(at, to) => at = to,
            None => return stop,
        }
    }
    stop
}

/// Begins a new thought and no further item.
fn is_said_to(words: &Words<'_>, place: usize) -> bool {
    matches!(
        words.text(place),
        "make"
            | "send"
            | "then"
            | "please"
            | "no"
            | "i"
            | "it"
            | "you"
            | "dont"
            | "tell"
            | "show"
            | "use"
            | "add"
            | "keep"
            | "post"
            | "publish"
    )
}

/// Without the words behind it that only lead on or are polite.
fn trimmed(words: &Words<'_>, first: usize, stop: usize) -> usize {
    let mut end = stop;
    loop {
        let shorter = (first..end).find(|place| words.longest(*place, TRAILING) == Some(end));
        match shorter {
            Some(place) => end = place,
            None => return end,
        }
    }
}

/// "A cat video": the words that say neither what it is nor how it is to be.
fn name(words: &Words<'_>, mentions: &Mentions, clause: &Clause) -> Option<Range<usize>> {
    let says = |place: &usize| {
        let is_known = lists(PLAIN, words.text(*place)) || is_noun(words, *place) || mentions.at(*place).is_some();
        !is_known && !mentions.is_taken(*place) && words.text(*place).parse::<f64>().is_err()
    };
    let first = clause.head.clone().find(says)?;
    let last = clause.head.clone().rev().find(says)?;
    let between = first..last + 1;
    let is_one = between.len() <= NAME_WORDS_MAX
        && between.clone().all(|place| {
            says(&place) || matches!(words.text(place), "of" | "the" | "a" | "our" | "my" | "and" | "in" | "on")
        })
        && !between.clone().any(|place| {
            matches!(words.text(place), "i" | "we" | "do" | "dont" | "me" | "going" | "started" | "status")
        });
    is_one.then_some(between)
}

/// A subject as it was typed, and short enough.
pub(super) fn typed(words: &Words<'_>, range: Range<usize>) -> String {
    words.typed(range).chars().take(CHARS_MAX).collect::<String>().trim().to_owned()
}
