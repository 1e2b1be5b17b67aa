//! JSON-RPC 2.0: what a client sends, and what goes back.

use mw_edge::Response;
use serde_json::{Map, Value, json};

/// The specification's own codes.
pub const PARSE_ERROR: i32 = -32700;
pub const INVALID_REQUEST: i32 = -32600;
pub const METHOD_NOT_FOUND: i32 = -32601;
pub const INVALID_PARAMS: i32 = -32602;
pub const INTERNAL_ERROR: i32 = -32603;
pub const HEADER_MISMATCH: i32 = -32020;
pub const MISSING_CAPABILITY: i32 = -32021;
pub const UNSUPPORTED_VERSION: i32 = -32022;

/// Larger whole numbers are not the same to everybody who reads JSON.
const ID_MAX: f64 = 9_007_199_254_740_991.0;

/// A message that was understood.
#[derive(Debug, PartialEq)]
pub enum Message {
    Request {
        /// A text or a whole number.
        id: Value,
        method: String,
        params: Map<String, Value>,
    },
    /// A notification, or a response to what we never ask: nothing is answered.
    Unanswered,
}

/// A refusal, and the HTTP status that the current revision has for it.
#[derive(Debug, Clone, PartialEq)]
pub struct RpcError {
    pub code: i32,
    pub status: u16,
    pub message: String,
    pub data: Option<Value>,
}

impl RpcError {
    pub fn new(status: u16, code: i32, message: impl Into<String>) -> RpcError {
        RpcError { code, status, message: message.into(), data: None }
    }

    /// Parameters that are not what the method takes.
    pub fn invalid_params(message: impl Into<String>) -> RpcError {
        RpcError::new(200, INVALID_PARAMS, message)
    }

    pub fn method_not_found() -> RpcError {
        RpcError::new(404, METHOD_NOT_FOUND, "Method not found")
    }

    /// What is done needs something of the client that it has not declared, given as it would declare it.
    pub fn missing_capability(required: Value) -> RpcError {
        RpcError::new(400, MISSING_CAPABILITY, "Missing required client capability")
            .with_data(json!({"requiredCapabilities": required}))
    }

    pub fn with_data(mut self, data: Value) -> RpcError {
        self.data = Some(data);
        self
    }

    /// The answer; without the id of a request that could not be read.
    pub fn into_response(self, id: Option<&Value>, status: u16) -> Response {
        let mut error = json!({"code": self.code, "message": self.message});
        let mut body = Map::from_iter([("jsonrpc".to_owned(), json!("2.0"))]);
        if let (Some(data), Some(members)) = (self.data, error.as_object_mut()) {
            members.insert("data".to_owned(), data);
        }
        body.extend(id.map(|id| ("id".to_owned(), id.clone())));
        body.insert("error".to_owned(), error);
        Response::json(status, &body)
    }
}

/// The answer to a request.
pub fn result(id: &Value, result: &Value) -> Response {
    Response::ok(&json!({"jsonrpc": "2.0", "id": id, "result": result}))
}

/// Whether a member that would be an object is not there: clients write that as null, as an empty list or as an empty text, too.
pub fn is_nothing(member: Option<&Value>) -> bool {
    match member {
        None | Some(Value::Null) => true,
        Some(Value::Array(items)) => items.is_empty(),
        Some(Value::String(text)) => text.is_empty(),
        Some(Value::Bool(_) | Value::Number(_) | Value::Object(_)) => false,
    }
}

/// Reads a message; a refusal comes with the id where there is one.
pub fn read(value: Value) -> Result<Message, (Option<Value>, RpcError)> {
    let invalid = |id: Option<Value>, what: &str| (id, RpcError::new(400, INVALID_REQUEST, what));
    let Value::Object(mut members) = value else {
        let what = if value.is_array() { "Batches are not supported" } else { "A message is an object" };
        return Err(invalid(None, what));
    };
    let id = members.remove("id");
    // Some clients write every number with a point: 1.0 is whole, too.
    let is_whole = |id: f64| id.fract() == 0.0 && id.abs() <= ID_MAX;
    let is_id = |id: &Value| id.is_string() || id.as_f64().is_some_and(is_whole);
    let known_id = id.clone().filter(is_id);
    if members.get("jsonrpc") != Some(&json!("2.0")) {
        return Err(invalid(known_id, "jsonrpc is \"2.0\""));
    }
    let method = match members.remove("method") {
        Some(Value::String(method)) => method,
        None if members.contains_key("result") || members.contains_key("error") => return Ok(Message::Unanswered),
        _ => return Err(invalid(known_id, "method is a text")),
    };
    match (id, known_id) {
        (None, _) => Ok(Message::Unanswered),
        (Some(_), None) => Err(invalid(None, "id is a text or a whole number")),
        (Some(_), Some(id)) => match members.remove("params") {
            Some(Value::Object(params)) => Ok(Message::Request { id, method, params }),
            params if is_nothing(params.as_ref()) => Ok(Message::Request { id, method, params: Map::new() }),
            _ => Err(invalid(Some(id), "params is an object")),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_have_an_id_and_all_else_is_unanswered() {
        let asked = read(json!({"jsonrpc": "2.0", "id": 7, "method": "ping"})).unwrap();
        assert_eq!(asked, Message::Request { id: json!(7), method: "ping".into(), params: Map::new() });
        let pointed = read(json!({"jsonrpc": "2.0", "id": 1.0, "method": "ping"})).unwrap();
        assert_eq!(pointed, Message::Request { id: json!(1.0), method: "ping".into(), params: Map::new() });
        for none in [json!(null), json!([]), json!({})] {
            let sent = read(json!({"jsonrpc": "2.0", "id": 7, "method": "ping", "params": none})).unwrap();
            assert_eq!(sent, asked);
        }
        for silent in [
            json!({"jsonrpc": "2.0", "method": "notifications/initialized"}),
            json!({"jsonrpc": "2.0", "id": 1, "result": {}}),
        ] {
            assert_eq!(read(silent).unwrap(), Message::Unanswered);
        }
    }

    #[test]
    fn what_is_no_request_is_refused_with_the_id_that_can_be_read() {
        for (sent, id) in [
            (json!([{"jsonrpc": "2.0", "id": 1, "method": "ping"}]), None),
            (json!("ping"), None),
            (json!({"jsonrpc": "1.0", "id": 1, "method": "ping"}), Some(json!(1))),
            (json!({"jsonrpc": "2.0", "id": "a"}), Some(json!("a"))),
            (json!({"jsonrpc": "2.0", "id": null, "method": "ping"}), None),
            (json!({"jsonrpc": "2.0", "id": 1.5, "method": "ping"}), None),
            (json!({"jsonrpc": "2.0", "id": 1_u64 << 53, "method": "ping"}), None),
            (json!({"jsonrpc": "2.0", "id": 1, "method": "ping", "params": [1]}), Some(json!(1))),
        ] {
            let (found, error) = read(sent.clone()).unwrap_err();
            assert_eq!((found, error.code, error.status), (id, INVALID_REQUEST, 400), "{sent}");
        }
    }

    #[test]
    fn an_error_has_no_id_rather_than_none() {
        let body = |id: Option<&Value>| {
            let response = RpcError::method_not_found().into_response(id, 404);
            serde_json::from_slice::<Value>(&response.body).unwrap()
        };
        assert_eq!(body(None), json!({"jsonrpc": "2.0", "error": {"code": -32601, "message": "Method not found"}}));
        assert_eq!(body(Some(&json!(3)))["id"], 3);
    }
}
