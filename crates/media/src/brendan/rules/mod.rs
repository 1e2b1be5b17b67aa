//! Brendan plans without a language model: a message, what was said before it, and what is known about the user go in, an intent
//! comes out.
//!
//! ```text
//! words     a message as words in one spelling, with the pauses between them
//! mention   where it names projects, their own words, and what people want of any video (asks)
//! act       what each part of it is: a wish, the refusal of one, a question
//! unsaid    what it only quotes, and what it takes back
//! subject   what the video is to be about
//! command   what it wants of the runs that there are
//! wish      the wish, from one message or several, and what becomes of it: a run, or what is asked back
//! speak     articles and numbers of sentences
//! ```
//!
//! Nothing of a conversation is kept for the rules: what was asked back is found by reading the last messages again.

mod act;
mod asks;
mod command;
mod mention;
pub mod speak;
mod subject;
mod unsaid;
mod wish;
mod words;

use super::conversation::{Line, Speaker};
use super::{KnownProject, KnownRun, Proposal};
use act::Act;
use mention::Mentions;
use wish::{Read, Wish};
use words::{Words, lists};

/// Messages of the conversation that the rules read again.
pub const HISTORY_READ: u32 = 8;

/// What the user wants.
#[derive(Debug, Clone, PartialEq)]
pub enum Intent {
    Start(Box<Proposal>),
    /// How one run stands, or the newest.
    ShowStatus {
        run_id: Option<String>,
    },
    ListRuns,
    CountRuns,
    /// The link of the open gate, of one run or of the newest that waits.
    SendLink {
        run_id: Option<String>,
    },
    /// A run is to end, be held or go on, one or the newest: people do that, and Brendan does not.
    Operate {
        verb: RunVerb,
        run_id: Option<String>,
    },
    /// Something about a video, but not enough to start.
    AskBack {
        question: String,
    },
    /// Nothing is to be made.
    LeaveAlone,
    Thank,
    /// What he can do.
    Help,
    /// Nothing that he does; the knowledge may have an answer.
    Decline {
        /// Whether he understands the words at all.
        is_english: bool,
    },
}

/// What operators do to a run, as `mw runs` calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunVerb {
    Cancel,
    Pause,
    Resume,
    Retry,
    Rerun,
}

impl RunVerb {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            RunVerb::Cancel => "cancel",
            RunVerb::Pause => "pause",
            RunVerb::Resume => "resume",
            RunVerb::Retry => "retry",
            RunVerb::Rerun => "rerun",
        }
    }
}

/// A wish that waits for more words.
#[derive(Debug, Clone)]
struct Open {
    wish: Wish,
    /// The last answer asked for them.
    is_fresh: bool,
}

const YES: &str = "yes|yep|yeah|yup|sure|ok|okay|go ahead|do it|please do|go|start it|y|of course|correct|right|absolutely|fine|\
     sounds good|lets go|start|yes do|go for it|alright|make it so|now|yea|ja|si|oui";
const NO: &str = "no|nope|nah|never mind|nevermind|cancel|stop|forget it|forget about it|not now|leave it|abort|no thanks|\
     no thank you|cancel that|cancel it|dont|nvm|drop it|skip it|not anymore|i changed my mind|changed my mind|\
     stop it|n|wait|hold on|not yet";
const ANYTHING: &str = "anything|whatever|surprise me|you choose|you decide|up to you|i dont care|dont care|idk|no idea|i dont know|\
     i dont mind|your choice|whatever you like|whatever you want|anything you like|anything is fine|doesnt matter|\
     it doesnt matter|no preference|you pick|pick one|dont know|dunno|not sure|any";
/// Common in English, and in no other language that is written with Latin letters as often.
const ENGLISH: &str = "the|is|are|what|how|why|when|where|which|you|i|my|does|and|for|it|this|that|please|hello|thanks|about|with|can|\
     could|would|should|have|has|your|there|from|they|not|dont|tell|make|want|need|like|get|give|if|but|any|some|im|\
     id|whats|be|was|were|who|we|know|of|to";
/// Common in other languages with Latin letters, and no English words.
const FOREIGN: &str = "ein|eine|einen|der|das|und|mit|bitte|mir|ich|nicht|keinen|keine|wie|kannst|uber|du|ist|un|une|sur|les|des|le|la|\
     el|los|las|por|favor|para|sobre|que|como|di|per|il|gli|sulle|sui|um|uma|com|bir|lutfen|yap|een|het|wat|maak|\
     graag|jag|och|og|na|prosze|film o|vous|je|est|plait|pouvez|quiero|hola|bonjour|hallo|ciao|ola|hakkinda|mot|ve|\
     lam|hay|eu|voce|puedes|hacer|cree|fais|moi|mach|kerzen|w|z|czy|jak|co|med|til|jeg|om|av|en|et|es|ne";

