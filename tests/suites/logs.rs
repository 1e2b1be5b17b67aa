//! The log: one JSON object per line with its request and run, at the level that is asked for, and never a secret.

use crate::readme::root;
use crate::support::{Run, Service, eventually, signing, stack, unique};
use mw_stack::secrets;
use mw_stack::stack::Stack;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// A stack that exports, too, and logs from this level on.
fn logging(level: &str) -> (Stack, Service) {
    let builder = stack::builder().cron(false).setting("LOG_LEVEL", level);
    let mut stack = builder.setting("OPENAI_API_KEY", "dev-key-of-the-model").start().unwrap();
    let collector = format!("{}/otlp", stack.simulator_url().unwrap());
    stack::exporting(&mut stack, &collector);
    let service = stack::service_of(&stack);
    service.sweep();
    (stack, service)
}

/// Everything that the stack's programs have logged so far.
fn log(stack: &Stack) -> String {
    let files = std::fs::read_dir(stack.log()).unwrap().map(|entry| entry.unwrap().path());
    // A host may keep folders of its own there.
    files.filter(|path| path.is_file()).map(|path| std::fs::read_to_string(path).unwrap()).collect()
}

/// What components wrote. Each host sets words of its own before a line, or none.
fn lines(text: &str) -> Vec<Value> {
    let written =
        text.lines().filter(|line| line.contains("\"logger\":")).filter_map(|line| line.get(line.find('{')?..));
    written.map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect()
}

/// Requests of strangers, and with what is wrong: as many reasons to say too much.
fn wrong_requests(service: &Service, run: &Run, link: &str) -> Vec<String> {
    let wrong_key = format!("mw_{}", "7".repeat(64));
    let wrong_token = link.replace("token=", "token=0");
    service.call("GET", "/v1/runs").header("x-api-key", &wrong_key).send().expect(401);
    service.call("GET", &wrong_token).send();
    service.call("POST", &wrong_token).send();
    service.call("GET", &format!("{link}&again=1")).send();
    service.post("/v1/runs/start").body("application/json", "{\"project\": 7").send();
    service.call("POST", "/v1/sweep").header("x-sweep-key", &wrong_key).send().expect(401);
    let login = format!("key={wrong_key}");
    let form = service.call("POST", "/console/login").header("origin", &service.base_url);
    form.body("application/x-www-form-urlencoded", login).send().expect(401);
    let form = service.call("POST", "/console/login").header("origin", &service.base_url);
    form.body("application/x-www-form-urlencoded", format!("key={}", service.api_key)).send().expect(303);
    let call = service.call("POST", "/v1/webhooks/kieai").json(&json!({"code": 200, "data": {"taskId": "task"}}));
    let headers = signing::kieai("a-wrong-secret", "task", signing::unix_now());
    headers.iter().fold(call, |call, (name, value)| call.header(name, value)).send().expect(403);
    let telegram = service.call("POST", "/v1/telegram/webhook").json(&json!({"update_id": 1}));
    telegram.header("x-telegram-bot-api-secret-token", &wrong_key).send().expect(403);
    service.post(&run.gate_path("nowhere")).json(&json!({})).send();
    let token = |link: &str| link.split("token=").nth(1).unwrap().split('&').next().unwrap().to_owned();
    vec![wrong_key, token(link), token(&wrong_token)]
}

#[test]
#[ignore = "needs simulated providers"]
fn no_secret_reaches_the_log() {
    let (stack, service) = logging("debug");
    let simulator = crate::support::simulator::Simulator::of(&service);
    let principal = json!({"name": unique("ann"), "role": "operator"});
    let added = service.post("/v1/principals").json(&principal).send().expect(201).json();
    let run = Run::start_at(&service, "test_video_gen");
    let link = run.link("workflow");
    let mut secrets = wrong_requests(&service, &run, &link);
    service.call("POST", &link).send().expect(200);
    // Whoever is not well says so.
    for (provider, fault) in [("otlp", "status_429"), ("sentry", "status_500"), ("openai", "status_500")] {
        simulator.fault(json!({"provider": provider, "fault": fault, "times": 1}));
    }
    let body = json!({"reason": "enough", "actor": "ann"});
    service.post(&format!("/v1/runs/{}/terminate", run.id)).json(&body).send().expect(200);
    eventually("the error is reported", || {
        run.pass_time();
        Some(()).filter(|()| !simulator.errors(&run.id).is_empty() && !simulator.spans(&run.id).is_empty())
    });

    secrets.extend(secrets::names().map(|name| stack.setting(&name).unwrap().to_owned()));
    secrets.extend([stack::COLLECTOR_KEY, stack::SENTRY_KEY, "dev-key-of-the-model"].map(str::to_owned));
    secrets.push(added["key"].as_str().unwrap().to_owned());
    for url in [&service.database_url, &service.app_database_url] {
        secrets.push(url.split([':', '@']).nth(2).unwrap().to_owned());
    }
    let text = log(&stack);
    for secret in &secrets {
        assert!(secret.len() >= 8 && !text.contains(secret.as_str()), "{secret} is in the log");
    }
    let lines = lines(&text);
    let loggers: BTreeSet<&str> = lines.iter().map(|line| line["logger"].as_str().unwrap()).collect();
    for logger in
        ["myloware.api.access", "myloware.api", "myloware.api.hitl", "webhook", "myloware.effect", "myloware.sweep"]
    {
        assert!(loggers.contains(logger), "{logger}: {loggers:?}");
    }
    for line in &lines {
        for member in ["time", "level", "logger", "message", "request_id"] {
            assert!(line[member].as_str().is_some_and(|text| !text.is_empty()), "{member}: {line}");
        }
    }
    let of_run = |logger: &str| lines.iter().any(|line| line["logger"] == logger && line["run_id"] == run.id.as_str());
    assert!(of_run("myloware.api.hitl") && of_run("myloware.effect") && of_run("myloware.api.access"));
}

