//! Filling the disk: strangers send as fast as they can, over every route that takes deliveries without a key.

use crate::support::simulator::Simulator;
use crate::support::{Run, Service, eventually, signing, stack, unique};
use mw::dev::stack::Stack;
use serde_json::json;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Twelve budgets of 64 KB: docs/webhooks.md.
const BYTES_A_MINUTE: i64 = 12 * 64 * 1024;
const FLOOD: Duration = Duration::from_secs(6);

fn own_stack() -> (Stack, Service, Simulator) {
    let stack = stack::builder().start().unwrap();
    let service = stack::service_of(&stack);
    let simulator = Simulator::of(&service);
    (stack, service, simulator)
}

/// Bytes of the rows of all tables; observations wait for the sweep only.
fn bytes(service: &Service) -> i64 {
    let tables = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
                     AND relname <> 'metric_observations'";
    let tables = service.database().rows(tables, &[]);
    let sums = tables.iter().map(|row| {
        let table = row["relname"].as_str().unwrap();
        format!("(SELECT coalesce(sum(pg_column_size({table}.*)), 0)::bigint FROM {table})")
    });
    let sql = format!("SELECT {} AS bytes", sums.collect::<Vec<_>>().join(" + "));
    service.database().row(&sql, &[])["bytes"].as_i64().unwrap()
}

fn observations(service: &Service) -> i64 {
    service.database().row("SELECT count(*) AS waiting FROM metric_observations", &[])["waiting"].as_i64().unwrap()
}

/// A stranger's request, each another one, of six kinds, every fifth of each almost a megabyte long. They know a job of ours, and
/// have seen one signed callback.
fn strangers(service: &Service, job: &str, turn: u64) {
    let pad = "x".repeat(if turn.is_multiple_of(5) { 900_000 } else { 1_000 });
    let mark = unique("stray");
    let long =
        |call| (0..64).fold(call, |call: crate::support::Call, n| call.header(&format!("x-pad-{n}"), "y".repeat(900)));
    let kieai = json!({"code": 200, "data": {"taskId": mark, "state": "success", "pad": mark}});
    let shotstack = |query: &str| service.call("POST", &format!("/v1/webhooks/shotstack{query}"));
    let call = match turn % 6 {
        0 => shotstack("").json(&json!({"type": "x", "action": mark, "pad": pad})),
        1 => long(shotstack("").json(&json!({"type": "edit", "action": "render", "id": mark, "status": "done"}))),
        2 => {
            shotstack(&format!("?job={job}")).json(&json!({"type": "edit", "action": "render", "id": mark, "pad": pad}))
        }
        3 => long(service.call("POST", "/v1/webhooks/kieai").json(&kieai)),
        4 => signing::kieai(&service.kieai_secret, &mark, signing::unix_now())
            .into_iter()
            .fold(service.call("POST", &format!("/v1/webhooks/kieai?job={job}")), |call, (name, value)| {
                call.header(name, value)
            })
            .json(&kieai),
        _ => long(service.call("POST", "/v1/webhooks/upload-post").json(&json!({"event": mark, "pad": pad}))),
    };
    let status = call.limited().send().status;
    assert!([200, 403, 429].contains(&status), "{status}");
}

/// What goes on while strangers send from four sides; answers with how many requests they made.
fn flooded(service: &Service, job: &str, during: impl FnOnce()) -> u64 {
    let (over, sent) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    strangers(service, job, sent.fetch_add(1, Ordering::Relaxed));
                }
            });
        }
        // A panic must end the flood, too.
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(during));
        over.store(true, Ordering::Relaxed);
        ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
    sent.into_inner()
}

/// A run whose jobs of this kind are at the provider and are not asked for: only a callback can move it.
fn waiting_for_callbacks(run: &Run, kind: &str, jobs: usize) {
    eventually("the provider has the jobs", || {
        let submitted = run.jobs(kind).iter().filter(|job| job["state"] == "submitted").count();
        (submitted == jobs).then_some(())
    });
    let later =
        "UPDATE outbox SET due_at = now() + interval '1 hour' WHERE run_id = $1 AND state = 'due' AND kind = 'poll'";
    eventually("nobody asks any more", || {
        run.service.database().execute(later, &[&run.id]);
        let waits = "SELECT FROM outbox WHERE run_id = $1 AND state = 'due' AND due_at > now() + interval '1 minute'";
        (run.service.database().count(waits, &[&run.id]) == jobs).then_some(())
    });
}

