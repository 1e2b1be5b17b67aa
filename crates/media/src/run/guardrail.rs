//! The guard-rails that code can check of a run's texts, for approvers to see: those of every run, and those of the
//! project's definition that have a check. What takes judgement stays a sentence of the definition.

use crate::definition::guardrail::words;
use crate::persona::likeness::Likeness;
use crate::run::{Clip, Run};
use mw_kernel::letters::folded;
pub use mw_kernel::run::Check;
use std::collections::BTreeSet;

/// The longest time of which a prompt speaks, in seconds: `8 seconds`, `3.0s`.
fn longest_seconds(prompt: &str) -> f64 {
    let words = words(prompt);
    let of_unit = |pair: &[&str]| match pair {
        [number, "s" | "sec" | "secs" | "second" | "seconds"] => number.parse().ok(),
        _ => None,
    };
    let joined = words.iter().filter_map(|word| word.strip_suffix('s')?.parse().ok());
    words.windows(2).filter_map(of_unit).chain(joined).fold(0.0, f64::max)
}

/// Every check that says something about the run as it stands.
pub(super) fn checks(run: &Run) -> Vec<Check> {
    let mut checks = vec![
        check("each clip has a header", numbers(run, |clip| clip.header.trim().is_empty())),
        check("no two clips have the same subject and header", repeated(run)),
    ];
    if run.body.clips.iter().any(|clip| clip.prompt.is_some()) {
        let header_in_prompt = |clip: &Clip| {
            let header = folded(clip.header.trim());
            let prompt = folded(clip.prompt.as_deref().unwrap_or_default());
            // A header that is the subject's own name is in the prompt by right.
            !header.is_empty() && !folded(&clip.subject).contains(&header) && prompt.contains(&header)
        };
        checks.push(check("on-screen text is not part of a prompt", numbers(run, header_in_prompt)));
        let lower = |clip: &Clip| clip.prompt.as_ref().map(|prompt| folded(prompt));
        // As the contract has it: within a tenth.
        let limit = run.body.settings.as_ref().map_or(f64::MAX, |settings| settings.clips.duration_seconds + 0.1);
        let is_longer = |clip: &Clip| lower(clip).is_some_and(|prompt| longest_seconds(&prompt) > limit);
        checks.push(check("no prompt speaks of a time after the clip's end", numbers(run, is_longer)));
        for guardrail in run.body.settings.iter().flat_map(|settings| &settings.guardrails) {
            if let Some(of_project) = &guardrail.check {
                let breaks = |clip: &Clip| clip.prompt.as_ref().is_some_and(|prompt| of_project.is_broken_by(prompt));
                checks.push(check(guardrail.rule(), numbers(run, breaks)));
            }
        }
    }
    checks.extend(likenesses(run));
    checks
}

/// Only headers that still are as they were found.
fn likenesses(run: &Run) -> Option<Check> {
    let stands =
        |like: &&Likeness| run.body.clips.get(like.index as usize).is_some_and(|clip| clip.header == like.header);
    let detail: Vec<String> = run
        .body
        .likenesses
        .iter()
        .filter(stands)
        .map(|like| {
            format!(
                "clip {}: {} % like \u{201c}{}\u{201d} of run {}",
                like.index + 1,
                like.percent,
                like.like,
                like.run_id
            )
        })
        .collect();
    let rule = "no idea is like an earlier one of the project";
    (!detail.is_empty()).then(|| Check { rule: rule.to_owned(), kept: false, detail: detail.join("; ") })
}

fn check(rule: &str, broken_by: Vec<usize>) -> Check {
    let numbers: Vec<String> = broken_by.iter().map(usize::to_string).collect();
    let detail = if numbers.is_empty() { String::new() } else { format!("clip {}", numbers.join(", ")) };
    Check { rule: rule.to_owned(), kept: numbers.is_empty(), detail }
}

/// The clips, counted from 1, for which something holds.
fn numbers(run: &Run, breaks: impl Fn(&crate::run::Clip) -> bool) -> Vec<usize> {
    (1..).zip(&run.body.clips).filter(|(_, clip)| breaks(clip)).map(|(number, _)| number).collect()
}

fn repeated(run: &Run) -> Vec<usize> {
    let mut seen = BTreeSet::new();
    (1..)
        .zip(&run.body.clips)
        .filter(|(_, clip)| !seen.insert((folded(&clip.subject), folded(&clip.header))))
        .map(|(number, _)| number)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::testing::{at_generate, definition};

    #[test]
    fn what_the_project_says_of_prompts_is_checked_where_code_can() {
        let mut run = at_generate();
        let broken = |run: &Run| -> Vec<String> {
            checks(run).into_iter().filter(|check| !check.kept).map(|check| check.rule).collect()
        };
        run.body.clips[0].prompt = Some("Three hands, loud music, a 12 seconds shot".into());
        assert_eq!(broken(&run), ["no prompt speaks of a time after the clip's end"]);
        run.body.settings.as_mut().unwrap().guardrails = definition("aismr").settings.unwrap().guardrails;
        run.body.clips[1].prompt = Some("8s, two hands, a word is whispered at 3.0 seconds; no music".into());
        let rules =
            ["each prompt has a whispered word", "no prompt asks for music", "no prompt has more than two hands"];
        assert_eq!(broken(&run)[1..], rules);
        assert!(checks(&run).iter().filter(|check| !check.kept).all(|check| check.detail == "clip 1"));
        run.body.clips[0].prompt = run.body.clips[1].prompt.clone();
        assert_eq!(broken(&run), Vec::<String>::new());
    }

    #[test]
    fn a_likeness_is_shown_until_the_header_is_another() {
        let mut run = at_generate();
        let header = run.body.clips[1].header.clone();
        run.body.likenesses =
            vec![Likeness { index: 1, header, like: "sun pickles".into(), run_id: "r".into(), percent: 91 }];
        let found = checks(&run).into_iter().find(|check| !check.kept).unwrap();
        assert!(found.detail.contains("clip 2: 91 %") && found.detail.contains("sun pickles"), "{found:?}");
        run.body.clips[1].header = "another".into();
        assert!(checks(&run).iter().all(|check| check.kept));
    }

    #[test]
    fn rules_speak_as_the_project_wants() {
        let mut run = crate::run::testing::started("aismr");
        let prompts = crate::persona::by_rules(&run, crate::definition::Role::Write).prompts;
        run.body.clips.iter_mut().zip(prompts).for_each(|(clip, prompt)| clip.prompt = Some(prompt));
        assert!(checks(&run).iter().all(|check| check.kept), "{:?}", checks(&run));
    }

    #[test]
    fn a_good_run_keeps_every_rule_and_each_fault_is_noticed() {
        let run = at_generate();
        assert!(checks(&run).iter().all(|check| check.kept), "{:?}", checks(&run));
        type Spoil = fn(&mut Run);
        let faults: [(&str, Spoil); 3] = [
            ("each clip has a header", |run| run.body.clips[1].header = " ".into()),
            ("no two clips have the same subject and header", |run| run.body.clips[1] = run.body.clips[0].clone()),
            ("on-screen text is not part of a prompt", |run| run.body.clips[1].prompt = Some("a PICKLE".into())),
        ];
        for (rule, spoil) in faults {
            let mut run = run.clone();
            spoil(&mut run);
            let broken: Vec<Check> = checks(&run).into_iter().filter(|check| !check.kept).collect();
            assert!(broken.iter().any(|check| check.rule == rule && check.detail == "clip 2"), "{rule}: {broken:?}");
        }
    }
}
