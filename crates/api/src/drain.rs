//! /admin/drain: the switch that refuses new runs while everything in flight goes on, and what is left.

use mw_edge::about::Tag::Operations;
use mw_edge::body::{Required, Text};
use mw_edge::route::{Route, get, post};
use mw_edge::{Context, Problem, Request, Response, body, clock, shape};
use mw_kernel::principal::Role::{Operator, Viewer};
use mw_operations::drain::summary;
use mw_store::drain::{self, Left};
use std::collections::BTreeMap;

pub const ROUTES: &[Route] = &[
    get("/admin/drain", Viewer, show)
        .is(Operations, "drain_status", "Whether new runs are refused, and what is left")
        .gives::<DrainStatus>("The switch, and what has not ended."),
    post("/admin/drain", Operator, switch)
        .is(Operations, "switch_drain", "Refuse new runs, or take them again")
        .more(
            "While on, run start and chat answer 503 `draining`; everything in flight goes on. Once it has answered, no run starts any more.",
        )
        .takes::<SwitchDrain>()
        .gives::<DrainStatus>("The switch, and what has not ended."),
];

body! {
    pub struct SwitchDrain {
        pub on: Required<bool>,
        pub reason: Option<Text<0, 500>>,
        #[schemars(extend("default" = "api"))]
        pub actor: Option<Text<0, 200>>,
    }
}

shape! {
    pub struct DrainStatus {
        pub on: bool,
        pub reason: Option<String>,
        pub actor: String,
        #[schemars(extend("format" = "date-time"))]
        pub since: String,
        /// Whether anything would be interrupted.
        pub at_work: bool,
        pub summary: String,
        pub left: Rest,
    }

    /// What has not ended.
    #[schemars(inline)]
    pub struct Rest {
        pub runs: BTreeMap<String, u64>,
        pub waiting_for_people: u64,
        pub effects: Effects,
        pub jobs: BTreeMap<String, u64>,
        /// Counted to 1,000.
        pub dead_letters: u64,
    }

    #[schemars(inline)]
    pub struct Effects {
        pub due: u64,
        pub leased: u64,
    }
}

fn show(_request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    let left = drain::left(context.database()?)?;
    Ok(Response::ok(&status(&left)))
}

fn switch(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    let SwitchDrain { on, reason, actor } = body::read(request)?;
    let (actor, reason) = (Text::said(actor), Text::said(reason));
    let actor = context.actor(actor.as_deref().unwrap_or("api"))?;
    drain::switch(context.database()?, clock::now(), on.0.unwrap_or_default(), &actor, reason.as_deref())?;
    show(request, context)
}

/// The switch, the counts, and in words whether it is safe to stop.
fn status(left: &Left) -> DrainStatus {
    let drain = &left.drain;
    DrainStatus {
        on: drain.on,
        reason: drain.reason.clone(),
        actor: drain.actor.clone(),
        since: clock::parse(&drain.since).map_or_else(|| drain.since.clone(), clock::rfc3339),
        at_work: left.is_at_work(),
        summary: summary(left),
        left: Rest {
            runs: left.runs.iter().map(|(status, count)| (status.to_string(), *count)).collect(),
            waiting_for_people: left.waiting(),
            effects: Effects { due: left.effects.due, leased: left.effects.leased },
            jobs: left.jobs.clone(),
            dead_letters: left.dead_letters,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::refused_by;
    use mw_kernel::status::StatusWord;
    use mw_store::drain::{Drain, Effects};

    fn left(on: bool, runs: &[(&str, u64)], at_gates: &[(&str, u64)], due: u64) -> Left {
        let drain = Drain { on, reason: None, actor: "ann".into(), since: "2025-11-14T13:00:00+01:00".into() };
        let effects = Effects { due, leased: 0 };
        Left {
            drain,
            runs: runs.iter().map(|(status, count)| (StatusWord::of(status), *count)).collect(),
            at_gates: at_gates.iter().map(|(status, count)| (StatusWord::of(status), *count)).collect(),
            effects,
            jobs: BTreeMap::new(),
            dead_letters: 0,
            dead_letters_more: false,
        }
    }

    #[test]
    fn it_says_when_it_is_safe_to_stop() {
        let waiting =
            status(&left(true, &[("awaiting_ideate", 2), ("paused", 1)], &[("awaiting_ideate", 2), ("paused", 1)], 0));
        assert!(!waiting.at_work);
        assert_eq!(
            waiting.summary,
            "nothing is running; 3 runs wait for people and survive a restart; it is safe to stop"
        );
        assert_eq!(waiting.since, "2025-11-14T12:00:00.000000Z");
        let idle = status(&left(false, &[], &[], 0));
        assert_eq!(idle.summary, "nothing is running; no run waits for people; new runs may start at any time");
        let busy = status(&left(true, &[("running", 2), ("awaiting_ideate", 1)], &[("awaiting_ideate", 1)], 3));
        assert_eq!(
            (busy.at_work, busy.summary.as_str()),
            (
                true,
                "running: 2 runs, 3 effects due and 0 leased, 0 provider jobs open; \
                 1 run waits for people and survives a restart"
            )
        );
        assert!(left(true, &[], &[], 1).is_at_work(), "work without a run is work");
    }

    #[test]
    fn the_switch_must_be_named() {
        for body in ["{}", r#"{"on":null}"#, r#"{"on":"yes"}"#] {
            assert_eq!(refused_by(ROUTES, "POST", "/admin/drain", body).errors[0].pointer, "#/on", "{body}");
        }
    }
}
