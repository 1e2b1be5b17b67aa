//! What holds on every route: keys, methods, request ids, and the routes about the service itself.

use super::ROUTES;
use crate::support::{service, unique};
use serde_json::{Value, json};

#[test]
fn a_stranger_gets_401_before_any_other_refusal() {
    for route in ROUTES.iter().filter(|route| !route.open) {
        for method in [route.method, "DELETE"] {
            let stranger = service().call(method, route.path).body("text/plain", "{");
            stranger.send().expect_problem(401, "Invalid API key");
            let liar = service().call(method, route.path).header("x-api-key", "wrong");
            liar.send().expect_problem(401, "Invalid API key");
            let empty = service().call(method, route.path).header("x-api-key", "");
            empty.send().expect_problem(401, "Invalid API key");
        }
    }
    for path in ["/v1", "/v1/nowhere", "/v1/runs/a/b/c", "/V1/PING"] {
        service().call("GET", path).send().expect_problem(401, "Invalid API key");
    }
}

#[test]
fn what_is_no_route_is_404_with_the_key() {
    for path in ["/v1", "/v1/nowhere", "/v1/runs/a/b/c", "/V1/PING", "/v1/runs/a/continue", "/v1/notifications/graph/a"]
    {
        for method in ["GET", "POST", "PUT"] {
            service().call(method, path).key().send().expect_problem(404, "Not Found");
        }
    }
}

#[test]
fn a_wrong_method_is_405_and_names_the_right_ones() {
    for route in ROUTES {
        for method in ["PUT", "DELETE", "PATCH", "TRACE", "BREW"] {
            let answer = service().call(method, route.path).key().send().expect(405);
            assert_eq!(answer.header("allow"), Some(route.allow), "{method} {}", route.path);
            assert_eq!(answer.json()["detail"], "Method Not Allowed");
        }
        if !route.allow.contains("GET") {
            service().get(route.path).send().expect(405);
        }
    }
}

#[test]
fn options_answers_with_the_methods() {
    for route in ROUTES {
        let answer = service().call("OPTIONS", route.path).key().send().expect(204);
        assert_eq!(answer.header("allow"), Some(route.allow), "{}", route.path);
        assert!(answer.body.is_empty());
    }
}

#[test]
fn the_dispatcher_cannot_be_reached_from_outside() {
    for host in ["dispatch.spin.internal", "dispatch.spin.internal:80", "DISPATCH.SPIN.INTERNAL"] {
        let answer = service().call("POST", "/").header("host", host).try_send();
        // Two Host headers: whatever comes back, it is not the dispatcher's 202.
        assert!(answer.map_or(true, |answer| answer.status != 202), "{host}");
    }
}

#[test]
fn a_fit_request_id_is_echoed_and_any_other_replaced() {
    let sent = unique("request");
    let answers = [
        service().get("/v1/ping").header("x-request-id", &sent).send().expect(200),
        service().get("/v1/nowhere").header("x-request-id", &sent).send().expect(404),
        service().call("GET", "/v1/ping").header("x-request-id", &sent).send().expect(401),
        service().call("POST", "/v1/webhooks/kieai").header("x-request-id", &sent).bytes("{}").send().expect(403),
    ];
    for answer in answers {
        assert_eq!(answer.header("x-request-id"), Some(sent.as_str()));
        assert_eq!(answer.json()["request_id"], sent.as_str());
    }
    for unfit in ["", "two words", &"x".repeat(129), "tab\tin", "<b>"] {
        let answer = service().get("/v1/ping").header("x-request-id", unfit).send().expect(200);
        let made = answer.header("x-request-id").unwrap();
        assert!(unfit == "<b>" || (made != unfit && uuid::Uuid::parse_str(made).is_ok()), "{unfit:?}: {made}");
    }
}

#[test]
fn the_root_leads_people_to_the_console_and_tells_programs() {
    let browser = service().call("GET", "/").header("accept", "text/html,*/*;q=0.8").send().expect(303);
    assert_eq!(browser.location(), Some("/console"));
    let told = service().call("GET", "/").send().expect(200).json();
    assert_eq!((&told["service"], &told["docs"]), (&json!("myloware"), &json!("./docs")));
}

#[test]
fn the_api_is_shown_to_everybody() {
    for path in ["/docs", "/redoc"] {
        let page = service().call("GET", path).header("accept", "text/html").send().expect(200).text();
        assert!(page.contains("/v1/runs/start") && page.contains("Start a run") && !page.contains("<script"), "{path}");
    }
}

