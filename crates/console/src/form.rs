//! What a form sends, as the members that the API's readers take: `Fields` and `Order`s read forms and JSON alike.

use mw_edge::{Problem, Request, body, problem};
use serde_json::{Map, Value};

/// A form's fields; of a name that comes twice the last value counts.
pub(super) struct Form {
    members: Map<String, Value>,
    pairs: Vec<(String, String)>,
}

impl Form {
    /// Reads the body. Empty fields are left out: a person who fills nothing in says nothing.
    pub(super) fn read(request: &mut Request) -> Result<Form, Problem> {
        if request.media_type().as_deref() != Some("application/x-www-form-urlencoded") {
            return Err(problem::unsupported_content_type(&request.media_type().unwrap_or_default()));
        }
        let pairs = body::form(request)?;
        let said = pairs.iter().filter(|(_, value)| !value.trim().is_empty());
        let members = said.map(|(name, value)| (name.clone(), Value::String(value.clone()))).collect();
        Ok(Form { members, pairs })
    }

    /// As they were sent, empty ones too.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (String, String)> + '_ {
        self.pairs.iter().cloned()
    }

    /// A field's text; empty when it isn't there.
    pub(super) fn text(&self, name: &str) -> &str {
        self.members.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    pub(super) fn members(&self) -> &Map<String, Value> {
        &self.members
    }

    /// Who presses the button: a form's `actor` is nobody's word but ours.
    pub(super) fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.members.insert(name.to_owned(), value.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(content_type: &str, body: &str) -> Result<Form, Problem> {
        Form::read(&mut Request::in_memory("POST", "/console", &[("content-type", content_type)], body))
    }

    #[test]
    fn a_form_is_read_and_empty_fields_say_nothing() {
        let form = read("application/x-www-form-urlencoded", "reason=too%0D%0Along+%26+dull&until=+&x").unwrap();
        assert_eq!((form.text("reason"), form.text("until")), ("too\nlong & dull", ""));
        assert!(!form.members().contains_key("until"));
        assert_eq!(read("application/json", "{}").err().unwrap().status, 415);
        assert_eq!(read("application/x-www-form-urlencoded", "a=%00").err().unwrap().status, 422);
    }
}
