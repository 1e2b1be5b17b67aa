//! A kind of run that exists for tests only: a counter. Two gates are open at once; when both are approved it counts with one
//! effect for each step, rests until a timer ends, and is done. Whatever takes runs must take it without knowing it.

mod performer;
mod start;

pub use performer::Counting;
pub use start::{start, successor};

use mw_kernel::gate_policy::GatePolicy;
use mw_kernel::run::{
    Artifact, Body, Change, Context, DecidedGate, Doer, Draft, Edit, EditableField, Effect, EffectKind, Event, GateKey,
    KindOf, Kinds, Matter, OpenGate, OwnEvent, Piece, Pieces, Product, Progress, Question, Recorded, Refusal, Rows,
    Run, Standing, Started, Step, Succession, Text, Tone, Working, deadline_after, done_notification, refuse_ended,
};
use mw_kernel::status::{End, GateName};
use mw_kernel::{Kind, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The registry of a program that has this kind only.
pub const KINDS: Kinds = Kinds(&[&KindOf::<Counter>::new()]);
/// The names of its gates, and their ids.
pub const GATES: [&str; 2] = ["first_check", "second_check"];
/// The time that a gate has, seconds.
pub const GATE_SECONDS: u32 = 3600;
/// The time that one step of counting has, seconds.
pub const STEP_SECONDS: u32 = 600;
/// How long it rests, seconds.
pub const REST_SECONDS: u32 = 30;

/// The body of a counting run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Counter {
    pub target: u32,
    pub count: u32,
    pub resting: bool,
}

mw_kernel::words! {
    /// Where a counting run stands.
    #[derive(Default)]
    CounterStatus {
        #[default]
        Checking = "checking",
        Counting = "counting",
        Resting = "resting",
        Paused = "paused",
        Counted = "counted",
        Failed = "failed",
        Cancelled = "cancelled",
        Rejected = "rejected",
        Expired = "expired",
    }
}

/// What a counting run starts with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    pub target: u32,
}

/// What only a counting run has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum CounterEvent {
    #[serde(rename = "count.requested")]
    Requested {
        number: u32,
        #[serde(with = "time::serde::rfc3339")]
        deadline: Timestamp,
    },
    #[serde(rename = "count.counted")]
    Counted { number: u32 },
    #[serde(rename = "count.rested")]
    Rested {
        #[serde(with = "time::serde::rfc3339")]
        until: Timestamp,
    },
    #[serde(rename = "count.done")]
    Done,
}

impl OwnEvent for CounterEvent {
    fn name(&self) -> &'static str {
        match self {
            CounterEvent::Requested { .. } => "count.requested",
            CounterEvent::Counted { .. } => "count.counted",
            CounterEvent::Rested { .. } => "count.rested",
            CounterEvent::Done => "count.done",
        }
    }
}

/// What only a counting run can be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CounterCommand {
    /// The effect of this number was carried out.
    Count { number: u32 },
}

/// What people are shown at its gates.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct About {
    pub target: u32,
}

impl Body for Counter {
    type Status = CounterStatus;

    fn status(run: &Run<Self>) -> CounterStatus {
        match (run.end, &run.pause) {
            (Some(End::Done), _) => CounterStatus::Counted,
            (Some(End::Failed), _) => CounterStatus::Failed,
            (Some(End::Cancelled), _) => CounterStatus::Cancelled,
            (Some(End::Rejected), _) => CounterStatus::Rejected,
            (Some(End::Expired), _) => CounterStatus::Expired,
            (None, Some(_)) => CounterStatus::Paused,
            (None, None) if !run.gates.is_empty() => CounterStatus::Checking,
            (None, None) if run.body.resting => CounterStatus::Resting,
            (None, None) => CounterStatus::Counting,
        }
    }

    fn edit(_: &mut Run<Self>, _: &[Change]) {}
}

