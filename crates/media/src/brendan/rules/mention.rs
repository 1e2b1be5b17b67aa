//! Where a message names projects, and where it names what it wants of them: their own words for leaving out and adding steps,
//! and what people ask of any video.

use super::asks::{self, Ask};
use super::words::{Words, is_like, phrase};
use crate::brendan::KnownProject;
use std::ops::Range;

/// A project's name in the message.
#[derive(Debug, Clone, PartialEq)]
struct Named {
    words: Range<usize>,
    /// Of the projects that have runs.
    project: usize,
}

/// One of the words by which projects leave out or add steps.
#[derive(Debug, Clone, PartialEq)]
struct Choice {
    words: Range<usize>,
    phrase: String,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Mentions {
    named: Vec<Named>,
    options: Vec<Choice>,
    pub(super) asks: Vec<Ask>,
}

impl Mentions {
    /// What a message mentions of the projects that have runs.
    pub(super) fn of(words: &Words<'_>, projects: &[&KnownProject]) -> Mentions {
        let mut named = Vec::new();
        let mut options: Vec<Choice> = Vec::new();
        for (project, known) in projects.iter().enumerate() {
            let names = [known.key.as_str(), known.name()].into_iter().chain(known.keywords.iter().map(String::as_str));
            let found = names.flat_map(|name| places(words, &phrase(name)));
            named.extend(found.map(|words| Named { words, project }));
            for text in known.requests.iter().flat_map(|request| &request.words) {
                let phrase = phrase(text);
                let found = places(words, &phrase);
                options.extend(found.into_iter().map(|words| Choice { words, phrase: phrase.clone() }));
            }
        }
        Mentions { named, options, asks: asks::of(words) }
    }

    /// The project that a word names.
    pub(super) fn at(&self, place: usize) -> Option<usize> {
        self.named.iter().find(|named| named.words.contains(&place)).map(|named| named.project)
    }

    /// Whether a word wants something of the video, and so says nothing of what it is about.
    pub(super) fn is_taken(&self, place: usize) -> bool {
        self.wanted().any(|words| words.contains(&place))
    }

    /// Where a want begins.
    pub(super) fn is_want(&self, place: usize) -> Option<Range<usize>> {
        self.wanted().find(|words| words.start == place).cloned()
    }

    fn wanted(&self) -> impl Iterator<Item = &Range<usize>> {
        self.options.iter().map(|option| &option.words).chain(self.asks.iter().map(|ask| &ask.words))
    }

    /// The projects that a part of the message names, in its order, each once.
    pub(super) fn projects(&self, within: &Range<usize>) -> Vec<usize> {
        let mut named: Vec<&Named> = self.named.iter().filter(|named| within.contains(&named.words.start)).collect();
        // The longer name counts where one stands within another.
        let longer = |one: &Named, other: &Named| {
            other.words.len() > one.words.len()
                && other.words.start <= one.words.start
                && one.words.end <= other.words.end
        };
        let all = named.clone();
        named.retain(|one| !all.iter().any(|other| longer(one, other)));
        named.sort_by_key(|named| named.words.start);
        let mut projects = Vec::new();
        for named in named {
            if !projects.contains(&named.project) {
                projects.push(named.project);
            }
        }
        projects
    }

    /// The projects' own words in a part of the message, unless a "no" stands before them that is not one of them.
    pub(super) fn options(&self, words: &Words<'_>, within: &Range<usize>) -> Vec<String> {
        let is_refused = |option: &Choice| {
            let before = option.words.start.checked_sub(1);
            let before = before.map(|at| {
                if matches!(words.text(at), "a" | "any" | "the" | "so" | "too") { at.saturating_sub(1) } else { at }
            });
            before.is_some_and(|at| {
                matches!(words.text(at), "no" | "not" | "without" | "skip" | "dont" | "minus" | "never")
            })
        };
        let stands = |option: &&Choice| within.contains(&option.words.start) && !is_refused(option);
        self.options.iter().filter(stands).map(|option| option.phrase.clone()).collect()
    }

    /// Leaves out what stands within what the video is about: a simple life wants no simple video.
    pub(super) fn forget_within(&mut self, subject: &Range<usize>) {
        self.options.retain(|option| !subject.contains(&option.words.start));
        self.asks.retain(|ask| !subject.contains(&ask.words.start));
    }

    /// What is asked of any video but also one of the projects' own words is only the latter.
    pub(super) fn settle(mut self) -> Mentions {
        let options = std::mem::take(&mut self.options);
        let covers = |words: &Range<usize>| {
            options.iter().any(|option| option.words.start < words.end && words.start < option.words.end)
        };
        self.asks.retain(|ask| !covers(&ask.words));
        self.options = options;
        self
    }
}

fn places(words: &Words<'_>, phrase: &str) -> Vec<Range<usize>> {
    let is_one = !phrase.contains(' ');
    let at = |place: usize| match words.ends(place, phrase) {
        None if is_one && phrase.len() >= 4 && is_like(words.text(place), phrase) => Some(place..place + 1),
        end => end.map(|end| place..end),
    };
    words.all().filter_map(at).collect()
}
