//! Whatever comes in: 4xx in our shape, never a 5xx, and nothing stored.

use crate::routes::ROUTES;
use crate::support::{Answer, Call, service, unique};
use serde_json::{Value, json};

/// Routes that take a JSON body of ours.
const BODIES: [&str; 7] = [
    "/v1/runs/start",
    "/v1/chat/brendan",
    "/v1/runs/no-such-run/cancel",
    "/v1/runs/no-such-run/artifacts",
    "/v1/dlq/replay",
    "/v1/dlq/no-such-letter/discard",
    "/admin/drain",
];
const WEBHOOKS: [&str; 3] = ["/v1/webhooks/kieai", "/v1/webhooks/shotstack", "/v1/webhooks/upload-post"];

#[track_caller]
fn refused(answer: &Answer, what: &str) {
    assert!((400..500).contains(&answer.status), "{what}: {}", answer.status);
}

#[test]
fn bodies_that_are_no_json_are_400_with_their_place() {
    let deep = "[".repeat(100_000);
    let deep_object = "{\"a\":".repeat(50_000);
    let bodies: [&[u8]; 14] = [
        b"{",
        b"nonsense",
        b"{\"a\":}",
        b"{'a':1}",
        b"\x00",
        b"\xff\xfe\xfd",
        b"{\"a\":\"\xff\"}",
        b"NaN",
        b"{\"a\":1}{\"b\":2}",
        b"{\"a\":1,}",
        b"\xef\xbb\xbf{}",
        b"\"\\ud800\"",
        deep.as_bytes(),
        deep_object.as_bytes(),
    ];
    for path in BODIES {
        for body in bodies {
            let answer = service().post(path).body("application/json", body).send();
            let problem = answer.expect(400).json();
            let detail = problem["detail"].as_str().unwrap();
            let has_place = detail.contains(" at line ") || detail.contains("index ");
            assert!(problem["code"] == "bad-request" && has_place, "{path}: {detail}");
        }
    }
}

#[test]
fn bodies_that_are_no_object_are_422() {
    for path in BODIES {
        for body in [json!([]), json!("text"), json!(1), json!(null), json!(true), json!([{"project": "aismr"}])] {
            service().post(path).json(&body).send().expect_invalid("#");
        }
    }
}

#[test]
fn every_type_in_every_member_is_answered_with_4xx() {
    let values = [
        json!(null),
        json!(1),
        json!(-1.5e300),
        json!(true),
        json!(""),
        json!([]),
        json!([[]]),
        json!({}),
        json!({"a": {"b": []}}),
        json!("\u{0}"),
        json!("\u{202e}\u{feff}"),
    ];
    for value in &values {
        let input = |name: &str| json!({"project": "test_video_gen", "input": {name: value}});
        for name in ["title", "prompt", "object", "subject", "topic", "modifiers"] {
            let answer = service().post("/v1/runs/start").json(&input(name)).send();
            assert!(answer.status == 200 || answer.status == 422, "{name} {value}: {}", answer.status);
            assert!(answer.status == 422 || value.as_str().is_some_and(|text| !text.is_empty()), "{name} {value}");
        }
        for body in [
            json!({"project": value, "input": {"title": "abc"}}),
            json!({"project": "aismr", "input": value}),
            json!({"user_id": value, "message": value}),
            json!({"type": value}),
        ] {
            for path in BODIES {
                let answer = service().post(path).json(&body).send();
                assert!(answer.status < 500, "{path} {body}");
            }
        }
    }
}

#[test]
fn other_content_types_are_415() {
    for path in BODIES {
        for kind in [
            "text/plain",
            "application/xml",
            "multipart/form-data; boundary=x",
            "application/x-www-form-urlencoded",
            "json",
            "/",
            "application/jsonp",
        ] {
            let answer = service().post(path).body(kind, "{}").send();
            let shown = kind.split(';').next().unwrap();
            answer.expect_problem(415, &format!("unsupported content-type: {shown}"));
        }
        let answer = service().post(path).body("application/json; charset=utf-8", "[]").send();
        answer.expect_invalid("#");
    }
}

#[test]
fn large_bodies_are_413_before_they_are_read() {
    let large = vec![b' '; 2_000_000];
    for path in BODIES {
        service().post(path).body("application/json", large.clone()).send().expect_problem(413, "payload too large");
    }
    for path in WEBHOOKS {
        service()
            .call("POST", path)
            .body("application/json", large.clone())
            .send()
            .expect_problem(413, "webhook payload too large");
    }
}

