//! What the conformance component sees of its host. Each expectation is Spin's behaviour; with
//! CONFORMANCE_BASE_URL the same checks run against a Spin that serves conformance/spin.toml on the same database.

// The lints' exception for tests doesn't reach helpers outside of #[test].
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use support::{Host, eventually, fetch, get, raw, silent_server, sql};

/// The host under test: ours, or the one named by the environment.
struct Subject {
    base: String,
    _host: Option<Host>,
}

fn subject() -> Subject {
    match std::env::var("CONFORMANCE_BASE_URL") {
        Ok(base) => Subject { base: base.trim_end_matches('/').to_owned(), _host: None },
        Err(_) => {
            let host = Host::start(&[]);
            Subject { base: host.base.clone(), _host: Some(host) }
        }
    }
}

impl Subject {
    fn get(&self, path: &str) -> Value {
        get(&format!("{}{path}", self.base))
    }

    fn status(&self, path: &str) -> u16 {
        fetch(&format!("{}{path}", self.base)).0
    }

    fn authority(&self) -> &str {
        self.base.strip_prefix("http://").unwrap()
    }
}

/// The last value of a header, which is the host's own.
fn header<'a>(seen: &'a Value, name: &str) -> Option<&'a str> {
    let of = |pair: &'a Value| (pair[0] == name).then(|| pair[1].as_str().unwrap());
    seen["headers"].as_array().unwrap().iter().filter_map(of).next_back()
}

#[test]
fn requests_arrive_with_spins_headers() {
    let subject = subject();
    let cases: &[(&str, &[(&str, &str)])] = &[
        ("/headers/exact", &[("spin-raw-component-route", "/headers/exact"), ("spin-path-info", "")]),
        (
            "/headers/a/of/b",
            &[
                ("spin-matched-route", "/headers/:name/of/:other_name"),
                ("spin-path-match-name", "a"),
                ("spin-path-match-other-name", "b"),
            ],
        ),
        (
            "/headers/under/x/rest/?q=1",
            &[
                ("spin-path-info", "/rest/"),
                ("spin-component-route", "/headers/under/:name"),
                ("spin-raw-component-route", "/headers/under/:name/..."),
                ("spin-path-match-name", "x"),
            ],
        ),
        (
            "/headers/else",
            &[("spin-raw-component-route", "/..."), ("spin-component-route", ""), ("spin-base-path", "/")],
        ),
    ];
    for (path, expected) in cases {
        let seen = subject.get(path);
        assert_eq!(seen["path"], *path);
        assert_eq!(seen["authority"], subject.authority());
        assert_eq!(header(&seen, "spin-full-url").unwrap(), format!("{}{path}", subject.base));
        assert!(header(&seen, "spin-client-addr").unwrap().starts_with("127.0.0.1:"));
        for (name, value) in *expected {
            assert_eq!(header(&seen, name), Some(*value), "{path} {name}");
        }
    }
}

#[test]
fn hosts_give_their_own_answers() {
    let subject = subject();
    assert_eq!(fetch(&format!("{}/.well-known/spin/health", subject.base)), (200, "OK".into()));
    assert_eq!(subject.status("/.well-known/spin/nothing"), 404);
    assert_eq!(subject.get("/.well-known/spin/info")["name"], "conformance");
    assert_eq!(fetch(&format!("{}/trap", subject.base)), (500, String::new()));
    assert_eq!(fetch(&format!("{}/silent", subject.base)), (500, String::new()));
    let wait = Duration::from_millis(500);
    let not_text = raw(
        subject.authority(),
        b"GET /headers HTTP/1.1\r\nhost: h\r\nx-bad: \xff\xfe\r\nconnection: close\r\n\r\n",
        wait,
    );
    assert!(not_text.starts_with("HTTP/1.1 500"), "{not_text}");
    assert_eq!(raw(subject.authority(), b"GET /headers HTTP/1.1\r\n\r\n", wait), "", "a request without a host");
}

#[test]
fn answers_may_be_early_late_and_in_pieces() {
    let subject = subject();
    let started = Instant::now();
    subject.get("/kv/forget?key=after-answer");
    assert_eq!(subject.get("/after-answer?ms=3000"), "answered");
    assert!(started.elapsed() < Duration::from_millis(2500), "the answer waited for the guest's end");
    assert_ne!(subject.get("/kv/get?key=after-answer"), "done");
    eventually("the guest came to its end", || subject.get("/kv/get?key=after-answer") == "done");

    subject.get("/kv/forget?key=after-answer");
    raw(subject.authority(), b"GET /after-answer?ms=300 HTTP/1.1\r\nhost: h\r\n\r\n", Duration::from_millis(50));
    eventually("a client that hung up changed nothing", || subject.get("/kv/get?key=after-answer") == "done");

    let request = b"GET /stream?ms=5000 HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n";
    let beginning = raw(subject.authority(), request, Duration::from_millis(2500));
    assert!(beginning.contains("first,") && !beginning.contains("second"), "{beginning}");
    assert_eq!(fetch(&format!("{}/stream?ms=10", subject.base)), (200, "first,second".into()));
    assert_eq!(fetch(&format!("{}/trap-after-answer", subject.base)), (200, "\"answered\"".into()));
}

