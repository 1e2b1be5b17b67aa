//! What a message wants to be told or done beside a new run: how runs stand, how many, the link of a gate, an end.

use super::act::{self, Act, Clause, is_noun};
use super::words::Words;
use super::{Intent, RunVerb};
use crate::brendan::KnownRun;

const ENDS: &str = "cancel|abort|kill|terminate|stop|end|halt|drop|withdraw|scrap|delete|remove|call off|discard|shut down|\
     get rid of|undo|quit|cancelling|canceling|stopping|cancle|cancell";
/// What ends may be wished for: a run, by whatever word.
const RUNS: &str = "it|that|this|them|all|everything|that one|this one|the last one|the one|the whole thing|these|the project|\
     the last|the latest|the newest|both|the first one|the second one|now|please|pls";
const LISTS: &str = "my runs|list runs|which runs|show runs|all runs|my videos|list videos|list my|all my runs|all my videos|\
     what runs|what have i made|what did i make|my clips|runs list|list of runs|list of my|show all|list all|our runs|\
     run list|show me the runs|see my|the list|any runs";
const STANDS: &str = "status|progress|any news|any update|any updates|update me|whats up with my|whats up with the|how far|hows it|\
     how is it|how is my|hows my|how is the run|how is the video|hows the run|hows the video|how are my|\
     how are the runs|how are things|how did it go|how is everything|hows everything|how is our|is it done|\
     is it ready|is it finished|is it published|is it running|is it live|is it up|is it over|is it out|is it still|\
     is my|is the run|is the video|are we there|are they done|are they ready|are my|what happened|what has happened|\
     where is my|wheres my|where is it|wheres it|where is the video|wheres the video|where is the run|did it|did my|\
     has it|has my|was it|done yet|ready yet|finished yet|out yet|live yet|when will it|when will my|when is it|\
     when is my|eta|how much longer|why did it|why is it|why is my run|why is my video|why did my|whats it doing|\
     what is it doing|what are you doing|whats happening|what is happening|whats going on|what is going on|\
     state of my|check on my|check on the|check my|check the run|my run is|my video is|my run failed|my video failed|\
     is stuck|got stuck|with my run|with my video|my run|still running|find my video|send me my video|show my video|\
     show me my video|watch my video|download my video|download the video|see my video|staus|satus|statsu|still going|\
     how goes it";
/// How many of what: not "how many words should a prompt have".
const COUNTED: &str = "runs|videos|are|do i have|have i|of my|of them|did i|films|were|is|active|running|waiting|open|finished|done|\
     in progress";
const LINKS: &str = "link|links|the url|url|approval link|approve link|where do i approve|where can i approve|how do i approve it|\
     how do i approve this|how can i approve it|how can i approve this|how do i approve the run|where do i decide|\
     how do i approve my|how do i reject it|how do i reject this|where can i reject|what do i have to approve|\
     what needs my approval|what is waiting for me|whats waiting for me|anything to approve|need to approve|\
     have to approve|anything waiting";
/// A decision at a gate, in whatever words: Brendan takes none, and hands the link out.
const DECISIONS: &str = "approve|approved|i approve|reject|rejected|i reject|lgtm|looks good|publish it|publish the|publish my|post it|\
     post the|accept|accept it|decline it|approval|request changes|ship it|i agree|go live|sign off|aprove|approv|\
     publish now|release it|upload it|confirm|i confirm";
const HELPS: &str = "help|what can you do|who are you|what are you|what do you do|how does this work|how does it work|what is this|\
     whats this|how do you work|what can i do|what can i say|what can i ask|commands|menu|start help|get started|\
     how do i start|how do i use this|how do i use you|what now|what else can you do|how can you help";
const THANKS: &str = "thanks|thank you|thx|ty|cheers|great thanks|thanks a lot|thank you so much|thanks so much|thank you very much|\
     tysm|many thanks|perfect thanks|awesome thanks|nice thanks|thanks brendan|thank you brendan|ok thanks|\
     cool thanks";

/// Whether a bot is opened by it, with or without a link's word, as every person's first message in Telegram is: no wish to start
/// anything.
pub(super) fn opens(message: &str) -> bool {
    let mut parts = message.split_whitespace();
    let command = parts.next().and_then(|first| first.strip_prefix("/start"));
    command.is_some_and(|rest| rest.is_empty() || rest.starts_with('@')) && parts.count() <= 1
}

