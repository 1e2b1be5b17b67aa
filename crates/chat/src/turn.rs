//! A turn from its first stage to its last; [`respond`] has them in their order.

use crate::commit::{self, Account, TurnAnswer};
use crate::reply::{Audience, Reply};
use crate::settings::Model;
use crate::stream::{self, NoProgress, Progress};
use crate::{model, rules, summary};
use mw_edge::response::Afterwards;
use mw_edge::{Context, Problem, Request, Response, auth, clock, kick, refusal};
use mw_kernel::link::Holder;
use mw_media::brendan::Proposal;
use mw_media::brendan::conversation::HISTORY_LOADED;
use mw_media::brendan::rules::HISTORY_READ;
use mw_operations::turn::{self, Reader, TurnRequest, sealed};
use mw_store::chat::{Asking, ChatLoaded, Decision};
use serde_json::Value;

/// Whoever has a key, or a seal, which is looked at with the body that it seals.
pub(crate) fn let_in(request: &Request, context: &mut Context) -> Result<(), Problem> {
    if request.header(sealed::SEAL_HEADER).is_some() { Ok(()) } else { auth::require(request, context) }
}

/// POST /v1/chat/brendan: by a key, or by a seal.
pub(crate) fn handle(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    if request.header(sealed::SEAL_HEADER).is_some() {
        let (turn, caller) = sealed::open(request, context)?;
        return respond(context, Ok(turn), &caller, false);
    }
    let caller = auth::limiter_subject(request, context);
    let turn = turn::parse(request);
    let streams = request.header("accept").is_some_and(|accept| accept.contains(stream::MEDIA_TYPE));
    respond(context, turn, &caller, streams)
}

/// Loads what a turn needs, has it, and answers. Bodies that fail validation count towards the limit, too.
fn respond(
    context: &mut Context,
    request: Result<TurnRequest, Problem>,
    caller: &str,
    streams: bool,
) -> Result<Response, Problem> {
    let turn = load(context, request, caller)?;
    context.record_with_next_write(200);
    if streams {
        return Ok(stream::answer(turn));
    }
    let (answer, afterwards) = turn.run(context, &mut NoProgress)?;
    let mut response = Response::ok(&answer.shown());
    response.afterwards = afterwards;
    Ok(response)
}

/// A request with all that is known about it.
pub(crate) struct PreparedTurn {
    pub(crate) request: TurnRequest,
    pub(crate) reader: Holder,
    pub(crate) loaded: ChatLoaded,
    pub(crate) model: Option<Model>,
}

/// What a turn leads to, before anything is committed.
pub(crate) struct Plan {
    pub(crate) reply: Reply,
    /// The run that is to be started.
    pub(crate) start: Option<Box<Proposal>>,
    pub(crate) decision: Option<Decision>,
    /// The passages that the answer is made of: `doc_id`, `path` and `reason` of each.
    pub(crate) citations: Value,
    /// The passages that were found for a run that is to be started, which it keeps.
    pub(crate) known: Value,
}

/// Stage 1: one statement that finds out whose key it is, counts the turn, and loads what it needs.
fn load(context: &mut Context, request: Result<TurnRequest, Problem>, caller: &str) -> Result<PreparedTurn, Problem> {
    let user_id = request.as_ref().map_or("", |request| request.user_id.as_str());
    let limit = context.limit(caller)?;
    let key_hash = context.claimed_key();
    let model = Model::of(&context.config)?;
    let history = if model.is_some() { HISTORY_LOADED } else { HISTORY_READ };
    let reader = request.as_ref().ok().and_then(|request| request.reader.name());
    let by = Asking { key_hash: key_hash.as_deref(), user_id, reader, history };
    let mut loaded = mw_store::chat::load(context.connection()?, clock::now(), by, &limit)?;
    context.admit(loaded.principal.take())?;
    context.count(loaded.limit.as_ref())?;
    let ready = match &loaded.draining {
        Some(draining) => Err(refusal::draining(draining.reason.as_deref())),
        None => request,
    };
    let request = named(context, ready?, &loaded)?;
    let reader = holder(&request.reader, context, &mut loaded);
    Ok(PreparedTurn { request, reader, loaded, model })
}

/// Who came with a key is named by it; a sealed turn names the person itself.
fn named(context: &mut Context, mut request: TurnRequest, loaded: &ChatLoaded) -> Result<TurnRequest, Problem> {
    if context.principal().is_some() {
        context.require_own(loaded.is_somebody_else, &request.user_id)?;
        if let Reader::Person(name) = &mut request.reader {
            *name = context.actor(&request.user_id)?;
        }
        request.started_by = context.name()?;
        request.user_id.clone_from(&loaded.user_id);
    }
    Ok(request)
}

/// Into whose hands a link would come, by what the turn's statement found.
fn holder(reader: &Reader, context: &Context, loaded: &mut ChatLoaded) -> Holder {
    match (reader, context.principal()) {
        (Reader::Nobody, _) => Holder::Nobody,
        (Reader::Person(name), Some(principal)) if principal.name == *name => Holder::known(principal.clone()),
        (Reader::Person(name), _) => Holder::of(name, loaded.reader.take()),
    }
}

impl PreparedTurn {
    pub(crate) fn audience(&self) -> Audience<'_> {
        Audience { holder: &self.reader, asked_by: &self.request.started_by }
    }

    /// Stages 2 to 4: plans the turn, commits it, and says what is left to do afterwards.
    pub(crate) fn run(
        self,
        context: &mut Context,
        progress: &mut dyn Progress,
    ) -> Result<(TurnAnswer, Option<Afterwards>), Problem> {
        let mut account = Account::of(self.model.as_ref());
        let planned = self.plan(context, &mut account, progress);
        match planned.and_then(|plan| commit::commit_turn(context, &self, &account, plan)) {
            Ok(answer) => {
                let afterwards = self.afterwards(answer.kick);
                Ok((answer, afterwards))
            }
            Err(problem) => {
                summary::record_usage(context, &self, &account);
                Err(problem)
            }
        }
    }

    /// Stage 2: by the model where there is one, by the rules where there is none or it fails. Nothing is changed.
    fn plan(&self, context: &mut Context, account: &mut Account, progress: &mut dyn Progress) -> Result<Plan, Problem> {
        match &self.model {
            None => progress.status("planning by rules"),
            Some(model) => match model::plan(context, self, model, account, progress) {
                Ok(plan) => return Ok(plan),
                Err(model::PlanFailure::Problem(problem)) => return Err(problem),
                Err(model::PlanFailure::Fallback(reason)) => {
                    account.falls_back(reason);
                    progress.starts_over("planning by rules");
                }
            },
        }
        rules::plan(context, self)
    }

    /// Stage 4: wakes the dispatcher for what the turn started, and summarises a conversation that has grown long.
    fn afterwards(self, kick: bool) -> Option<Afterwards> {
        let summary = summary::DueSummary::of(self);
        (kick || summary.is_some()).then(|| -> Afterwards {
            Box::new(move |context| {
                if kick {
                    kick::dispatch(context);
                }
                if let Some(due) = summary {
                    due.write(context);
                }
            })
        })
    }
}
