//! What a person sends to a gate: a form from the page, or JSON. An empty POST approves, as the original's did.

use mw_edge::body::{Body, Choice, Fields, Sha256Hex, Text, Whole};
use mw_edge::csrf::FORM_TOKEN;
use mw_edge::{Problem, Request, body, shape};
use mw_kernel::letters::seen;
use mw_kernel::run::{Edit, Kinds};
use mw_kernel::status::Verdict;
use serde_json::{Map, Value};

/// Longer than any text that may be edited; the gate says which may be how long.
const EDIT_LENGTH_MAX: usize = 4000;
/// Names of form fields that edit a text begin with this.
const EDIT_PREFIX: &str = "edit.";

body! {
    #[schemars(rename = "DecideGate")]
    pub struct DecisionBody {
        #[schemars(extend("default" = "approve"))]
        pub decision: Option<Choice<Verdict>>,
        pub comment: Option<Text<0, 2000>>,
        /// A note; who decides is the link's approver, or the key's owner.
        pub approver: Option<Text<0, 200>>,
        /// What the page of the link put into its form.
        #[schemars(skip)]
        pub form_token: Option<Text<0, 100>>,
        /// The opening that the sender saw: refused when the gate has opened again since.
        pub opening: Option<Whole<1, { u32::MAX }>>,
        /// What the sender was shown, as the brief has it: the decision is refused when the gate decides about something else by then.
        pub subject_sha256: Option<Sha256Hex>,
        /// New texts by field: title, clips.0.subject, clips.0.header, clips.0.prompt, caption, post_title. Only what the gate's policy
        /// allows, and only with an approval; kept as a diff.
        #[schemars(extend("additionalProperties" = {"type": "string", "maxLength": EDIT_LENGTH_MAX, "pattern": "^[^\\u0000]*$"}))]
        pub edit: Option<Map<String, Value>>,
    }
}

