//! Both eras on one route; who may come in, from where, and how often.

use super::{MODERN, error, legacy, message, modern, result};
use crate::support::{service, stack};
use mw::mode::Mode;
use mw_stack::builder::Builder;
use serde_json::{Value, json};

#[test]
fn older_revisions_initialize_without_a_session() {
    let hello =
        json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}});
    let answer = service().post("/mcp").json(&message("initialize", hello)).send();
    assert!(answer.header("mcp-session-id").is_none());
    let settled = result(answer);
    assert_eq!(settled["protocolVersion"], "2025-11-25");
    assert_eq!(settled["serverInfo"]["name"], "myloware");
    assert!(settled["capabilities"]["tools"].is_object() && settled["capabilities"]["resources"].is_object());
    let done = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    let answer = service().post("/mcp").json(&done).send().expect(202);
    assert!(answer.body.is_empty());
    assert_eq!(result(legacy(service(), "ping", json!({})).send()), json!({}));
    let listed = result(service().post("/mcp").json(&message("tools/list", json!({}))).send());
    assert!(listed.get("resultType").is_none() && listed.get("ttlMs").is_none());
}

#[test]
fn the_oldest_clients_settle_on_their_own_revision() {
    for version in ["2025-03-26", "2024-11-05"] {
        let hello =
            json!({"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}});
        let settled = result(service().post("/mcp").json(&message("initialize", hello)).send());
        assert_eq!(settled["protocolVersion"], version);
        let headed = service().post("/mcp").header("mcp-protocol-version", version);
        assert_eq!(result(headed.json(&message("ping", Value::Null)).send()), json!({}));
    }
    let both = json!([message("ping", json!([])), message("tools/list", Value::Null)]);
    let answers = service().post("/mcp").json(&both).send().expect(200).json();
    assert_eq!((&answers[0]["result"], answers[1]["result"]["tools"].is_array()), (&json!({}), true), "{answers}");
}

#[test]
fn arguments_are_read_as_models_write_them() {
    let call = |name: &str, arguments: Value| {
        let params = json!({"name": name, "arguments": arguments});
        result(service().post("/mcp").json(&message("tools/call", params)).send())
    };
    let listed = call("list_runs", json!({"limit": "1", "status": "", "cursor": ""}));
    assert_eq!((&listed["isError"], listed["structuredContent"]["runs"].is_array()), (&json!(false), true), "{listed}");
    assert_eq!(call("list_projects", json!([]))["isError"], false);
    assert_eq!(call("list_runs", json!({"limit": "all"}))["isError"], true);
}

#[test]
fn clients_that_look_for_a_login_find_none() {
    let strangers = [
        ("GET", "/.well-known/oauth-protected-resource"),
        ("GET", "/.well-known/oauth-protected-resource/mcp"),
        ("GET", "/.well-known/oauth-authorization-server"),
        ("GET", "/.well-known/openid-configuration"),
        ("GET", "/mcp/.well-known/openid-configuration"),
        ("POST", "/register"),
    ];
    for (method, path) in strangers {
        let answer = service().call(method, path).send();
        let problem = answer.expect(404).json();
        assert_eq!((&problem["code"], &problem["error"]), (&json!("not-found"), &json!("not_found")), "{path}");
    }
    service().call("GET", "/anything-else").send().expect(401);
}

#[test]
fn the_current_revision_needs_no_initialize() {
    let found = result(modern(service(), "server/discover", json!({})).send());
    assert_eq!(found["supportedVersions"], json!([MODERN, "2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"]));
    assert_eq!(found["resultType"], "complete");
    assert_eq!((&found["ttlMs"], &found["cacheScope"]), (&json!(3_600_000), &json!("public")));
    assert_eq!(found["_meta"]["io.modelcontextprotocol/serverInfo"]["name"], "myloware");
    let listed = result(modern(service(), "tools/list", json!({})).send());
    let again = result(legacy(service(), "tools/list", json!({})).send());
    assert_eq!(listed["tools"], again["tools"], "one list in one order");
    for gone in ["initialize", "ping", "logging/setLevel", "resources/subscribe", "get_run_status", "no/such"] {
        assert_eq!(error(modern(service(), gone, json!({})).send(), 404), -32601, "{gone}");
    }
}

#[test]
fn headers_and_body_of_the_current_revision_say_the_same() {
    let meta =
        json!({"io.modelcontextprotocol/protocolVersion": MODERN, "io.modelcontextprotocol/clientCapabilities": {}});
    let sent = |headers: &[(&str, &str)], params: Value| {
        let call = headers.iter().fold(service().post("/mcp"), |call, (name, value)| call.header(name, value));
        call.json(&message("tools/call", params)).send()
    };
    let call = json!({"name": "list_projects", "_meta": meta});
    let right = [("MCP-Protocol-Version", MODERN), ("mcp-method", " tools/call "), ("Mcp-Name", "  list_projects")];
    result(sent(&right, call.clone()));
    for (place, wrong) in [(0, "2025-11-25"), (1, "TOOLS/CALL"), (2, "list_runs")] {
        let mut headers = right;
        headers[place].1 = wrong;
        assert_eq!(error(sent(&headers, call.clone()), 400), -32020, "{wrong}");
        let fewer: Vec<(&str, &str)> =
            right.into_iter().enumerate().filter(|(at, _)| *at != place).map(|(_, h)| h).collect();
        assert_eq!(error(sent(&fewer, call.clone()), 400), -32020, "without {}", right[place].0);
    }
    assert_eq!(error(sent(&right, json!({"name": "list_projects"})), 400), -32602);
    let other = service().post("/mcp").header("mcp-protocol-version", "v9").json(&message("tools/list", json!({})));
    let refused = other.send().expect(400).json();
    assert_eq!(refused["error"]["code"], -32022);
    assert_eq!(refused["error"]["data"]["requested"], "v9");
}

#[test]
fn what_is_no_message_is_refused_in_the_protocols_words() {
    let sent = |body: &str| service().post("/mcp").body("application/json", body).send();
    assert_eq!(error(sent("{"), 400), -32700);
    assert_eq!(error(sent(""), 400), -32700);
    for body in [
        r#"[]"#,
        r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":[1]}"#,
    ] {
        assert_eq!(error(sent(body), 400), -32600, "{body}");
    }
    let unknown = legacy(service(), "tools/call", json!({"name": "approve"})).send();
    assert_eq!(error(unknown, 200), -32602);
    assert_eq!(error(legacy(service(), "prompts/list", json!({})).send(), 200), -32601);
}

#[test]
fn a_key_opens_it_also_as_a_bearer_and_other_origins_stay_out() {
    let list = message("tools/list", json!({}));
    let ask = |name: &str, value: &str| service().call("POST", "/mcp").header(name, value).json(&list);
    result(ask("authorization", &format!("Bearer {}", service().api_key)).send());
    ask("authorization", "Bearer wrong").send().expect_problem(401, "Invalid API key");
    ask("x-api-key", "wrong").send().expect_problem(401, "Invalid API key");
    for origin in
        ["https://evil.example", "null", "http://localhost.evil.example", "https://127.0.0.1.evil.example:3000"]
    {
        let answer = service().post("/mcp").header("origin", origin).json(&list).send();
        assert_eq!(answer.expect(403).json()["code"], "origin-refused", "{origin}");
    }
    for origin in ["http://localhost:6274", "http://127.0.0.1:3000"] {
        result(service().post("/mcp").header("origin", origin).json(&list).send());
    }
}

#[test]
fn calls_are_limited_by_key_and_headers_say_how_many_are_left() {
    let builder = Builder::new().fast(true).mode(Mode::Mock).cron(false);
    let stack = builder.setting("MCP_PER_MINUTE", "3").start().unwrap();
    let service = stack::service_of(&stack);
    let ping = || service.post("/mcp").json(&message("ping", json!({}))).limited().send();
    for left in ["2", "1", "0"] {
        let answer = ping().expect(200);
        assert_eq!(answer.header("x-ratelimit-limit"), Some("3"));
        assert_eq!(answer.header("x-ratelimit-remaining"), Some(left));
        let reset: i64 = answer.header("x-ratelimit-reset").unwrap().parse().unwrap();
        let from_now = reset - time::OffsetDateTime::now_utc().unix_timestamp();
        assert!((0..=61).contains(&from_now), "{from_now}");
        assert!(answer.header("ratelimit").unwrap().starts_with(&format!("\"mcp\";r={left};t=")));
    }
    let refused = service.post("/mcp/tools/list").limited().send();
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert_eq!(refused.header("x-ratelimit-remaining"), Some("0"));
    let problem = refused.expect_problem(429, "Rate limit exceeded");
    assert_eq!((&problem["error"], &problem["retryAfter"]), (&json!("Rate limit exceeded"), &json!(wait)));
    service.database().execute("UPDATE rate_limits SET window_start = window_start - interval '60 seconds'", &[]);
    ping().expect(200);
}