impl Kind for Counter {
    const NAME: &'static str = "counter";
    const STATUSES: &'static [&'static str] = CounterStatus::WORDS;
    const FIELDS: &'static [&'static str] = &[];
    type Plan = Plan;
    type Event = CounterEvent;
    type Command = CounterCommand;
    type About = About;

    fn empty() -> Self {
        Counter { target: 0, count: 0, resting: false }
    }

    fn evolve_started(run: &mut Run<Self>, started: &Started<Plan>) {
        run.body.target = started.plan.target;
    }

    fn evolve(run: &mut Run<Self>, event: &CounterEvent, at: Timestamp) {
        match event {
            CounterEvent::Requested { deadline, .. } => run.work_deadline = Some(*deadline),
            CounterEvent::Counted { number } => run.body.count = *number,
            CounterEvent::Rested { until } => {
                run.body.resting = true;
                run.work_deadline = Some(*until);
            }
            CounterEvent::Done => run.end(End::Done, at),
        }
    }

    fn decide(
        run: &Run<Self>,
        command: &CounterCommand,
        context: &mut Context<'_>,
    ) -> Result<Vec<Event<Self>>, Refusal> {
        let CounterCommand::Count { number } = command;
        refuse_ended(run)?;
        if *number <= run.body.count {
            return Ok(Vec::new());
        }
        let is_next = *number == run.body.count + 1 && *number <= run.body.target;
        if !run.gates.is_empty() || run.body.resting || !is_next {
            return Err(Refusal::StaleStep { run_id: run.run_id.clone(), step: *number });
        }
        let mut draft = Draft::of(run);
        draft.push(Event::Own(CounterEvent::Counted { number: *number }), context);
        go_on(&mut draft, context);
        Ok(draft.events)
    }

    fn approved(draft: &mut Draft<Self>, _: &DecidedGate, context: &mut Context<'_>) {
        go_on(draft, context);
    }

    fn resumed(draft: &mut Draft<Self>, context: &mut Context<'_>) {
        go_on(draft, context);
    }

    fn overdue(draft: &mut Draft<Self>, context: &mut Context<'_>) {
        if draft.run.body.resting {
            return draft.push(Event::Own(CounterEvent::Done), context);
        }
        draft.fail("step_timeout", format!("{} did not end in time", Self::overdue_work(&draft.run)), context);
    }

    fn overdue_work(run: &Run<Self>) -> String {
        format!("counting to {}", run.body.count + 1)
    }

    fn summary(run: &Run<Self>, key: GateKey<'_>) -> String {
        format!("{} of counting to {}.", key.gate, run.body.target)
    }

    fn subject(run: &Run<Self>, _: GateKey<'_>) -> Value {
        json!({"target": run.body.target})
    }

    fn about(run: &Run<Self>, _: GateKey<'_>) -> About {
        About { target: run.body.target }
    }

    fn releases(run: &Run<Self>, _: GateKey<'_>) -> String {
        format!("counting to {}", run.body.target)
    }

    fn fields(_: &Run<Self>, _: &OpenGate) -> Vec<EditableField> {
        Vec::new()
    }

    fn changes(_: &Run<Self>, open: &OpenGate, edit: &Edit) -> Result<Vec<Change>, Refusal> {
        match edit.keys().next() {
            Some(field) => Err(Refusal::EditNotAllowed { field: field.clone(), allowed: open.policy.edits.clone() }),
            None => Ok(Vec::new()),
        }
    }

    fn working(run: &Run<Self>) -> Working {
        let (waiting_for, then) = match run.body.resting {
            true => ("its timer".to_owned(), "the run is done".to_owned()),
            false => (Self::overdue_work(run), "the run fails with step_timeout".to_owned()),
        };
        Working { waiting_for, then, can_retry: false }
    }

    fn succeed(parent: &Run<Self>, wish: &Succession, context: &mut Context<'_>) -> Result<Vec<Event<Self>>, Refusal> {
        Ok(successor(parent, wish, context))
    }

    fn goes_on_at(_: &Run<Self>) -> Option<String> {
        Some("the beginning".to_owned())
    }

    fn artifacts(run: &Run<Self>, recorded: &Recorded<Event<Self>>) -> Vec<Artifact> {
        match &recorded.event {
            Event::Own(CounterEvent::Done) => vec![done_notification(run)],
            Event::Started(_) | Event::Common(_) | Event::Own(_) => Vec::new(),
        }
    }

    fn rows(run: &Run<Self>, event: &CounterEvent, at: Timestamp, rows: &mut Rows) {
        if let CounterEvent::Requested { number, .. } = event {
            rows.effects.push(Effect {
                key: format!("count:{}:{number}", run.run_id),
                kind: EffectKind::Own,
                provider: "mock".to_owned(),
                job_id: None,
                payload: json!({"number": number}),
                due_at: at,
            });
        }
    }

    fn question(run: &Run<Self>, _: GateKey<'_>) -> Question {
        Question { title: format!("Count to {}?", run.body.target), lines: Vec::new() }
    }

    fn done(run: &Run<Self>) -> Question {
        Question { title: format!("Counted to {}", run.body.target), lines: Vec::new() }
    }

    fn payload(run: &Run<Self>) -> Value {
        json!({"project": run.definition.key, "input": {"target": run.body.target}})
    }

    fn result(run: &Run<Self>) -> Value {
        json!({"count": run.body.count})
    }

    fn rests(run: &Run<Self>) -> bool {
        run.body.resting
    }

    fn standing(status: &str) -> Option<Standing> {
        Some(match CounterStatus::parse(status)? {
            CounterStatus::Checking => Standing::new("waits: two checks", Tone::Waits),
            CounterStatus::Counting => Standing::new("counting", Tone::Works),
            CounterStatus::Resting => Standing::new("resting", Tone::Rests),
            CounterStatus::Paused => Standing::new("paused", Tone::Rests),
            CounterStatus::Counted => Standing::new("counted", Tone::Done),
            CounterStatus::Failed => Standing::new("failed", Tone::Failed),
            CounterStatus::Cancelled => Standing::new("cancelled", Tone::Rests),
            CounterStatus::Rejected => Standing::new("rejected", Tone::Rests),
            CounterStatus::Expired => Standing::new("expired", Tone::Rests),
        })
    }

    fn steps(run: &Run<Self>) -> Vec<Step> {
        let checked = run.decided.len() + run.gates.len() > 0 && run.gates.is_empty();
        let gate = |name: &str| match run.gates.iter().any(|open| open.id == name) {
            true => Progress::Now,
            false => Progress::Done,
        };
        let counting = match (checked, run.body.resting) {
            (false, _) => Progress::Ahead,
            (true, false) => Progress::Now,
            (true, true) => Progress::Done,
        };
        let resting = if run.body.resting { Progress::Now } else { Progress::Ahead };
        let step = |name: &str, doer, progress| Step { name: name.to_owned(), doer, progress };
        let gates = GATES.iter().map(|name| step(name, Doer::Person, gate(name)));
        gates.chain([step("count", Doer::Provider, counting), step("rest", Doer::Provider, resting)]).collect()
    }

    fn matter(run: &Run<Self>, _: GateKey<'_>) -> Matter {
        Matter { pieces: numbers(run), ..Matter::default() }
    }

    fn product(run: &Run<Self>) -> Product {
        Product { pieces: numbers(run), ..Product::default() }
    }

    fn sentence(event: &str, data: &Value) -> Option<String> {
        let number = data.get("number").and_then(Value::as_u64).unwrap_or_default();
        Some(match event {
            "count.requested" => format!("Asked for number {number}"),
            "count.counted" => format!("Counted {number}"),
            "count.rested" => "Rested".to_owned(),
            "count.done" => "Counted to the end".to_owned(),
            _ => return None,
        })
    }
}

