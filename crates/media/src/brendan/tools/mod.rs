//! What a language model may ask for in a turn. There is no tool that decides a gate, and none takes a user: whose turn it is,
//! is not the model's matter. Whatever it sends is checked here before anything is done; what is wrong goes back to it as the
//! tool's error.

mod arguments;
mod proposal;
#[cfg(test)]
mod testing;

pub use proposal::ProposalArguments;

use super::{KnownProject, KnownRun};
use arguments::{Arguments, quoted};
use serde_json::Value;

const CATALOGUE: &str = include_str!("catalogue.json");

const QUERY_CHARS_MAX: usize = 500;
const NAME_CHARS_MAX: usize = 100;

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
    ProposeRun(Box<ProposalArguments>),
    StartRun {
        /// The id of a proposal of this turn.
        proposal: String,
    },
    ResendLink {
        run_id: String,
    },
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
        _ => Call::ProposeRun(Box::new(ProposalArguments::of(&arguments, projects)?)),
    })
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

#[cfg(test)]
mod tests {
    use super::testing::{called, proposed, right};
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn only_offered_tools_can_be_called() {
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
    fn schemas_are_closed_without_user_or_gate() {
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
    fn unknown_arguments_are_refused() {
        for (name, arguments) in right() {
            for surplus in ["user_id", "gate", "token", "approve"] {
                let mut arguments = arguments.clone();
                arguments[surplus] = json!("bob");
                assert_eq!(called(name, arguments), Err(ToolError::Surplus(surplus.into())), "{name}");
            }
        }
        assert_eq!(
            proposed(|arguments| arguments["options"] = json!({"skip": [], "user_id": "bob"})),
            Err(ToolError::Surplus("user_id".into()))
        );
    }

    #[test]
    fn malformed_arguments_are_refused() {
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
    fn unknown_runs_or_projects_are_refused() {
        for name in ["explain_run", "resend_link"] {
            for run_id in ["somebody-elses", "MINE", "mine'", "../mine"] {
                assert_eq!(called(name, json!({"run_id": run_id})), Err(ToolError::NoRun), "{run_id}");
            }
        }
        for project in ["general", "Aismr", "nothing"] {
            assert!(matches!(
                proposed(|arguments| arguments["project"] = project.into()),
                Err(ToolError::NoProject(_))
            ));
        }
        assert!(matches!(
            called("search_knowledge", json!({"query": "x", "project": "no"})),
            Err(ToolError::NoProject(_))
        ));
    }

    #[test]
    fn questions_are_bounded() {
        assert!(called("search_knowledge", json!({"query": "x".repeat(501)})).is_err());
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
        fn only_own_runs_or_known_projects_come_out(
            name in "search_knowledge|list_runs|explain_run|propose_run|start_run|resend_link|\\PC{0,12}",
            arguments in any_json(),
        ) {
            match called(&name, arguments) {
                Ok(Call::ExplainRun { run_id } | Call::ResendLink { run_id }) => prop_assert_eq!(run_id, "mine"),
                Ok(Call::ProposeRun(asked)) => prop_assert!(asked.project == "aismr" || asked.project == "test_video_gen"),
                Ok(Call::SearchKnowledge { query, .. }) => prop_assert!(!query.is_empty()),
                Ok(Call::ListRuns | Call::StartRun { .. }) => {}
                Err(error) => prop_assert!(!error.to_string().chars().any(char::is_control)),
            }
        }
    }
}
