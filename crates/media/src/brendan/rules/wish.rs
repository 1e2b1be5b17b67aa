//! A wish for a video, as far as a conversation has said it: one message may name the project, the next what it is about.

use super::act::{self, Act, Clause, is_noun};
use super::asks::{self, Ask, Kind};
use super::mention::Mentions;
use super::speak::an;
use super::words::{Words, phrase};
use super::{Intent, subject};
use crate::brendan::{CONFIDENCE_START, Complexity, KnownProject, PROMPT_CHARS_MAX, Proposal};
use crate::definition::{StepRequest, Subjects};
use crate::run::Input;
use mw_kernel::speech::plain;
use std::ops::Range;

#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Wish {
    /// The messages that it was said in.
    texts: Vec<String>,
    /// Keys of the projects that it names; one is enough, and more are too many.
    projects: Vec<String>,
    subject: Option<String>,
    /// The projects' own words that it has.
    choices: Vec<String>,
    asks: Vec<Ask>,
    /// What another wish of the same message is about.
    second: Option<String>,
    /// It says that something is to be made, and that this is a video.
    evidence: (bool, bool),
    /// Why it is confirmed before it starts.
    doubt: Option<Doubt>,
    /// Anything will do.
    is_open: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doubt {
    /// Only names a video, and asks.
    Asks,
    /// "Make it about dogs", of a run that has begun.
    Begun,
    /// "Tomorrow".
    Later,
}

/// What the wish is of a message.
pub(super) struct Read<'a> {
    pub(super) words: &'a Words<'a>,
    pub(super) clauses: &'a [Clause],
    pub(super) mentions: Mentions,
    pub(super) projects: &'a [&'a KnownProject],
}

impl Read<'_> {
    /// The wish that the message has. As an answer to what it should be about, all of it is.
    pub(super) fn wish(mut self, is_answer: bool) -> Wish {
        let counts = |clause: &&Clause| match clause.act {
            Act::Wish | Act::Noun | Act::Hint | Act::Other => true,
            Act::Denial | Act::Question => false,
        };
        let clauses: Vec<&Clause> = self.clauses.iter().filter(counts).collect();
        let mut about = clauses.iter().find_map(|clause| subject::of(self.words, &self.mentions, clause));
        if about.is_none() && is_answer {
            about = clauses.iter().find_map(|clause| self.whole(clause));
        }
        if let Some(about) = &about {
            self.mentions.forget_within(about);
        }
        let within = |range: &Range<usize>| clauses.iter().any(|clause| clause.range.contains(&range.start));
        let mut wish = Wish { texts: vec![self.words.message.trim().to_owned()], ..Wish::default() };
        for clause in &clauses {
            // A name within what the video is about names no project.
            let named = self.mentions.projects(&clause.range);
            let named = named
                .into_iter()
                .filter(|project| !about.as_ref().is_some_and(|about| self.is_within(*project, about, &clause.range)));
            wish.projects.extend(named.filter_map(|project| self.projects.get(project)).map(|known| known.key.clone()));
            wish.choices.extend(self.mentions.options(self.words, &clause.range));
            wish.evidence.0 |= clause.act == Act::Wish;
            wish.evidence.1 |= clause.range.clone().any(|place| is_noun(self.words, place));
        }
        wish.projects.dedup();
        wish.asks = self.mentions.asks.iter().filter(|ask| within(&ask.words)).cloned().collect();
        wish.subject = about.map(|about| subject::typed(self.words, about)).filter(|subject| !subject.is_empty());
        let is_unsure = |clause: &&Clause| clause.act == Act::Hint || (clause.asks && clause.act == Act::Noun);
        let is_fragment = !wish.evidence.0 && clauses.iter().any(is_unsure);
        wish.second = self.second(&clauses);
        let begun = self.clauses.iter().any(|clause| clause.act == Act::Wish && act::is_of_begun(self.words, clause));
        wish.doubt = if wish.asks.iter().any(|ask| ask.kind == Kind::Later) {
            Some(Doubt::Later)
        } else if begun && wish.subject.is_some() {
            Some(Doubt::Begun)
        } else {
            is_fragment.then_some(Doubt::Asks)
        };
        wish
    }

    /// What a second wish of the message is about.
    fn second(&self, clauses: &[&Clause]) -> Option<String> {
        let wishes = clauses.iter().filter(|clause| matches!(clause.act, Act::Wish | Act::Noun));
        let mut about = wishes.filter_map(|clause| subject::of(self.words, &self.mentions, clause));
        about.next()?;
        about.next().map(|about| subject::typed(self.words, about))
    }

    fn is_within(&self, project: usize, about: &Range<usize>, clause: &Range<usize>) -> bool {
        let mut places = clause.clone().filter(|place| self.mentions.at(*place) == Some(project));
        places.all(|place| about.contains(&place))
    }

    /// All of an answer that is short, and names nothing else.
    fn whole(&self, clause: &Clause) -> Option<Range<usize>> {
        if clause.act == Act::Wish {
            return None;
        }
        let says = |place: usize| self.mentions.at(place).is_none() && !is_noun(self.words, place);
        let about = subject::answer(self.words, &self.mentions, clause)?;
        let is_short = clause.range.len() <= 12
            && about.clone().any(says)
            && about.clone().all(|place| self.mentions.at(place).is_none());
        is_short.then_some(about)
    }
}

