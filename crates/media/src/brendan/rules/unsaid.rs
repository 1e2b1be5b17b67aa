//! What of a message is not meant as it stands: what it quotes, and what it takes back further on. A run that nobody wants is
//! worse than a question more, so whatever is unclear here starts nothing.

use super::act::{self, Act, Clause, DENIERS, FILLERS, VERBS};
use super::mention::Mentions;
use super::subject;
use super::words::{Pause, Words};
use std::ops::Range;

/// Said after a wish, and of nothing else, these take it back.
const TAKES_BACK: &str = "no|nope|nah|not|dont|do not|never|never mind|nevermind|nvm|forget it|forget about it|forget that|cancel|cancel it|\
     cancel that|stop|stop it|stop that|abort|abort it|abort that|drop it|drop that|skip it|skip that|leave it|delete it|\
     delete that|undo that|undo it|scratch that|strike that|ignore that|ignore this|ignore me|disregard|disregard that|\
     dont do it|dont do that|do not do it|do not do that|please dont|dont bother|dont you dare|not now|not yet|not today|\
     not anymore|not really|not any more|no way|no thanks|no thank you|no need|better not|rather not|id rather not|\
     i would rather not|or rather not|or not|maybe not|of course not|as if|no chance|kidding|just kidding|only kidding|\
     joking|just joking|only joking|just a joke|jk|i take it back|i take that back|take that back|changed my mind|\
     i changed my mind|i have changed my mind|ive changed my mind|i dont want it|i dont want that|i dont want to|\
     i dont need it|i dont mean it|i didnt mean it|i didnt mean that|dont want it|my mistake|by mistake|wrong chat|\
     nein|nicht|doch nicht|lieber nicht|nee|nej|nei|non|nao|niet|не надо|нет";
/// At the end of a message these do, too: before more words they only introduce a correction.
const HOLDS: &str = "wait|hold on|hang on|hold it|one moment|one sec|one second|let me think";
/// Without a pause before them, at the end of a sentence.
const RUN_ON: &str = "never mind|just kidding|only kidding|actually no|actually not|actually dont|actually never mind|scratch that|wait no|\
     no wait|on second thought no|nvm|jk|lol jk";
const AROUND: &str = "i mean|sorry|haha|lol|on second thought|on second thoughts|im|i am|asking|really|it|that|this|you|we|us|anymore|\
     any more|after all|at all|yet|today|ever|thinking about it|i think|i guess|guys|folks";
/// Beside the verbs, what the refusal of everything has: "I don't want any video".
const ALL: &str = "a|an|the|any|my|your|i|want|need|do|did|should|to|for|them|anything|video|videos|vid|run|runs";
/// Letters of a quotation that are looked through for its end.
const QUOTATION_CHARS_MAX: usize = 1000;
/// Fewer words are a name or a title: make a video about "cats".
const QUOTATION_WORDS_MIN: usize = 3;

/// Whether somebody goes on without a pause to take back what stands before.
pub(super) fn is_run_on(words: &Words<'_>, place: usize) -> bool {
    let end = words.longest(place, RUN_ON);
    end.is_some_and(|end| end >= words.len() || words.pause_after(end - 1) > Pause::None)
}

/// Takes out of the clauses what the message takes back. `true`: it takes all of it back. `is_answer`: what an earlier message
/// wished for waits for this one.
pub(super) fn take_back(words: &Words<'_>, mentions: &Mentions, clauses: &mut Vec<Clause>, is_answer: bool) -> bool {
    let last = clauses.len().saturating_sub(1);
    let takes = |at: &usize| {
        let (before, clause) = (clauses.get(..*at), clauses.get(*at));
        before.zip(clause).is_some_and(|(before, clause)| takes_back(words, mentions, before, clause, *at == last))
    };
    let Some(back) = (1..clauses.len()).rev().find(takes) else { return false };
    let is_wish = |clause: &&Clause| matches!(clause.act, Act::Wish | Act::Noun | Act::Hint);
    if !clauses.iter().take(back).any(|clause| is_wish(&clause)) {
        return is_answer && back == last;
    }
    let Some(later) = clauses.iter().skip(back).find(is_wish) else { return true };
    if !act::is_of_begun(words, later) {
        clauses.drain(..=back);
    } else if subject::of(words, mentions, later).is_some() {
        // "… about cats. No, make it about dogs": the same video, about something else.
        clauses.iter_mut().take(back).for_each(|clause| clause.range.end = clause.range.end.min(clause.head.end));
    }
    false
}

