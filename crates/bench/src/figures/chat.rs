//! What a turn of chat costs beside its language model: the turn as the client sees it, less what the simulated model took for
//! its answers. Two calls of the model with a tool between them, one turn after the other.

use crate::aims::Measure;
use crate::fixture::Fixture;
use crate::report::{Report, Row};
use anyhow::{Context, Result, ensure};
use serde_json::json;
use std::time::Instant;

const TURNS: usize = 200;
/// Until every connection of the pools has planned what it runs.
const WARM_UP_TURNS: usize = 30;

pub(super) fn measure(fixture: &Fixture, report: &mut Report) -> Result<()> {
    report.section("Chat with a language model, simulated");
    let mut took =
        (0..WARM_UP_TURNS + TURNS).map(|_| one(fixture)).collect::<Result<Vec<_>>>()?.split_off(WARM_UP_TURNS);
    took.sort_by(f64::total_cmp);
    let at = |percent: usize| took.get((took.len() - 1) * percent / 100).copied();
    let what = "chat turn beside the model: two calls, one tool";
    let load = format!("{TURNS} turns, one after the other");
    report.measure(Measure::ModelChatP95, at(95));
    report.add(Row { p50: at(50), p95: at(95), p99: at(99), load, ..Row::said(what, String::new()) });
    Ok(())
}

/// Milliseconds of a turn that were not the model's.
fn one(fixture: &Fixture) -> Result<f64> {
    let user = uuid::Uuid::new_v4().simple().to_string();
    let body = json!({"user_id": user, "message": format!("What is the status of my runs? {user}")});
    let begun = Instant::now();
    let answer = fixture.post("/v1/chat/brendan", &body)?;
    let turn_ms = begun.elapsed().as_secs_f64() * 1e3;
    ensure!(answer["planner"] == "model", "{answer}");
    let asked = fixture.model_requests(&user)?;
    let asked = asked["requests"].as_array().context("no requests of the model")?;
    ensure!(asked.len() == 2, "the model was asked {} times", asked.len());
    let model_us: f64 = asked.iter().filter_map(|request| request["microseconds"].as_f64()).sum();
    Ok(turn_ms - model_us / 1e3)
}