impl Wish {
    /// This wish with what a later message adds; what that says anew counts.
    pub(super) fn and(mut self, later: Wish) -> Wish {
        self.texts.extend(later.texts);
        if !later.projects.is_empty() {
            self.projects = later.projects;
        }
        self.subject = later.subject.or(self.subject);
        self.choices.extend(later.choices);
        self.asks.extend(later.asks);
        self.evidence = (self.evidence.0 || later.evidence.0, self.evidence.1 || later.evidence.1);
        // Another time is asked about until somebody says yes.
        self.doubt = later.doubt.or(self.doubt.filter(|doubt| *doubt == Doubt::Later));
        self.second = later.second;
        self.is_open |= later.is_open;
        self
    }

    pub(super) fn doubted(mut self) -> Wish {
        self.doubt = self.doubt.or(Some(Doubt::Asks));
        self
    }

    pub(super) fn confirmed(mut self) -> Wish {
        self.doubt = None;
        self
    }

    /// Of no run that has begun: "make it about candles" says what the open wish is about.
    pub(super) fn of_none(mut self) -> Wish {
        self.doubt = self.doubt.filter(|doubt| *doubt != Doubt::Begun);
        self
    }

    /// Anything will do.
    pub(super) fn opened(mut self) -> Wish {
        self.is_open = true;
        self
    }

    /// Whether a message says anything of a wish.
    pub(super) fn is_something(&self) -> bool {
        self.subject.is_some() || !self.projects.is_empty() || !self.choices.is_empty() || !self.asks.is_empty()
    }

    pub(super) fn has_subject(&self) -> bool {
        self.subject.is_some()
    }

    pub(super) fn names_a_project(&self) -> bool {
        !self.projects.is_empty()
    }

    /// Whether a start waits for a word only.
    pub(super) fn is_doubted(&self) -> bool {
        self.doubt.is_some()
    }

    /// Names the project of another run where it names none: "another one about dogs".
    pub(super) fn like(mut self, project: Option<&str>) -> Wish {
        if self.projects.is_empty() {
            self.projects.extend(project.map(str::to_owned));
        }
        self
    }

