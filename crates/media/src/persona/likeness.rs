//! Whether an idea has been had before: the cosine of two texts' counts of three letters in a row, word by word, in any
//! order of the words. Deterministic, and blind to small changes of spelling.

use super::memory::Idea;
use crate::run::Run;
use mw_kernel::letters::folded;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The contract's bound: an idea stays below it.
pub const LIKENESS_PERCENT_MAX: u8 = 85;

/// A header that is too much like an earlier idea.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Likeness {
    /// Of the clip, from 0.
    pub index: u32,
    /// The header; once it is another one, the likeness is over.
    pub header: String,
    /// The earlier clip's subject and header.
    pub like: String,
    pub run_id: String,
    pub percent: u8,
}

/// The new headers that are too much like an earlier idea, each with the one that it is most like.
pub fn likenesses(run: &Run, headers: &[String], earlier: &[Idea]) -> Vec<Likeness> {
    let earlier: Vec<(&Idea, Letters)> = earlier.iter().map(|idea| (idea, letters(&idea.text))).collect();
    let nearest = |(index, (clip, header)): (u32, (&crate::run::Clip, &String))| {
        let new = letters(&format!("{} {header}", clip.subject));
        let compared = earlier.iter().map(|(idea, old)| (percent(&new, old), idea));
        let (percent, idea) = compared.max_by_key(|(percent, _)| *percent)?;
        let is_like = percent >= LIKENESS_PERCENT_MAX;
        is_like.then(|| Likeness {
            index,
            header: header.clone(),
            like: idea.text.clone(),
            run_id: idea.run_id.clone(),
            percent,
        })
    };
    (0..).zip(run.body.clips.iter().zip(headers)).filter_map(nearest).collect()
}

/// How often each three letters occur.
type Letters = BTreeMap<[char; 3], u32>;

fn letters(text: &str) -> Letters {
    let mut counts = Letters::new();
    let lower = folded(text);
    for word in lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        // A word's beginning and end are letters too: short words count.
        let padded: Vec<char> = "  ".chars().chain(word.chars()).chain([' ']).collect();
        for three in padded.windows(3) {
            if let Ok(three) = <[char; 3]>::try_from(three) {
                *counts.entry(three).or_default() += 1;
            }
        }
    }
    counts
}

fn percent(a: &Letters, b: &Letters) -> u8 {
    let length = |counts: &Letters| counts.values().map(|count| f64::from(*count).powi(2)).sum::<f64>().sqrt();
    let common: f64 = a.iter().filter_map(|(three, count)| Some(f64::from(*count) * f64::from(*b.get(three)?))).sum();
    let lengths = length(a) * length(b);
    if lengths == 0.0 { 0 } else { (common / lengths * 100.0).round() as u8 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::testing::started;
    use proptest::prelude::*;

    fn of(a: &str, b: &str) -> u8 {
        percent(&letters(a), &letters(b))
    }

    #[test]
    fn the_same_idea_in_other_clothes_is_alike_and_another_one_is_not() {
        for (a, b) in [
            ("candle melting glass", "Candle: melting glass!"),
            ("candle melting glass", "candle glass melting"),
            ("candle made of melting glass", "candle made of melted glass"),
        ] {
            assert!(of(a, b) >= LIKENESS_PERCENT_MAX, "{a} / {b}: {}", of(a, b));
        }
        for (a, b) in
            [("candle melting glass", "candle frozen honey"), ("candle #1", "soap #1"), ("candle", ""), ("", "")]
        {
            assert!(of(a, b) < LIKENESS_PERCENT_MAX, "{a} / {b}: {}", of(a, b));
        }
    }

    #[test]
    fn a_header_is_named_with_the_earlier_idea_that_it_is_most_like() {
        let run = started("aismr");
        let subject = run.body.clips[0].subject.clone();
        let idea = |run_id: &str, header: &str| Idea { run_id: run_id.into(), text: format!("{subject} {header}") };
        let earlier = [idea("a", "made of frozen honey"), idea("b", "made of melted glass")];
        let mut headers: Vec<String> =
            (0..12).map(|number| format!("{number}{number}{number} strange twists")).collect();
        headers[3] = "made of melting glass".into();
        let found = likenesses(&run, &headers, &earlier);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!((found[0].index, found[0].run_id.as_str()), (3, "b"));
        assert!(likenesses(&run, &headers, &[]).is_empty());
    }

    proptest! {
        #[test]
        fn likeness_is_fair(a in ".{0,40}", b in ".{0,40}") {
            prop_assert_eq!(of(&a, &b), of(&b, &a));
            prop_assert!(of(&a, &b) <= 100);
            prop_assert!(of(&a, &a) == 100 || letters(&a).is_empty());
        }
    }
}
