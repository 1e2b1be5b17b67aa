//! Every secret changes under load, by rolling restarts of two hosts behind a client that tries the other host when one is
//! away, as a proxy does: nobody is refused. The steps are those of docs/runbook.md.

use crate::support::shell::says;
use crate::support::stack::{builder, service_of};
use crate::support::{Answer, Call, Run, Service, eventually, signing, unique};
use mw::dev::stack::Stack;
use mw::dev::variables::Mode;
use mw_core::status::GateName;
use mw_core::token::{Claims, issue};
use serde_json::json;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Settings with a `_PREVIOUS` beside them.
const PAIRS: [&str; 3] = ["HITL_SECRET", "KIEAI_SIGNING_SECRET", "UPLOAD_POST_SIGNING_SECRET"];
const CLIENTS: usize = 4;

/// What clients and providers sign with at the moment, and how many of their requests were answered.
struct World {
    hosts: Vec<Service>,
    key: Mutex<String>,
    kieai: Mutex<String>,
    upload_post: Mutex<String>,
    run_id: String,
    answered: [AtomicU64; CLIENTS],
    refused: Mutex<Vec<String>>,
    is_over: AtomicBool,
}

fn now(secret: &Mutex<String>) -> String {
    secret.lock().unwrap().clone()
}

impl World {
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
        let key = now(&self.key);
        match client {
            0 => self.send(turn, |host| host.call("GET", "/v1/runs?limit=1").header("x-api-key", &key)),
            1 => {
                let path = format!("/v1/hitl/link/{}/workflow", self.run_id);
                let link = self.send(turn, |host| host.call("GET", &path).header("x-api-key", &key));
                if link.status != 200 {
                    return link;
                }
                // Opened on the other host than the one that signed it.
                let path = crate::support::run::path_of(link.json()["approvalUrl"].as_str().unwrap());
                self.send(turn + 1, |host| host.call("GET", &path).header("accept", "text/html"))
            }
            2 => {
                let task = unique("task");
                let body = json!({"code": 200, "data": {"taskId": task, "info": {"resultUrls": [task]}}});
                let headers = signing::kieai(&now(&self.kieai), &task, signing::unix_now());
                self.send(turn, |host| {
                    let call = host.call("POST", "/v1/webhooks/kieai").json(&body);
                    headers.iter().fold(call, |call, (name, value)| call.header(name, value))
                })
            }
            _ => {
                let body = json!({"event": "account_connected", "job_id": unique("job")}).to_string();
                let headers = signing::upload_post(&now(&self.upload_post), body.as_bytes(), signing::unix_now());
                self.send(turn, |host| {
                    let call = host.call("POST", "/v1/webhooks/upload-post").body("application/json", body.clone());
                    headers.iter().fold(call, |call, (name, value)| call.header(name, value))
                })
            }
        }
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
                self.refused.lock().unwrap().push(format!("client {client}: {} {}", answer.status, answer.text()));
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
    let world = World {
        hosts: stack.base_urls().iter().map(|url| service.through(url)).collect(),
        key: Mutex::new(first_line(says(&stack, "mw principals add deploy-bot --role operator", &[], ""))),
        kieai: Mutex::new(service.kieai_secret.clone()),
        upload_post: Mutex::new(service.upload_post_secret.clone()),
        run_id: Run::start_at(&service, "test_video_gen").id,
        answered: Default::default(),
        refused: Mutex::default(),
        is_over: AtomicBool::new(false),
    };
    let old = PAIRS.map(|name| stack.setting(name).unwrap().to_owned());
    let new = PAIRS.map(|_| unique("dev-new"));
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
        let rotate = "mw principals rotate deploy-bot";
        let key = first_line(says(&stack, rotate, &[], ""));
        world.under_load();
        let earlier = std::mem::replace(&mut *world.key.lock().unwrap(), key.clone());
        world.under_load();
        let id = signing::hex(&<sha2::Sha256 as sha2::Digest>::digest(earlier.as_bytes()))[..12].to_owned();
        says(&stack, "mw principals keys revoke deploy-bot $ID", &[("ID", &id)], "");
        world.under_load();
        service.call("GET", "/v1/runs").header("x-api-key", &earlier).send().expect(401);
        // 1: the new one is believed.
        PAIRS.iter().zip(&new).for_each(|(name, new)| stack.change(&format!("{name}_PREVIOUS"), new));
        world.roll(&mut stack);
        // 2: it is what we sign with, and then what the providers do. API_KEY goes at once: its clients have other keys.
        for ((name, new), old) in PAIRS.iter().zip(&new).zip(&old) {
            stack.change(name, new);
            stack.change(&format!("{name}_PREVIOUS"), old);
        }
        stack.change("API_KEY", &unique("dev-api-key"));
        world.roll(&mut stack);
        world.kieai.lock().unwrap().clone_from(&new[1]);
        world.upload_post.lock().unwrap().clone_from(&new[2]);
        world.under_load();
        // 3: the old one is not believed any more.
        PAIRS.iter().for_each(|name| stack.change(&format!("{name}_PREVIOUS"), ""));
        world.roll(&mut stack);
    });
    assert_eq!(*world.refused.lock().unwrap(), Vec::<String>::new());
    the_old_ones_are_refused(&world, &service, &old);
}

/// Else nothing was changed at all.
fn the_old_ones_are_refused(world: &World, service: &Service, old: &[String; 3]) {
    let claims =
        Claims { opening: 1, approver: "ann".to_owned(), expires_at: signing::unix_now() + 60, nonce: "n".to_owned() };
    let token = issue(&old[0], &world.run_id, GateName::Workflow, &claims);
    let body = json!({"event": "account_connected", "job_id": "x"}).to_string();
    for host in &world.hosts {
        host.call("GET", "/v1/runs").header("x-api-key", &service.api_key).send().expect(401);
        host.call("POST", &format!("/v1/hitl/approve/{}/workflow?token={token}", world.run_id)).send().expect(403);
        let kieai = signing::kieai(&old[1], "task", signing::unix_now());
        let call = host.call("POST", "/v1/webhooks/kieai").json(&json!({"code": 200, "data": {"taskId": "task"}}));
        kieai.iter().fold(call, |call, (name, value)| call.header(name, value)).send().expect(403);
        let upload_post = signing::upload_post(&old[2], body.as_bytes(), signing::unix_now());
        let call = host.call("POST", "/v1/webhooks/upload-post").body("application/json", body.clone());
        upload_post.iter().fold(call, |call, (name, value)| call.header(name, value)).send().expect(403);
    }
}
