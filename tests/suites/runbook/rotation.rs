//! Every secret changes under load, by rolling restarts of two hosts behind a client that tries the other host when one is
//! away, as a proxy does: nobody is refused. The steps are those of docs/runbook.md.

use crate::support::shell::says;
use crate::support::stack::{builder, service_of};
use crate::support::{Answer, Call, Run, Service, eventually, signing, unique};
use mw::mode::Mode;
use mw_media::token::{Claims, issue};
use mw_stack::stack::Stack;
use serde_json::json;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Settings with a `_PREVIOUS` beside them; each has a client that shows it, or what it signs.
const SECRETS: [&str; 7] = [
    "API_KEY",
    "HITL_SECRET",
    "KIEAI_SIGNING_SECRET",
    "SLACK_SIGNING_SECRET",
    "SWEEP_KEY",
    "TELEGRAM_WEBHOOK_SECRET",
    "UPLOAD_POST_SIGNING_SECRET",
];
/// One more has a key of its own.
const BOT: usize = SECRETS.len();
const CLIENTS: usize = BOT + 1;

/// What clients and providers show or sign with at the moment, and how many of their requests were answered.
struct World {
    hosts: Vec<Service>,
    secrets: [Mutex<String>; CLIENTS],
    run_id: String,
    subject: String,
    answered: [AtomicU64; CLIENTS],
    refused: Mutex<Vec<String>>,
    is_over: AtomicBool,
}