#[test]
fn a_large_body_without_a_length_is_413_too() {
    let piece = format!("{:x}\r\n{}\r\n", 100_000, " ".repeat(100_000));
    let chunked = format!("{}0\r\n\r\n", piece.repeat(15));
    for (path, detail) in [(BODIES[0], "payload too large"), (WEBHOOKS[1], "webhook payload too large")] {
        let call =
            service().post(path).header("transfer-encoding", "chunked").body("application/json", chunked.clone());
        call.send().expect_problem(413, detail);
    }
}

#[test]
fn a_chunked_body_is_read_like_any_other() {
    let body = json!({"user_id": unique("user"), "message": "hello"}).to_string();
    let chunked = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let call = service().post("/v1/chat/brendan").header("transfer-encoding", "chunked");
    call.body("application/json", chunked).send().expect(200);
}

/// Every route with one more header.
fn everywhere(name: &str, value: &[u8]) -> Vec<(String, Call)> {
    let named = |route: &crate::routes::Route| {
        let call = service().call(route.method, route.path).key().header(name, value);
        (format!("{} {} with {name}", route.method, route.path), call)
    };
    ROUTES.iter().map(named).collect()
}

#[test]
fn absurd_headers_break_nothing() {
    let long = "x".repeat(7000);
    for (name, value) in [
        ("x-request-id", long.as_bytes()),
        ("idempotency-key", b"\"unclosed" as &[u8]),
        ("accept", b"text/html;q=x,,,;;;=,*/*;q=-1"),
        ("content-type", b";;;;"),
        ("user-agent", long.as_bytes()),
        ("x-forwarded-for", b"1.2.3.4, ::1, <script>"),
        ("spin-client-addr", b"not an address"),
        ("spin-path-match-n", b"other"),
        ("spin-full-url", b"http://elsewhere/metrics"),
        ("x-real-ip", b"999.999.999.999"),
        ("range", b"bytes=0-0,-1"),
        ("expect", b"200-maybe"),
        ("cookie", b"a=b; $Version=1; ="),
        ("if-none-match", b"*"),
        ("x-http-method-override", b"DELETE"),
        ("x-sweep-key", b""),
        ("origin", b"https://evil.example"),
    ] {
        for (what, call) in everywhere(name, value) {
            let status = call.send().status;
            assert!(status < 500, "{what}: {status}");
        }
    }
}

#[test]
fn sixty_headers_break_nothing() {
    for route in &ROUTES {
        let mut call = service().call(route.method, route.path).key();
        for number in 0..60 {
            call = call.header(&format!("x-filler-{number}"), "x".repeat(100));
        }
        let answer = call.try_send().unwrap();
        assert!(answer.status < 500, "{}: {}", route.path, answer.status);
    }
}

#[test]
fn a_clients_own_spin_headers_are_not_believed() {
    // The limiter's address and the route come from the host, not from whoever claims to be it.
    let run = crate::support::Run::start();
    let call = service().call("POST", &run.link("workflow")).header("spin-client-addr", "203.0.113.9:1");
    call.header("x-forwarded-for", "203.0.113.9").send().expect(200);
    let row = service().database().row("SELECT approver_ip FROM hitl_approvals WHERE run_id = $1", &[&run.id]);
    assert_eq!(row["approver_ip"], "127.0.0.1");
}

#[test]
fn tricks_in_paths_are_4xx_and_reach_nothing() {
    let long = format!("/v1/runs/{}", "a".repeat(8000));
    for path in [
        "/v1//runs",
        "/./v1/ping",
        "/v1/../health",
        "/v1/%2e%2e/health",
        "/v1/runs/%2e%2e%2fstart",
        "/v1/runs/..%5c..",
        "/%00",
        "/v1/runs/%00",
        "/v1/runs/%ff%fe",
        "/v1/runs/%",
        "/v1/runs/%zz",
        "/v1/runs/a%0d%0aSet-Cookie:x=y",
        "/v1/projects/%2e",
        "/v1/runs/;a=b",
        "/v1/runs/a;b/events",
        "/v1/hitl/approve/%00/workflow",
        "/v1/hitl/link/a%2fb/workflow",
        "/metrics/..;/v1/runs",
        "/v1/runs/{run_id}",
        "/v1/runs/:run_id",
        "/v1/runs/'%20OR%201=1--",
        "/v1/runs/*",
        "*",
        &long,
    ] {
        let call = service().get(path);
        let answer = match call.try_send() {
            Ok(answer) => answer,
            // What is no HTTP is closed without an answer.
            Err(_) => continue,
        };
        refused(&answer, path);
        assert!(answer.header("set-cookie").is_none(), "{path}");
    }
}

