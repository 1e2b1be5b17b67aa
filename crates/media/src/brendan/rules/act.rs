//! What each part of a message is: a wish for a video, the refusal of one, a question, or something else. A wish is asked for
//! ("make", "I'd like", "could you run"), a question is not one, and neither is "please do not start".

use super::mention::Mentions;
use super::unsaid;
use super::words::{Pause, Words, is_like, lists};
use std::ops::Range;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    /// Something is to be made, in words that say so.
    Wish,
    /// Only names a video: "an AISMR video about candles".
    Noun,
    /// A project and a word or two: perhaps a wish.
    Hint,
    /// Something is not to be made.
    Denial,
    Question,
    Other,
}

/// A part of a message between two pauses.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Clause {
    /// Its words.
    pub(super) range: Range<usize>,
    pub(super) act: Act,
    /// The words that say what is to be made, before "about".
    pub(super) head: Range<usize>,
    /// Its sentence ends with a question mark.
    pub(super) asks: bool,
}

/// Words before the first that counts.
pub(super) const FILLERS: &str = "please|pls|plz|hey|hi|hello|yo|brendan|ok|okay|so|well|now|then|and|also|just|yes|yeah|yep|sure|alright|\
     all right|right|oh|um|uh|hmm|again|maybe|perhaps|actually|kindly|dear|thanks|thank you|good morning|good evening|\
     good afternoon|first|next|finally|quickly|there|bro|dude|man|team|all|everyone|but|instead|great|cool|perfect|\
     nice|or|if possible|if you can|when you can|go|btw|anyway";
/// Words before an answer to what a video should be about.
const ANSWERS: &str = "no|nope|for|on|of|it is|its|something like|something with|lets say|i think|i want|id like|do|like|how about|what about";
/// What introduces a wish without being its verb.
const LEADS: &str = "can you|could you|would you|will you|can u|could u|can we|could we|shall we|let us|lets|i want you to|\
     i need you to|i would like you to|id like you to|i want to|i wanna|i need to|i would like to|id like to|\
     id love to|i would love to|we want to|we need to|we would like to|wed like to|help me|help me to|help us|\
     go ahead and|why dont you|why dont we|why not|how about you|how about we|how about|what about|be so kind and|\
     be so kind as to|feel free to|try to|you should|you could|you can|you may|may i ask you to|can i ask you to|\
     can i get you to|i was wondering if you could|i wonder if you could|wondering if you could|any chance you could|\
     is there any chance you could|if you could|would you mind|do you mind|do you think you could|\
     would it be possible to|is it possible to get|want to|wanna|need to|would like to|dont forget to|\
     do not forget to|cant you|couldnt you|wont you|i hope you can|it is time to|time to|\
     i was thinking maybe you could|i was thinking you could|maybe you could|perhaps you could|i thought you could|\
     i was hoping you could|hoping you could|i was hoping for|id love for you to|i would love for you to|\
     id like for you to|i would like for you to|i want u to|i need u to|i was thinking of|please|pls|plz|kindly|just|\
     quickly|go and|ok|lemme|let me|want you to|need you to|gotta|have to|i have to|we should|we could|try and|\
     once more|also|now|then|maybe";
pub(super) const VERBS: &str = "make|create|generate|produce|start|build|render|film|shoot|record|spin up|kick off|launch|fire up|begin|run|\
     execute|trigger|prepare|put together|whip up|cook up|craft|design|compose|animate|draft|set up|commission|order|\
     queue|queue up|start up|set off|get going|get started on|work on|making|creating|generating|producing|starting|\
     running|rendering|spinning up|building|filming|mk|do|redo|remake|publish|post|upload|share|rerun|repeat";
