//! The two eras on one route: 2026-07-28, where every request says its revision and needs no hand-shake, and those before,
//! which begin with `initialize`. Which one a request is of, and whether its headers agree with its body.

use super::message::{HEADER_MISMATCH, INVALID_PARAMS, RpcError, UNSUPPORTED_VERSION};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mw_edge::Request;
use serde_json::{Map, Value, json};

pub const MODERN: &str = "2026-07-28";
/// Newest first. One that says none is taken for one of these.
pub const LEGACY: [&str; 4] = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"];
/// Every revision that is served, newest first.
pub const SUPPORTED: [&str; 5] = [MODERN, LEGACY[0], LEGACY[1], LEGACY[2], LEGACY[3]];
/// The last revision that has no header for itself, and whose clients may send several messages at once.
const BATCHES_UNTIL: &str = "2025-03-26";

const META_VERSION: &str = "io.modelcontextprotocol/protocolVersion";
const META_CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Era {
    Modern,
    Legacy,
}

/// The era of a request, once its headers and `_meta` are what that era asks for.
pub fn of(request: &Request, method: &str, params: &Map<String, Value>) -> Result<Era, RpcError> {
    let header = request.header("mcp-protocol-version").map(str::trim);
    let meta = params.get("_meta").and_then(Value::as_object);
    let stated = meta.and_then(|meta| meta.get(META_VERSION)).map(|version| version.as_str().unwrap_or_default());
    match (header, stated) {
        (None, None) if method != "server/discover" => Ok(Era::Legacy),
        (Some(header), None) if LEGACY.contains(&header) => Ok(Era::Legacy),
        (Some(header), None) if header != MODERN => Err(unsupported(header)),
        _ => modern(request, header, meta, method, params).map(|()| Era::Modern),
    }
}

fn modern(
    request: &Request,
    header: Option<&str>,
    meta: Option<&Map<String, Value>>,
    method: &str,
    params: &Map<String, Value>,
) -> Result<(), RpcError> {
    let missing = |name: &str| RpcError::new(400, INVALID_PARAMS, format!("params._meta needs {name}"));
    let member = |name: &str| meta.and_then(|meta| meta.get(name));
    let version = member(META_VERSION).and_then(Value::as_str).ok_or_else(|| missing(META_VERSION))?;
    member(META_CAPABILITIES).filter(|value| value.is_object()).ok_or_else(|| missing(META_CAPABILITIES))?;
    agree("MCP-Protocol-Version", header, version)?;
    if version != MODERN {
        return Err(unsupported(version));
    }
    agree("Mcp-Method", request.header("mcp-method").map(str::trim), method)?;
    let name = match method {
        "tools/call" | "prompts/get" => "name",
        "resources/read" => "uri",
        _ => return Ok(()),
    };
    match params.get(name).and_then(Value::as_str) {
        Some(name) => agree("Mcp-Name", request.header("mcp-name").map(plain).as_deref(), name),
        // The method itself says what is wrong with it.
        None => Ok(()),
    }
}

/// The revision that `initialize` settles on: the one asked for, or our newest of that era.
pub fn negotiated(params: &Map<String, Value>) -> &'static str {
    let asked = params.get("protocolVersion").and_then(Value::as_str).unwrap_or_default();
    LEGACY.into_iter().find(|version| *version == asked).unwrap_or(LEGACY[0])
}

/// Whether a client may send several messages at once. Revisions are dates, so they compare as texts.
pub fn takes_batches(request: &Request) -> bool {
    request.header("mcp-protocol-version").is_none_or(|version| version.trim() <= BATCHES_UNTIL)
}

/// What the client says that it can do, in the modern era.
pub fn capabilities(params: &Map<String, Value>) -> Option<&Map<String, Value>> {
    params.get("_meta")?.get(META_CAPABILITIES)?.as_object()
}

fn agree(name: &str, header: Option<&str>, body: &str) -> Result<(), RpcError> {
    match header {
        Some(header) if header == body => Ok(()),
        Some(_) => Err(RpcError::new(400, HEADER_MISMATCH, format!("{name} does not match the body"))),
        None => Err(RpcError::new(400, HEADER_MISMATCH, format!("{name} is missing"))),
    }
}

/// A header's value without its white space and its encoding; one that cannot be decoded matches nothing.
fn plain(value: &str) -> String {
    let value = value.trim();
    let encoded = value.strip_prefix("=?base64?").and_then(|rest| rest.strip_suffix("?="));
    match encoded.map(|encoded| STANDARD.decode(encoded).map(String::from_utf8)) {
        None => value.to_owned(),
        Some(Ok(Ok(decoded))) => decoded,
        Some(_) => String::new(),
    }
}

