//! What a model proposes to make: read from the arguments of `propose_run`, then held against the project's definition.

use super::arguments::Arguments;
use super::{NAME_CHARS_MAX, ToolError, one_of};
use crate::brendan::{Complexity, KnownProject, PROMPT_CHARS_MAX, Proposal};
use crate::definition::{Definition, Subjects};
use crate::run::{Input, optional_steps};

const SUBJECT_CHARS_MAX: usize = 200;
const CLIP_CHARS_MAX: usize = 80;

/// The arguments of `propose_run`.
#[derive(Debug, Clone, PartialEq)]
pub struct ProposalArguments {
    pub project: String,
    pub subject: String,
    pub prompt: Option<String>,
    pub clips: Vec<String>,
    pub skip: Vec<String>,
    pub add: Vec<String>,
    pub confidence: f64,
}

impl ProposalArguments {
    pub(super) fn of(arguments: &Arguments<'_>, projects: &[KnownProject]) -> Result<Self, ToolError> {
        let with_runs: Vec<KnownProject> = projects.iter().filter(|project| project.has_runs).cloned().collect();
        let project = one_of(&arguments.required("project", 1..=NAME_CHARS_MAX)?, &with_runs)?.key.clone();
        let options = match arguments.value("options") {
            None => None,
            Some(options) => Some(Arguments::of(options, &["skip", "add"])?),
        };
        let option = |name| options.as_ref().map_or(Ok(Vec::new()), |options| options.texts(name, NAME_CHARS_MAX));
        Ok(Self {
            project,
            subject: arguments.required("subject", 1..=SUBJECT_CHARS_MAX)?,
            prompt: arguments.text("prompt", 3..=PROMPT_CHARS_MAX)?,
            clips: arguments.texts("clips", CLIP_CHARS_MAX)?,
            skip: option("skip")?,
            add: option("add")?,
            confidence: arguments.confidence()?,
        })
    }

    /// The proposal that it makes, by what the project's definition knows.
    pub fn against(self, definition: &Definition) -> Result<Proposal, ToolError> {
        let settings = definition.settings.as_ref().ok_or_else(|| ToolError::NoProject(String::new()))?;
        match &settings.clips.subjects {
            Subjects::Fixed { .. } if !self.clips.is_empty() => return Err(ToolError::OwnClips),
            Subjects::Request if self.clips.len() > settings.clips.count as usize => {
                return Err(ToolError::Clips(settings.clips.count));
            }
            Subjects::Fixed { .. } | Subjects::Request => {}
        }
        let (may_skip, may_add) = optional_steps(definition);
        among("skip", &self.skip, &may_skip)?;
        among("add", &self.add, &may_add)?;
        Ok(Proposal {
            project: self.project,
            complexity: Complexity::of(!self.skip.is_empty(), !self.add.is_empty()),
            input: Input { prompt: self.prompt, object: Some(self.subject), modifiers: self.clips, ..Input::default() },
            skip: self.skip,
            add: self.add,
            confidence: self.confidence,
            remarks: Vec::new(),
        })
    }
}

fn among(name: &'static str, wanted: &[String], known: &[&str]) -> Result<(), ToolError> {
    if wanted.iter().all(|wanted| known.contains(&wanted.as_str())) {
        return Ok(());
    }
    let known = if known.is_empty() { "nothing".to_owned() } else { known.join(", ") };
    Err(ToolError::Option { name, known })
}

#[cfg(test)]
mod tests {
    use super::super::testing::proposed;
    use super::*;
    use crate::brendan::Standing;
    use serde_json::json;

    #[test]
    fn lengths_or_numbers_out_of_bounds_are_refused() {
        for (member, value) in [
            ("subject", json!("x".repeat(201))),
            ("subject", json!("  ")),
            ("subject", json!("nul\0")),
            ("prompt", json!("xx")),
            ("prompt", json!("x".repeat(401))),
            ("clips", json!("one")),
            ("clips", json!(["x".repeat(81)])),
            ("clips", json!(vec!["x"; 25])),
            ("clips", json!([["x"]])),
            ("confidence", json!(1.01)),
            ("confidence", json!(-0.1)),
        ] {
            let refused = proposed(|arguments| arguments[member] = value.clone());
            assert!(matches!(refused, Err(ToolError::Wrong { .. })), "{member} {value}: {refused:?}");
        }
    }

    #[test]
    fn only_known_options_are_accepted() {
        let made = proposed(|arguments| {
            arguments["options"] = json!({"skip": ["alex"], "add": null});
            arguments["clips"] = json!(["Void Candle"]);
            arguments["prompt"] = json!("Soft light on candles");
        })
        .unwrap();
        assert_eq!((made.skip.as_slice(), made.complexity), (&["alex".to_owned()][..], Complexity::Simple));
        assert_eq!((made.input.errors(), made.input.modifiers.len()), (Vec::new(), 1));
        for (name, unknown) in
            [("skip", "iggy"), ("skip", "workflow"), ("skip", "publish"), ("add", "alex"), ("add", "eve")]
        {
            let refused = proposed(|arguments| arguments["options"] = json!({name: [unknown]}));
            assert!(matches!(refused, Err(ToolError::Option { .. })), "{name} {unknown}: {refused:?}");
        }
        assert!(proposed(|arguments| arguments["options"] = json!({"add": ["morgan"]})).is_ok());
        assert_eq!(proposed(|arguments| arguments["clips"] = json!(vec!["x"; 13])), Err(ToolError::Clips(12)));
        let fixed = proposed(|arguments| {
            arguments["project"] = json!("test_video_gen");
            arguments["clips"] = json!(["mine"]);
        });
        assert_eq!(fixed, Err(ToolError::OwnClips));
    }

    #[test]
    fn confidence_decides_what_a_proposal_may_do() {
        let standing =
            |confidence: f64| proposed(|arguments| arguments["confidence"] = confidence.into()).unwrap().standing();
        assert_eq!(
            [0.7, 0.69, 0.4, 0.39].map(standing),
            [Standing::MayStart, Standing::AskBack, Standing::AskBack, Standing::Decline]
        );
    }
}