const DESIRES: &str = "i want|i need|i would like|id like|id love|i would love|we want|we need|we would like|wed like|wed love|give me|\
     give us|get me|gimme|i wish for|i could use|can i get|can i have|could i get|could i have|may i have|may i get|\
     can we get|can we have|could we have|could we get|lets have|i am looking for|im looking for|looking for|want|\
     need|would like|would love|another|one more|any chance of|time for|it is time for|im in the mood for|i am after|\
     im after|i am in the mood for|ready for|send me|bring me|show me|i request|requesting|i order|get|have|\
     i am thinking of|im thinking of|i am thinking about|im thinking about|would be nice to have|\
     it would be nice to have|hook me up with|i wish i had|i want to have|id like to have|i would like to have|\
     i want to see|id like to see|i would like to see|id love to see|i would love to see|we would love|looking to get|\
     i wanna have|i wanna see|i d like|i d love";
/// What asks to be told something, even where no question mark stands.
const TELLS: &str = "tell me|tell us|explain|describe|i wonder what|i wonder how|i wonder why|i wonder if|do you know|\
     i have a question|question|any idea|talk about|talk to me about|say something about|give me info|\
     give me information|give me details|more about|info on|info about|information on|information about|teach me|\
     show me how|let me know|i want to know|i wanna know|id like to know|i would like to know|i want to learn|\
     id like to learn|i want to understand|i need to know|id love to know|i need to understand|i dont understand|\
     i do not understand|i dont know how|i dont know what|define|definition of|meaning of|remind me|\
     help me understand|learn about|read about|compare|im curious|i am curious|curious about|im wondering how|\
     im wondering what|im wondering if|i am wondering|wondering how|wondering what|id like to understand|what if|\
     how come|details about|details on|docs on|docs about|documentation";
const QUESTIONS: &str = "what|whats|how|hows|why|when|where|wheres|who|whos|which|whose|whom|is|isnt|are|arent|am|was|were|does|doesnt|\
     do you|do we|do i|do they|do the|do runs|do clips|do videos|do approvals|do gates|did|has|hasnt|have you|have i|\
     have we|had|can|could|should|would|may|might|must|will|shall|wat|wats|hw";
pub(super) const DENIERS: &str = "dont|not|never|no|nor|stop|quit|avoid|refuse|didnt|doesnt|wouldnt|shouldnt|neednt|hate|wont|nothing|none|without|\
     refrain|pas|nada|niente";
/// No English words: beside English ones they say no from before what it is about, and from the end. A run is not started by who
/// says in another language that it should not.
const FOREIGN_DENIERS: &str = "kein|keine|keinen|keinem|keiner|nicht|geen|niet|inte|ingen|ikke|ingenting|nao|nie|nunca|jamais|degil|не|нет|нельзя|\
     לא|אל|لا|नहीं|मत|不|别|勿";
/// A run, in whatever words; the longer ones also with a slip.
const NOUNS: &str = "video|videos|vid|vids|clip|clips|run|runs|reel|reels|short|shorts|film|films|movie|movies|tiktok|tiktoks|\
     animation|animations|footage|content";
/// "Video" before these is another thing.
const OTHER_NOUNS: &str = "game|games|call|calls|chat|card|conference|player|editor|script";
/// Stand for a video right after the verb.
const PRONOUNS: &str = "one|something|smth|sth|smthing|anything|it|this|that|another|some|them|these";
/// Stand before the name of what is to be made, and say nothing of what it is about.
pub(super) const PLAIN: &str = "a|an|the|another|one|some|any|new|my|our|me|us|short|quick|nice|cool|good|great|little|small|fun|funny|cute|\
     beautiful|awesome|amazing|please|pls|plz|first|next|second|really|very|super|so|just|more|own|kind|sort|for|of|\
     test|demo|sample|example|trial|practice|style|styled|type|format|project|pipeline|something|anything|it|this|\
     that|again|now|today|asap|from|with|in|as|using|via|on|by|to|your|you|id|like|tiny|brief|random|simple|basic|\
     standard|normal|same|other|different|and|whole|full|complete|smth|sth|longer|shorter|better|bigger|faster|slower|\
     nicer|funnier|high|quality|professional|viral|creative|unique|n|nd|thing|about|abt|thanks|thx|ty|u|is|be|lovely|\
     single|post|content|both|right|away|up|only|least|most|around|exactly";