#[test]
fn variables_and_environment_are_those_granted() {
    let subject = subject();
    assert_eq!(subject.get("/variables?name=greeting"), json!({ "value": "hello, hello!" }));
    assert_eq!(subject.get("/variables?name=plain"), json!({ "value": "as it is" }));
    let undefined = r#"Error::Undefined("no variable for \"conformance\".\"nobody\"")"#;
    assert_eq!(subject.get("/variables?name=nobody"), json!({ "error": undefined }));
    let invalid = subject.get("/variables?name=No").to_string();
    assert!(invalid.contains("Error::InvalidName"), "{invalid}");
    assert_eq!(subject.get("/environment"), json!([["MODE", "conformance"]]));
}

#[test]
fn the_key_value_store_keeps_and_forgets() {
    let subject = subject();
    assert_eq!(subject.get("/kv"), json!({ "before": false, "stored": "value", "listed": true, "after": null }));
    assert_eq!(subject.get("/kv/denied"), json!({ "error": "Error::AccessDenied" }));
}

#[test]
fn outgoing_requests_go_where_they_may() {
    let subject = subject();
    let echo = subject.get(&format!("/outbound?url={}/echo", subject.base));
    assert_eq!(echo, json!({ "status": 200, "body": { "length": 4, "text": "ping" } }));
    let cases = [
        ("http://exact.spin.internal/", "HttpRequestDenied"),
        ("https://127.0.0.1/", "HttpRequestDenied"),
        ("http://localhost:9/", "HttpRequestDenied"),
        ("/relative", "HttpRequestDenied"),
        ("http://127.0.0.1:9/", "ConnectionRefused"),
    ];
    for (url, expected) in cases {
        let seen = subject.get(&format!("/outbound?url={url}")).to_string();
        assert!(seen.contains(expected), "{url}: {seen}");
    }
    let started = Instant::now();
    let silent = subject.get(&format!("/outbound-timeout?ms=200&authority={}", silent_server()));
    assert_eq!(silent, json!({ "error": "ErrorCode::ConnectionReadTimeout" }));
    assert!(started.elapsed() < Duration::from_secs(2));
}

#[test]
fn components_call_each_other_in_process() {
    let subject = subject();
    let answer = subject.get("/outbound?url=http://private.spin.internal/headers/z");
    assert_eq!(answer["status"], 200);
    let seen = &answer["body"];
    assert_eq!(seen["authority"], "private.spin.internal");
    let expected = [
        ("x-check", "1"),
        ("spin-path-info", "/headers/z"),
        ("spin-full-url", "http://localhost/headers/z"),
        ("spin-raw-component-route", "/..."),
        ("spin-component-route", ""),
        ("spin-client-addr", "0.0.0.0:0"),
    ];
    for (name, value) in expected {
        assert_eq!(header(seen, name), Some(value), "{name}");
    }
    assert_eq!(subject.get("/outbound?url=http://private.spin.internal/trap")["status"], 500);
}

