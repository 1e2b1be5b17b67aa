//! The guard-rails that code can check of a run's texts, for approvers to see. What takes judgement stays a sentence of
//! the project's definition.

use crate::run::state::Run;
use serde::Serialize;
use std::collections::BTreeSet;

/// One rule, and whether the run keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    pub rule: &'static str,
    pub kept: bool,
    /// What breaks it; empty when it is kept.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

/// Every check that says something about the run as it stands.
pub(super) fn checks(run: &Run) -> Vec<Check> {
    let mut checks = vec![
        check("each clip has a header", numbers(run, |clip| clip.header.trim().is_empty())),
        check("no two clips have the same subject and header", repeated(run)),
    ];
    if run.clips.iter().any(|clip| clip.prompt.is_some()) {
        let header_in_prompt = |clip: &crate::run::Clip| {
            let header = clip.header.trim().to_lowercase();
            let prompt = clip.prompt.as_deref().unwrap_or_default().to_lowercase();
            // A header that is the subject's own name is in the prompt by right.
            !header.is_empty() && !clip.subject.to_lowercase().contains(&header) && prompt.contains(&header)
        };
        checks.push(check("on-screen text is not part of a prompt", numbers(run, header_in_prompt)));
    }
    checks
}

fn check(rule: &'static str, broken_by: Vec<usize>) -> Check {
    let numbers: Vec<String> = broken_by.iter().map(usize::to_string).collect();
    let detail = if numbers.is_empty() { String::new() } else { format!("clip {}", numbers.join(", ")) };
    Check { rule, kept: numbers.is_empty(), detail }
}

/// The clips, counted from 1, for which something holds.
fn numbers(run: &Run, breaks: impl Fn(&crate::run::Clip) -> bool) -> Vec<usize> {
    (1..).zip(&run.clips).filter(|(_, clip)| breaks(clip)).map(|(number, _)| number).collect()
}

fn repeated(run: &Run) -> Vec<usize> {
    let mut seen = BTreeSet::new();
    (1..)
        .zip(&run.clips)
        .filter(|(_, clip)| !seen.insert((clip.subject.to_lowercase(), clip.header.to_lowercase())))
        .map(|(number, _)| number)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::testing::at_generate;

    #[test]
    fn a_good_run_keeps_every_rule_and_each_fault_is_noticed() {
        let run = at_generate();
        assert!(checks(&run).iter().all(|check| check.kept), "{:?}", checks(&run));
        type Spoil = fn(&mut Run);
        let faults: [(&str, Spoil); 3] = [
            ("each clip has a header", |run| run.clips[1].header = " ".into()),
            ("no two clips have the same subject and header", |run| run.clips[1] = run.clips[0].clone()),
            ("on-screen text is not part of a prompt", |run| run.clips[1].prompt = Some("a PICKLE".into())),
        ];
        for (rule, spoil) in faults {
            let mut run = run.clone();
            spoil(&mut run);
            let broken: Vec<Check> = checks(&run).into_iter().filter(|check| !check.kept).collect();
            assert!(broken.iter().any(|check| check.rule == rule && check.detail == "clip 2"), "{rule}: {broken:?}");
        }
    }
}