    /// The run that it starts, or what is asked back.
    pub(super) fn intent(&self, projects: &[&KnownProject]) -> Intent {
        let named: Vec<&KnownProject> =
            projects.iter().filter(|known| self.projects.contains(&known.key)).copied().collect();
        let keys = || projects.iter().map(|known| known.key.as_str()).collect::<Vec<_>>().join(", ");
        let ask = |question: String| Intent::AskBack { question };
        let project = match named.as_slice() {
            [] if self.subject.is_none() && !self.is_open => {
                return ask(format!("What should the video be about, and for which project ({})?", keys()));
            }
            [] => match projects
                .iter()
                .find(|known| known.is_default)
                .or(projects.first().filter(|_| projects.len() == 1))
            {
                Some(known) => *known,
                None if projects.is_empty() => return Intent::Decline { is_english: true },
                None => return ask(format!("For which project should it be ({})?", keys())),
            },
            [one] => *one,
            [..] => {
                let rivals: Vec<&str> = named.iter().map(|known| known.key.as_str()).collect();
                return ask(format!("I start one run at a time. Which project should it be: {}?", rivals.join(" or ")));
            }
        };
        let shows_what_is_asked = project.clips.as_ref().is_some_and(|clips| clips.subjects == Subjects::Request);
        if self.subject.is_none() && shows_what_is_asked {
            return ask(format!("What should the {} video be about?", project.name()));
        }
        if let Some(doubt) = self.doubt {
            let about =
                self.subject.as_ref().map(|subject| format!(" about \"{}\"", plain(subject))).unwrap_or_default();
            let run = an(&format!("{} run", project.name()));
            return ask(match doubt {
                Doubt::Asks => format!("Shall I start {run}{about}?"),
                Doubt::Begun => format!("A run that has begun keeps its subject. Shall I start another, {run}{about}?"),
                Doubt::Later => format!("I cannot start a run at another time. Shall I start {run}{about} now?"),
            });
        }
        Intent::Start(Box::new(self.proposal(project, projects)))
    }

    fn proposal(&self, project: &KnownProject, projects: &[&KnownProject]) -> Proposal {
        let is_made = |request: &&StepRequest| request.words.iter().any(|words| self.choices.contains(&phrase(words)));
        let made: Vec<&StepRequest> = project.requests.iter().filter(is_made).collect();
        let skip: Vec<String> = made.iter().flat_map(|request| request.skip.clone()).collect();
        let add: Vec<String> = made.iter().flat_map(|request| request.add.clone()).collect();
        let mut remarks: Vec<String> = Vec::new();
        if let Some(subject) = &self.subject {
            let others: Vec<&KnownProject> =
                projects.iter().filter(|known| known.key != project.key).copied().collect();
            remarks.extend(asks::of_subject(subject, project, &others));
        }
        let asks = self.asks.iter().filter(|ask| ask.kind != Kind::Later).filter_map(|ask| ask.remark(project));
        for remark in asks {
            if !remarks.contains(&remark) {
                remarks.push(remark);
            }
        }
        let second = self.second.as_ref().filter(|_| !self.asks.iter().any(|ask| ask.kind == Kind::Videos));
        remarks.extend(
            second.map(|second| format!("I start one run for each message: ask for \"{second}\" in the next.")),
        );
        let own =
            |choice: &String| made.iter().any(|request| request.words.iter().any(|words| phrase(words) == *choice));
        for choice in self.choices.iter().filter(|choice| !own(choice)) {
            remarks.push(format!(
                "You asked for \"{choice}\", which is no setting of {}.",
                an(&format!("{} run", project.name()))
            ));
        }
        Proposal {
            project: project.key.clone(),
            input: self.input(),
            complexity: Complexity::of(!skip.is_empty(), !add.is_empty()),
            skip,
            add,
            confidence: self.confidence(),
            remarks,
        }
    }

    /// The messages in their order are what the run remembers.
    fn input(&self) -> Input {
        let cut: String = self.texts.join(" ").chars().take(PROMPT_CHARS_MAX).collect();
        let text = cut.trim().to_owned();
        // A message of one or two letters is too short for a prompt.
        let is_long = text.chars().count() >= 3;
        let (prompt, topic) = if is_long { (Some(text), None) } else { (None, Some(text)) };
        Input { prompt, topic, object: self.subject.clone(), ..Input::default() }
    }

    /// How sure the words make us; what starts is sure enough.
    fn confidence(&self) -> f64 {
        let (makes, video) = self.evidence;
        let weights = [(!self.projects.is_empty(), 0.45), (makes, 0.30), (video, 0.15), (self.subject.is_some(), 0.25)];
        let sum: f64 = weights.iter().filter(|(present, _)| *present).map(|(_, weight)| weight).sum();
        sum.clamp(CONFIDENCE_START, 0.99)
    }
}