#[test]
fn odd_queries_are_answered_without_a_5xx() {
    for query in [
        "?",
        "?&&&",
        "?=",
        "?a",
        "?status",
        "?%00=%00",
        "?%ff=%fe",
        "?limit=1&limit=2",
        "?cursor=%F0%9F",
        "?user_id=%27%3B--",
        "?a[]=1&a[]=2",
        "?limit=%31",
    ] {
        let answer = service().get(&format!("/v1/runs{query}")).send();
        assert!([200, 422].contains(&answer.status), "{query}: {}", answer.status);
        let answer = service().get(&format!("/v1/hitl/link/no-such-run/workflow{query}")).send();
        assert!([404, 422].contains(&answer.status), "{query}: {}", answer.status);
        for path in WEBHOOKS {
            let status = service().call("POST", &format!("{path}{query}")).bytes("not json").send().status;
            assert!([403, 422].contains(&status), "{path}{query}: {status}");
        }
    }
}

#[test]
fn what_is_no_http_gets_no_answer_of_ours() {
    for (method, target) in [
        ("GET", "no-slash"),
        ("GET", "/a b"),
        ("G E T", "/"),
        ("", "/"),
        ("GET", "http://elsewhere.example/v1/ping"),
        ("CONNECT", "elsewhere:443"),
    ] {
        let answer = service().call(method, target).key().try_send();
        assert!(answer.is_err() || answer.is_ok_and(|answer| answer.status != 200), "{method} {target}");
    }
}

#[test]
fn a_header_without_utf8_gets_spins_own_answer() {
    // Spin itself answers 500 without a body before a component sees it; docs/errors.md says so.
    let answer = service().get("/v1/ping").header("x-odd", b"\xff\xfe").try_send().unwrap();
    assert!(answer.status != 200 && (answer.status < 500 || answer.body.is_empty()), "{}", answer.status);
    service().get("/v1/ping").send().expect(200);
}

#[test]
fn refused_requests_store_nothing() {
    let user = unique("refused");
    let bodies = [
        json!({"project": "test_video_gen", "input": {}, "options": {"user_id": user}}),
        json!({"project": "nope", "input": {"title": "abc"}, "options": {"user_id": user}}),
        json!({"project": "general", "input": {"title": "abc"}, "options": {"user_id": user}}),
    ];
    for body in &bodies {
        service().post("/v1/runs/start").json(body).send().expect(422);
        service().call("POST", "/v1/runs/start").json(body).send().expect(401);
    }
    service()
        .call("POST", "/v1/chat/brendan")
        .json(&json!({"user_id": user, "message": "make a test video about x"}))
        .send()
        .expect(401);
    service().post("/v1/chat/brendan").json(&json!({"user_id": user})).send().expect(422);
    let mut database = service().database();
    assert_eq!(database.count("SELECT FROM runs WHERE user_id = $1", &[&user]), 0);
    assert_eq!(database.count("SELECT FROM chat_messages WHERE user_id = $1", &[&user]), 0);
}

#[test]
fn no_refusal_tells_about_our_insides() {
    let calls = [
        service().post("/v1/runs/start").json(&json!({"project": "'; SELECT 1; --", "input": {"title": "abc"}})),
        service().get("/v1/runs?cursor=%7B%7D"),
        service().get("/v1/runs/%27"),
        service().call("POST", "/v1/webhooks/kieai").bytes("{\"data\":\"\\u0000\"}"),
    ];
    for call in calls {
        let answer = call.send();
        refused(&answer, "a refusal");
        let text = answer.text().to_lowercase();
        for word in ["postgres", "sqlstate", "panicked", "src/", "serde", "spin_sdk", &service().api_key.to_lowercase()]
        {
            assert!(!text.contains(word), "{word} in {text}");
        }
    }
}

#[test]
fn unicode_survives_the_round_trip() {
    let subject = "🕯️ свеча \u{1F9FF} — \"Kerze\" \\ 蝋燭 \u{0301}";
    let body = json!({"project": "aismr", "input": {"object": subject}, "options": {"user_id": unique("ü")}});
    let run_id =
        service().post("/v1/runs/start").json(&body).send().expect(200).json()["runId"].as_str().unwrap().to_owned();
    let view: Value = service().get(&format!("/v1/runs/{run_id}")).send().expect(200).json();
    assert_eq!(view["result"]["videos"][0]["subject"], subject);
    assert_eq!(view["userId"], body["options"]["user_id"]);
}