#[test]
fn health_says_that_it_lives() {
    let health = service().call("GET", "/health").send().expect(200).json();
    assert_eq!(health["status"], "ok");
    assert!(health["timestamp"].as_str().unwrap().ends_with("+00:00"), "{health}");
    let ready = service().call("GET", "/ready").send().expect(200).json();
    assert_eq!(ready["status"], "ready");
    let version = service().get("/version").send().expect(200).json();
    assert!(version["version"].as_str().unwrap().starts_with("0."), "{version}");
    assert!(["local", "staging", "prod"].contains(&version["environment"].as_str().unwrap()), "{version}");
    assert_eq!(service().get("/v1/ping").send().expect(200).json()["message"], "pong");
}

#[test]
fn head_is_get_without_a_body() {
    for path in ["/health", "/metrics", "/openapi.json", "/v1/ping", "/v1/runs", "/v1/projects"] {
        let head = service().call("HEAD", path).key().send().expect(200);
        assert!(head.body.is_empty(), "{path}");
        let get = service().get(path).send().expect(200);
        assert_eq!(head.header("content-type"), get.header("content-type"), "{path}");
    }
}

#[test]
fn the_api_description_names_exactly_the_routes() {
    let answer = service().call("GET", "/openapi.json").send().expect(200).json();
    assert!(answer["openapi"].as_str().unwrap().starts_with("3.1"));
    let described = answer["paths"].as_object().unwrap();
    let templates: Vec<Vec<&str>> = described.keys().map(|path| path.split('/').collect()).collect();
    let is_described = |path: &str| {
        let path: Vec<&str> = path.split('/').collect();
        templates.iter().any(|template| {
            template.len() == path.len()
                && template.iter().zip(&path).all(|(part, given)| part == given || part.starts_with('{'))
        })
    };
    for route in ROUTES {
        let path = route.path.strip_suffix('/').filter(|path| !path.is_empty()).unwrap_or(route.path);
        assert!(is_described(path), "{} is not described", route.path);
    }
    for path in described.keys() {
        let filled = path
            .replace("{run_id}", "no-such-run")
            .replace("{gate}", "workflow")
            .replace("{key}", "no_such_project")
            .replace("{id}", "no-such-letter")
            .replace("{source}", "no-such-source");
        let answer = service().call("OPTIONS", &filled).key().send();
        assert_eq!(answer.status, 204, "{path} is described and does not exist");
    }
}

#[test]
fn projects_are_listed_once_each_by_key_with_their_mode() {
    let expected =
        |key: &str, title: &str, tags: Value| json!({"key": key, "title": title, "tags": tags, "mode": service().mode});
    for path in ["/v1/projects", "/v1/projects/"] {
        let list = service().get(path).send().expect(200).json();
        let list = list.as_array().unwrap();
        let keys: Vec<&str> = list.iter().map(|project| project["key"].as_str().unwrap()).collect();
        assert!(keys.is_sorted_by(|a, b| a < b), "{keys:?}");
        for (key, title, tags) in [
            ("aismr", "AISMR - Surreal Object Videos", json!(["project", "aismr", "video-production"])),
            ("general", "General Conversations", json!(["project", "conversation", "fallback"])),
            ("test_video_gen", "Test Video Generation", json!(["project", "test", "video-production"])),
        ] {
            let single = service().get(&format!("/v1/projects/{key}")).send().expect(200).json();
            assert!(list.contains(&single), "{key}");
            let shown = json!({"key": single["key"], "title": single["title"], "tags": single["metadata"]["tags"],
                               "mode": single["providers"]["mode"]});
            assert_eq!(shown, expected(key, title, tags));
            assert!(single["description"].is_string() && single["metadata"]["version"].is_string(), "{single}");
            assert_eq!(single["providers"]["video"], "kieai");
            assert_eq!(single["providers"]["render"], "shotstack");
            assert_eq!(single["providers"]["publish"], "upload-post");
        }
    }
}

#[test]
fn an_unknown_project_is_404() {
    for key in ["no_such_project", "TEST_VIDEO_GEN", "test_video_gen%00", "..%2Fgeneral"] {
        service().get(&format!("/v1/projects/{key}")).send().expect_problem(404, "project not found");
    }
}