/// The numbers so far, as parts of a whole.
fn numbers(run: &Run<Counter>) -> Pieces {
    let number = |number: u32| Piece {
        number: number as usize,
        header: format!("number {number}"),
        subject: String::new(),
        prompt: Text { text: None, proposed: false },
        url: None,
        failure: None,
    };
    Pieces { noun: "number", list: (1..=run.body.count).map(number).collect() }
}

/// Counts on once no gate is open; rests when it has counted enough.
fn go_on(draft: &mut Draft<Counter>, context: &mut Context<'_>) {
    let run = &draft.run;
    if !run.gates.is_empty() || run.is_ended() || run.pause.is_some() || run.body.resting {
        return;
    }
    let number = run.body.count + 1;
    let event = match number > run.body.target {
        true => CounterEvent::Rested { until: deadline_after(context.now, REST_SECONDS) },
        false => CounterEvent::Requested { number, deadline: deadline_after(context.now, STEP_SECONDS) },
    };
    draft.push(Event::Own(event), context);
}

fn open_gates(draft: &mut Draft<Counter>, policy: &GatePolicy, context: &Context<'_>) {
    for id in GATES {
        if let Some(gate) = GateName::parse(id) {
            draft.open_gate(GateKey { id, gate }, policy.clone(), GATE_SECONDS, context);
        }
    }
}

#[cfg(test)]
mod tests;
