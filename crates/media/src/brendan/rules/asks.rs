//! What a message asks of a video beside its subject: numbers, length, shape, where it goes, when, and what no project has a
//! setting for. Nothing of it is dropped: what a project does anyway, and what it does not, is said in a sentence.

use super::speak::{an, number, seconds};
use super::words::{Words, lists};
use crate::brendan::KnownProject;
use crate::definition::Subjects;
use std::ops::Range;

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ask {
    pub(super) words: Range<usize>,
    pub(super) kind: Kind,
    /// As it was typed.
    pub(super) typed: String,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind {
    /// So many clips in the video.
    Clips(u32),
    /// More than one video.
    Videos,
    Seconds(f64),
    /// Width to height.
    Shape(u32, u32),
    Platform,
    Quality,
    /// At another time than now.
    Later,
    /// Without asking anybody.
    NoGates,
    /// Nothing that a project has a setting for.
    Other,
}

const NUMBERS: [&str; 20] = [
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
    "twenty",
];
const CLIPS: &str = "clip|clips|shots|scene|scenes|segments|parts|takes|shot|clps";
const VIDEOS: &str = "videos|vids|runs|films|reels|movies|shorts|versions|variations";
const SHAPES: &[(&str, u32, u32)] = &[
    ("vertical", 9, 16),
    ("vertically", 9, 16),
    ("portrait", 9, 16),
    ("upright", 9, 16),
    ("9 16", 9, 16),
    ("9x16", 9, 16),
    ("horizontal", 16, 9),
    ("horizontally", 16, 9),
    ("landscape", 16, 9),
    ("widescreen", 16, 9),
    ("wide screen", 16, 9),
    ("16 9", 16, 9),
    ("16x9", 16, 9),
    ("square", 1, 1),
    ("1 1", 1, 1),
    ("1x1", 1, 1),
    ("4 5", 4, 5),
    ("4 3", 4, 3),
];
const PLATFORMS: &str = "tiktok|tik tok|instagram|insta|youtube|youtube shorts|facebook|twitter|linkedin|snapchat|pinterest|threads|\
     bluesky|reddit|vimeo";
const QUALITIES: &str = "4k|8k|2k|1080p|720p|480p|1440p|2160p|full hd|hd|uhd|4k resolution";
const LATER: &str = "tomorrow|tomorrow morning|tomorrow evening|tomorrow night|tonight|next week|next month|next monday|next friday|\
     every day|everyday|every week|every morning|every evening|every hour|every monday|each day|each week|daily|\
     weekly|in an hour|at midnight|at noon|scheduled|schedule it|on monday|on tuesday|on wednesday|on thursday|\
     on friday|on saturday|on sunday|later today|at 6pm|at 9am|this evening";
const NO_GATES: &str = "without approval|without approvals|without any approval|without any approvals|no approval|no approvals|\
     without asking|without asking me|skip approval|skip approvals|skip the approval|skip the approvals|\
     skip the gates|skip all gates|without gates|no gates|auto approve|auto approve it|approve it automatically|\
     approve automatically|approve everything|publish it directly|publish directly|post it directly|\
     publish it immediately|post it immediately|publish immediately|post it right away|publish it right away|\
     without review|no review|auto publish|autopublish";
/// What people want of videos and no project has a setting for, unless it is one of its own words.
const OTHERS: &str = "voiceover|voice over|voice overs|voiceovers|narration|narrator|subtitles|captions|music|song|sound|soundtrack|\
     sound effects|background music|lyrics|watermark|logo|intro|outro|title cards|hashtags|effects|special effects|\
     transitions|slow motion|black and white|drone shots|editing|fades|text overlay|text|in german|in french|\
     in spanish|in italian|in portuguese|in japanese|in chinese|in korean|in hindi|in arabic|in russian|in turkish|\
     in english|in dutch|in polish|dialogue|speech|talking head|an avatar|dont publish|dont publish it|do not publish|\
     do not publish it|dont post|dont post it|without publishing|without publishing it|without posting|\
     without posting it|in 3d|by friday|by monday|by tomorrow|by tonight|by next week|timelapse|time lapse|loop|\
     looping";

/// Everything that a message asks for.
pub(super) fn of(words: &Words<'_>) -> Vec<Ask> {
    let mut asks: Vec<Ask> = Vec::new();
    let mut place = 0;
    while place < words.len() {
        match at(words, place) {
            Some((end, kind)) if end > place => {
                asks.push(Ask { words: place..end, kind, typed: words.typed(place..end).to_owned() });
                place = end;
            }
            _ => place += 1,
        }
    }
    asks
}

fn at(words: &Words<'_>, place: usize) -> Option<(usize, Kind)> {
    if let Some(counted) = counted(words, place) {
        return Some(counted);
    }
    let shapes = SHAPES.iter().filter_map(|(name, wide, high)| {
        // Numbers are a shape with a colon between them only.
        let is_one =
            !name.starts_with(|c: char| c.is_ascii_digit()) || !name.contains(' ') || words.between(place) == ":";
        words.ends(place, name).filter(|_| is_one).map(|end| (end, Kind::Shape(*wide, *high)))
    });
    let listed = |phrases: &str, kind: Kind| words.longest(place, phrases).map(|end| (end, kind));
    let platform = || {
        let led = matches!(words.text(place), "for" | "on" | "to").then_some(place + 1);
        let mut named = words.longest(led.unwrap_or(place), PLATFORMS)?;
        while let Some(next) = words.longest(named + usize::from(words.text(named) == "and"), PLATFORMS) {
            named = next;
        }
        // Without "for" only before what is made: an Instagram reel.
        let is_of_video = led.is_some() || super::act::is_noun(words, named);
        (is_of_video && words.text(place) != "tiktok").then_some((named, Kind::Platform))
    };
    let other = || {
        let led = words.longest(place, "no|without|with|w o|w");
        let article = led.map(|at| if matches!(words.text(at), "a" | "any" | "some" | "the") { at + 1 } else { at });
        // "With dramatic music".
        let described = || article.and_then(|at| words.longest(at + 1, OTHERS));
        let end = words.longest(article.unwrap_or(place), OTHERS).or_else(described)?;
        let says_itself =
            matches!(words.text(place), "in" | "dont" | "do" | "by") || words.text(place).len() > 8 || led.is_some();
        says_itself.then_some((end, Kind::Other))
    };
    shapes
        .max_by_key(|(end, _)| *end)
        .or_else(|| listed(NO_GATES, Kind::NoGates))
        .or_else(|| listed(LATER, Kind::Later))
        .or_else(|| listed(QUALITIES, Kind::Quality))
        .or_else(platform)
        .or_else(other)
}

/// A number of clips, of videos, of seconds.
pub(super) fn counted(words: &Words<'_>, place: usize) -> Option<(usize, Kind)> {
    let unit = |unit: &str| match unit {
        "s" | "sec" | "secs" | "second" | "seconds" => Some(1.0),
        "m" | "min" | "mins" | "minute" | "minutes" => Some(60.0),
        "h" | "hour" | "hours" => Some(3600.0),
        _ => None,
    };
    let typed = words.text(place);
    let digits = typed.trim_end_matches(|c: char| !c.is_ascii_digit());
    if let (Ok(count), Some(unit)) = (digits.parse::<u32>(), typed.get(digits.len()..).and_then(unit)) {
        return Some((place + 1, Kind::Seconds(f64::from(count) * unit)));
    }
    let (count, after) = count(words, place)?;
    let long = |end: usize| if matches!(words.text(end), "long" | "length") { end + 1 } else { end };
    if let Some(unit) = unit(words.text(after)) {
        return Some((long(after + 1), Kind::Seconds(count * unit)));
    }
    if matches!(words.text(after), "fps" | "dollars" | "dollar" | "usd" | "euros" | "euro" | "bucks" | "cents") {
        return Some((after + 1, Kind::Other));
    }
    let whole = count as u32;
    for end in [after, after + 1] {
        if lists(CLIPS, words.text(end)) {
            return Some((end + 1, Kind::Clips(whole)));
        }
        if lists(VIDEOS, words.text(end)) && whole > 1 {
            return Some((end + 1, Kind::Videos));
        }
    }
    None
}

/// The number that begins at a place, in digits or as a word, and where it ends; with its unit in one word (30s), before that.
fn count(words: &Words<'_>, place: usize) -> Option<(f64, usize)> {
    let text = words.text(place);
    if let Some(end) = words.longest(place, "half a") {
        return Some((0.5, end));
    }
    if let Some(end) = words.longest(place, "a couple of|a couple") {
        return Some((2.0, end));
    }
    if let Some(end) = words.longest(place, "a dozen|dozen") {
        return Some((12.0, end));
    }
    if text == "single" {
        return Some((1.0, place + 1));
    }
    // "A minute" is a length where it says "long".
    if text == "a"
        && matches!(words.text(place + 1), "minute" | "second")
        && matches!(words.text(place + 2), "long" | "video" | "clip")
    {
        return Some((1.0, place + 1));
    }
    if let Some((index, _)) = NUMBERS.iter().enumerate().find(|(_, name)| **name == text) {
        return Some((index as f64 + 1.0, place + 1));
    }
    let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
    let number: f64 = digits.parse().ok().filter(|number| *number < 100_000.0)?;
    (digits.len() == text.len()).then_some((number, place + 1))
}

impl Ask {
    /// What is said of it, for one project.
    pub(super) fn remark(&self, project: &KnownProject) -> Option<String> {
        let clips = project.clips.as_ref()?;
        let (asked, run) = (&self.typed, an(&format!("{} run", project.name())));
        let made = format!("{} of {} each", number(clips.count, "clip"), seconds(clips.duration_seconds));
        let yes = |text: String| Some(format!("As you asked: {text}."));
        let no = |text: String| Some(format!("You asked for \"{asked}\", but {text}."));
        match self.kind {
            Kind::Clips(count) if count == clips.count => yes(number(count, "clip")),
            Kind::Clips(_) => no(format!("{run} always has {}", number(clips.count, "clip"))),
            Kind::Videos => no("I start one run for each message".to_owned()),
            Kind::Seconds(length) => {
                let total = clips.duration_seconds * f64::from(clips.count);
                let is_it = (length - clips.duration_seconds).abs() <= 0.1 || (length - total).abs() <= total * 0.1;
                if is_it { yes(made) } else { no(format!("the length of {run} is fixed: {made}")) }
            }
            Kind::Shape(wide, high) => {
                let ratio = &clips.aspect_ratio;
                let is_it = *ratio == format!("{wide}:{high}");
                if is_it { yes(format!("{run} is always {ratio}")) } else { no(format!("{run} is always {ratio}")) }
            }
            Kind::Platform => {
                let wanted = mw_kernel::letters::folded(asked).replace(' ', "");
                let own = project.platforms.iter().map(|platform| platform.replace(['-', '_', ' '], ""));
                let others = own.fold(wanted.clone(), |others, platform| others.replace(&platform, ""));
                let is_it =
                    others != wanted && !PLATFORMS.split('|').any(|name| others.contains(&name.replace(' ', "")));
                let goes = format!("{run} is published on {}", project.platforms.join(" and "));
                if is_it { yes(goes) } else { no(format!("{goes} only")) }
            }
            Kind::Quality => {
                let is_it = asked.eq_ignore_ascii_case(&clips.quality);
                let quality = format!("its clips are made in {}", clips.quality);
                if is_it { yes(quality) } else { no(quality) }
            }
            Kind::Later => no("I cannot start a run at another time".to_owned()),
            Kind::NoGates => no("no approval can be left out".to_owned()),
            Kind::Other => {
                no("I have no setting for that: it is only part of the text that the run is made from".to_owned())
            }
        }
    }
}

/// What is said of a subject in a project whose clips always show the same.
pub(super) fn of_subject(subject: &str, project: &KnownProject, others: &[&KnownProject]) -> Option<String> {
    let Subjects::Fixed { items } = &project.clips.as_ref()?.subjects else { return None };
    let parts = |text: &str| -> Vec<String> {
        let text = super::words::phrase(text);
        text.split(' ')
            .filter(|word| !matches!(*word, "a" | "an" | "the"))
            .map(|word| word.trim_end_matches('s').to_owned())
            .collect()
    };
    let wanted = parts(subject);
    let is_shown = |shown: &str| parts(shown).iter().any(|part| wanted.contains(part));
    if items.iter().any(|item| is_shown(&item.subject)) {
        return None;
    }
    let shown: Vec<&str> = items.iter().map(|item| item.subject.as_str()).collect();
    let mut remark = format!(
        "The clips of {} always show {}; \"{subject}\" is only the theme.",
        an(&format!("{} run", project.name())),
        shown.join(" and ")
    );
    let films = |other: &&&KnownProject| other.clips.as_ref().is_some_and(|clips| clips.subjects == Subjects::Request);
    if let Some(other) = others.iter().find(films) {
        let asked = an(&format!("{} video about {subject}", other.name()));
        remark.push_str(&format!(" To film it, say \"make {asked}\"."));
    }
    Some(remark)
}