/// Reads a message; `before` is what was said before it, oldest first.
pub fn plan(message: &str, before: &[Line], projects: &[KnownProject], runs: &[KnownRun]) -> Intent {
    let projects: Vec<&KnownProject> = projects.iter().filter(|project| project.has_runs).collect();
    let mut open = None;
    let mut lines = before.iter().peekable();
    while let Some(line) = lines.next() {
        if line.from != Speaker::User {
            continue;
        }
        let (intent, now_open) = turn(&line.text, open.take(), &projects, runs);
        let answer = lines.peek().filter(|next| next.from == Speaker::Brendan);
        // Whatever answered then may have been a model: what these rules ask back must have been asked.
        let is_asked = match &intent {
            Intent::AskBack { question } => answer.is_some_and(|answer| answer.text.ends_with(question.as_str())),
            _ => true,
        };
        open = now_open.filter(|_| is_asked);
    }
    turn(message, open, &projects, runs).0
}

/// One message: what it wants, and the wish that then waits for more words.
fn turn(message: &str, open: Option<Open>, projects: &[&KnownProject], runs: &[KnownRun]) -> (Intent, Option<Open>) {
    let stale = open.as_ref().map(|open| Open { is_fresh: false, ..open.clone() });
    if command::opens(message) {
        return (Intent::Help, stale);
    }
    let words = Words::of(message);
    let mentions = Mentions::of(&words, projects).settle();
    let mut clauses = act::clauses(&words, &mentions);
    if unsaid::take_back(&words, &mentions, &mut clauses, open.is_some()) {
        return (Intent::LeaveAlone, None);
    }
    let clauses = clauses;
    let has = |act: Act| clauses.iter().any(|clause| clause.act == act);
    let read = || Read { words: &words, clauses: &clauses, mentions: mentions.clone(), projects };
    if let Some(Open { wish, is_fresh: true }) = &open
        && let Some(answer) = answered(&words, wish, projects)
    {
        return answer;
    }
    if let Some(Open { wish, .. }) = &open
        && clauses
            .first()
            .is_some_and(|clause| subject::marker(&words, clause.range.start).is_some() && clause.act == Act::Other)
    {
        return asked(wish.clone().and(read().wish(false)), projects);
    }
    let speaks_of_begun = clauses.iter().any(|clause| clause.act == Act::Wish && act::is_of_begun(&words, clause));
    if has(Act::Wish) {
        let is_answer = open.as_ref().is_some_and(|open| open.is_fresh && !open.wish.has_subject());
        let wish = read().wish(is_answer);
        if speaks_of_begun && open.is_none() && !wish.has_subject() && !wish.names_a_project() {
            // What has begun is changed and let go on by its gate.
            let waits = runs.iter().any(|run| run.awaiting_gate.is_some());
            return if waits { (Intent::SendLink { run_id: None }, None) } else { asked(wish, projects) };
        }
        let says_one = clauses.iter().any(|clause| clause.act == Act::Wish && words.text(clause.head.start) == "one");
        let newest = runs
            .first()
            .map(|run| run.project.as_str())
            .filter(|_| words.has("another|one more|again|the same|same") || wish.is_doubted() || says_one);
        let wish = match open {
            Some(open) => open.wish.and(wish.of_none()),
            None if runs.is_empty() => wish.of_none(),
            None => wish.like(newest),
        };
        return asked(wish, projects);
    }
    if let Some(intent) = command::of(&words, &clauses, runs) {
        return (intent, stale);
    }
    if open.is_none() && command::is_only(&words, NO) {
        return (Intent::LeaveAlone, None);
    }
    if open.is_none() && command::is_only(&words, YES) && runs.iter().any(|run| run.awaiting_gate.is_some()) {
        return (Intent::SendLink { run_id: None }, None);
    }
    let decline = || Intent::Decline { is_english: is_english(&words) };
    if has(Act::Denial) {
        return (if is_english(&words) { Intent::LeaveAlone } else { decline() }, None);
    }
    if let Some(Open { wish, is_fresh }) = open {
        let is_clear = read().wish(false).is_something();
        let more = read().wish(!wish.has_subject());
        // "Candles?" is an answer, a longer question is none.
        let is_question = has(Act::Question) || clauses.iter().any(|clause| clause.asks && clause.range.len() > 5);
        if is_question || !more.is_something() {
            return (decline(), stale);
        }
        // What is said after something else may mean something else.
        let more = if is_fresh || is_clear { more } else { more.doubted() };
        return asked(wish.and(more), projects);
    }
    if (has(Act::Noun) || has(Act::Hint)) && !has(Act::Question) {
        return asked(read().wish(false), projects);
    }
    (decline(), None)
}