#[test]
#[ignore = "needs simulated providers"]
fn the_dispatchers_log_has_the_callers_request_id() {
    let (stack, service) = logging("debug");
    let run = Run::start_at(&service, "test_video_gen");
    let request_id = unique("request");
    let body = json!({"reason": "enough", "actor": "ann"});
    let call = service.post(&format!("/v1/runs/{}/terminate", run.id)).header("x-request-id", &request_id).json(&body);
    call.send().expect(200);
    eventually("the dispatcher says so", || {
        let lines = lines(&log(&stack));
        // Only the dispatcher writes about effects.
        let ours = |logger: &str| {
            lines.iter().any(|line| line["logger"] == logger && line["request_id"] == request_id.as_str())
        };
        Some(()).filter(|()| ours("myloware.api.access") && ours("myloware.effect"))
    });
}

#[test]
#[ignore = "needs simulated providers"]
fn a_refused_delivery_is_logged_with_the_run_of_its_address() {
    let (stack, service) = logging("info");
    let run_id = unique("run");
    let path = format!("/v1/webhooks/kieai?run_id={run_id}");
    service.call("POST", &path).json(&json!({"code": 200, "data": {"taskId": "t"}})).send().expect(403);
    eventually("the refusal is logged", || {
        let lines = lines(&log(&stack));
        let refused = |line: &Value| line["logger"] == "webhook" && line["message"] == "refused";
        lines.into_iter().find(|line| refused(line) && line["run_id"] == run_id.as_str())
    });
}

#[test]
#[ignore = "needs simulated providers"]
fn at_level_error_nothing_less_is_written() {
    let (stack, service) = logging("error");
    let from = log(&stack).len();
    let run = Run::start_at(&service, "test_video_gen").approved("workflow");
    run.service.get("/v1/nowhere").send().expect(404);
    service.call("GET", "/v1/runs").header("x-api-key", "wrong").send().expect(401);
    service.call("GET", "/console/login").send().expect(200);
    service.sweep();
    let text = log(&stack);
    let less: Vec<_> = lines(&text[from..]).into_iter().filter(|line| line["level"] != "error").collect();
    assert!(less.is_empty(), "{less:?}");
}

#[test]
#[ignore = "needs simulated providers"]
fn each_link_is_logged_with_whom_it_is_for() {
    let (stack, service) = logging("info");
    let simulator = crate::support::simulator::Simulator::of(&service);
    let (name, id) = (unique("ann"), "8000001");
    let body = json!({"name": name, "role": "approver", "telegram": id});
    service.post("/v1/principals").json(&body).send().expect(201);
    let body = json!({"project": "test_video_gen", "input": {"object": "candle"}, "options": {"user_id": format!("telegram_{id}")}});
    let started = service.post("/v1/runs/start").json(&body).send().expect(200).json();
    let run_id = started["runId"].as_str().unwrap();
    eventually("ann is told", || simulator.messages(Some(id)).pop());
    service.get(&format!("/v1/hitl/link/{run_id}/workflow?approver={name}")).send().expect(200);
    simulator.say(&json!({"chat_id": 8_000_001, "from": 8_000_001, "text": "send me the approve link"}));
    for asked_by in ["notice", "operator", &name] {
        eventually(&format!("the link that {asked_by} asked for is in the log"), || {
            lines(&log(&stack)).into_iter().find(|line| {
                line["message"] == "link made"
                    && (&line["approver"], &line["asked_by"]) == (&json!(name), &json!(asked_by))
                    && (&line["runId"], &line["gate"]) == (&json!(run_id), &json!("workflow"))
            })
        });
    }
}

#[test]
fn every_component_is_granted_the_level() {
    for manifest in ["spin.toml", "spin-cron.toml"] {
        let text = std::fs::read_to_string(root().join(manifest)).unwrap();
        let sections: Vec<&str> = text.split("\n[component.").skip(1).collect();
        let names: BTreeSet<&str> = sections.iter().map(|section| section.split(['.', ']']).next().unwrap()).collect();
        assert!(!names.is_empty());
        for name in names {
            let variables = sections.iter().find(|section| section.starts_with(&format!("{name}.variables]")));
            let level = "\nlog_level = \"{{ log_level }}\"\n";
            assert!(variables.is_some_and(|section| section.contains(level)), "{manifest}: {name}");
        }
    }
}
