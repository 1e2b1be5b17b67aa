//! A chat turn as every channel asks for one: the request here, and how it reaches the component `chat`, which alone plans and
//! speaks to a language model (`call`, and `sealed` for people who have no key).

pub mod call;
pub mod sealed;

use mw_edge::body::{Body, Fields, Text};
use mw_edge::{Problem, Request, body};
use mw_store::channels::UpdateKey;
use serde_json::{Map, Value};

pub const USER_ID_LENGTH_MAX: usize = 100;
pub const MESSAGE_LENGTH_MAX: usize = 8000;

body! {
    pub struct ChatMessage {
        #[schemars(regex(pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$"))]
        pub user_id: Text<1, USER_ID_LENGTH_MAX>,
        pub message: Text<1, MESSAGE_LENGTH_MAX>,
        /// Who reads the answer. A program is told the console's page of a gate, where a person signs in, in place of a signed link that
        /// decides.
        #[schemars(extend("enum" = ["person", "program", null], "default" = "person"))]
        pub reader: Option<Text<1, 20>>,
    }
}

/// Who reads an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reader {
    /// One person, by the name in which they decide.
    Person(String),
    /// No one person: a group, a chat of somebody unknown, or a program.
    Nobody,
}

impl Reader {
    /// The person's name, where it is one person.
    pub fn name(&self) -> Option<&str> {
        match self {
            Reader::Person(name) => Some(name),
            Reader::Nobody => None,
        }
    }
}

/// One message to Brendan.
pub struct TurnRequest {
    pub user_id: String,
    /// Whom links are made for: the user, where the environment's key asks for many; else whoever has the key.
    pub reader: Reader,
    pub message: String,
    /// Who starts the runs that it asks for.
    pub started_by: String,
    /// The bot's update that brought it.
    pub update: Option<UpdateKey>,
}

/// Reads the body.
pub fn parse(request: &mut Request) -> Result<TurnRequest, Problem> {
    read(&body::json_object(request)?)
}

/// Reads a body's members.
pub fn read(members: &Map<String, Value>) -> Result<TurnRequest, Problem> {
    let mut fields = Fields::new(members, "#");
    let ChatMessage { user_id, message, reader } = Body::read(&mut fields);
    let (user_id, message) = (user_id.0, message.0);
    if user_id.chars().any(char::is_control) {
        fields.fail("user_id", "Input should not contain control characters");
    }
    let reader = match reader.as_ref().map(|reader| reader.as_str()) {
        None | Some("person") => Reader::Person(user_id.clone()),
        Some("program") => Reader::Nobody,
        Some(_) => {
            fields.fail("reader", "Input should be 'person' or 'program'");
            Reader::Nobody
        }
    };
    fields.finish()?;
    Ok(TurnRequest { reader, started_by: user_id.clone(), user_id, message, update: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_needs_a_user_and_a_message() {
        let parsed = |body: &str| parse(&mut Request::in_memory("POST", "/", &[], body));
        assert!(parsed(r#"{"user_id":"ann","message":"hello","more":1}"#).is_ok());
        for body in [
            "{}",
            r#"{"user_id":"ann"}"#,
            r#"{"user_id":"","message":"x"}"#,
            r#"{"user_id":"a\nb","message":"x"}"#,
            r#"{"user_id":"ann","message":"x","reader":"robot"}"#,
        ] {
            assert_eq!(parsed(body).err().unwrap().status, 422, "{body}");
        }
        let long = format!(r#"{{"user_id":"ann","message":"{}"}}"#, "x".repeat(8001));
        assert_eq!(parsed(&long).err().unwrap().errors[0].pointer, "#/message");
    }
}
