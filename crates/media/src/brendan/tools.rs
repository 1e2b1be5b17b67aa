//! What a language model may ask for in a turn. There is no tool that decides a gate, and none takes a user: whose turn it is,
//! is not the model's matter. Whatever it sends is checked here before anything is done; what is wrong goes back to it as the
//! tool's error.

use super::{Complexity, KnownProject, KnownRun, PROMPT_CHARS_MAX, Proposal};
use crate::definition::{Definition, Subjects};
use crate::run::{Input, optional_steps};
use serde_json::{Map, Value};
use std::ops::RangeInclusive;

const CATALOGUE: &str = include_str!("tools.json");

const QUERY_CHARS_MAX: usize = 500;
const SUBJECT_CHARS_MAX: usize = 200;
const CLIP_CHARS_MAX: usize = 80;
const NAME_CHARS_MAX: usize = 100;
/// Longer lists are no options of a run.
const NAMES_MAX: usize = 24;
/// Of what a model sent, in an error.
const QUOTED_CHARS_MAX: usize = 60;

/// A tool as a model is offered it.
#[derive(Debug, Clone, PartialEq)]
pub struct Tool {
    pub name: &'static str,
    pub description: String,
    /// Of its arguments. Every member is required, as strict modes want; what may be left out may be null.
    pub schema: Value,
}

const NAMES: [&str; 6] = ["search_knowledge", "list_runs", "explain_run", "propose_run", "start_run", "resend_link"];

/// What is offered, in this order.
#[must_use]
pub fn catalogue() -> Vec<Tool> {
    // A test reads it: it is what was built in.
    let mut listed: Value = serde_json::from_str(CATALOGUE).unwrap_or_default();
    let mut part = |name: &str, part: &str| listed.get_mut(name).and_then(|tool| tool.get_mut(part)).map(Value::take);
    let tool = |name| Tool {
        name,
        description: part(name, "description").and_then(|text| text.as_str().map(str::to_owned)).unwrap_or_default(),
        schema: part(name, "schema").unwrap_or_default(),
    };
    NAMES.into_iter().map(tool).collect()
}

/// A call that is right as far as can be told without a project's definition.
#[derive(Debug, Clone, PartialEq)]
pub enum Call {
    SearchKnowledge {
        query: String,
        project: Option<String>,
    },
    ListRuns,
    ExplainRun {
        run_id: String,
    },
    ProposeRun(Box<Wish>),
    StartRun {
        /// The id of a proposal of this turn.
        proposal: String,
    },
    ResendLink {
        run_id: String,
    },
}

/// What a model wants to have made.
#[derive(Debug, Clone, PartialEq)]
pub struct Wish {
    pub project: String,
    pub subject: String,
    pub prompt: Option<String>,
    pub clips: Vec<String>,
    pub skip: Vec<String>,
    pub add: Vec<String>,
    pub confidence: f64,
}

