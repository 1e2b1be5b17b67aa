//! The commit of a turn: one statement, which keeps the conversation and starts the run where there is one; and the answer.

use crate::model::Fallback;
use crate::reply::{self, Reply};
use crate::settings::Model;
use crate::turn::{Plan, PreparedTurn};
use mw_edge::{Context, Problem, clock, problem, shape};
use mw_integrations::llm::Usage;
use mw_media::brendan::Proposal;
use mw_media::definition::{Definition, Step};
use mw_media::run::Run;
use mw_operations::start::{Start, definition};
use mw_operations::turn::TurnRequest;
use mw_store::chat::{self, ChatLoaded, Decision, Said, Used};
use serde_json::{Value, json};

/// What Brendan answers.
pub(super) struct TurnAnswer {
    pub(super) text: String,
    /// The user's runs, newest first: clients look at the first.
    run_ids: Vec<String>,
    /// Whether to wake the dispatcher.
    pub(super) kick: bool,
    /// The passages that the answer is made of: `doc_id`, `path` and `reason` of each.
    citations: Value,
    planner: &'static str,
    fallback: Option<&'static str>,
}

shape! {
    pub struct ChatAnswer {
        pub response: String,
        /// The newest run of the conversation.
        #[serde(rename = "runId")]
        pub run_id: Option<String>,
        /// Newest first.
        pub run_ids: Vec<String>,
        /// The passages of the knowledge that the answer is made of.
        #[schemars(with = "Vec<Citation>")]
        pub citations: Value,
        /// Who planned the answer.
        #[schemars(extend("enum" = ["model", "rules"]))]
        pub planner: &'static str,
        /// Why the rules answered although there is a language model.
        #[schemars(extend("enum" = FALLBACKS))]
        pub fallback: Option<&'static str>,
    }

    /// As the database makes it.
    #[schemars(inline)]
    pub struct Citation {
        #[schemars(extend("format" = "uuid"))]
        pub doc_id: String,
        /// Of the document, below the folder that was ingested.
        pub path: String,
        /// What the passage has of the question, or the number by which the model cites it.
        pub reason: String,
    }
}

#[cfg(not(target_family = "wasm"))]
const FALLBACKS: [Option<&str>; 8] = [
    Some("budget"),
    Some("time_out"),
    Some("overloaded"),
    Some("unavailable"),
    Some("refused"),
    Some("malformed"),
    Some("rounds"),
    None,
];

impl TurnAnswer {
    pub(super) fn shown(self) -> ChatAnswer {
        ChatAnswer {
            response: self.text,
            run_id: self.run_ids.first().cloned(),
            run_ids: self.run_ids,
            citations: self.citations,
            planner: self.planner,
            fallback: self.fallback,
        }
    }
}

/// Who planned a turn, and what it has taken of a model.
pub(super) struct Account {
    model: Option<Model>,
    pub(super) usage: Usage,
    fallback: Option<Fallback>,
}

impl Account {
    pub(super) fn of(model: Option<&Model>) -> Account {
        Account { model: model.cloned(), usage: Usage::default(), fallback: None }
    }

    pub(super) fn falls_back(&mut self, reason: Fallback) {
        self.fallback = Some(reason);
    }

    fn planner(&self) -> &'static str {
        match (&self.model, self.fallback) {
            (Some(_), None) => "model",
            (None, _) | (Some(_), Some(_)) => "rules",
        }
    }

    /// `None` when no model answered.
    pub(super) fn used(&self) -> Option<Used> {
        let model = self.model.as_ref().filter(|_| self.usage != Usage::default())?;
        let Usage { input_tokens, output_tokens, .. } = self.usage;
        Some(Used { model: model.llm.model.clone(), input_tokens, output_tokens, cost: model.cost(self.usage) })
    }
}

/// Stage 3: keeps the turn, and starts its run where the plan has one.
pub(super) fn commit_turn(
    context: &mut Context,
    turn: &PreparedTurn,
    account: &Account,
    mut plan: Plan,
) -> Result<TurnAnswer, Problem> {
    if let Some(proposal) = plan.start.take() {
        return start_run(context, turn, account, *proposal, plan);
    }
    let kept = kept(turn, account, plan.reply.kept(), plan.decision, None);
    chat::save(context.database()?, clock::now(), &kept)?;
    Ok(answer(account, &plan.reply, known_runs(&turn.loaded), false, plan.citations))
}

