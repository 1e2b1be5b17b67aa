//! What a start asks for: the body of POST /v1/runs/start.

use mw_edge::body::{self, Fields};
use mw_edge::problem::FieldError;
use mw_edge::refusal::field_errors;
use mw_edge::{Problem, Request, problem};
use mw_media::run::Input;
use serde_json::{Map, Value, json};

const USER_ID_LENGTH_MAX: usize = 200;

/// The request's body.
pub struct StartBody {
    pub project: String,
    pub input: Input,
    pub options: Value,
    /// What an Idempotency-Key is bound to.
    pub payload: Value,
}

impl StartBody {
    /// The user whom the body names, who need not be the caller's to name.
    pub fn user_id(&self) -> Option<&str> {
        self.options.get("user_id").and_then(Value::as_str)
    }
}

/// Reads the body; the answer names every fault in it.
pub fn parse(request: &mut Request) -> Result<StartBody, Problem> {
    read(&body::json_object(request)?)
}

/// Reads a body's members.
pub fn read(members: &Map<String, Value>) -> Result<StartBody, Problem> {
    let mut fields = Fields::new(members, "#");
    let project = fields.required_text("project", 1, 64);
    let input = fields.required_object("input");
    let options = fields.object("options").cloned().unwrap_or_default();
    let mut errors = fields.errors;
    let input = input.map(|input| parse_input(input, &mut errors)).unwrap_or_default();
    let mut option_fields = Fields::new(&options, "#/options");
    if option_fields.text("user_id", 1, USER_ID_LENGTH_MAX).is_some_and(|text| text.chars().any(char::is_control)) {
        option_fields.fail("user_id", "Input should not contain control characters");
    }
    errors.append(&mut option_fields.errors);
    if !errors.is_empty() {
        return Err(problem::invalid(errors));
    }
    let payload = json!({"project": project, "input": input, "options": options});
    Ok(StartBody { project, input, options: Value::Object(options), payload })
}

/// The types are checked here, the rules by core.
fn parse_input(members: &Map<String, Value>, errors: &mut Vec<FieldError>) -> Input {
    let mut fields = Fields::new(members, "#/input");
    let mut text = |name: &str| fields.text(name, 0, usize::MAX);
    let [title, prompt, object, subject, topic] = ["title", "prompt", "object", "subject", "topic"].map(&mut text);
    let modifiers = fields.texts("modifiers");
    let input = Input { title, prompt, object, subject, topic, modifiers };
    if fields.errors.is_empty() {
        errors.extend(field_errors(input.errors()));
    }
    errors.append(&mut fields.errors);
    input
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(body: &str) -> Result<StartBody, Problem> {
        parse(&mut Request::in_memory("POST", "/v1/runs/start", &[("content-type", "application/json")], body))
    }

    fn pointers(body: &str) -> Vec<String> {
        parsed(body).err().unwrap().errors.into_iter().map(|error| error.pointer).collect()
    }

    #[test]
    fn unknown_members_are_dropped_and_options_are_free() {
        let body = parsed(
            r#"{"project":"aismr","input":{"object":"candle","extra":1},"options":{"user_id":"ann","x":[1]},"more":true}"#,
        )
        .unwrap();
        assert_eq!(body.input.object.as_deref(), Some("candle"));
        assert_eq!(body.options["x"], json!([1]));
        assert!(!body.payload.to_string().contains("extra"));
    }

    #[test]
    fn every_fault_is_told_at_once() {
        assert_eq!(pointers("{}"), ["#/project", "#/input"]);
        assert_eq!(pointers(r#"{"project":"aismr","input":{}}"#), ["#/input"]);
        assert_eq!(
            pointers(r#"{"project":7,"input":{"title":1,"modifiers":"x"},"options":{"user_id":""}}"#),
            ["#/project", "#/input/title", "#/input/modifiers", "#/options/user_id"]
        );
        assert_eq!(pointers(r#"{"project":"aismr","input":[],"options":1}"#), ["#/input", "#/options"]);
        let missing = parsed(r#"{"project":"aismr","input":{"title":null}}"#).err().unwrap();
        assert!(missing.detail.contains("Provide at least one of title, prompt, object, subject, or topic"));
    }
}
