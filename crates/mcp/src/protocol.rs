//! One message in, one answer out, in the words of its revision. What a server offers is behind [`Offer`]: ours is
//! [`super::offer`], the conformance suite's is a component of the tests.

use super::message::{self, INVALID_REQUEST, Message, RpcError};
use super::revision::{self, Era, SUPPORTED};
use mw_edge::{Request, Response};
use serde_json::{Map, Value, json};

/// A request of one method.
pub struct Ask<'a> {
    pub method: &'a str,
    pub params: &'a Map<String, Value>,
    pub era: Era,
}

impl Ask<'_> {
    /// A member of the parameters that is a text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.params.get(name)?.as_str()
    }

    /// What the client has declared under a name. Clients of the old era declare it once, which nobody remembers.
    pub fn capability(&self, name: &str) -> Option<&Value> {
        match self.era {
            Era::Modern => revision::capabilities(self.params)?.get(name),
            Era::Legacy => None,
        }
    }
}

/// What a server has.
pub trait Offer {
    /// Name and version.
    fn identity(&self) -> Value;

    fn capabilities(&self) -> Value;

    /// For the model, on how to use it.
    fn instructions(&self) -> &'static str;

    /// Everything but the hand-shake.
    fn answer(&mut self, ask: &Ask<'_>) -> Result<Value, RpcError>;
}

/// Messages that are answered at once; each is as much work as a request.
const BATCH_MAX: usize = 10;

/// Answers a message, or several of a client whose revision has that.
pub fn answer(request: &Request, message: Value, offer: &mut dyn Offer) -> Response {
    match message {
        Value::Array(messages) if revision::takes_batches(request) => answer_all(request, messages, offer),
        message => answer_one(request, message, offer),
    }
}

/// The answers that there are, in one list; a batch that cannot be taken is refused as one.
fn answer_all(request: &Request, messages: Vec<Value>, offer: &mut dyn Offer) -> Response {
    if messages.is_empty() || messages.len() > BATCH_MAX {
        let what = format!("A batch has 1 to {BATCH_MAX} messages");
        return RpcError::new(400, INVALID_REQUEST, what).into_response(None, 400);
    }
    let answers: Vec<Value> = messages
        .into_iter()
        .map(|message| answer_one(request, message, offer))
        .filter(|answer| !answer.body.is_empty())
        .filter_map(|answer| serde_json::from_slice(&answer.body).ok())
        .collect();
    if answers.is_empty() { Response::empty(202) } else { Response::ok(&answers) }
}

fn answer_one(request: &Request, message: Value, offer: &mut dyn Offer) -> Response {
    let (id, method, params) = match message::read(message) {
        Ok(Message::Request { id, method, params }) => (id, method, params),
        Ok(Message::Unanswered) => return Response::empty(202),
        Err((id, error)) => return error.into_response(id.as_ref(), 400),
    };
    let era = match revision::of(request, &method, &params) {
        Ok(era) => era,
        Err(error) => {
            let status = error.status;
            return error.into_response(Some(&id), status);
        }
    };
    let ask = Ask { method: &method, params: &params, era };
    match (era, perform(&ask, offer)) {
        (Era::Modern, Ok(result)) => message::result(&id, &completed(&method, result, offer)),
        (Era::Legacy, Ok(result)) => message::result(&id, &result),
        (Era::Modern, Err(error)) => {
            let status = error.status;
            error.into_response(Some(&id), status)
        }
        // Before, whatever a method had against its parameters was an answer like any other.
        (Era::Legacy, Err(error)) => error.into_response(Some(&id), 200),
    }
}

fn perform(ask: &Ask<'_>, offer: &mut dyn Offer) -> Result<Value, RpcError> {
    match (ask.era, ask.method) {
        (Era::Modern, "server/discover") => Ok(json!({
            "supportedVersions": SUPPORTED,
            "capabilities": offer.capabilities(),
            "instructions": offer.instructions(),
        })),
        (Era::Legacy, "initialize") => Ok(json!({
            "protocolVersion": revision::negotiated(ask.params),
            "capabilities": offer.capabilities(),
            "serverInfo": offer.identity(),
            "instructions": offer.instructions(),
        })),
        (Era::Legacy, "ping") => Ok(json!({})),
        (Era::Modern, "initialize" | "ping") => Err(RpcError::method_not_found()),
        (Era::Modern | Era::Legacy, _) => offer.answer(ask),
    }
}

/// What every result of the current revision has beside its own members.
fn completed(method: &str, result: Value, offer: &dyn Offer) -> Value {
    let Value::Object(mut members) = result else { return result };
    members.entry("resultType").or_insert_with(|| json!("complete"));
    let meta = members.entry("_meta").or_insert_with(|| json!({}));
    if let Some(meta) = meta.as_object_mut() {
        meta.insert("io.modelcontextprotocol/serverInfo".to_owned(), offer.identity());
    }
    if let Some((ttl_ms, scope)) = caching(method) {
        members.insert("ttlMs".to_owned(), json!(ttl_ms));
        members.insert("cacheScope".to_owned(), json!(scope));
    }
    Value::Object(members)
}

/// How long a client may keep a result, in milliseconds, and whether for others too; none where that is not said.
fn caching(method: &str) -> Option<(u32, &'static str)> {
    match method {
        "server/discover" => Some((3_600_000, "public")),
        "tools/list" | "prompts/list" | "resources/templates/list" => Some((300_000, "public")),
        // Runs move, and not everybody may see them.
        "resources/list" | "resources/read" => Some((0, "private")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::revision::MODERN;
    use super::*;

    struct Parrot;

    impl Offer for Parrot {
        fn identity(&self) -> Value {
            json!({"name": "parrot", "version": "1"})
        }
        fn capabilities(&self) -> Value {
            json!({"tools": {}})
        }
        fn instructions(&self) -> &'static str {
            "Say something."
        }
        fn answer(&mut self, ask: &Ask<'_>) -> Result<Value, RpcError> {
            match ask.method {
                "tools/list" => Ok(json!({"tools": []})),
                "tools/call" => Err(RpcError::invalid_params("Unknown tool: x")),
                _ => Err(RpcError::method_not_found()),
            }
        }
    }

    fn said(headers: &[(&str, &str)], message: Value) -> (u16, Value) {
        let response = answer(&Request::in_memory("POST", "/mcp", headers, ""), message, &mut Parrot);
        (response.status, serde_json::from_slice(&response.body).unwrap_or_default())
    }

    fn legacy(method: &str) -> (u16, Value) {
        said(&[], json!({"jsonrpc": "2.0", "id": 1, "method": method}))
    }

    fn modern(method: &str) -> (u16, Value) {
        let meta = json!({
            "io.modelcontextprotocol/protocolVersion": MODERN, "io.modelcontextprotocol/clientCapabilities": {},
        });
        let headers = [("mcp-protocol-version", MODERN), ("mcp-method", method)];
        said(&headers, json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": {"_meta": meta}}))
    }

    #[test]
    fn both_eras_begin_in_their_own_way() {
        let (_, hello) = legacy("initialize");
        assert_eq!(hello["result"]["serverInfo"]["name"], "parrot");
        assert_eq!(legacy("ping").1["result"], json!({}));
        assert_eq!(modern("initialize").0, 404);
        assert_eq!(modern("ping").1["error"]["code"], -32601);
        let (status, discovered) = modern("server/discover");
        assert_eq!((status, &discovered["result"]["supportedVersions"][0]), (200, &json!(MODERN)));
        assert_eq!(discovered["result"]["_meta"]["io.modelcontextprotocol/serverInfo"]["version"], "1");
    }

    #[test]
    fn modern_results_say_their_type_and_lifetime() {
        let (_, listed) = modern("tools/list");
        assert_eq!(listed["result"]["resultType"], "complete");
        assert_eq!(listed["result"]["ttlMs"], 300_000);
        assert_eq!(legacy("tools/list").1["result"], json!({"tools": []}));
    }

    #[test]
    fn refusals_have_the_status_of_their_era() {
        assert_eq!((modern("nothing").0, legacy("nothing").0), (404, 200));
        assert_eq!((modern("tools/call").0, legacy("tools/call").0), (200, 200));
        assert_eq!(said(&[], json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).0, 202);
        assert_eq!(said(&[], json!([])).0, 400);
    }

    #[test]
    fn a_batch_of_an_old_client_is_answered_as_one() {
        let ping = |id: u32| json!({"jsonrpc": "2.0", "id": id, "method": "ping"});
        let notice = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        let (status, answers) = said(&[], json!([ping(1), notice, ping(2), {"jsonrpc": "2.0", "id": 3}]));
        assert_eq!((status, answers.as_array().unwrap().len()), (200, 3));
        assert_eq!((&answers[1]["id"], &answers[2]["error"]["code"]), (&json!(2), &json!(INVALID_REQUEST)));
        assert_eq!(said(&[], json!([notice])), (202, Value::Null));
        let many = Value::from((0..=10).map(ping).collect::<Vec<_>>());
        assert_eq!(said(&[], many).0, 400);
        assert_eq!(said(&[("mcp-protocol-version", "2025-06-18")], json!([ping(1)])).0, 400);
    }
}
