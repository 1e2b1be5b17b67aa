//! The cursor of a list: creation time and id of the last run (or dead letter) seen, opaque to clients.

use crate::clock;
use crate::ids;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// As the database wrote it, microseconds included.
    pub created_at: String,
    pub run_id: String,
}

impl Cursor {
    /// The cursor that continues after this run of a list.
    pub fn after(run: &Value) -> Option<String> {
        Cursor::after_item(run, "runId")
    }

    /// The same for another list, whose items have their id under this name.
    pub fn after_item(item: &Value, id_name: &str) -> Option<String> {
        Some(Cursor::of(item.get("createdAt")?.as_str()?, item.get(id_name)?.as_str()?))
    }

    pub fn of(created_at: &str, id: &str) -> String {
        URL_SAFE_NO_PAD.encode(format!("{created_at} {id}"))
    }

    pub fn parse(text: &str) -> Option<Cursor> {
        let decoded = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        let (created_at, run_id) = decoded.split_once(' ')?;
        clock::parse(created_at)?;
        let cursor = Cursor { created_at: created_at.to_owned(), run_id: run_id.to_owned() };
        ids::is_run_id(run_id).then_some(cursor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_cursor_comes_back() {
        let run = json!({"createdAt": "2025-11-14T12:00:00.123456+00:00", "runId": "r 1"});
        let cursor = Cursor::parse(&Cursor::after(&run).unwrap()).unwrap();
        assert_eq!((cursor.created_at.as_str(), cursor.run_id.as_str()), ("2025-11-14T12:00:00.123456+00:00", "r 1"));
    }

    #[test]
    fn what_is_no_cursor_is_refused() {
        for text in
            ["", "xyz", &URL_SAFE_NO_PAD.encode("yesterday r1"), &URL_SAFE_NO_PAD.encode("2025-11-14T12:00:00Z ")]
        {
            assert_eq!(Cursor::parse(text), None, "{text}");
        }
    }
}