fn unsupported(requested: &str) -> RpcError {
    RpcError::new(400, UNSUPPORTED_VERSION, "Unsupported protocol version")
        .with_data(json!({"supported": SUPPORTED, "requested": requested}))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meta() -> Value {
        json!({META_VERSION: MODERN, META_CAPABILITIES: {}})
    }

    fn era(headers: &[(&str, &str)], method: &str, params: Value) -> Result<Era, (u16, i32)> {
        let asked = Request::in_memory("POST", "/mcp", headers, "");
        of(&asked, method, params.as_object().unwrap()).map_err(|error| (error.status, error.code))
    }

    #[test]
    fn a_request_without_a_revision_is_of_the_old_era() {
        assert_eq!(era(&[], "tools/list", json!({})), Ok(Era::Legacy));
        for version in LEGACY {
            assert_eq!(
                era(&[("mcp-protocol-version", version)], "tools/list", json!({})),
                Ok(Era::Legacy),
                "{version}"
            );
        }
        assert_eq!(era(&[("mcp-protocol-version", "2024-01-01")], "tools/list", json!({})), Err((400, -32022)));
    }

    #[test]
    fn a_modern_request_says_everything_twice() {
        let call = json!({"_meta": meta(), "name": "list_runs"});
        let header =
            |name, method, version| [("mcp-protocol-version", version), ("mcp-method", method), ("mcp-name", name)];
        let sent = |name, method, version| era(&header(name, method, version), "tools/call", call.clone());
        assert_eq!(sent("list_runs", "tools/call", MODERN), Ok(Era::Modern));
        assert_eq!(sent("  list_runs ", " tools/call", MODERN), Ok(Era::Modern));
        assert_eq!(sent("=?base64?bGlzdF9ydW5z?=", "tools/call", MODERN), Ok(Era::Modern));
        for (name, method, version) in [
            ("other", "tools/call", MODERN),
            ("=?base64?bGlzdF9ydW5?=", "tools/call", MODERN),
            ("list_runs", "TOOLS/CALL", MODERN),
            ("list_runs", "tools/call", "2025-11-25"),
        ] {
            assert_eq!(sent(name, method, version), Err((400, -32020)), "{name} {method} {version}");
        }
        assert_eq!(era(&[("mcp-protocol-version", MODERN)], "tools/call", call.clone()), Err((400, -32020)));
    }

    #[test]
    fn a_modern_request_needs_its_meta_and_a_revision_that_we_know() {
        let headers = [("mcp-protocol-version", MODERN), ("mcp-method", "tools/list")];
        for params in [
            json!({}),
            json!({"_meta": {}}),
            json!({"_meta": {META_VERSION: MODERN}}),
            json!({"_meta": {META_CAPABILITIES: {}}}),
            json!({"_meta": {META_VERSION: 7, META_CAPABILITIES: {}}}),
        ] {
            assert_eq!(era(&headers, "tools/list", params.clone()), Err((400, -32602)), "{params}");
        }
        assert_eq!(era(&[], "server/discover", json!({})), Err((400, -32602)));
        let other = json!({"_meta": {META_VERSION: "v9", META_CAPABILITIES: {}}});
        assert_eq!(era(&headers, "tools/list", other.clone()), Err((400, -32020)));
        assert_eq!(era(&[("mcp-protocol-version", "v9")], "tools/list", other), Err((400, -32022)));
    }

    #[test]
    fn only_clients_of_old_revisions_may_send_batches() {
        let takes = |headers: &[(&str, &str)]| takes_batches(&Request::in_memory("POST", "/mcp", headers, ""));
        assert!(takes(&[]) && takes(&[("mcp-protocol-version", "2025-03-26")]));
        for newer in ["2025-06-18", "2025-11-25", MODERN] {
            assert!(!takes(&[("mcp-protocol-version", newer)]), "{newer}");
        }
    }

    #[test]
    fn initialize_settles_on_what_both_know() {
        let settled = |asked: &str| negotiated(json!({"protocolVersion": asked}).as_object().unwrap());
        assert_eq!(LEGACY.map(settled), LEGACY);
        assert_eq!([settled("2026-07-28"), settled("2024-10-07"), settled("")], ["2025-11-25"; 3]);
    }
}