#[test]
fn values_go_to_the_database_and_back() {
    let subject = subject();
    let expected = json!({
        "boolean": ["DbDataType::Boolean", "DbValue::Boolean(true)"],
        "int16": ["DbDataType::Int16", "DbValue::Int16(-7)"],
        "int32": ["DbDataType::Int32", "DbValue::Int32(70000)"],
        "int64": ["DbDataType::Int64", "DbValue::Int64(1099511627776)"],
        "floating32": ["DbDataType::Floating32", "DbValue::Floating32(1.5)"],
        "floating64": ["DbDataType::Floating64", "DbValue::Floating64(-2.25)"],
        "str": ["DbDataType::Str", "DbValue::Str(\"größer\")"],
        "varchar": ["DbDataType::Str", "DbValue::Str(\"short\")"],
        "binary": ["DbDataType::Binary", "DbValue::Binary([0, 1, 255])"],
        "jsonb": ["DbDataType::Jsonb", format!("DbValue::Jsonb({:?})", br#"{"a":null,"b":[1,2.5]}"#)],
        "uuid": ["DbDataType::Uuid", "DbValue::Uuid(\"6f9619ff-8b86-d011-b42d-00c04fc964ff\")"],
        "date": ["DbDataType::Date", "DbValue::Date((2026, 2, 28))"],
        "time": ["DbDataType::Time", "DbValue::Time((23, 59, 58, 123000))"],
        "datetime": ["DbDataType::Datetime", "DbValue::Datetime((2026, 2, 28, 1, 2, 3, 4000))"],
        "decimal": ["DbDataType::Decimal", "DbValue::Decimal(\"12.340\")"],
        "interval": ["DbDataType::Interval", "DbValue::Interval(Interval { micros: 5, days: 6, months: 7 })"],
        "array-int32": ["DbDataType::ArrayInt32", "DbValue::ArrayInt32([Some(1), None])"],
        "array-int64": ["DbDataType::ArrayInt64", "DbValue::ArrayInt64([Some(1), None])"],
        "array-str": ["DbDataType::ArrayStr", "DbValue::ArrayStr([Some(\"a\"), None])"],
        "db-null": ["DbDataType::Str", "DbValue::DbNull"],
    });
    let seen = subject.get("/pg/types");
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&seen[name], value, "{name}");
    }
    let unknown = subject.get("/pg/unknown-type");
    assert_eq!(unknown["columns"], json!([["point", "DbDataType::Other(\"point\")"]]));
    assert!(unknown["rows"][0][0].as_str().unwrap().starts_with("DbValue::Unsupported("));
    assert_eq!(subject.get("/pg/execute"), json!({ "count": 3 }));
}

#[test]
fn database_errors_have_spins_shape() {
    let subject = subject();
    let parse = subject.get("/pg/error/parse");
    assert_eq!(
        (&parse["error"], &parse["code"], &parse["severity"]),
        (&json!("db-error"), &json!("42601"), &json!("ERROR"))
    );
    assert_eq!(subject.get("/pg/error/two-statements")["code"], "42601");
    let execute = subject.get("/pg/error/execute");
    assert_eq!((&execute["error"], &execute["code"]), (&json!("db-error"), &json!("23505")));
    assert_eq!(execute["detail"], "Key (id)=(1) already exists.");
    assert_eq!(execute["extras"], json!([["constraint", "only_once"], ["table", "unique_thing"]]));
    let cases = [
        // Raised while rows are on their way, hence text.
        ("/pg/error/rows", "text", "division by zero"),
        ("/pg/error/type", "text", "WrongType"),
        ("/pg/timestamptz", "text", "timestamptz"),
        ("/pg/error/json", "bad-parameter", "invalid JSON"),
        ("/pg/open?address=host=10.0.0.1", "connection-failed", "address postgres://10.0.0.1 is not permitted"),
        (
            "/pg/open?address=postgres://127.0.0.1:1/x",
            "connection-failed",
            "address postgres://127.0.0.1:1 is not permitted",
        ),
        ("/pg/open?address=host=/tmp", "connection-failed", "Unix sockets are not supported on WebAssembly"),
        ("/pg/open?address=nonsense", "connection-failed", "invalid connection string"),
    ];
    for (path, error, text) in cases {
        let seen = subject.get(path);
        assert_eq!(seen["error"], error, "{path}: {seen}");
        assert!(seen["text"].as_str().unwrap().contains(text), "{path}: {seen}");
    }
}

#[test]
fn more_guests_than_connections_take_turns() {
    let subject = subject();
    let url = format!("{}/pg/hold", subject.base);
    let started = Instant::now();
    std::thread::scope(|scope| {
        let guests: Vec<_> = (0..70).map(|_| scope.spawn(|| fetch(&url).0)).collect();
        for guest in guests {
            assert_eq!(guest.join().unwrap(), 200);
        }
    });
    assert!(started.elapsed() >= Duration::from_millis(600), "70 guests at 64 connections need two turns");
}

/// Why no component of ours may say BEGIN: the pool hands the open transaction to whoever comes next.
#[test]
fn an_open_transaction_is_continued_by_the_next_request() {
    let subject = subject();
    sql("DROP TABLE IF EXISTS conformance_leak; CREATE TABLE conformance_leak (id int)");
    for path in ["/pg/transaction/leave-open", "/pg/transaction/trap"] {
        let backend = subject.get("/pg/backend")["rows"][0][0].clone();
        subject.status(path);
        let seen = subject.get("/pg/transaction/look");
        assert_eq!(seen["rows"][0], json!([backend, "DbValue::Int64(1)"]), "{path}: same backend, uncommitted row");
        assert_eq!(sql("SELECT count(*) FROM conformance_leak"), ["0"], "{path}: nothing was committed");
        subject.get("/pg/transaction/rollback");
        assert_eq!(subject.get("/pg/transaction/look")["rows"][0][1], "DbValue::Int64(0)");
    }
    sql("DROP TABLE conformance_leak");
}
