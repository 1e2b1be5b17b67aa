//! Key-value store, variables, outgoing HTTP (with and without time-outs).

use serde_json::{Value, json};
use spin_sdk::http::{Method, Request, Response, send};
use spin_sdk::key_value::Store;
use spin_sdk::variables;
use spin_sdk::wit::wasi::http0_2_0::outgoing_handler;
use spin_sdk::wit::wasi::http0_2_0::types::{Fields, OutgoingRequest, RequestOptions, Scheme};

pub(crate) async fn respond(path: &str, query: &str) -> Option<Value> {
    Some(match path {
        "/kv" => key_value().unwrap_or_else(|error| json!({ "error": format!("{error:?}") })),
        "/kv/denied" => match Store::open("secret") {
            Ok(_) => json!("opened"),
            Err(error) => json!({ "error": format!("{error:?}") }),
        },
        "/kv/get" => json!(recall(crate::parameter(query, "key").unwrap_or_default())),
        "/kv/forget" => {
            remember(crate::parameter(query, "key").unwrap_or_default(), "");
            json!("forgotten")
        }
        "/variables" => match variables::get(crate::parameter(query, "name").unwrap_or_default()) {
            Ok(value) => json!({ "value": value }),
            Err(error) => json!({ "error": format!("{error:?}") }),
        },
        "/outbound" => outbound(crate::parameter(query, "url").unwrap_or_default()).await,
        "/outbound-timeout" => outbound_timeout(query),
        _ => return None,
    })
}

pub(crate) fn remember(key: &str, value: &str) {
    if let Ok(store) = Store::open_default() {
        let _ = store.set(key, value.as_bytes());
    }
}

fn recall(key: &str) -> Option<String> {
    let value = Store::open_default().ok()?.get(key).ok()??;
    Some(String::from_utf8_lossy(&value).into_owned())
}

fn key_value() -> Result<Value, spin_sdk::key_value::Error> {
    let store = Store::open_default()?;
    let before = store.exists("conformance")?;
    store.set("conformance", b"value")?;
    let stored = store.get("conformance")?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let listed = store.get_keys()?.contains(&"conformance".to_owned());
    store.delete("conformance")?;
    store.delete("conformance")?;
    let after = store.get("conformance")?;
    Ok(json!({ "before": before, "stored": stored, "listed": listed, "after": after }))
}

async fn outbound(url: &str) -> Value {
    let request = Request::builder().method(Method::Post).uri(url).header("x-check", "1").body("ping").build();
    match send::<_, Response>(request).await {
        Ok(response) => {
            let text = String::from_utf8_lossy(response.body()).into_owned();
            let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
            json!({ "status": response.status(), "body": body })
        }
        Err(error) => json!({ "error": format!("{error:?}") }),
    }
}

/// The time-outs of a request's options, which the SDK's `send` doesn't offer.
fn outbound_timeout(query: &str) -> Value {
    let nanoseconds = crate::parameter(query, "ms").and_then(|text| text.parse::<u64>().ok()).unwrap_or(0) * 1_000_000;
    let options = RequestOptions::new();
    let request = OutgoingRequest::new(Fields::new());
    let set = match crate::parameter(query, "which") {
        Some("connect") => options.set_connect_timeout(Some(nanoseconds)),
        _ => options.set_first_byte_timeout(Some(nanoseconds)),
    };
    let set = set
        .and_then(|()| request.set_scheme(Some(&Scheme::Http)))
        .and_then(|()| request.set_authority(crate::parameter(query, "authority")))
        .and_then(|()| request.set_path_with_query(Some("/")));
    if set.is_err() {
        return json!("the request could not be made");
    }
    let outcome = outgoing_handler::handle(request, Some(options)).map(|response| {
        response.subscribe().block();
        response.get()
    });
    match outcome {
        Ok(Some(Ok(Ok(response)))) => json!({ "status": response.status() }),
        Ok(Some(Ok(Err(error)))) | Err(error) => json!({ "error": format!("{error:?}") }),
        Ok(_) => json!("no outcome"),
    }
}
