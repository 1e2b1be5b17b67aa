//! Handing a gate over to a person. A client that can open a page for its user is asked to (`input_required`); any other gets
//! the page's address. What the client answers decides nothing: the page does, once somebody has signed in there, and a
//! second call only looks what came of it.

use super::gates;
use super::runs::run_id;
use crate::mcp::protocol::Ask;
use crate::mcp::tool::{Call, Outcome, Session, Tool};
use crate::problem::{self, Problem};
use crate::{clock, commands, links, seal};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mw_core::principal::Role;
use mw_core::run::{DecidedGate, Run};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub(in crate::mcp) const HAND_OVER_GATE: Tool = Tool { name: "hand_over_gate", role: Role::Viewer, call: hand_over };

const STATE_DOMAIN: &str = "mcp-hand-over\n";
const STATE_SECONDS: i64 = 24 * 3600;
/// The one thing that is asked for.
const REQUEST: &str = "decide";

/// What the client brings back unchanged.
#[derive(Serialize, Deserialize)]
struct State {
    run_id: String,
    opening: u32,
    /// Unix seconds.
    expires_at: i64,
}

fn hand_over(session: &mut Session<'_>, call: &Call<'_>) -> Result<Outcome, Problem> {
    let run_id = run_id(call)?;
    let state = call.ask.and_then(|ask| ask.params.get("requestState"));
    let asked_before = state.map(|state| read(state.as_str(), &run_id, session)).transpose()?;
    let run = commands::load(session.context, &run_id)?;
    let brief = run.brief().filter(|_| run.pause.is_none());
    let waiting = brief.as_ref().map(|brief| gates::shown(brief, &session.context.config)).transpose()?;
    let Some((brief, waiting)) = brief.zip(waiting) else {
        return Ok(Outcome::facts(standing(&run, asked_before, None)));
    };
    // Whoever comes back is told what came of it, and asks anew for the next gate.
    if asked_before.is_some() || !call.ask.is_some_and(opens_pages) {
        return Ok(Outcome::facts(standing(&run, asked_before, Some(&waiting))));
    }
    let message =
        format!("Run {} of {} waits at the {} gate: {}", brief.run_id, brief.project, brief.gate, brief.summary);
    let requests = json!({REQUEST: {
        "method": "elicitation/create",
        "params": {"mode": "url", "message": message, "url": waiting.get("url")},
    }});
    let expires_at = clock::unix_seconds().saturating_add(STATE_SECONDS);
    let state = write(&State { run_id, opening: brief.opening, expires_at }, session)?;
    Ok(Outcome::InputRequired { requests, state })
}

/// Whether the client can open a page for its user, and says so in this request.
fn opens_pages(ask: &Ask<'_>) -> bool {
    ask.capability("elicitation").is_some_and(|capability| capability.get("url").is_some_and(Value::is_object))
}

fn standing(run: &Run, asked_before: Option<State>, waiting: Option<&Value>) -> Value {
    let of = |name: &str| waiting.and_then(|gate| gate.get(name)).cloned();
    let decided = match asked_before {
        Some(state) => run.decided.iter().rev().find(|decided| decided.opening == state.opening),
        None => run.decided.last(),
    };
    json!({
        "runId": run.run_id,
        "status": run.status,
        "waiting": waiting.is_some(),
        "gate": of("gate"),
        "summary": of("summary"),
        "url": of("url"),
        "decision": decided.map(decision),
    })
}

fn decision(decided: &DecidedGate) -> Value {
    json!({
        "gate": decided.gate, "verdict": decided.verdict, "by": decided.approver, "at": clock::rfc3339(decided.at),
        "comment": decided.comment,
    })
}

fn write(state: &State, session: &Session<'_>) -> Result<String, Problem> {
    let body = serde_json::to_vec(state).map_err(|error| problem::internal().because(error))?;
    let body = URL_SAFE_NO_PAD.encode(body);
    let secrets = links::secrets(&session.context.config)?;
    let signature = seal::sign(secrets.first().map_or("", String::as_str), STATE_DOMAIN, &body);
    Ok(format!("{body}.{signature}"))
}

/// The state that we gave out for this run, if it is one of ours and not over.
fn read(sent: Option<&str>, run_id: &str, session: &Session<'_>) -> Result<State, Problem> {
    let refused = || problem::bad_request("requestState is not ours, or too old: call again without it");
    let (body, signature) = sent.and_then(|sent| sent.split_once('.')).ok_or_else(refused)?;
    if !seal::is_signed(&links::secrets(&session.context.config)?, STATE_DOMAIN, body, signature) {
        return Err(refused());
    }
    let body = URL_SAFE_NO_PAD.decode(body).map_err(|_| refused())?;
    let state: State = serde_json::from_slice(&body).map_err(|_| refused())?;
    let is_good = state.run_id == run_id && state.expires_at > clock::unix_seconds();
    is_good.then_some(state).ok_or_else(refused)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::config;
    use crate::context::Context;

    #[test]
    fn a_state_comes_back_for_its_own_run_only_and_unchanged() {
        let mut context = Context::new(config(&[("hitl_secret", "s")]), "r".to_owned());
        let session = Session { context: &mut context, key: String::new() };
        let written = |seconds| {
            let expires_at = clock::unix_seconds() + seconds;
            write(&State { run_id: "r1".into(), opening: 2, expires_at }, &session).unwrap()
        };
        assert_eq!(read(Some(&written(60)), "r1", &session).unwrap().opening, 2);
        assert!(read(Some(&written(60)), "r2", &session).is_err());
        assert!(read(Some(&written(-1)), "r1", &session).is_err());
        let good = written(60);
        for index in 0..good.len() {
            let mut bytes = good.clone().into_bytes();
            bytes[index] = if bytes[index] == b'A' { b'B' } else { b'A' };
            assert!(read(std::str::from_utf8(&bytes).ok(), "r1", &session).is_err(), "byte {index}");
        }
        assert!(read(None, "r1", &session).is_err());
    }
}
