//! /admin/drain: the switch that refuses new runs while everything in flight goes on, and what is left.

use mw_edge::body::{self, Fields};
use mw_edge::clock::normalise_times;
use mw_edge::{Context, Method, Problem, Request, Response, clock, route};
use mw_operations::drain::summary;
use mw_store::drain::{self, Drain, Left};
use serde_json::{Value, json};

pub fn handle(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    if let Some(answer) = route::enter(request, context)? {
        return Ok(answer);
    }
    if request.method == Method::Post {
        switch(request, context)?;
    }
    let left = drain::left(context.database()?)?;
    Ok(Response::ok(&status(&left)))
}

fn switch(request: &mut Request, context: &mut Context) -> Result<(), Problem> {
    let members = body::json_object(request)?;
    let mut fields = Fields::new(&members, "#");
    let on = fields.boolean("on");
    if !members.contains_key("on") || members.get("on").is_some_and(Value::is_null) {
        fields.fail("on", "Field required");
    }
    let reason = fields.text("reason", 0, 500).filter(|text| !text.trim().is_empty());
    let actor = fields.text("actor", 0, 200).filter(|text| !text.trim().is_empty());
    fields.finish()?;
    let actor = context.actor(actor.as_deref().unwrap_or("api"))?;
    drain::switch(context.database()?, clock::now(), on.unwrap_or_default(), &actor, reason.as_deref())?;
    Ok(())
}

/// The switch, the counts, and in words whether it is safe to stop.
fn status(left: &Left) -> Value {
    let mut answer = shown(&left.drain);
    if let Value::Object(members) = &mut answer {
        members.insert("at_work".to_owned(), left.is_at_work().into());
        members.insert("summary".to_owned(), summary(left).into());
        members.insert(
            "left".to_owned(),
            json!({"runs": left.runs, "waiting_for_people": left.waiting, "effects": left.effects, "jobs": left.jobs,
                   "dead_letters": left.dead_letters}),
        );
    }
    answer
}

/// The switch as this route shows it.
fn shown(drain: &Drain) -> Value {
    let mut shown = json!(drain);
    normalise_times(&mut shown);
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use mw_edge::config::Config;
    use mw_kernel::status::StatusWord;
    use mw_store::drain::Effects;
    use std::collections::BTreeMap;

    fn left(on: bool, runs: &[(&str, u64)], waiting: u64, due: u64) -> Left {
        let drain = Drain { on, reason: None, actor: "ann".into(), since: "2025-11-14T13:00:00+01:00".into() };
        let effects = Effects { due, leased: 0 };
        Left {
            drain,
            runs: runs.iter().map(|(status, count)| (StatusWord::of(status), *count)).collect(),
            waiting,
            effects,
            jobs: BTreeMap::new(),
            dead_letters: 0,
            dead_letters_more: false,
        }
    }

    #[test]
    fn it_says_when_it_is_safe_to_stop() {
        let waiting = status(&left(true, &[("awaiting_ideate", 2), ("paused", 1)], 3, 0));
        assert_eq!(waiting["at_work"], false);
        assert_eq!(
            waiting["summary"],
            "nothing is at work; 3 runs wait for people and survive a restart; it is safe to stop"
        );
        assert_eq!(waiting["since"], "2025-11-14T12:00:00.000000Z");
        let idle = status(&left(false, &[], 0, 0));
        assert_eq!(idle["summary"], "nothing is at work; no run waits for people; new runs may start at any time");
        let busy = status(&left(true, &[("running", 2), ("awaiting_ideate", 1)], 1, 3));
        assert_eq!(
            (busy["at_work"].as_bool(), busy["summary"].as_str()),
            (
                Some(true),
                Some(
                    "at work: 2 runs, 3 effects due and 0 leased, 0 provider jobs open; \
                     1 run waits for people and survives a restart"
                )
            )
        );
        assert!(left(true, &[], 0, 1).is_at_work(), "work without a run is work");
    }

    #[test]
    fn the_switch_must_be_named() {
        let mut context = Context::new(Config::of(&[("api_key", "k")]), "r".to_owned());
        for body in ["{}", r#"{"on":null}"#, r#"{"on":"yes"}"#] {
            let asked =
                handle(&mut Request::in_memory("POST", "/admin/drain", &[("x-api-key", "k")], body), &mut context);
            assert_eq!(asked.err().unwrap().errors[0].pointer, "#/on", "{body}");
        }
    }
}
