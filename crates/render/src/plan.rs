//! What a job comes to before anything is made: its segments, their prompts and seeds, and when which caption stands.

use crate::presets::Archetype;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// How long a segment is where nobody configures it, and what may be configured.
pub const SEGMENT_SECONDS: u32 = 3;
pub const SEGMENT_SECONDS_MIN: u32 = 2;
pub const SEGMENT_SECONDS_MAX: u32 = 4;
/// The shortest and the longest video.
pub const TARGET_SECONDS_MIN: u32 = 1;
pub const TARGET_SECONDS_MAX: u32 = 60;
/// How much of a prompt stands on screen where nobody writes captions.
pub const HOOK_FROM_PROMPT_CHARS: usize = 60;

/// One segment, as it is planned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedSegment {
    /// From 0.
    pub index: u32,
    pub duration_seconds: u32,
    pub prompt: String,
    /// The same at every try, so that a segment that is made again looks like the one that was lost.
    pub seed: u32,
}

/// The durations of the segments: as long as configured, and the last takes the rest.
pub fn durations(target_seconds: u32, segment_seconds: u32) -> Vec<u32> {
    let segment_seconds = segment_seconds.clamp(SEGMENT_SECONDS_MIN, SEGMENT_SECONDS_MAX);
    let count = target_seconds.div_ceil(segment_seconds);
    let begun = |index: u32| index * segment_seconds;
    (0..count).map(|index| segment_seconds.min(target_seconds - begun(index))).collect()
}

/// The segments of a job.
pub fn segments(
    job_id: &str,
    archetype: Archetype,
    prompt: &str,
    target_seconds: u32,
    segment_seconds: u32,
) -> Vec<PlannedSegment> {
    let durations = durations(target_seconds, segment_seconds);
    let count = durations.len() as u32;
    let planned = |(index, duration_seconds)| PlannedSegment {
        index,
        duration_seconds,
        prompt: segment_prompt(archetype, prompt, index, count),
        seed: seed(job_id, index),
    };
    (0..).zip(durations).map(planned).collect()
}

/// What an engine is asked for: a phrase of the archetype, then the user's words. The parts of a meme differ by their number.
pub fn segment_prompt(archetype: Archetype, prompt: &str, index: u32, count: u32) -> String {
    let prompt = prompt.trim();
    let phrase = match archetype {
        Archetype::ProductHero => "Cinematic product shot, the product in focus at the centre of the frame",
        Archetype::Overlay => "Moving background with room for text and a product",
        Archetype::MemeText => return format!("{prompt} (part {}/{count})", index + 1).trim_start().to_owned(),
    };
    if prompt.is_empty() { phrase.to_owned() } else { format!("{phrase}: {prompt}") }
}

fn seed(job_id: &str, index: u32) -> u32 {
    let hash = Sha256::new().chain_update(job_id).chain_update([0]).chain_update(index.to_be_bytes()).finalize();
    hash.iter().take(4).fold(0, |seed, byte| (seed << 8) | u32::from(*byte))
}

mw_kernel::words! {
    /// What a caption is for.
    CaptionRole {
        Hook = "hook",
        Beat = "beat",
        Cta = "cta",
    }
}

/// A text, and when it stands on screen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Caption {
    pub role: CaptionRole,
    pub text: String,
    pub start_seconds: f64,
    pub end_seconds: f64,
}

/// The texts of a video, as they are requested.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CaptionTexts {
    #[serde(default)]
    pub hook: String,
    #[serde(default)]
    pub beats: Vec<String>,
    #[serde(default)]
    pub cta: String,
}

/// The captions share the video evenly, one after the other and without gaps. Without texts the prompt's beginning is the hook.
pub fn captions(texts: Option<&CaptionTexts>, prompt: &str, target_seconds: u32) -> Vec<Caption> {
    let requested = texts.map(written).unwrap_or_default();
    let lines = if requested.is_empty() { from_prompt(prompt) } else { requested };
    let share = f64::from(target_seconds) / lines.len() as f64;
    let count = lines.len();
    let starts_at = |place: usize| hundredths(share * place as f64);
    let caption = |(place, (role, text)): (usize, (CaptionRole, String))| Caption {
        role,
        text,
        start_seconds: starts_at(place),
        end_seconds: if place + 1 == count { f64::from(target_seconds) } else { starts_at(place + 1) },
    };
    lines.into_iter().enumerate().map(caption).collect()
}

fn written(texts: &CaptionTexts) -> Vec<(CaptionRole, String)> {
    let beats = texts.beats.iter().map(|beat| (CaptionRole::Beat, beat));
    let lines = [(CaptionRole::Hook, &texts.hook)].into_iter().chain(beats).chain([(CaptionRole::Cta, &texts.cta)]);
    lines.map(|(role, text)| (role, text.trim().to_owned())).filter(|(_, text)| !text.is_empty()).collect()
}