pub(super) fn clauses(words: &Words<'_>, mentions: &Mentions) -> Vec<Clause> {
    let mut clauses = Vec::new();
    let mut start = 0;
    let mut sentence = 0;
    for place in words.all() {
        let pause = words.pause_after(place);
        let turns = matches!(words.text(place + 1), "but" | "instead")
            || is_run_on(words, place + 1)
            || is_second(words, place + 1)
            || unsaid::is_run_on(words, place + 1);
        if pause == Pause::None && !turns && place + 1 < words.len() || pause == Pause::Colon && place + 1 < words.len()
        {
            continue;
        }
        clauses.push(clause(words, mentions, start..place + 1));
        start = place + 1;
        if pause >= Pause::Sentence || start == words.len() {
            let asks = pause == Pause::Question;
            clauses.iter_mut().skip(sentence).for_each(|clause| clause.asks = asks);
            sentence = clauses.len();
        }
    }
    let quotations = unsaid::quotations(words);
    clauses.iter_mut().for_each(|clause| clause.act = unsaid::quoted(words, &quotations, clause));
    clauses
}

/// Where people go on without a pause.
fn is_run_on(words: &Words<'_>, place: usize) -> bool {
    let begins = "and make it|make it|i need it|i want it|and send me|and tell me|and let me|and show me|and then|it should be|\
         it must be|and it should|and dont|and please|and post it|and publish it|and i want|can you|could you|and keep it|\
         thank you|thanks";
    let begins = words.longest(place, begins).is_some();
    // "When can you" is one thought, and so is "don't make it".
    begins
        && !matches!(
            words.before(place),
            "when"
                | "how"
                | "why"
                | "what"
                | "where"
                | "who"
                | "which"
                | "if"
                | "whether"
                | "that"
                | "hope"
                | "think"
                | "and"
                | "so"
                | "dont"
                | "not"
                | "never"
        )
}

/// "… and a video about dogs": a second wish.
fn is_second(words: &Words<'_>, place: usize) -> bool {
    matches!(words.text(place), "and" | "then" | "plus")
        && matches!(words.text(place + 1), "a" | "an" | "another" | "one")
        && (place + 1..place + 5)
            .any(|noun| (is_noun(words, noun) || words.text(noun) == "one") && words.text(noun + 1) == "about")
}

fn clause(words: &Words<'_>, mentions: &Mentions, range: Range<usize>) -> Clause {
    let (act, from) = act(words, mentions, range.clone());
    let head = from..head_end(words, from..range.end);
    Clause { range, act, head, asks: false }
}

/// Where what counts in a clause begins; its end, when nothing does.
pub(super) fn begin(words: &Words<'_>, clause: &Clause) -> usize {
    let before = format!("{FILLERS}|{ANSWERS}");
    let start = skip(words, clause.range.clone(), &before);
    words.longest(start, &before).filter(|end| *end >= clause.range.end).unwrap_or(start)
}

