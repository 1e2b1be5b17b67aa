//! Requests of people and programs about runs.

use super::CONNECTIONS;
use crate::aims::Measure;
use crate::fixture::Fixture;
use crate::load::Pace;
use crate::report::{Report, Row};
use anyhow::Result;
use serde_json::json;
use std::time::Duration;

const RUN_START: &str = "run start";
const CHAT_TURN: &str = "chat turn";

pub(super) fn measure(fixture: &Fixture, during: Duration, report: &mut Report) -> Result<()> {
    report.section("Runs and chat");
    let run_id = fixture.start_run("test_video_gen")?;
    let user = uuid::Uuid::new_v4().simple().to_string();
    let start = json!({"project": "test_video_gen", "input": {"topic": "candles"}}).to_string();
    let chat = json!({"user_id": user, "message": "what is the status of my run?"}).to_string();
    let requests = [
        (RUN_START, "POST", "/v1/runs/start".to_owned(), start),
        (CHAT_TURN, "POST", "/v1/chat/brendan".to_owned(), chat),
        ("read a run", "GET", format!("/v1/runs/{run_id}"), String::new()),
        ("list runs", "GET", "/v1/runs?limit=50".to_owned(), String::new()),
        ("timeline of a run", "GET", format!("/v1/runs/{run_id}/events"), String::new()),
    ];
    for (what, method, path, body) in requests {
        for connections in [1, CONNECTIONS] {
            let request = fixture.request(method, &path, String::new());
            let (parts, _) = request.into_parts();
            let body = body.clone();
            let measured = fixture.load(connections, Pace::Closed, during, move |_| {
                http::Request::from_parts(parts.clone(), body.clone().into())
            })?;
            let aim = match what {
                RUN_START => Some(Measure::StartP95),
                CHAT_TURN => Some(Measure::ChatP95),
                _ => None,
            };
            if let Some(aim) = aim.filter(|_| connections == 1) {
                report.measure(aim, Some(measured.milliseconds(95)));
            }
            report.add(Row::of(what, &format!("{connections} connections"), &measured, 200));
        }
    }
    Ok(())
}