/// What a short answer to what was asked back means.
fn answered(words: &Words<'_>, wish: &Wish, projects: &[&KnownProject]) -> Option<(Intent, Option<Open>)> {
    if command::is_only(words, NO) {
        return Some((Intent::LeaveAlone, None));
    }
    if command::is_only(words, ANYTHING) {
        return Some(asked(wish.clone().confirmed().opened(), projects));
    }
    if command::is_only(words, "let me think|one moment|one sec|give me a minute|hmm|not sure yet|one second|moment") {
        return Some(asked(wish.clone(), projects));
    }
    command::is_only(words, YES).then(|| asked(wish.clone().confirmed(), projects))
}

fn asked(wish: Wish, projects: &[&KnownProject]) -> (Intent, Option<Open>) {
    let intent = wish.intent(projects);
    let is_open = matches!(intent, Intent::AskBack { .. });
    (intent, is_open.then_some(Open { wish, is_fresh: true }))
}

/// Whether the message may be English: by its letters, and by the small words that each language has.
fn is_english(words: &Words<'_>) -> bool {
    let count = |known: &str| words.all().filter(|place| lists(known, words.text(*place))).count();
    let strange = words.all().filter(|place| !words.text(*place).is_ascii()).count();
    let english = count(ENGLISH);
    english >= count(FOREIGN) && english * 2 >= strange
}

#[cfg(test)]
mod conversations;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::brendan::CONFIDENCE_START;
    use crate::run::testing::definition;
    use proptest::prelude::*;

    fn projects() -> Vec<KnownProject> {
        ["test_video_gen", "aismr", "general"].map(|key| KnownProject::from(definition(key))).to_vec()
    }

    fn said(from: Speaker, text: &str) -> Line {
        Line { from, text: text.to_owned() }
    }

    #[test]
    fn only_what_was_asked_back_is_answered() {
        let wish = said(Speaker::User, "I want an AISMR video");
        let question = "What should the AISMR video be about?";
        let asked = said(Speaker::Brendan, &format!("Run r1 is published.\n\n{question}"));
        let other = said(Speaker::Brendan, "I have started something else.");
        let plan = |before: &[Line]| plan("about candles", before, &projects(), &[]);
        assert!(matches!(plan(&[wish.clone(), asked]), Intent::Start(_)));
        assert!(matches!(plan(&[wish.clone(), other]), Intent::Decline { .. }));
        assert!(matches!(plan(&[wish]), Intent::Decline { .. }));
        assert!(matches!(plan(&[said(Speaker::Brendan, question)]), Intent::Decline { .. }));
    }

    #[test]
    fn a_service_without_runs_starts_none() {
        let talks_only = [KnownProject::from(definition("general"))];
        assert_eq!(plan("make a video about candles", &[], &talks_only, &[]), Intent::Decline { is_english: true });
    }

    #[test]
    fn two_projects_without_a_default_are_asked_for() {
        let mut projects = projects();
        projects.iter_mut().for_each(|project| project.is_default = false);
        let asked = plan("make a video about candles", &[], &projects, &[]);
        assert_eq!(
            asked,
            Intent::AskBack { question: "For which project should it be (test_video_gen, aismr)?".into() }
        );
    }

    proptest! {
        #[test]
        fn any_message_has_an_intent_and_a_valid_input(
            messages in prop::collection::vec(
                "(make|run|i want|dont|a|an|aismr|test video|about|with|no|3|clips|,|\\?|\\.|yes|\\PC{0,40}| ){0,12}", 1..4),
        ) {
            let question = said(Speaker::Brendan, "What should the AISMR video be about?");
            let before: Vec<Line> = messages.iter().flat_map(|text| [said(Speaker::User, text), question.clone()]).collect();
            for message in &messages {
                for before in [&before[..], &[]] {
                    if let Intent::Start(proposal) = plan(message, before, &projects(), &[]) {
                        prop_assert!(proposal.confidence >= CONFIDENCE_START);
                        prop_assert_eq!(proposal.input.errors(), Vec::new());
                        prop_assert!(proposal.input.prompt.is_none_or(|prompt| prompt.chars().count() <= 400));
                    }
                }
            }
        }
    }
}