fn from_prompt(prompt: &str) -> Vec<(CaptionRole, String)> {
    let hook: String = prompt.trim().chars().take(HOOK_FROM_PROMPT_CHARS).collect();
    let hook = hook.trim_end().to_owned();
    if hook.is_empty() { Vec::new() } else { vec![(CaptionRole::Hook, hook)] }
}

fn hundredths(seconds: f64) -> f64 {
    (seconds * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_video_has_as_many_segments_as_the_contract_says() {
        for (target, count) in [(1, 1), (3, 1), (6, 2), (7, 3), (10, 4), (15, 5), (60, 20)] {
            let durations = durations(target, SEGMENT_SECONDS);
            assert_eq!((durations.len(), durations.iter().sum::<u32>()), (count, target));
        }
        assert_eq!(durations(7, 3), [3, 3, 1]);
        assert_eq!(durations(60, 2).len(), 30);
    }

    #[test]
    fn a_prompt_begins_with_its_archetype_or_ends_with_its_part() {
        let of = |archetype, prompt| segment_prompt(archetype, prompt, 1, 5);
        assert!(of(Archetype::ProductHero, "a red shoe").ends_with("frame: a red shoe"));
        assert!(of(Archetype::Overlay, " a red shoe ").ends_with("product: a red shoe"));
        assert_eq!(of(Archetype::MemeText, "cats rule"), "cats rule (part 2/5)");
        assert_eq!(of(Archetype::MemeText, ""), "(part 2/5)");
        assert!(of(Archetype::Overlay, "").ends_with("product"));
    }

    #[test]
    fn a_segment_has_the_same_seed_whenever_it_is_planned() {
        let planned = |job| segments(job, Archetype::Overlay, "x", 9, 3).iter().map(|one| one.seed).collect::<Vec<_>>();
        let first = planned("job-1");
        assert_eq!((first.len(), &first), (3, &planned("job-1")));
        assert!(first[0] != first[1] && first != planned("job-2"));
    }

    #[test]
    fn captions_share_the_video_in_their_order() {
        let beats = vec!["Light".to_owned(), "Fast".to_owned()];
        let texts = CaptionTexts { hook: "New!".to_owned(), beats, cta: "Buy".to_owned() };
        let found: Vec<_> = captions(Some(&texts), "ignored", 10)
            .into_iter()
            .map(|one| (one.role, one.text, one.start_seconds, one.end_seconds))
            .collect();
        let line = |role, text: &str, start, end| (role, text.to_owned(), start, end);
        assert_eq!(
            found,
            [
                line(CaptionRole::Hook, "New!", 0.0, 2.5),
                line(CaptionRole::Beat, "Light", 2.5, 5.0),
                line(CaptionRole::Beat, "Fast", 5.0, 7.5),
                line(CaptionRole::Cta, "Buy", 7.5, 10.0),
            ]
        );
    }

    #[test]
    fn a_prompts_beginning_is_the_hook_where_nobody_writes() {
        let prompt = "é".repeat(70);
        for texts in [None, Some(CaptionTexts::default())] {
            let captions = captions(texts.as_ref(), &prompt, 7);
            assert_eq!((captions.len(), captions[0].role), (1, CaptionRole::Hook));
            assert_eq!((captions[0].text.chars().count(), captions[0].end_seconds), (60, 7.0));
        }
        assert_eq!(captions(None, "  ", 7), []);
    }

    proptest! {
        #[test]
        fn segments_fill_the_video(target in TARGET_SECONDS_MIN..=TARGET_SECONDS_MAX, length in SEGMENT_SECONDS_MIN..=SEGMENT_SECONDS_MAX) {
            let durations = durations(target, length);
            prop_assert_eq!(durations.iter().sum::<u32>(), target);
            prop_assert!(durations.iter().all(|one| (1..=length).contains(one)) && durations.len() <= 30);
        }

        #[test]
        fn captions_leave_no_gap(target in TARGET_SECONDS_MIN..=TARGET_SECONDS_MAX, beats in 0usize..=20) {
            let texts = CaptionTexts { hook: "h".to_owned(), beats: vec!["b".to_owned(); beats], cta: "c".to_owned() };
            let captions = captions(Some(&texts), "", target);
            prop_assert_eq!(captions.len(), beats + 2);
            prop_assert_eq!((captions[0].start_seconds, captions[beats + 1].end_seconds), (0.0, f64::from(target)));
            prop_assert!(captions.windows(2).all(|pair| pair[0].end_seconds == pair[1].start_seconds));
            prop_assert!(captions.iter().all(|one| one.start_seconds < one.end_seconds));
        }
    }
}
