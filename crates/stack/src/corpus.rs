//! A corpus of any size, to measure with: words as rare as in natural texts (Zipf), the same for the same seed.

use mw_media::knowledge::document::Format;
use mw_media::knowledge::{Document, documents};

const VOCABULARY: f64 = 50_000.0;
const WORDS_OF_PASSAGE: usize = 120;
const WORDS_OF_QUESTION: usize = 8;

/// Makes texts, one after the other.
pub struct Writer {
    state: u64,
    script: Script,
}

/// How words are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Script {
    /// With spaces between them.
    Spaced,
    /// Two letters each and no spaces, as in Chinese.
    Unspaced,
}

impl Writer {
    #[must_use]
    pub fn new(seed: u64, script: Script) -> Writer {
        Writer { state: seed, script }
    }

    /// The next document, of one passage.
    pub fn document(&mut self, number: usize) -> Vec<Document> {
        let text = self.words(WORDS_OF_PASSAGE);
        let project = ["aismr", "test_video_gen", "general"].get(number % 3).copied().unwrap_or_default();
        documents(&format!("projects/{project}/{number:07}.txt"), Format::Text, &text).unwrap_or_default()
    }

    /// The next question: as common or rare as the words of the texts.
    pub fn question(&mut self) -> String {
        self.words(WORDS_OF_QUESTION)
    }

    fn words(&mut self, count: usize) -> String {
        let between = match self.script {
            Script::Spaced => " ",
            Script::Unspaced => "",
        };
        (0..count).map(|_| self.word()).collect::<Vec<_>>().join(between)
    }

    /// The word of rank r comes about as often as 1/r.
    fn word(&mut self) -> String {
        #[allow(clippy::cast_precision_loss, reason = "53 bits of a random number")]
        let chance = (self.next() >> 11) as f64 / (1_u64 << 53) as f64;
        let rank = VOCABULARY.powf(chance).floor();
        match self.script {
            Script::Spaced => format!("w{rank}x"),
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "below the vocabulary")]
            Script::Unspaced => letters(rank as u32).iter().collect(),
        }
    }

    /// SplitMix64: enough for texts that nobody reads.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// The two letters of a word: few are in many words, as in Chinese.
fn letters(rank: u32) -> [char; 2] {
    let letter = |number: u32| char::from_u32(0x4e00 + number % 3_000).unwrap_or('\u{4e00}');
    [letter(rank % 1_000 + rank / 1_000), letter(rank.wrapping_mul(7))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_writes_the_same_and_common_words_are_common() {
        let text = |seed| Writer::new(seed, Script::Spaced).words(20_000);
        assert_eq!(text(1), text(1));
        assert_ne!(text(1), text(2));
        let share = |word: &str| text(1).split(' ').filter(|other| *other == word).count();
        assert!(share("w1x") > 1_000 && share("w100x") < 100, "{} {}", share("w1x"), share("w100x"));
    }
}
