//! Reading runs: one, many, and their timelines.

use crate::support::{Run, service, unique};
use serde_json::{Value, json};

#[test]
fn a_new_run_is_shown_whole() {
    let run = Run::start();
    let view = run.view();
    assert_eq!(view["runId"], run.id.as_str());
    assert_eq!(view["project"], "test_video_gen");
    assert_eq!(view["status"], "pending_workflow");
    assert_eq!(view["awaiting_gate"], "workflow");
    let videos = &view["result"]["videos"];
    assert_eq!(view["result"]["totalVideos"], 2);
    assert_eq!(videos[0], json!({"index": 0, "subject": "moon", "header": "cheeseburger", "status": "pending"}));
    assert_eq!(videos[1], json!({"index": 1, "subject": "sun", "header": "pickle", "status": "pending"}));
    let first = &view["artifacts"][0];
    assert_eq!(first["type"], "run.start");
    assert_eq!(first["provider"], "api");
    for member in ["url", "checksum", "persona"] {
        assert_eq!(first[member], Value::Null, "{first}");
    }
    assert!(uuid::Uuid::parse_str(first["id"].as_str().unwrap()).is_ok());
    let created = first["createdAt"].as_str().unwrap();
    assert!(created.len() == 27 && created.ends_with('Z'), "{created}");
}

#[test]
fn unknown_runs_are_404() {
    let long = "x".repeat(500);
    for id in [
        "no-such-run",
        "00000000-0000-4000-8000-000000000000",
        "%00",
        "%ff",
        "..",
        "a%2Fb",
        "'; DROP TABLE runs; --".replace(' ', "%20").as_str(),
        long.as_str(),
    ] {
        for path in [format!("/v1/runs/{id}"), format!("/v1/runs/{id}/events")] {
            let answer = service().get(&path).send().expect(404);
            assert!(["run not found", "Not Found"].contains(&answer.json()["detail"].as_str().unwrap()), "{path}");
        }
        for verb in ["cancel", "artifacts"] {
            service().post(&format!("/v1/runs/{id}/{verb}")).json(&json!({"type": "x"})).send().expect(404);
        }
    }
}

/// Three runs of one user.
fn three_runs() -> (String, Vec<String>) {
    let user = unique("user");
    let ids = ["aismr", "test_video_gen", "test_video_gen"].map(|project| {
        let body = json!({"project": project, "input": {"topic": "x"}, "options": {"user_id": user}});
        service().post("/v1/runs/start").json(&body).send().expect(200).json()["runId"].as_str().unwrap().to_owned()
    });
    (user, ids.to_vec())
}

fn ids(page: &Value) -> Vec<String> {
    page["runs"].as_array().unwrap().iter().map(|run| run["runId"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn runs_are_listed_newest_first_and_filtered() {
    let (user, mut made) = three_runs();
    made.reverse();
    let list = |query: &str| service().get(&format!("/v1/runs?user_id={user}{query}")).send().expect(200).json();
    let all = list("");
    assert_eq!(ids(&all), made);
    assert_eq!(all["next_cursor"], Value::Null);
    assert_eq!(all["runs"][0]["status"], "pending_workflow");
    assert_eq!(all["runs"][0]["awaiting_gate"], "workflow");
    assert_eq!(ids(&list("&project=aismr")), [made[2].clone()]);
    service().post(&format!("/v1/runs/{}/cancel", made[0])).send().expect(200);
    assert_eq!(ids(&list("&status=cancelled")), [made[0].clone()]);
    assert_eq!(ids(&list("&status=pending_workflow")), made[1..]);
    assert_eq!(ids(&list("&project=no_such_project")), Vec::<String>::new());
}

#[test]
fn pages_follow_each_other_without_gap_or_repetition() {
    let (user, mut made) = three_runs();
    made.reverse();
    let mut seen = Vec::new();
    let mut path = format!("/v1/runs?user_id={user}&limit=1");
    loop {
        let answer = service().get(&path).send().expect(200);
        let page = answer.json();
        assert_eq!(ids(&page).len(), 1);
        seen.extend(ids(&page));
        match page["next_cursor"].as_str() {
            None => {
                assert!(answer.header("link").is_none());
                break;
            }
            Some(cursor) => {
                let link = answer.header("link").unwrap().to_owned();
                let query = link.strip_prefix('<').and_then(|rest| rest.strip_suffix(">; rel=\"next\"")).unwrap();
                path = format!("/v1/runs{query}");
                assert!(path.contains(&format!("cursor={cursor}")) && path.contains("limit=1"), "{path}");
            }
        }
        // A run that starts meanwhile shifts no page.
        let body = json!({"project": "aismr", "input": {"topic": "x"}, "options": {"user_id": user}});
        service().post("/v1/runs/start").json(&body).send().expect(200);
    }
    assert_eq!(seen, made);
}

#[test]
fn bad_queries_are_refused_by_name() {
    let long = format!("user_id={}", "u".repeat(201));
    let cases = [
        ("status=done", "query:status"),
        ("status=PUBLISHED", "query:status"),
        ("status=", "query:status"),
        ("limit=0", "query:limit"),
        ("limit=201", "query:limit"),
        ("limit=-1", "query:limit"),
        ("limit=ten", "query:limit"),
        ("limit=1e2", "query:limit"),
        ("cursor=nonsense", "query:cursor"),
        ("cursor=", "query:cursor"),
        ("cursor=%00", "query:cursor"),
        ("project=%00", "query:project"),
        (long.as_str(), "query:user_id"),
    ];
    for (query, pointer) in cases {
        service().get(&format!("/v1/runs?{query}")).send().expect_invalid(pointer);
    }
    let run = Run::start();
    for (query, pointer) in [
        ("after=x", "query:after"),
        ("after=-1", "query:after"),
        ("after=99999999999999999999", "query:after"),
        ("limit=0", "query:limit"),
    ] {
        service().get(&format!("/v1/runs/{}/events?{query}", run.id)).send().expect_invalid(pointer);
    }
}

#[test]
fn the_timeline_comes_in_pages_by_sequence() {
    let run = Run::start();
    run.clone().approved("workflow").wait_for("awaiting_ideate");
    let all = run.events();
    assert!(all.len() >= 6);
    for (position, event) in all.iter().enumerate() {
        assert_eq!(event["seq"], position + 1);
        assert!(event["hash"].as_str().is_some_and(|hash| hash.len() == 64), "{event}");
        assert!(event["actor"].is_string() && event["at"].is_string() && event["type"].is_string(), "{event}");
    }
    let mut seen = Vec::new();
    let mut after = json!(0);
    while !after.is_null() {
        let path = format!("/v1/runs/{}/events?limit=2&after={after}", run.id);
        let page = service().get(&path).send().expect(200).json();
        assert_eq!(page["runId"], run.id.as_str());
        seen.extend(page["events"].as_array().unwrap().clone());
        after = page["next_after"].clone();
    }
    assert_eq!(seen, all);
}