shape! {
    /// Fields named `edit.` and a field's name (`edit.clips.0.prompt`) change that text, with an approval.
    pub struct VerdictForm {
        #[schemars(extend("default" = "approve"))]
        pub decision: Option<Verdict>,
        pub comment: Option<Text<0, 2000>>,
        /// A note; who decides is the link's approver, or the key's owner.
        pub approver: Option<Text<0, 200>>,
        /// The opening that the page showed.
        pub opening: Option<Whole<1, { u32::MAX }>>,
        /// What the page of the link put into its form. Needed with a link, without a key, from what looks like a browser (it accepts
        /// text/html or sends Sec-Fetch-Mode).
        pub form_token: Option<Text<0, 100>>,
        /// What the sender was shown, as the brief has it: the decision is refused when the gate decides about something else by then.
        pub subject_sha256: Option<Sha256Hex>,
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecisionRequest {
    pub verdict: Verdict,
    pub comment: Option<String>,
    /// Texts to be changed while approving.
    pub edit: Edit,
    /// The opening that the sender saw; the open one when it isn't said.
    pub opening: Option<u32>,
    /// What the sender was shown, as the brief has it; not compared when it isn't said.
    pub subject_sha256: Option<String>,
    /// A name that the caller typed: a note, not an identity.
    pub approver: Option<String>,
    /// What the page's form carries (`mw_edge::csrf`).
    pub form_token: Option<String>,
}

impl DecisionRequest {
    pub fn new(verdict: Verdict) -> DecisionRequest {
        DecisionRequest {
            verdict,
            comment: None,
            edit: Edit::new(),
            opening: None,
            subject_sha256: None,
            approver: None,
            form_token: None,
        }
    }

    pub fn approve() -> DecisionRequest {
        DecisionRequest::new(Verdict::Approve)
    }
}

/// Reads the body.
pub fn parse(request: &mut Request, kinds: Kinds) -> Result<DecisionRequest, Problem> {
    let members = match request.media_type().as_deref() {
        Some("application/x-www-form-urlencoded") => form_members(body::form(request)?),
        _ => body::json_object(request)?,
    };
    read(&members, kinds)
}

/// Reads `decision`, `comment`, `edit`, `opening`, `subject_sha256` and `approver`.
pub fn read(members: &Map<String, Value>, kinds: Kinds) -> Result<DecisionRequest, Problem> {
    let mut fields = Fields::new(members, "#");
    let DecisionBody { decision, comment, approver, form_token, opening, subject_sha256, edit } =
        Body::read(&mut fields);
    let edit = edit.map(|texts| read_edit(&texts, &mut fields, kinds)).unwrap_or_default();
    fields.finish()?;
    Ok(DecisionRequest {
        verdict: decision.map_or(Verdict::Approve, |decision| decision.0),
        comment: trimmed(comment.map(|comment| comment.0)),
        edit,
        opening: opening.map(|opening| opening.0),
        subject_sha256: subject_sha256.map(|hash| hash.0),
        approver: trimmed(approver.map(|approver| approver.0)),
        form_token: form_token.map(|token| token.0),
    })
}

/// A text without the blanks around it and without what nobody sees; one that is only blank says nothing.
pub fn trimmed(text: Option<String>) -> Option<String> {
    text.map(|text| seen(&text).trim().to_owned()).filter(|text| !text.is_empty())
}

/// Texts by the names of their fields.
pub fn read_edit(texts: &Map<String, Value>, fields: &mut Fields<'_>, kinds: Kinds) -> Edit {
    let mut edit = Edit::new();
    for (name, text) in texts {
        let is_known = kinds.field_label(name).is_some();
        match text {
            _ if !is_known => {
                let names: Vec<&str> = kinds.fields().collect();
                fields.fail("edit", format!("there is no such field: names are {}", names.join(", ")));
            }
            Value::String(text) if text.chars().count() <= EDIT_LENGTH_MAX => {
                edit.insert(name.clone(), text.clone());
            }
            Value::String(_) => {
                fields.fail(&format!("edit/{name}"), format!("String should have at most {EDIT_LENGTH_MAX} characters"))
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                fields.fail(&format!("edit/{name}"), "Input should be a valid string");
            }
        }
    }
    edit
}

/// The members that a form's pairs mean.
pub fn form_members(pairs: impl IntoIterator<Item = (String, String)>) -> Map<String, Value> {
    let mut members = Map::new();
    let mut edit = Map::new();
    for (name, value) in pairs {
        match name.as_str() {
            // The first of a name wins.
            "decision" | "comment" | "approver" | "subject_sha256" | FORM_TOKEN => {
                members.entry(name).or_insert(Value::String(value));
            }
            "opening" => {
                let number = value.parse::<u32>().map_or(Value::String(value), Value::from);
                members.entry(name).or_insert(number);
            }
            _ => {
                if let Some(field) = name.strip_prefix(EDIT_PREFIX) {
                    edit.insert(field.to_owned(), Value::String(value));
                }
            }
        }
    }
    // What is in the fields of a form whose other button was pressed was not meant.
    if members.get("decision").is_none_or(|decision| decision == Verdict::Approve.as_str()) && !edit.is_empty() {
        members.insert("edit".to_owned(), Value::Object(edit));
    }
    members
}

#[cfg(test)]
mod tests {
    use super::*;
    use mw_kinds::KINDS;

    fn parse_as(content_type: &str, body: &str) -> Result<DecisionRequest, Problem> {
        parse(&mut Request::in_memory("POST", "/", &[("content-type", content_type)], body), KINDS)
    }

    #[test]
    fn forms_and_json_mean_the_same() {
        let expected = DecisionRequest {
            verdict: Verdict::Reject,
            comment: Some("too\nlong & dull".to_owned()),
            approver: Some("Ann".to_owned()),
            ..DecisionRequest::approve()
        };
        let form = "comment=too%0D%0Along+%26+dull&approver=+Ann&decision=reject";
        assert_eq!(parse_as("application/x-www-form-urlencoded", form).unwrap(), expected);
        let json = r#"{"decision":"reject","comment":"too\nlong & dull","approver":"Ann","extra":1}"#;
        assert_eq!(parse_as("application/json", json).unwrap(), expected);
    }

    #[test]
    fn edits_travel_by_field_and_only_with_an_approval() {
        let mut expected = DecisionRequest::approve();
        expected.edit.insert("clips.0.prompt".to_owned(), "a\nb".to_owned());
        expected.opening = Some(3);
        let form = "edit.clips.0.prompt=a%0D%0Ab&opening=3&other=x";
        assert_eq!(parse_as("application/x-www-form-urlencoded", form).unwrap(), expected);
        let json = r#"{"edit":{"clips.0.prompt":"a\nb"},"opening":3}"#;
        assert_eq!(parse_as("application/json", json).unwrap(), expected);
        let rejected = parse_as("application/x-www-form-urlencoded", &format!("{form}&decision=reject")).unwrap();
        assert_eq!((rejected.verdict, rejected.edit.len()), (Verdict::Reject, 0));
        for body in [r#"{"edit":{"url":"x"}}"#, r#"{"edit":{"title":1}}"#, r#"{"edit":[]}"#, r#"{"opening":0}"#] {
            assert_eq!(parse_as("application/json", body).unwrap_err().status, 422, "{body}");
        }
    }

    #[test]
    fn an_empty_post_approves_and_an_unknown_word_is_422() {
        assert_eq!(parse_as("application/json", "").unwrap(), DecisionRequest::approve());
        for word in ["Approve", "yes", ""] {
            let refused = parse_as("application/json", &format!("{{\"decision\":\"{word}\"}}")).unwrap_err();
            assert_eq!((refused.status, refused.errors[0].pointer.as_str()), (422, "#/decision"));
        }
        assert_eq!(parse_as("text/plain", "approve").unwrap_err().status, 415);
        assert_eq!(parse_as("application/x-www-form-urlencoded", "comment=%00").unwrap_err().status, 422);
    }
}