/// The act of a clause, and where what is to be made begins.
fn act(words: &Words<'_>, mentions: &Mentions, range: Range<usize>) -> (Act, usize) {
    let start = skip(words, range.clone(), FILLERS);
    // "No, make it about dogs" is typed without its comma, too.
    let corrects = matches!(words.text(start), "no" | "nope") && verb(words, start + 1, range.end).is_some();
    let start = start + usize::from(corrects);
    if words.longest(start, TELLS).is_some() {
        return (Act::Question, start);
    }
    let led = used(words, mentions, skip(words, start..range.end, LEADS)..range.end);
    let verb = verb(words, led, range.end);
    let desire = words.longest(led, DESIRES).or_else(|| words.longest(start, DESIRES)).filter(|end| *end <= range.end);
    if led == start && verb.is_none() && desire.is_none() && words.longest(start, QUESTIONS).is_some() {
        return (Act::Question, start);
    }
    if is_denied(words, mentions, led..range.end) {
        return (Act::Denial, start);
    }
    for object in [verb, desire].into_iter().flatten() {
        let object = skip(words, object..range.end, "up|me|us|to|make|create|generate|run|start|please|pls");
        // Who wants to have or see "my videos" means those that there are.
        let is_theirs = Some(object) != verb && is_theirs(words, object..range.end);
        if !is_theirs && has_object(words, mentions, object..range.end) {
            return (Act::Wish, object);
        }
    }
    if let Some(object) = verb.filter(|_| is_bare(words, led..range.end)) {
        return (Act::Wish, object);
    }
    let more = words.longest(led, "another|one more");
    if let Some(end) = more.filter(|end| {
        skip(words, *end..range.end, FILLERS) + 1 >= range.end && !has_object(words, mentions, *end..range.end)
    }) {
        return (Act::Wish, end);
    }
    (noun_phrase(words, mentions, led..range.end), led)
}

/// "Use AISMR to make a video": behind the "to".
fn used(words: &Words<'_>, mentions: &Mentions, range: Range<usize>) -> usize {
    let uses = matches!(words.text(range.start), "use" | "using" | "with" | "in");
    let to = range.clone().take(6).find(|place| matches!(words.text(*place), "to" | "and"));
    let names = |to: &usize| (range.start..*to).any(|place| mentions.at(place).is_some());
    to.filter(|to| uses && names(to)).map_or(range.start, |to| to + 1)
}

/// Whether it speaks of the run that there is: "make it …", "start the run".
pub(super) fn is_of_begun(words: &Words<'_>, clause: &Clause) -> bool {
    let begins = "it|this|that|them|the run|this run|that run|my run|the video|this video|that video|my video";
    words.longest(clause.head.start, begins).is_some()
}

/// Where a clause begins behind its politeness and what introduces a wish.
pub(super) fn lead(words: &Words<'_>, clause: &Clause) -> usize {
    let start = skip(words, clause.range.clone(), FILLERS);
    skip(words, start..clause.range.end, LEADS)
}

/// The place behind all of these that stand there, one after the other.
fn skip(words: &Words<'_>, range: Range<usize>, phrases: &str) -> usize {
    let mut at = range.start;
    while let Some(end) = words.longest(at, phrases).filter(|end| *end < range.end) {
        at = end;
    }
    at
}

/// Where a verb of making ends.
fn verb(words: &Words<'_>, place: usize, end: usize) -> Option<usize> {
    let exact = words.longest(place, VERBS).or_else(|| {
        let typed = words.text(place);
        VERBS.split('|').any(|verb| !verb.contains(' ') && verb.len() >= 4 && is_like(typed, verb)).then_some(place + 1)
    })?;
    // "Do" and "post" are verbs of making only before what is made.
    let is_made = !matches!(words.text(place), "do" | "publish" | "post" | "upload" | "share")
        || matches!(words.text(exact), "a" | "an" | "another" | "one" | "me" | "some" | "us");
    // "Film" and "run" are names as well: of a film about something, of the run that there is.
    let is_name = matches!(words.text(exact), "about" | "of" | "status" | "on" | "is" | "was" | "has" | "sure");
    (is_made && !is_name && exact <= end).then_some(exact)
}

/// What somebody has already, or needs something else for: "my videos", "help with my video".
fn is_theirs(words: &Words<'_>, range: Range<usize>) -> bool {
    let to_noun = range.clone().take_while(|place| !is_noun(words, *place));
    let mut before = to_noun.map(|place| words.text(place));
    matches!(words.text(range.start), "my" | "our" | "the" | "all" | "these" | "those")
        || before.any(|word| {
            matches!(
                word,
                "my" | "our" | "your" | "with" | "on" | "from" | "to" | "of" | "in" | "at" | "how" | "if" | "that"
            )
        })
}

