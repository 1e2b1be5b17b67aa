//! What a person sends to a gate: a form from the page, or JSON. An empty POST approves, as the original's did.

use crate::body::{self, Fields};
use crate::press::FORM_TOKEN;
use crate::problem::{self, Problem};
use crate::request::{BODY_LIMIT_BYTES, Request, form_value};
use mw_core::status::Verdict;
use serde_json::{Map, Value};

const COMMENT_LENGTH_MAX: usize = 2000;
const APPROVER_LENGTH_MAX: usize = 200;
const FORM_TOKEN_LENGTH_MAX: usize = 100;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    pub verdict: Verdict,
    pub comment: Option<String>,
    /// A name that the caller typed: a note, not an identity.
    pub approver: Option<String>,
    /// What the page's form carries (`press`).
    pub form_token: Option<String>,
}

impl Wish {
    pub fn approve() -> Wish {
        Wish { verdict: Verdict::Approve, comment: None, approver: None, form_token: None }
    }
}

pub fn parse(request: &mut Request) -> Result<Wish, Problem> {
    let members = match request.media_type().as_deref() {
        Some("application/x-www-form-urlencoded") => form(request)?,
        _ => body::json_object(request)?,
    };
    let mut fields = Fields::new(&members, "#");
    let decision = fields.text("decision", 0, 20);
    let comment = fields.text("comment", 0, COMMENT_LENGTH_MAX);
    let approver = fields.text("approver", 0, APPROVER_LENGTH_MAX);
    let form_token = fields.text(FORM_TOKEN, 0, FORM_TOKEN_LENGTH_MAX);
    let verdict = match decision.as_deref() {
        None => Some(Verdict::Approve),
        Some(word) => Verdict::parse(word),
    };
    if verdict.is_none() {
        fields.fail("decision", "Input should be 'approve' or 'reject'");
    }
    fields.finish()?;
    let present = |text: Option<String>| text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let verdict = verdict.ok_or_else(problem::internal)?;
    Ok(Wish { verdict, comment: present(comment), approver: present(approver), form_token })
}

fn form(request: &mut Request) -> Result<Map<String, Value>, Problem> {
    let bytes = request.body(BODY_LIMIT_BYTES)?;
    let text = String::from_utf8(bytes).map_err(|_| problem::invalid_field("#", "form should be UTF-8"))?;
    let mut members = Map::new();
    for name in ["decision", "comment", "approver", FORM_TOKEN] {
        if let Some(value) = form_value(&text, name) {
            if value.contains('\0') {
                return Err(problem::invalid_field(&format!("#/{name}"), "Input should not contain null characters"));
            }
            // Browsers send line ends as CRLF.
            members.insert(name.to_owned(), Value::String(value.replace("\r\n", "\n")));
        }
    }
    Ok(members)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::tests::request;

    fn parse_as(content_type: &str, body: &str) -> Result<Wish, Problem> {
        parse(&mut request("POST", "/", &[("content-type", content_type)], body))
    }

    #[test]
    fn forms_and_json_mean_the_same() {
        let expected = Wish {
            verdict: Verdict::Reject,
            comment: Some("too\nlong & dull".to_owned()),
            approver: Some("Ann".to_owned()),
            form_token: None,
        };
        let form = "comment=too%0D%0Along+%26+dull&approver=+Ann&decision=reject";
        assert_eq!(parse_as("application/x-www-form-urlencoded", form).unwrap(), expected);
        let json = r#"{"decision":"reject","comment":"too\nlong & dull","approver":"Ann","extra":1}"#;
        assert_eq!(parse_as("application/json", json).unwrap(), expected);
    }

    #[test]
    fn an_empty_post_approves_and_an_unknown_word_is_422() {
        assert_eq!(parse_as("application/json", "").unwrap(), Wish::approve());
        for word in ["Approve", "yes", ""] {
            let refused = parse_as("application/json", &format!("{{\"decision\":\"{word}\"}}")).unwrap_err();
            assert_eq!((refused.status, refused.errors[0].pointer.as_str()), (422, "#/decision"));
        }
        assert_eq!(parse_as("text/plain", "approve").unwrap_err().status, 415);
        assert_eq!(parse_as("application/x-www-form-urlencoded", "comment=%00").unwrap_err().status, 422);
    }
}
