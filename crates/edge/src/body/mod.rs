//! JSON bodies, checked so that every fault is named with its place: the texts are those of the original's validator, the places
//! JSON pointers. Unknown members are dropped. [`body!`](crate::body!) declares a body as a type; [`Fields`] reads its members.

mod member;

#[cfg(not(target_family = "wasm"))]
pub use member::schema_of;
pub use member::{After, Body, Choice, Member, Moment, Nested, Required, Sha256Hex, Text, Whole, one_of};

use crate::problem::{self, FieldError, Problem};
use crate::request::{BODY_LIMIT_BYTES, Request, form_pairs};
use serde_json::{Map, Value};
use std::fmt::Display;

const NULLS: &str = "Input should not contain null characters";

/// The body as its type.
pub fn read<B: Body>(request: &mut Request) -> Result<B, Problem> {
    let members = json_object(request)?;
    let mut fields = Fields::new(&members, "#");
    let body = B::read(&mut fields);
    fields.finish()?;
    Ok(body)
}

/// The body as a JSON object. An empty body is an empty object.
pub fn json_object(request: &mut Request) -> Result<Map<String, Value>, Problem> {
    if let Some(media_type) = request.media_type()
        && media_type != "application/json"
        && !media_type.ends_with("+json")
    {
        return Err(problem::unsupported_content_type(&media_type));
    }
    let bytes = request.body(BODY_LIMIT_BYTES)?;
    if bytes.is_empty() {
        return Ok(Map::new());
    }
    parse_object(&bytes)
}

fn parse_object(bytes: &[u8]) -> Result<Map<String, Value>, Problem> {
    // What is ours is strict: whoever calls us can mend what they send, and is told where. (Strangers: `mw_integrations::lenient`.)
    let unreadable = |error: &dyn Display| problem::bad_request(&format!("JSON decode error: {error}"));
    let text = std::str::from_utf8(bytes).map_err(|error| unreadable(&error))?;
    let value: Value = serde_json::from_str(text).map_err(|error| unreadable(&error))?;
    let Value::Object(map) = value else {
        return Err(problem::invalid_field("#", "Input should be a valid dictionary"));
    };
    without_nuls(&map)?;
    Ok(map)
}

/// 422 for what PostgreSQL cannot store, which is this one character.
pub fn without_nuls(map: &Map<String, Value>) -> Result<(), Problem> {
    match map.iter().find_map(|(name, value)| null_character(value, &format!("#/{name}"), name)) {
        Some(pointer) => Err(problem::invalid_field(&pointer, NULLS)),
        None => Ok(()),
    }
}

/// The fields of a form; empty ones too, and names that come twice.
pub fn form(request: &mut Request) -> Result<Vec<(String, String)>, Problem> {
    let bytes = request.body(BODY_LIMIT_BYTES)?;
    let text = String::from_utf8(bytes).map_err(|_| problem::invalid_field("#", "form should be UTF-8"))?;
    let pairs: Vec<(String, String)> = form_pairs(&text).collect();
    if pairs.iter().any(|(name, value)| name.contains('\0') || value.contains('\0')) {
        return Err(problem::invalid_field("#", NULLS));
    }
    // Browsers send line ends as CRLF.
    Ok(pairs.into_iter().map(|(name, value)| (name, value.replace("\r\n", "\n"))).collect())
}

