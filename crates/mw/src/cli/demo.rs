//! `mw demo`: one run before your eyes, from the chat message to the published video. At each gate it does what a person
//! would: gets the link, looks at the page, and presses Approve, all without a key.

use super::{Context, gates, runs, show, target::Target};
use crate::{
    api::{Api, Call, list, text},
    error::{Error, Result},
    signals,
};
use clap::Args;
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

/// How long a host may be away (say, killed and started again) before the demo gives up on it.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  mw demo\n  mw demo aismr --message 'Make an AISMR video about candles'\n  mw demo --manual     you decide, with the links that it prints"
)]
pub(crate) struct Options {
    /// A project's key; underscores, hyphens and spaces are the same. Without it, the default project's run is made.
    pub(super) project: Option<String>,
    /// What to ask for.
    #[arg(long)]
    pub(super) message: Option<String>,
    #[command(flatten)]
    pub(super) target: Target,
    /// Do not ask /health first.
    #[arg(long)]
    pub(super) skip_health: bool,
    /// Leave the gates to you: print the link of the open one and wait.
    #[arg(long)]
    pub(super) manual: bool,
    /// Give up after this many seconds.
    #[arg(long, default_value_t = 600)]
    pub(super) timeout: u64,
    /// Look every so many seconds.
    #[arg(long, default_value_t = 0.2)]
    pub(super) poll_interval: f64,
}

impl Options {
    /// What is said in the chat: a project is called by its key's words.
    fn message(&self, api: &Api) -> Result<String> {
        let Some(project) = &self.project else {
            return Ok(self.message.clone().unwrap_or_else(|| "Make a run about candles".to_owned()));
        };
        let key = runs::key(project);
        let projects = api.get("/v1/projects")?;
        let known: Vec<&str> = projects.as_array().into_iter().flatten().map(|project| text(project, "key")).collect();
        if !known.contains(&key.as_str()) {
            return Err(Error::misuse(format!("there is no project {key}: there are {}", known.join(", "))));
        }
        Ok(self.message.clone().unwrap_or_else(|| format!("Make a {} run about candles", key.replace('_', " "))))
    }
}

pub(crate) fn run(context: &Context, options: &Options) -> Result<u8> {
    let mut api = options.target.api(&context.settings)?;
    if !options.skip_health {
        api.get("/health")?;
    }
    let message = options.message(&api)?;
    api.patience = PATIENCE;
    let demo = Demo {
        context,
        api: &api,
        manual: options.manual,
        pause: runs::pause(options.poll_interval)?,
        limit: Duration::from_secs(options.timeout),
        began: Instant::now(),
    };
    let run = demo.ask(&message)?;
    demo.follow(&run)
}

struct Demo<'a> {
    context: &'a Context,
    api: &'a Api,
    manual: bool,
    pause: Duration,
    limit: Duration,
    began: Instant,
}

impl Demo<'_> {
    fn say(&self, line: &str) {
        if !self.context.json {
            println!("{line}");
        }
    }

    /// Asks in the chat; returns the run that came of it.
    fn ask(&self, message: &str) -> Result<String> {
        let user = format!("demo-{}", uuid::Uuid::new_v4().simple());
        self.say(&format!("\n  you      {message}"));
        let answer = self.chat(&user, message)?;
        self.say(&format!("  brendan  {}\n", text(&answer, "response").replace('\n', "\n           ")));
        let run = text(&answer, "runId").to_owned();
        if run.is_empty() {
            return Err(Error::failed("the message started no run: say it differently with --message"));
        }
        Ok(run)
    }

    /// A message whose answer was lost may have started its run: we look before we say it again.
    fn chat(&self, user: &str, message: &str) -> Result<Value> {
        let call =
            Call { post: Some(json!({ "user_id": user, "message": message })), headers: vec![self.api.key_header()] };
        let hasty = self.api.with_patience(Duration::ZERO);
        let path = "/v1/chat/brendan";
        loop {
            let reason = match hasty.send(path, &call).and_then(|answer| answer.accepted(path)) {
                Err(Error::Failed(reason)) if self.began.elapsed() < PATIENCE => reason,
                outcome => return outcome,
            };
            self.say(&format!("           ({reason}; trying again)"));
            let runs = self.api.get(&runs::with_query("/v1/runs", &[("user_id", Some(user.to_owned()))]))?;
            if let Some(run) = list(&runs, "runs").first() {
                return Ok(
                    json!({ "response": "(the answer was lost; the run was started)", "runId": text(run, "runId") }),
                );
            }
            signals::pause(Duration::from_secs(1))?;
        }
    }

    /// Shows the timeline and decides at the gates until the run has ended.
    fn follow(&self, run: &str) -> Result<u8> {
        let mut timeline = runs::Timeline::default();
        let mut decided = BTreeSet::new();
        loop {
            let state = self.api.get(&runs::run_path(run))?;
            for event in timeline.news(self.api, run)? {
                self.say(&format!("  {}", show::event(&event)));
            }
            let status = text(&state, "status");
            if runs::is_final(status) {
                return self.end(&state);
            }
            if let Some(gate) = state.get("awaiting_gate").and_then(Value::as_str)
                && decided.insert(gate.to_owned())
            {
                self.decide(run, gate)?;
                continue;
            }
            if self.began.elapsed() > self.limit {
                return Err(Error::failed(format!("run {run} is still {status} after {} s", self.limit.as_secs())));
            }
            signals::pause(self.pause)?;
        }
    }

    fn decide(&self, run: &str, gate: &str) -> Result<()> {
        let link = self.api.get(&gates::link_path(run, gate))?;
        let url = text(&link, "approvalUrl");
        if self.manual {
            self.say(&format!("\n  the gate {gate} waits for you: {url}\n"));
            return Ok(());
        }
        let look = Call { post: None, headers: vec![("accept", "text/html".to_owned())] };
        self.api.send(url, &look)?.accepted(url)?;
        let press = Call {
            post: Some(json!({ "decision": "approve" })),
            headers: vec![("accept", "application/json".to_owned())],
        };
        self.api.send(url, &press)?.accepted(url)?;
        self.say(&format!("  ── approved {gate} through its link, without a key"));
        Ok(())
    }

    fn end(&self, state: &Value) -> Result<u8> {
        let status = text(state, "status");
        let seconds = self.began.elapsed().as_secs_f64();
        if self.context.json {
            self.context.print(state, |_| ())?;
        }
        self.say(&format!(
            "\n{}\n  {status} after {seconds:.1} s: {} clips, {} artifacts; run {}",
            show::ending(state),
            list(state.get("result").unwrap_or(&Value::Null), "videos").len(),
            list(state, "artifacts").len(),
            text(state, "runId")
        ));
        Ok(u8::from(status != "published"))
    }
}