/// What the message wants, where it is none of a new run.
pub(super) fn of(words: &Words<'_>, clauses: &[Clause], runs: &[KnownRun]) -> Option<Intent> {
    let message = words.message.to_lowercase();
    let run_id = runs.iter().find(|run| message.contains(&run.run_id.to_lowercase())).map(|run| run.run_id.clone());
    let verbs: [(RunVerb, &str); 5] = [
        (RunVerb::Cancel, ENDS),
        (RunVerb::Pause, "pause|hold|freeze|suspend"),
        (RunVerb::Resume, "resume|unpause|continue|go on with|carry on with"),
        (RunVerb::Retry, "retry|try again|restart"),
        (RunVerb::Rerun, "rerun|redo|run again|repeat"),
    ];
    for (verb, names) in verbs {
        let orders: Vec<Order> =
            clauses.iter().filter_map(|clause| order(words, clause, names, run_id.is_some())).collect();
        if orders.contains(&Order::Given) && !words.has("what happens") {
            return Some(Intent::Operate { verb, run_id });
        }
        if orders.contains(&Order::Denied) && run_id.is_none() && clauses.len() == 1 {
            return Some(Intent::LeaveAlone);
        }
    }
    if is_only(words, THANKS) {
        return Some(Intent::Thank);
    }
    if is_only(words, HELPS)
        || is_only(words, "list projects|projects|show projects|what projects do you have|which projects do you have")
    {
        return Some(Intent::Help);
    }
    let counts = words.find(words.all(), "how many").is_some_and(|many| words.longest(many.end, COUNTED).is_some());
    // How many may be started is a question about the service.
    if (counts && !words.has("can|may|should|per|allowed|must|at once|could|limit")) || words.has("number of my runs") {
        return Some(Intent::CountRuns);
    }
    let is_question = clauses.iter().any(|clause| clause.act == Act::Question || clause.asks);
    let asks_for_link = is_only(words, LINKS) || words.has(LINKS) && (!is_question || asks_where(words));
    if asks_for_link || (!is_question && words.has(DECISIONS)) || asks_him_to_decide(words) {
        return Some(Intent::SendLink { run_id });
    }
    if words.has(LISTS) || is_only(words, "runs|videos|history|list") {
        return Some(Intent::ListRuns);
    }
    if run_id.is_some() || (words.has(STANDS) && !is_of_service(words)) {
        return Some(Intent::ShowStatus { run_id });
    }
    None
}

/// "How does approving work" is a question about the service, "where is the link" is not.
fn asks_where(words: &Words<'_>) -> bool {
    words.has(
        "where is the link|wheres the link|whats the link|what is the link|send|give me|resend|can i get the link|\
     can i have the link|share|get the link|have the link|need the link|where do i approve|where can i approve|\
     how do i approve it|how do i approve this|how can i approve it|how can i approve this|how do i approve the run|\
     where do i decide|how do i approve my|how do i reject it|how do i reject this|where can i reject|\
     what do i have to approve|what needs my approval|what is waiting for me|whats waiting for me|anything to approve|\
     need to approve|have to approve|anything waiting|the link again|is there a link",
    )
}

fn asks_him_to_decide(words: &Words<'_>) -> bool {
    let asks = "can you approve it|can you approve this|could you approve it|can you approve the run|can you approve my run|\
         please approve|will you approve it|can you publish it|could you publish it|can you post it|can you reject it|\
         can i approve it|should i approve it|can you approve that|change it|can you change|could you change|\
         change the subject|edit it|edit the|change the caption|change the prompt|change the prompts";
    words.has(asks)
}

/// A question about what happens in general, and not to a run of theirs.
fn is_of_service(words: &Words<'_>) -> bool {
    words.has("what happens|what does the status|which status|statuses|status mean|status codes|mean|means")
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Given,
    Denied,
}

/// Whether a clause orders one of these of a run: "cancel it", "can you stop my run", "how do I cancel a run".
fn order(words: &Words<'_>, clause: &Clause, names: &str, names_run: bool) -> Option<Order> {
    let end = clause.range.end;
    clause.range.clone().find_map(|place| {
        let object = words.longest(place, names).filter(|object| *object <= end)?;
        if is_noun(words, place) || matches!(words.before(place), "the" | "a" | "in" | "at") {
            return None;
        }
        let begins =
            place == clause.range.start || place == act::lead(words, clause) || place == act::begin(words, clause);
        let alone = object >= end && begins;
        let of_run = (object..end.min(object + 5)).any(|at| is_noun(words, at)) && !words.has("post|making|creating");
        let is_given = (begins || clause.act != Act::Wish)
            && (alone || of_run || names_run || words.longest(object, RUNS).is_some());
        let is_denied =
            (clause.range.start..place).any(|at| matches!(words.text(at), "dont" | "not" | "never" | "didnt"));
        is_given.then_some(if is_denied { Order::Denied } else { Order::Given })
    })
}

/// Whether the message says nothing else, but for politeness.
pub(super) fn is_only(words: &Words<'_>, phrases: &str) -> bool {
    let polite = "please|pls|plz|brendan|thanks|thank you|so|now|then|hey|hi|oh|well|just|to|me|my|a|lot|ok|okay|great|cool|\
         perfect|awesome|nice";
    let mut at = 0;
    let mut said = false;
    while at < words.len() {
        match words.longest(at, phrases) {
            Some(end) => (at, said) = (end, true),
            None => match words.longest(at, polite) {
                Some(end) => at = end,
                None => return false,
            },
        }
    }
    said
}