/// Where a text or name contains U+0000.
fn null_character(value: &Value, pointer: &str, name: &str) -> Option<String> {
    if name.contains('\0') {
        return Some(pointer.replace('\0', ""));
    }
    match value {
        Value::String(text) => text.contains('\0').then(|| pointer.to_owned()),
        Value::Array(items) => {
            items.iter().enumerate().find_map(|(index, item)| null_character(item, &format!("{pointer}/{index}"), ""))
        }
        Value::Object(map) => {
            map.iter().find_map(|(name, value)| null_character(value, &format!("{pointer}/{name}"), name))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

/// Takes typed members out of an object and gathers what is wrong with them.
pub struct Fields<'a> {
    map: &'a Map<String, Value>,
    pointer: String,
    pub errors: Vec<FieldError>,
}

impl<'a> Fields<'a> {
    /// `pointer` is the object's own place: `#` or `#/input`.
    pub fn new(map: &'a Map<String, Value>, pointer: &str) -> Fields<'a> {
        Fields { map, pointer: pointer.to_owned(), errors: Vec::new() }
    }

    pub fn fail(&mut self, name: &str, detail: impl Into<String>) {
        self.errors.push(FieldError::new(format!("{}/{name}", self.pointer), detail));
    }

    /// Whether there is such a member: null means that there is none.
    pub fn has(&self, name: &str) -> bool {
        !matches!(self.map.get(name), None | Some(Value::Null))
    }

    /// Reads the members of an object that may be absent or null.
    pub fn inside<T>(&mut self, name: &str, read: impl FnOnce(&mut Fields<'_>) -> T) -> Option<T> {
        let mut inner = Fields::new(self.object(name)?, &format!("{}/{name}", self.pointer));
        let inside = read(&mut inner);
        self.errors.append(&mut inner.errors);
        Some(inside)
    }

    /// A text that may be absent or null, within its length in characters.
    pub fn text(&mut self, name: &str, least: usize, most: usize) -> Option<String> {
        match self.map.get(name) {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => {
                let length = text.chars().count();
                if length < least {
                    self.fail(name, format!("String should have at least {}", characters(least)));
                } else if length > most {
                    self.fail(name, format!("String should have at most {}", characters(most)));
                }
                Some(text.clone())
            }
            Some(_) => {
                self.fail(name, "Input should be a valid string");
                None
            }
        }
    }

    /// A text that must be there.
    pub fn required_text(&mut self, name: &str, least: usize, most: usize) -> String {
        if !self.has(name) {
            self.fail(name, "Field required");
        }
        self.text(name, least, most).unwrap_or_default()
    }

    /// A truth that may be absent or null.
    pub fn boolean(&mut self, name: &str) -> Option<bool> {
        match self.map.get(name) {
            None | Some(Value::Null) => None,
            Some(Value::Bool(truth)) => Some(*truth),
            Some(_) => {
                self.fail(name, "Input should be a valid boolean");
                None
            }
        }
    }

    /// A whole number within its bounds that may be absent or null.
    pub fn number(&mut self, name: &str, least: u32, most: u32) -> Option<u32> {
        match self.map.get(name) {
            None | Some(Value::Null) => None,
            Some(value) => {
                // JSON knows one kind of number: 14.0 is as whole as 14.
                let whole = value.as_f64().filter(|number| number.fract() == 0.0);
                let number = whole.filter(|number| (f64::from(least)..=f64::from(most)).contains(number));
                if number.is_none() {
                    self.fail(name, format!("Input should be a whole number from {least} to {most}"));
                }
                number.map(|number| number as u32)
            }
        }
    }

    /// An object that may be absent or null.
    pub fn object(&mut self, name: &str) -> Option<&'a Map<String, Value>> {
        match self.map.get(name) {
            None | Some(Value::Null) => None,
            Some(Value::Object(map)) => Some(map),
            Some(_) => {
                self.fail(name, "Input should be a valid dictionary");
                None
            }
        }
    }

    /// A list of texts that may be absent or null.
    pub fn texts(&mut self, name: &str) -> Vec<String> {
        match self.map.get(name) {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(items)) => {
                let texts: Vec<String> = items.iter().filter_map(Value::as_str).map(str::to_owned).collect();
                if texts.len() != items.len() {
                    self.fail(name, "Input should be a list of valid strings");
                }
                texts
            }
            Some(_) => {
                self.fail(name, "Input should be a valid list");
                Vec::new()
            }
        }
    }

    /// A moment (RFC 3339) that may be absent or null.
    pub fn moment(&mut self, name: &str) -> Option<time::OffsetDateTime> {
        let text = self.text(name, 1, 64)?;
        let moment = crate::clock::parse(&text);
        if moment.is_none() {
            self.fail(name, "Input should be a moment like 2026-01-31T12:00:00Z");
        }
        moment
    }

    /// 422 when anything was wrong.
    pub fn finish(self) -> Result<(), Problem> {
        if self.errors.is_empty() { Ok(()) } else { Err(problem::invalid(self.errors)) }
    }
}

fn characters(count: usize) -> String {
    format!("{count} character{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn post(content_type: &str, body: &str) -> Result<Map<String, Value>, Problem> {
        json_object(&mut Request::in_memory("POST", "/", &[("content-type", content_type)], body))
    }

    #[test]
    fn only_json_objects_come_in() {
        assert!(post("application/json; charset=utf-8", "{\"a\":1}").is_ok());
        assert!(post("application/json", "").unwrap().is_empty());
        assert_eq!(post("text/plain", "{}").unwrap_err().status, 415);
        assert_eq!(post("application/x-www-form-urlencoded", "a=1").unwrap_err().status, 415);
        for other in ["[1]", "null", "\"x\""] {
            assert_eq!(post("application/json", other).unwrap_err().status, 422, "{other:?}");
        }
        assert!(json_object(&mut Request::in_memory("POST", "/", &[], "{}")).is_ok());
    }

    #[test]
    fn what_is_no_json_is_refused_with_its_place() {
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(5000), "]".repeat(5000));
        for (broken, place) in [
            ("{", "line 1 column 1"),
            ("\u{0}", "line 1 column 1"),
            ("\u{feff}{}", "line 1 column 1"),
            ("{\n\"a\":\"\\ud83d\"}", "line 2 column "),
            (&deep, "line 1 column "),
        ] {
            let refused = post("application/json", broken).unwrap_err();
            assert_eq!((refused.status, refused.code), (400, "bad-request"), "{broken}");
            assert!(refused.detail.contains(place), "{}", refused.detail);
        }
        let cut = parse_object(b"{\"a\":\"caf\xc3\"}").unwrap_err();
        assert_eq!(cut.detail, "JSON decode error: invalid utf-8 sequence of 1 bytes from index 9");
    }

    #[test]
    fn null_characters_are_refused_wherever_they_hide() {
        for body in [r#"{"a":"x\u0000"}"#, r#"{"a":[1,{"b":"\u0000"}]}"#, r#"{"a\u0000":1}"#, r#"{"a":{"\u0000":1}}"#] {
            assert_eq!(post("application/json", body).unwrap_err().status, 422, "{body}");
        }
    }

    crate::body! {
        pub struct Order {
            pub title: Text<3, 10>,
            pub r#type: Option<Text<0, 5>>,
            pub role: Required<Choice<mw_kernel::principal::Role>>,
            pub share: Option<Nested<Share>>,
        }
        pub struct Share {
            pub parts: Required<Whole<1, 9>>,
            pub last: Option<bool>,
        }
    }

    fn ordered(body: &str) -> Result<Order, Vec<String>> {
        let asked = read(&mut Request::in_memory("POST", "/", &[], body));
        asked.map_err(|problem: Problem| {
            problem.errors.into_iter().map(|e| format!("{} {}", e.pointer, e.detail)).collect()
        })
    }

    #[test]
    fn a_body_is_read_as_its_type() {
        let body = r#"{"title":"abc","type":"x","role":"viewer","share":{"parts":2.0,"more":1}}"#;
        let order = ordered(body).ok().unwrap();
        assert_eq!((order.title.as_str(), order.r#type.unwrap().as_str()), ("abc", "x"));
        assert_eq!(order.role.0, Some(Choice(mw_kernel::principal::Role::Viewer)));
        let share = order.share.unwrap().0;
        assert_eq!((share.parts.0, share.last), (Some(Whole(2)), None));
    }

    #[test]
    fn every_fault_of_a_body_is_named_in_its_order() {
        assert_eq!(
            ordered(r#"{"type":7,"role":"king","share":{"last":0}}"#).err().unwrap(),
            [
                "#/title Field required",
                "#/type Input should be a valid string",
                "#/role Input should be 'viewer', 'approver' or 'operator'",
                "#/share/parts Field required",
                "#/share/last Input should be a valid boolean",
            ]
        );
    }

    #[test]
    fn every_fault_is_named_with_its_place() {
        let value: Value = serde_json::from_str(
            r#"{"title":"ab","prompt":7,"options":[],"modifiers":["x",2],"long":"abcd","half":1.5,"whole":2.0}"#,
        )
        .unwrap();
        let mut fields = Fields::new(value.as_object().unwrap(), "#/input");
        fields.text("title", 3, 200);
        fields.text("prompt", 3, 400);
        fields.text("long", 0, 3);
        fields.object("options");
        fields.texts("modifiers");
        fields.required_text("project", 1, 10);
        fields.number("half", 1, 3);
        assert_eq!(fields.number("whole", 1, 3), Some(2));
        let problem = fields.finish().unwrap_err();
        let found: Vec<(&str, &str)> =
            problem.errors.iter().map(|error| (error.pointer.as_str(), error.detail.as_str())).collect();
        assert_eq!(
            found,
            [
                ("#/input/title", "String should have at least 3 characters"),
                ("#/input/prompt", "Input should be a valid string"),
                ("#/input/long", "String should have at most 3 characters"),
                ("#/input/options", "Input should be a valid dictionary"),
                ("#/input/modifiers", "Input should be a list of valid strings"),
                ("#/input/project", "Field required"),
                ("#/input/half", "Input should be a whole number from 1 to 3"),
            ]
        );
    }
}