/// A verb alone: "start", "create please".
fn is_bare(words: &Words<'_>, range: Range<usize>) -> bool {
    range.len() == 1
        && !matches!(
            words.text(range.start),
            "order" | "draft" | "design" | "do" | "repeat" | "film" | "run" | "record"
        )
}

/// Whether the first words name a video, a project, or stand for one.
fn has_object(words: &Words<'_>, mentions: &Mentions, range: Range<usize>) -> bool {
    let head = range.start..head_end(words, range.clone());
    lists(PRONOUNS, words.text(range.start))
        || head.clone().any(|place| is_noun(words, place) || mentions.at(place).is_some())
}

/// Whether a run is named here.
pub(super) fn is_noun(words: &Words<'_>, place: usize) -> bool {
    let typed = words.text(place);
    let is_named = lists(NOUNS, typed) || is_like(typed, "video") || is_like(typed, "videos");
    is_named && !lists(OTHER_NOUNS, words.text(place + 1))
}

/// Where the words end that say what is to be made: before what it is about.
fn head_end(words: &Words<'_>, range: Range<usize>) -> usize {
    let ends = |place: &usize| super::subject::marker(words, *place).is_some();
    range.clone().find(ends).unwrap_or(range.end)
}

/// Whether a word says no before what would be made. A "no" that leaves a step out stands behind the verb.
fn is_denied(words: &Words<'_>, mentions: &Mentions, range: Range<usize>) -> bool {
    let made = range.clone().find(|place| {
        is_noun(words, *place) || mentions.at(*place).is_some() || verb(words, *place, range.end).is_some()
    });
    let Some(made) = made else { return false };
    let is_foreign = |place: usize| lists(FOREIGN_DENIERS, words.text(place));
    let end = range.end.saturating_sub(2).max(range.start)..range.end;
    if (range.start..head_end(words, range.clone())).chain(end).any(is_foreign) {
        return true;
    }
    let denies = |place: usize| lists(DENIERS, words.text(place)) && !mentions.is_taken(place);
    let after = words.longest(made, VERBS).filter(|_| !is_noun(words, made) || made == range.start);
    let directly =
        after.is_some_and(|next| denies(next) && (next..range.end.min(next + 4)).any(|place| is_noun(words, place)));
    (range.start..made).any(denies) || directly
}

/// What a clause is that only names a video or a project: before the name stands at most one word that is not known, and none
/// behind it.
fn noun_phrase(words: &Words<'_>, mentions: &Mentions, range: Range<usize>) -> Act {
    let head = range.start..head_end(words, range);
    let is_name =
        |place: &usize| (is_noun(words, *place) && !mentions.is_taken(*place)) || mentions.at(*place).is_some();
    let is_known = |place: &usize| {
        let typed = words.text(*place);
        is_name(place) || mentions.is_taken(*place) || lists(PLAIN, typed) || typed.parse::<f64>().is_ok()
    };
    let Some(last) = head.clone().rev().find(is_name) else { return Act::Other };
    let unknown: Vec<usize> = head.clone().filter(|place| !is_known(place)).collect();
    let is_definite =
        |place: usize| matches!(words.text(place), "the" | "my" | "our" | "your" | "that" | "this" | "it");
    let mine = is_definite(head.start) || head.clone().any(|place| is_definite(place) && is_noun(words, place + 1));
    let named = head.clone().any(|place| mentions.at(place).is_some());
    let noun = head.clone().any(|place| is_noun(words, place));
    let begins = matches!(words.text(head.start), "a" | "an" | "another" | "some" | "new" | "one");
    match unknown.as_slice() {
        _ if mine => Act::Other,
        [] => Act::Noun,
        [place] if *place < last && (begins || (named && noun)) => Act::Noun,
        [_] | [_, _] if named && !noun => Act::Hint,
        [place] if *place < last && head.len() <= 3 => Act::Hint,
        [..] => Act::Other,
    }
}