#[test]
#[ignore = "needs simulated providers"]
fn a_flood_fills_no_disk() {
    let (_stack, service, simulator) = own_stack();
    simulator.hold();
    simulator.latency(json!({"kieai_ms": 600_000}));
    let run = Run::start_at(&service, "test_video_gen").approved("workflow").approved("ideate");
    waiting_for_callbacks(&run, "generate", 2);
    let job = run.job_ids().remove(0);
    let (before, began) = (bytes(&service), Instant::now());
    let sent = flooded(&service, &job, || std::thread::sleep(FLOOD));
    let minutes = 2 + i64::try_from(began.elapsed().as_secs() / 60).unwrap();
    eventually("observations are folded", || (observations(&service) < 1000).then_some(()));
    let kept = bytes(&service) - before;
    println!("{sent} requests in {:?}: {} KB kept", began.elapsed(), kept / 1024);
    assert!(sent > 100, "{sent}");
    assert!(kept < minutes * BYTES_A_MINUTE, "{kept} bytes of {sent} requests");
}

#[test]
#[ignore = "needs simulated providers"]
fn strangers_on_telegram_are_forgotten() {
    let (stack, service, _) = own_stack();
    let secret = stack.setting("TELEGRAM_WEBHOOK_SECRET").unwrap();
    for turn in 0..600_i64 {
        let (update_id, from) = (1_000_000 + turn, json!({"id": 5_000_000 + turn}));
        let update = if turn % 2 == 0 {
            let chat = json!({"id": 6_000_000 + turn});
            json!({"update_id": update_id, "message": {"message_id": 1, "chat": chat, "from": from, "text": "hello"}})
        } else {
            json!({"update_id": update_id, "callback_query": {"id": turn.to_string(), "from": from, "data": "x"}})
        };
        let call = service.call("POST", "/v1/telegram/webhook").json(&update);
        call.header("x-telegram-bot-api-secret-token", secret).send().expect(200);
    }
    let kept = service.database().count("SELECT FROM channel_updates", &[]);
    // A budget of 64 KB a minute, 400 bytes for each update and up to two rows.
    assert!((1..=4 * 64 * 1024 / 400).contains(&kept), "{kept}");
    assert_eq!(service.database().count("SELECT FROM runs", &[]), 0);
}

#[test]
#[ignore = "needs simulated providers"]
fn callbacks_move_runs_through_a_flood() {
    let (_stack, service, simulator) = own_stack();
    simulator.hold();
    simulator.latency(json!({"kieai_ms": 3000, "shotstack_ms": 3000}));
    let known = Run::start_at(&service, "test_video_gen").approved("workflow").approved("ideate");
    waiting_for_callbacks(&known, "generate", 2);
    let run = Run::start_at(&service, "test_video_gen").approved("workflow").approved("ideate");
    waiting_for_callbacks(&run, "generate", 2);
    // Strangers know the jobs of another run.
    let job = known.job_ids().remove(0);
    flooded(&service, &job, || {
        std::thread::sleep(Duration::from_secs(2));
        let called_back = |what: &str, done: &dyn Fn() -> bool| {
            eventually(what, || {
                simulator.release();
                simulator.hold();
                done().then_some(())
            });
        };
        called_back("kie.ai's callbacks lead to the render", &|| !run.jobs("render").is_empty());
        waiting_for_callbacks(&run, "render", 1);
        called_back("Shotstack's callback leads to the gate", &|| run.status() == "awaiting_prepublish");
    });
    let receipts =
        "SELECT DISTINCT provider FROM webhook_events WHERE run_id = $1 AND outcome = 'accepted' ORDER BY provider";
    let senders = service.database().rows(receipts, &[&run.id]);
    assert_eq!(json!(senders), json!([{"provider": "kieai"}, {"provider": "shotstack"}]));
    run.assert_healthy();
}