/// Why a call is not carried out; for the model to read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ToolError {
    #[error("there is no tool {0}")]
    NoTool(String),
    #[error("the arguments must be one JSON object")]
    NoObject,
    #[error("{0} is not an argument")]
    Surplus(String),
    #[error("{0} is required")]
    Missing(&'static str),
    #[error("{name} must be {must}")]
    Wrong { name: &'static str, must: String },
    #[error("no such run")]
    NoRun,
    #[error("no such project; there are: {0}")]
    NoProject(String),
    #[error("the project has runs of its own clips: clips must be null")]
    OwnClips,
    #[error("the project has {0} clips, not more")]
    Clips(u32),
    #[error("{name} of options may hold only: {known}")]
    Option { name: &'static str, known: String },
    #[error("no such proposal in this turn: call propose_run first")]
    NoProposal,
    #[error("this proposal may not be started: {0}")]
    MayNotStart(&'static str),
}

/// Reads a call. Projects that only chat are no projects here; the runs are the user's own, so another's is no run.
pub fn read(name: &str, arguments: &Value, projects: &[KnownProject], runs: &[KnownRun]) -> Result<Call, ToolError> {
    let known: &[&str] = match name {
        "search_knowledge" => &["query", "project"],
        "list_runs" => &[],
        "explain_run" | "resend_link" => &["run_id"],
        "propose_run" => &["project", "subject", "prompt", "clips", "options", "confidence"],
        "start_run" => &["proposal"],
        _ => return Err(ToolError::NoTool(quoted(name))),
    };
    let arguments = Arguments::of(arguments, known)?;
    Ok(match name {
        "search_knowledge" => Call::SearchKnowledge {
            query: arguments.required("query", 1..=QUERY_CHARS_MAX)?,
            project: match arguments.text("project", 1..=NAME_CHARS_MAX)? {
                Some(key) => Some(one_of(&key, projects)?.key.clone()),
                None => None,
            },
        },
        "list_runs" => Call::ListRuns,
        "explain_run" => Call::ExplainRun { run_id: own_run(&arguments, runs)? },
        "resend_link" => Call::ResendLink { run_id: own_run(&arguments, runs)? },
        "start_run" => Call::StartRun { proposal: arguments.required("proposal", 1..=NAME_CHARS_MAX)? },
        _ => Call::ProposeRun(Box::new(wish(&arguments, projects)?)),
    })
}

fn wish(arguments: &Arguments<'_>, projects: &[KnownProject]) -> Result<Wish, ToolError> {
    let with_runs: Vec<KnownProject> = projects.iter().filter(|project| project.has_runs).cloned().collect();
    let project = one_of(&arguments.required("project", 1..=NAME_CHARS_MAX)?, &with_runs)?.key.clone();
    let options = match arguments.value("options") {
        None => None,
        Some(options) => Some(Arguments::of(options, &["skip", "add"])?),
    };
    let option = |name| options.as_ref().map_or(Ok(Vec::new()), |options| options.texts(name, NAME_CHARS_MAX));
    Ok(Wish {
        project,
        subject: arguments.required("subject", 1..=SUBJECT_CHARS_MAX)?,
        prompt: arguments.text("prompt", 3..=PROMPT_CHARS_MAX)?,
        clips: arguments.texts("clips", CLIP_CHARS_MAX)?,
        skip: option("skip")?,
        add: option("add")?,
        confidence: arguments.confidence()?,
    })
}

impl Wish {
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

fn one_of<'a>(key: &str, projects: &'a [KnownProject]) -> Result<&'a KnownProject, ToolError> {
    let named = projects.iter().find(|project| project.key == key);
    let keys = || projects.iter().map(|project| project.key.as_str()).collect::<Vec<_>>().join(", ");
    named.ok_or_else(|| ToolError::NoProject(keys()))
}

fn own_run(arguments: &Arguments<'_>, runs: &[KnownRun]) -> Result<String, ToolError> {
    let run_id = arguments.required("run_id", 1..=NAME_CHARS_MAX)?;
    let own = runs.iter().find(|run| run.run_id == run_id);
    own.map(|run| run.run_id.clone()).ok_or(ToolError::NoRun)
}

fn quoted(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(QUOTED_CHARS_MAX).collect()
}

/// An object with known members and no others; null is as good as absent.
struct Arguments<'a>(&'a Map<String, Value>);

impl<'a> Arguments<'a> {
    fn of(arguments: &'a Value, known: &[&str]) -> Result<Arguments<'a>, ToolError> {
        let map = arguments.as_object().ok_or(ToolError::NoObject)?;
        match map.keys().find(|name| !known.contains(&name.as_str())) {
            Some(surplus) => Err(ToolError::Surplus(quoted(surplus))),
            None => Ok(Arguments(map)),
        }
    }

    fn value(&self, name: &str) -> Option<&'a Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    fn required(&self, name: &'static str, chars: RangeInclusive<usize>) -> Result<String, ToolError> {
        self.text(name, chars)?.ok_or(ToolError::Missing(name))
    }

    fn text(&self, name: &'static str, chars: RangeInclusive<usize>) -> Result<Option<String>, ToolError> {
        self.value(name).map(|value| plain(name, value, &chars)).transpose()
    }

    fn texts(&self, name: &'static str, chars_max: usize) -> Result<Vec<String>, ToolError> {
        let must = || ToolError::Wrong { name, must: format!("a list of at most {NAMES_MAX} texts") };
        let Some(value) = self.value(name) else { return Ok(Vec::new()) };
        let items = value.as_array().filter(|items| items.len() <= NAMES_MAX).ok_or_else(must)?;
        items.iter().map(|item| plain(name, item, &(1..=chars_max))).collect()
    }

    fn confidence(&self) -> Result<f64, ToolError> {
        let value = self.value("confidence").ok_or(ToolError::Missing("confidence"))?;
        let number = value.as_f64().filter(|number| (0.0..=1.0).contains(number));
        number.ok_or_else(|| ToolError::Wrong { name: "confidence", must: "a number from 0 to 1".to_owned() })
    }
}

/// A text without control characters, trimmed.
fn plain(name: &'static str, value: &Value, chars: &RangeInclusive<usize>) -> Result<String, ToolError> {
    let text = value.as_str().map(str::trim).filter(|text| chars.contains(&text.chars().count()));
    let text = text.filter(|text| !text.chars().any(|c| c.is_control() && c != '\n'));
    let must = || format!("a text of {} to {} characters", chars.start(), chars.end());
    text.map(str::to_owned).ok_or_else(|| ToolError::Wrong { name, must: must() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::brendan::Standing;
    use crate::run::testing::definition;
    use crate::status::Status;
    use proptest::prelude::*;
    use serde_json::json;

    fn projects() -> Vec<KnownProject> {
        let known = |key: &str, has_runs| KnownProject {
            key: key.into(),
            title: key.into(),
            has_runs,
            ..KnownProject::default()
        };
        vec![known("aismr", true), known("test_video_gen", true), known("general", false)]
    }

    fn runs() -> Vec<KnownRun> {
        vec![KnownRun { run_id: "mine".into(), project: "aismr".into(), status: Status::Running, awaiting_gate: None }]
    }

    fn called(name: &str, arguments: Value) -> Result<Call, ToolError> {
        read(name, &arguments, &projects(), &runs())
    }

    fn wish(change: impl FnOnce(&mut Value)) -> Value {
        let mut wish = json!({"project": "aismr", "subject": "candles", "prompt": null, "clips": null, "options": null,
                              "confidence": 0.9});
        change(&mut wish);
        wish
    }

    fn proposed(change: impl FnOnce(&mut Value)) -> Result<Proposal, ToolError> {
        let Call::ProposeRun(wish) = called("propose_run", wish(change))? else { panic!() };
        let definition = definition(&wish.project);
        wish.against(&definition)
    }

    /// Right arguments of every tool.
    fn right() -> Vec<(&'static str, Value)> {
        vec![
            ("search_knowledge", json!({"query": "how long is a clip?", "project": "aismr"})),
            ("list_runs", json!({})),
            ("explain_run", json!({"run_id": "mine"})),
            ("propose_run", wish(|_| {})),
            ("start_run", json!({"proposal": "p1"})),
            ("resend_link", json!({"run_id": "mine"})),
        ]
    }

    #[test]
    fn every_tool_that_is_offered_can_be_called_and_nothing_else() {
        let offered: Vec<&str> = catalogue().into_iter().map(|tool| tool.name).collect();
        assert_eq!(offered, right().iter().map(|(name, _)| *name).collect::<Vec<_>>());
        for (name, arguments) in right() {
            called(name, arguments).unwrap();
        }
        let listed: Value = serde_json::from_str(CATALOGUE).unwrap();
        assert_eq!(listed.as_object().unwrap().len(), NAMES.len());
        for name in ["approve_gate", "reject_gate", "decide_gate", "hand_over_gate", "", "LIST_RUNS", "list_runs "] {
            assert!(matches!(called(name, json!({})), Err(ToolError::NoTool(_))), "{name}");
        }
    }

    #[test]
    fn schemas_are_closed_name_what_the_code_reads_and_never_a_user_or_a_gate() {
        for (tool, (_, arguments)) in catalogue().iter().zip(right()) {
            assert_eq!(tool.schema["additionalProperties"], false, "{}", tool.name);
            let properties: Vec<&String> = tool.schema["properties"].as_object().unwrap().keys().collect();
            let required: Vec<&str> =
                tool.schema["required"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
            assert_eq!(properties.len(), required.len(), "{}: strict modes want every member", tool.name);
            assert!(arguments.as_object().unwrap().keys().all(|name| required.contains(&name.as_str())));
            assert!(properties.iter().all(|name| required.contains(&name.as_str())), "{}", tool.name);
            assert!(properties.iter().all(|name| !name.contains("user") && !name.contains("gate")), "{}", tool.name);
            assert!(tool.description.len() > 20 && !tool.name.contains("gate"));
        }
    }

    #[test]
    fn a_member_that_no_schema_has_is_refused_in_every_tool() {
        for (name, arguments) in right() {
            for surplus in ["user_id", "gate", "token", "approve"] {
                let mut arguments = arguments.clone();
                arguments[surplus] = json!("bob");
                assert_eq!(called(name, arguments), Err(ToolError::Surplus(surplus.into())), "{name}");
            }
        }
        assert_eq!(
            proposed(|wish| wish["options"] = json!({"skip": [], "user_id": "bob"})),
            Err(ToolError::Surplus("user_id".into()))
        );
    }

    #[test]
    fn arguments_that_are_no_object_or_miss_something_are_refused_in_every_tool() {
        for (name, arguments) in right() {
            for none in [json!(null), json!([]), json!("{}"), json!(7), json!(true)] {
                assert_eq!(called(name, none), Err(ToolError::NoObject), "{name}");
            }
            if name != "list_runs" {
                assert!(matches!(called(name, json!({})), Err(ToolError::Missing(_))), "{name}");
            }
            for (member, value) in arguments.as_object().unwrap() {
                let mut wrong = arguments.clone();
                wrong[member] = if value.is_number() { json!("0.9") } else { json!(7) };
                assert!(called(name, wrong).is_err(), "{name}: {member}");
            }
        }
    }

    #[test]
    fn runs_and_projects_that_are_not_there_for_this_user_are_refused() {
        for name in ["explain_run", "resend_link"] {
            for run_id in ["somebody-elses", "MINE", "mine'", "../mine"] {
                assert_eq!(called(name, json!({"run_id": run_id})), Err(ToolError::NoRun), "{run_id}");
            }
        }
        for project in ["general", "Aismr", "nothing"] {
            assert!(matches!(proposed(|wish| wish["project"] = project.into()), Err(ToolError::NoProject(_))));
        }
        assert!(matches!(
            called("search_knowledge", json!({"query": "x", "project": "no"})),
            Err(ToolError::NoProject(_))
        ));
    }

    #[test]
    fn lengths_control_characters_and_numbers_are_bounded() {
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
            let refused = proposed(|wish| wish[member] = value.clone());
            assert!(matches!(refused, Err(ToolError::Wrong { .. })), "{member} {value}: {refused:?}");
        }
        assert!(called("search_knowledge", json!({"query": "x".repeat(501)})).is_err());
    }

    #[test]
    fn options_and_clips_are_those_that_the_definition_knows() {
        let made = proposed(|wish| {
            wish["options"] = json!({"skip": ["alex"], "add": null});
            wish["clips"] = json!(["Void Candle"]);
            wish["prompt"] = json!("Soft light on candles");
        })
        .unwrap();
        assert_eq!((made.skip.as_slice(), made.complexity), (&["alex".to_owned()][..], Complexity::Simple));
        assert_eq!((made.input.errors(), made.input.modifiers.len()), (Vec::new(), 1));
        for (name, unknown) in
            [("skip", "iggy"), ("skip", "workflow"), ("skip", "publish"), ("add", "alex"), ("add", "eve")]
        {
            let refused = proposed(|wish| wish["options"] = json!({name: [unknown]}));
            assert!(matches!(refused, Err(ToolError::Option { .. })), "{name} {unknown}: {refused:?}");
        }
        assert!(proposed(|wish| wish["options"] = json!({"add": ["morgan"]})).is_ok());
        assert_eq!(proposed(|wish| wish["clips"] = json!(vec!["x"; 13])), Err(ToolError::Clips(12)));
        let fixed = proposed(|wish| {
            wish["project"] = json!("test_video_gen");
            wish["clips"] = json!(["mine"]);
        });
        assert_eq!(fixed, Err(ToolError::OwnClips));
    }

    #[test]
    fn confidence_says_what_may_be_made_of_a_proposal() {
        let standing = |confidence: f64| proposed(|wish| wish["confidence"] = confidence.into()).unwrap().standing();
        assert_eq!(
            [0.7, 0.69, 0.4, 0.39].map(standing),
            [Standing::MayStart, Standing::AskBack, Standing::AskBack, Standing::Decline]
        );
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            "\\PC{0,30}".prop_map(Value::from)
        ];
        leaf.prop_recursive(3, 20, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::hash_map("query|project|run_id|subject|options|skip|user_id|\\PC{0,9}", inner, 0..5)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn whatever_is_sent_is_answered_and_only_own_runs_and_known_projects_come_out(
            name in "search_knowledge|list_runs|explain_run|propose_run|start_run|resend_link|\\PC{0,12}",
            arguments in any_json(),
        ) {
            match called(&name, arguments) {
                Ok(Call::ExplainRun { run_id } | Call::ResendLink { run_id }) => prop_assert_eq!(run_id, "mine"),
                Ok(Call::ProposeRun(wish)) => prop_assert!(wish.project == "aismr" || wish.project == "test_video_gen"),
                Ok(Call::SearchKnowledge { query, .. }) => prop_assert!(!query.is_empty()),
                Ok(Call::ListRuns | Call::StartRun { .. }) => {}
                Err(error) => prop_assert!(!error.to_string().chars().any(char::is_control)),
            }
        }
    }
}
