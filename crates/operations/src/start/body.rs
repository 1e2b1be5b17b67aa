//! What a start asks for: the body of POST /v1/runs/start.

use mw_edge::body::{Body, Fields, Nested, Required, Text};
use mw_edge::refusal::field_errors;
use mw_edge::{Problem, Request, body};
use mw_media::run::Input;
use serde_json::{Map, Value, json};

/// As long as the body is; the core has the limits of each.
type Any = Text<0, { usize::MAX }>;

body! {
    pub struct StartRun {
        /// Key of a loaded project that has runs.
        #[schemars(example = &"test_video_gen")]
        pub project: Text<1, 64>,
        pub input: Required<Nested<StartInput>>,
        #[schemars(with = "Option<StartOptions>")]
        pub options: Option<Map<String, Value>>,
    }

    /// At least one of title, prompt, object, subject, topic. Lengths count without surrounding white space.
    #[schemars(inline, extend("anyOf" = [
        {"properties": {"title": {"type": "string"}}, "required": ["title"]},
        {"properties": {"prompt": {"type": "string"}}, "required": ["prompt"]},
        {"properties": {"object": {"type": "string"}}, "required": ["object"]},
        {"properties": {"subject": {"type": "string"}}, "required": ["subject"]},
        {"properties": {"topic": {"type": "string"}}, "required": ["topic"]},
    ]))]
    pub struct StartInput {
        #[schemars(length(min = 3, max = 200), regex(pattern = r"\S[\s\S]+\S"))]
        pub title: Option<Any>,
        #[schemars(length(min = 3, max = 400), regex(pattern = r"\S[\s\S]+\S"))]
        pub prompt: Option<Any>,
        #[schemars(length(min = 1, max = 200), regex(pattern = r"\S"))]
        pub object: Option<Any>,
        #[schemars(length(min = 1, max = 200), regex(pattern = r"\S"))]
        pub subject: Option<Any>,
        #[schemars(length(min = 1, max = 200), regex(pattern = r"\S"))]
        pub topic: Option<Any>,
        #[schemars(length(max = 50), inner(length(min = 1, max = 200), regex(pattern = r"\S")))]
        pub modifiers: Option<Vec<String>>,
    }

    /// The rest is kept as it is.
    #[schemars(inline, extend("additionalProperties" = true))]
    pub struct StartOptions {
        #[schemars(regex(pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$"))]
        pub user_id: Option<Text<1, 200>>,
    }
}

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
    let StartRun { project, input, options } = Body::read(&mut fields);
    let (project, options) = (project.0, options.unwrap_or_default());
    let are_types_right = !fields.errors.iter().any(|error| error.pointer.starts_with("#/input"));
    let input = input.0.map(|input| input_of(input.0)).unwrap_or_default();
    if are_types_right {
        fields.errors.extend(field_errors(input.errors()));
    }
    let mut inner = Fields::new(&options, "#/options");
    let StartOptions { user_id } = Body::read(&mut inner);
    if user_id.is_some_and(|text| text.chars().any(char::is_control)) {
        inner.fail("user_id", "Input should not contain control characters");
    }
    fields.errors.append(&mut inner.errors);
    fields.finish()?;
    let payload = json!({"project": project, "input": input, "options": options});
    Ok(StartBody { project, input, options: Value::Object(options), payload })
}

/// The types are checked here, the rules by core.
fn input_of(input: StartInput) -> Input {
    let StartInput { title, prompt, object, subject, topic, modifiers } = input;
    let [title, prompt, object, subject, topic] =
        [title, prompt, object, subject, topic].map(|text| text.map(|text| text.0));
    Input { title, prompt, object, subject, topic, modifiers: modifiers.unwrap_or_default() }
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
