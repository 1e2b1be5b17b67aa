//! A project's guard-rails: sentences that personas are given and approvers see, each with a check where code can make one.

use mw_kernel::letters::folded;
use serde::{Deserialize, Serialize};

/// One rule of a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Guardrail {
    pub sentence: String,
    /// What code checks of it in every prompt; without it only people judge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<PromptCheck>,
    /// What approvers read beside the check's result; the sentence, unless it is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
}

/// The kinds of checks that a project may choose from. They compare words in one spelling (`letters::folded`): case, accents,
/// width and what nobody sees make no other word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum PromptCheck {
    /// The prompt has at least one of these texts, also as a part of a word.
    PromptContains { any_of: Vec<String> },
    /// The prompt speaks of no larger number of these: `three hands`, `many hands`.
    CountAtMost { noun: String, count: u32 },
    /// The prompt has none of these words, unless `no`, `not` or `without` stands before it.
    DoesNotAskFor { words: Vec<String> },
}

/// Number words, from one on.
const NUMBERS: [&str; 12] =
    ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"];
/// Words for more than any limit.
const MANY: [&str; 5] = ["several", "many", "multiple", "dozen", "dozens"];
const DENIALS: [&str; 3] = ["no", "without", "not"];

impl Guardrail {
    /// The check's rule in words.
    pub fn rule(&self) -> &str {
        self.rule.as_deref().unwrap_or(&self.sentence)
    }
}

impl PromptCheck {
    /// Whether a prompt breaks the rule.
    pub(crate) fn is_broken_by(&self, prompt: &str) -> bool {
        let prompt = folded(prompt);
        let among = |texts: &[String], word: &str| texts.iter().any(|text| folded(text) == word);
        match self {
            PromptCheck::PromptContains { any_of } => !any_of.iter().any(|text| prompt.contains(&folded(text))),
            PromptCheck::CountAtMost { noun, count } => {
                let noun = folded(noun);
                words(&prompt)
                    .windows(2)
                    .any(|pair| matches!(pair, [number, of] if *of == noun && is_more_than(*count, number)))
            }
            PromptCheck::DoesNotAskFor { words: unwanted } => {
                let mut before = "";
                words(&prompt).into_iter().any(|word| {
                    let is_denied = DENIALS.contains(&std::mem::replace(&mut before, word));
                    among(unwanted, word) && !is_denied
                })
            }
        }
    }
}

fn is_more_than(limit: u32, word: &str) -> bool {
    let number = || (1..).zip(NUMBERS).find(|(_, name)| *name == word).map(|(number, _)| number);
    MANY.contains(&word) || word.parse().ok().or_else(number).is_some_and(|number: u32| number > limit)
}

/// The words of a text; a number keeps its point.
pub(crate) fn words(text: &str) -> Vec<&str> {
    text.split(|c: char| !(c.is_alphanumeric() || c == '.'))
        .map(|word| word.trim_matches('.'))
        .filter(|word| !word.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_kind_of_check_finds_what_breaks_it() {
        let contains = json!({"kind": "prompt_contains", "any_of": ["fog", "Mist"]});
        let at_most = json!({"kind": "count_at_most", "noun": "Boats", "count": 3});
        let not_for = json!({"kind": "does_not_ask_for", "words": ["Rain", "storm"]});
        for (check, kept, broken) in [
            (&contains, ["a FOGGY sea", "morning mist"], ["a clear sea", ""]),
            (&at_most, ["three boats, 3 boats", "many hands and boats"], ["four boats", "Several boats. 12 boats"]),
            (&not_for, ["no rain, without storm", "a train"], ["Rain!", "no fog, storm"]),
            (&not_for, ["no rai\u{200b}n", "a tra\u{ad}in"], ["ra\u{200b}i\u{2060}n", "ＲＡＩＮ, RAİN, ráin"]),
        ] {
            let check: PromptCheck = serde_json::from_value(check.clone()).unwrap();
            assert!(kept.iter().all(|prompt| !check.is_broken_by(prompt)), "{check:?}");
            assert!(broken.iter().all(|prompt| check.is_broken_by(prompt)), "{check:?}");
        }
    }
}