fn takes_back(words: &Words<'_>, mentions: &Mentions, before: &[Clause], clause: &Clause, is_last: bool) -> bool {
    let named = |place: usize| mentions.at(place);
    let is_named_before = |place: usize| {
        let project = named(place);
        project.is_some() && before.iter().any(|clause| clause.range.clone().any(|place| named(place) == project))
    };
    let only = |phrases: &str, around: &str| {
        let (mut at, mut said) = (clause.range.start, false);
        while at < clause.range.end {
            match words.longest(at, phrases) {
                Some(end) => (at, said) = (end, true),
                None if is_named_before(at) => at += 1,
                None => match words.longest(at, around) {
                    Some(end) => at = end,
                    None => return false,
                },
            }
        }
        said
    };
    match clause.act {
        Act::Denial => only(DENIERS, &format!("{FILLERS}|{AROUND}|{ALL}|{VERBS}")),
        Act::Wish | Act::Noun | Act::Hint => false,
        Act::Question | Act::Other if is_last => only(&format!("{TAKES_BACK}|{HOLDS}"), &format!("{FILLERS}|{AROUND}")),
        Act::Question | Act::Other => only(TAKES_BACK, &format!("{FILLERS}|{AROUND}|{HOLDS}")),
    }
}

/// The act of a clause whose words, before what it is about, are quoted: no wish beside other words, and alone perhaps one.
pub(super) fn quoted(words: &Words<'_>, quotations: &[Range<usize>], clause: &Clause) -> Act {
    let is_in = |quotation: &&Range<usize>| clause.head.clone().all(|place| quotation.contains(&place));
    match (clause.act, quotations.iter().find(is_in).filter(|_| !clause.head.is_empty())) {
        (Act::Wish | Act::Noun | Act::Hint, Some(quotation)) => {
            if *quotation == words.all() {
                Act::Hint
            } else {
                Act::Question
            }
        }
        (act, _) => act,
    }
}

/// The words that stand in quotation marks, where they are more than a name. Lines that are quoted as in mail are no words at all.
pub(super) fn quotations(words: &Words<'_>) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let (mut past, mut before) = (0, ' ');
    for (at, opens) in words.message.char_indices() {
        let closes = closes(opens).filter(|_| at >= past && !before.is_alphanumeric());
        before = opens;
        let Some((closes, rest)) = closes.zip(words.message.get(at + opens.len_utf8()..)) else { continue };
        let mut letters = rest.chars().take(QUOTATION_CHARS_MAX).peekable();
        let mut end = at + opens.len_utf8();
        while let Some(c) = letters.next() {
            if closes.contains(c) && !letters.peek().is_some_and(|next| next.is_alphanumeric()) {
                let quotation = words.within(at..end);
                found.extend(Some(quotation).filter(|quotation| quotation.len() >= QUOTATION_WORDS_MIN));
                past = end + c.len_utf8();
                break;
            }
            end += c.len_utf8();
        }
    }
    found
}

fn closes(opens: char) -> Option<&'static str> {
    let closes =
        [("\"", "\""), ("'", "'"), ("`", "`"), ("“„", "“”"), ("‘‚", "‘’"), ("«", "»"), ("»", "«"), ("「『", "」』")];
    closes.into_iter().find(|(open, _)| open.contains(opens)).map(|(_, closes)| closes)
}