/// Starts the proposed run; run and conversation are one statement.
fn start_run(
    context: &mut Context,
    turn: &PreparedTurn,
    account: &Account,
    proposal: Proposal,
    plan: Plan,
) -> Result<TurnAnswer, Problem> {
    let Plan { mut reply, citations, known, .. } = plan;
    let PreparedTurn { request, loaded, .. } = turn;
    let project = loaded.projects.iter().find(|project| project.known.key == proposal.project);
    let Some(project) = project.filter(|project| project.known.has_runs) else {
        return Err(problem::unavailable("no project is loaded").because(format!("{} is missing", proposal.project)));
    };
    let version = project.project_version();
    let definition = definition::get(context, &version)?;
    let options = options(request, &proposal, &definition, &known);
    let name = project.known.name().to_owned();
    let started_by = request.started_by.clone();
    let user_id = Some(request.user_id.clone());
    let Proposal { input, skip, add, remarks, .. } = proposal;
    let start = Start { version, started_by, user_id, input, options, skip, add };
    let keep = |run: &Run| {
        let texts = [reply.kept(), reply::started_text(&name, run, &remarks)];
        let texts: Vec<String> = texts.into_iter().filter(|text| !text.is_empty()).collect();
        kept(turn, account, texts.join("\n\n"), Some(Decision::Run), Some(run.run_id.clone()))
    };
    let started = start.commit(context, None, Some(&keep))?;
    context.log.about_run(&started.run_id);
    let text = reply::started_text(&name, &started.run, &remarks);
    reply::started(&mut reply, context, turn.audience(), text, &started.run)?;
    let mut run_ids = known_runs(loaded);
    run_ids.insert(0, started.run_id.clone());
    Ok(answer(account, &reply, run_ids, started.kick, citations))
}

fn answer(account: &Account, reply: &Reply, run_ids: Vec<String>, kick: bool, citations: Value) -> TurnAnswer {
    let fallback = account.fallback.map(Fallback::as_str);
    TurnAnswer { text: reply.text(), run_ids, kick, citations, planner: account.planner(), fallback }
}

fn kept(
    turn: &PreparedTurn,
    account: &Account,
    text: String,
    decision: Option<Decision>,
    started: Option<String>,
) -> chat::Turn {
    let message = |role: &str, content: String| Said { role: role.to_owned(), content };
    let PreparedTurn { request, loaded, model, .. } = turn;
    chat::Turn {
        user_id: request.user_id.clone(),
        messages: vec![message("user", request.message.clone()), message("brendan", text)],
        started,
        told_until: loaded.notices.last().map_or(0, |notice| notice.message_id),
        update: request.update.clone(),
        decision,
        planner: model.as_ref().map(|_| account.planner()),
        fallback: account.fallback.map(Fallback::as_str),
        used: account.used(),
    }
}

/// The user's runs, newest first.
fn known_runs(loaded: &ChatLoaded) -> Vec<String> {
    loaded.runs.iter().map(|run| run.known.run_id.clone()).collect()
}

/// What the run remembers of the conversation that started it.
fn options(request: &TurnRequest, proposal: &Proposal, definition: &Definition, known: &Value) -> Value {
    let mut pipeline = Vec::new();
    let mut gates = Vec::new();
    for step in &definition.steps {
        let added = definition
            .optional_personas
            .iter()
            .filter(|optional| optional.before == step.name() && proposal.add.contains(&optional.persona));
        pipeline.extend(added.map(|optional| optional.persona.clone()));
        match step {
            Step::Gate { gate, .. } => gates.push(gate.as_str()),
            _ if proposal.skip.iter().any(|name| name == step.name()) => {}
            _ => pipeline.push(step.name().to_owned()),
        }
    }
    json!({
        "entrypoint": "brendan",
        "user_id": request.user_id,
        "classification": {
            "project": proposal.project,
            "object": proposal.input.object,
            "complexity": proposal.complexity,
            "skip_steps": proposal.skip,
            "optional_personas": proposal.add,
            "confidence": proposal.confidence,
        },
        "requested_pipeline": pipeline,
        "requested_hitl_gates": gates,
        "complexity": proposal.complexity,
        "optional_personas": proposal.add,
        "known": known,
    })
}