/// A request that is as good as its secret.
fn call(host: &Service, client: usize, secret: &str, (run_id, subject): (&str, &str)) -> Call {
    let signed = |path: &str, body: String, kind: &str, headers: &[(&'static str, String)]| {
        let call = host.call("POST", path).body(kind, body);
        headers.iter().fold(call, |call, (name, value)| call.header(name, value))
    };
    match SECRETS.get(client).copied() {
        None | Some("API_KEY") => host.call("GET", "/v1/runs?limit=1").header("x-api-key", secret),
        Some("HITL_SECRET") => {
            let expires_at = signing::unix_now() + 60;
            let subject_sha256 = subject.to_owned();
            let claims =
                Claims { opening: 1, subject_sha256, approver: "ann".to_owned(), expires_at, nonce: "n".to_owned() };
            let token = issue(secret, run_id, mw_media::gate!("workflow"), &claims);
            host.call("GET", &format!("/v1/hitl/approve/{run_id}/workflow?token={token}")).header("accept", "text/html")
        }
        Some("KIEAI_SIGNING_SECRET") => {
            // Always the same: of what matches no job, only so much is taken in a minute.
            let task = format!("task of {run_id}");
            let body = json!({"code": 200, "data": {"taskId": task, "info": {"resultUrls": [task]}}}).to_string();
            let headers = signing::kieai(secret, &task, signing::unix_now());
            signed("/v1/webhooks/kieai", body, "application/json", &headers)
        }
        Some("SLACK_SIGNING_SECRET") => {
            let body = "payload=%7B%7D".to_owned();
            let headers = signing::slack(secret, body.as_bytes(), signing::unix_now());
            signed("/v1/slack/interactions", body, "application/x-www-form-urlencoded", &headers)
        }
        Some("SWEEP_KEY") => host.call("POST", "/v1/sweep").header("x-sweep-key", secret),
        Some("TELEGRAM_WEBHOOK_SECRET") => {
            let headers = [("x-telegram-bot-api-secret-token", secret.to_owned())];
            signed("/v1/telegram/webhook", json!({"update_id": 1}).to_string(), "application/json", &headers)
        }
        Some(_) => {
            let body = json!({"event": "account_connected", "job_id": unique("job")}).to_string();
            let headers = signing::upload_post(secret, body.as_bytes(), signing::unix_now());
            signed("/v1/webhooks/upload-post", body, "application/json", &headers)
        }
    }
}

impl World {
    fn secret(&self, client: usize) -> String {
        self.secrets[client].lock().unwrap().clone()
    }

    /// Sends to one host, to the other when that one is away, dies under the request (then what comes is no answer of the
    /// product: it bears no request id), or says "later".
    fn send(&self, first: usize, call: impl Fn(&Service) -> Call) -> Answer {
        for attempt in 0..1000 {
            let host = &self.hosts[(first + attempt) % self.hosts.len()];
            match call(host).try_send() {
                Ok(answer) if answer.header("x-request-id").is_some() && answer.status != 503 => return answer,
                Ok(_) | Err(_) => {}
            }
        }
        panic!("no host answers");
    }

    /// One request of one client, on another host each time.
    fn ask(&self, client: usize, turn: usize) -> Answer {
        if SECRETS.get(client) == Some(&"HITL_SECRET") {
            return self.open_a_link(turn);
        }
        let secret = self.secret(client);
        self.send(turn, |host| call(host, client, &secret, (&self.run_id, &self.subject)))
    }

    /// On the other host than the one that signed it.
    fn open_a_link(&self, turn: usize) -> Answer {
        let path = format!("/v1/hitl/link/{}/workflow", self.run_id);
        let key = self.secret(BOT);
        let link = self.send(turn, |host| host.call("GET", &path).header("x-api-key", &key));
        if link.status != 200 {
            return link;
        }
        let path = crate::support::run::path_of(link.json()["approvalUrl"].as_str().unwrap());
        self.send(turn + 1, |host| host.call("GET", &path).header("accept", "text/html"))
    }

    fn work(&self, client: usize) {
        for turn in 0.. {
            if self.is_over.load(Ordering::Relaxed) {
                return;
            }
            let answer = self.ask(client, turn);
            if answer.status == 200 {
                self.answered[client].fetch_add(1, Ordering::Relaxed);
            } else {
                let who = SECRETS.get(client).unwrap_or(&"bot");
                self.refused.lock().unwrap().push(format!("{who}: {} {}", answer.status, answer.text()));
            }
        }
    }

    /// Every client was answered some more times since now.
    fn under_load(&self) {
        let count = |client: &AtomicU64| client.load(Ordering::Relaxed);
        let before: Vec<u64> = self.answered.iter().map(count).collect();
        eventually("all clients go on", || {
            let refused = self.refused.lock().unwrap().first().cloned();
            assert_eq!(refused, None);
            self.answered.iter().zip(&before).all(|(client, before)| count(client) >= before + 4).then_some(())
        });
    }

    /// One host after the other with the settings of now.
    fn roll(&self, stack: &mut Stack) {
        for host in 0..self.hosts.len() {
            stack.replace_host(host).unwrap();
            self.under_load();
        }
    }
}

/// Ends the clients also when the test fails.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn no_request_is_refused_while_every_secret_changes() {
    let mut stack = builder().mode(Mode::Mock).hosts(2).start().unwrap();
    let service = service_of(&stack);
    let first_line = |text: String| text.lines().next().unwrap().to_owned();
    let bot = first_line(says(&stack, "mw principals add deploy-bot --role operator", &[], ""));
    let old = SECRETS.map(|name| stack.setting(name).unwrap().to_owned());
    let new = SECRETS.map(|_| unique("dev-new"));
    let run = Run::start_at(&service, "test_video_gen");
    let world = World {
        hosts: stack.base_urls().iter().map(|url| service.through(url)).collect(),
        secrets: std::array::from_fn(|client| Mutex::new(old.get(client).unwrap_or(&bot).clone())),
        subject: run.subject("workflow"),
        run_id: run.id,
        answered: Default::default(),
        refused: Mutex::default(),
        is_over: AtomicBool::new(false),
    };
    std::thread::scope(|scope| {
        let _over = Over(&world.is_over);
        (0..CLIENTS).for_each(|client| {
            drop(scope.spawn({
                let world = &world;
                move || world.work(client)
            }))
        });
        world.under_load();
        // The key of a client: the new one beside the old, then without it.
        let key = first_line(says(&stack, "mw principals rotate deploy-bot", &[], ""));
        world.under_load();
        let earlier = std::mem::replace(&mut *world.secrets[BOT].lock().unwrap(), key);
        world.under_load();
        let id = signing::hex(&<sha2::Sha256 as sha2::Digest>::digest(earlier.as_bytes()))[..12].to_owned();
        says(&stack, "mw principals keys revoke deploy-bot $ID", &[("ID", &id)], "");
        world.under_load();
        service.call("GET", "/v1/runs").header("x-api-key", &earlier).send().expect(401);
        // 1: the new one is believed.
        SECRETS.iter().zip(&new).for_each(|(name, new)| stack.change(&format!("{name}_PREVIOUS"), new));
        world.roll(&mut stack);
        // 2: it is what we sign with, and then what clients and providers do.
        for ((name, new), old) in SECRETS.iter().zip(&new).zip(&old) {
            stack.change(name, new);
            stack.change(&format!("{name}_PREVIOUS"), old);
        }
        world.roll(&mut stack);
        world.secrets.iter().zip(&new).for_each(|(secret, new)| secret.lock().unwrap().clone_from(new));
        world.under_load();
        // 3: the old one is not believed any more.
        SECRETS.iter().for_each(|name| stack.change(&format!("{name}_PREVIOUS"), ""));
        world.roll(&mut stack);
    });
    assert_eq!(*world.refused.lock().unwrap(), Vec::<String>::new());
    // Else nothing was changed at all.
    for (host, client) in world.hosts.iter().flat_map(|host| (0..SECRETS.len()).map(move |client| (host, client))) {
        let answer = call(host, client, &old[client], (&world.run_id, &world.subject)).send();
        assert!(matches!(answer.status, 401 | 403), "{}: {}", SECRETS[client], answer.status);
        call(host, client, &new[client], (&world.run_id, &world.subject)).send().expect(200);
    }
}
