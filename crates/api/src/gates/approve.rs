//! The approve routes. GET without a key shows the page and changes nothing; POST, or GET with a key, decides; HEAD and
//! OPTIONS never do. Checked in this order: key, gate name (the route), rate limit, run, token, state.

use mw_edge::limits::HITL_APPROVE;
use mw_edge::{Context, Method, Problem, Request, Response, auth, clock, csrf, kick, problem, route, signing};
use mw_kernel::link::{Holder, NoLink};
use mw_kernel::principal::{Named, Principal};
use mw_kernel::run::AnyRun;
use mw_kernel::status::{Channel, GateName};
use mw_kernel::token::Claims;
use mw_operations::gate::policy::Obstacle;
use mw_operations::gate::{self, Decider, DecisionRequest, link, outcome_page, page, refusal};
use mw_operations::runs;
use mw_store::runs::Loaded;

/// Any gate's route: the path names the gate.
pub fn handle(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    // One series for all of them.
    context.route = "/v1/hitl/approve/{run_id}/{gate}";
    let gate = GateName::parse(&request.segment(4)).ok_or_else(refusal::unknown_gate)?;
    match answer(gate, request, context) {
        Err(problem) if request.wants_html() && request.header("x-api-key").is_none() => {
            context.log_problem(&problem);
            outcome_page::refused(&problem, &context.request_id)
        }
        answer => answer,
    }
}

fn answer(gate: GateName, request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    let has_key = auth::identify(request, context)?;
    let token = request.query("token").filter(|token| !token.is_empty());
    if !has_key && token.is_none() {
        return Err(problem::invalid_api_key());
    }
    if let Some(answer) = route::allow(request)? {
        return Ok(answer);
    }
    // A body that is no decision is counted before it is refused.
    let decision = match request.method {
        Method::Post => gate::request::parse(request, context.kinds),
        _ => Ok(DecisionRequest::approve()),
    };
    let run_id = request.segment(3);
    let named = token.as_deref().and_then(mw_kernel::token::claimed_approver);
    let loaded = runs::load_counted(context, &run_id, HITL_APPROVE, request, named.as_deref())?;
    weigh(gate, request, context, token.as_deref(), loaded, decision?)
}

/// What comes after the count: run, token, state.
fn weigh(
    gate: GateName,
    request: &Request,
    context: &mut Context,
    token: Option<&str>,
    loaded: Loaded,
    decision: DecisionRequest,
) -> Result<Response, Problem> {
    let run = loaded.run.ok_or_else(|| problem::not_found("run not found"))?;
    let claims = check_token(context, &run, gate, token)?;
    let by_key = context.principal().cloned();
    let has_key = by_key.is_some();
    // Whoever holds a key decides by its name; else the link says who.
    let decider = match (by_key, &claims) {
        (Some(principal), _) => principal,
        (None, Some(claims)) => approver(&claims.approver, loaded.approver)?,
        (None, None) => return Err(problem::invalid_api_key()),
    };
    let decides = request.method == Method::Post || (request.method == Method::Get && has_key);
    if decides {
        let sent = decision.form_token.as_deref().unwrap_or_default();
        csrf::check(request, has_key, || {
            link::is_form_of(&context.config, &run.run_id, gate, token.unwrap_or_default(), sent)
        })?;
        context.record_with_next_write(200);
        let channel = if has_key { Channel::Api } else { Channel::Link };
        let decider = Decider::of(request, decider, channel);
        decide_and_answer(request, context, run, gate, decider, claims, decision)
    } else {
        show(context, &run, gate, &decider, claims, token)
    }
}

/// Whom a link stands for, as things are now: it may have been made before its approver was disabled, or by a release
/// that gave links to whole chats.
fn approver(name: &str, known: Option<Named>) -> Result<Principal, Problem> {
    Holder::of(name, known).decider().map_err(|no_link| match no_link {
        NoLink::RoleTooSmall { .. } => problem::gate_not_yours(no_link.to_string()),
        NoLink::Disabled(_)
        | NoLink::NoName
        | NoLink::NotNamed { .. }
        | NoLink::PrincipalsOnly { .. }
        | NoLink::Nobody => problem::invalid_token().because(format!("token refused: {no_link}")),
    })
}

/// A token that is sent must be good, key or no key.
fn check_token(
    context: &Context,
    run: &AnyRun,
    gate: GateName,
    token: Option<&str>,
) -> Result<Option<Claims>, Problem> {
    let Some(token) = token else { return Ok(None) };
    let secrets = signing::secrets(&context.config)?;
    let secrets: Vec<&str> = secrets.iter().map(String::as_str).collect();
    let now = clock::now();
    match mw_kernel::token::verify(&secrets, &run.run_id, gate, token, now) {
        Ok(claims) => Ok(Some(claims)),
        Err(reason) => Err(problem::invalid_token().because(format!("token refused: {reason}"))),
    }
}

/// The page of an open gate; nothing is decided.
fn show(
    context: &Context,
    run: &AnyRun,
    gate: GateName,
    decider: &Principal,
    claims: Option<Claims>,
    token: Option<&str>,
) -> Result<Response, Problem> {
    let Some(waiting) = run.open_gate(gate) else {
        return Err(refusal::nothing_to_decide(run, gate));
    };
    // A link is for one opening; of several gates of one name it says which.
    let open = claims.as_ref().map_or(Some(waiting), |claims| run.opening(claims.opening));
    let Some(open) =
        open.filter(|open| claims.as_ref().is_none_or(|claims| claims.subject_sha256 == open.subject_sha256))
    else {
        return Err(problem::invalid_token().because("token refused: other opening"));
    };
    let brief = gate::brief(context.kinds, run, open)?;
    let token = token.unwrap_or_default();
    let form = page::DecisionForm {
        action: mw_kernel::token::path(&run.run_id, gate, token),
        token: link::form_token(&context.config, &run.run_id, gate, token)?,
        obstacle: Obstacle::of(context.kinds, run, gate, open.opening, decider),
        approver: decider.name.clone(),
    };
    page::answer(&brief, &form)
}

fn decide_and_answer(
    request: &Request,
    context: &mut Context,
    run: AnyRun,
    gate: GateName,
    decider: Decider,
    claims: Option<Claims>,
    decision: DecisionRequest,
) -> Result<Response, Problem> {
    let verdict = decision.verdict;
    // A link is good for the opening that it was made for, whatever its page says.
    let opening = claims.as_ref().map(|claims| claims.opening).or(decision.opening);
    let subject_sha256 = claims.map(|claims| claims.subject_sha256).or(decision.subject_sha256);
    let decision = DecisionRequest { opening, subject_sha256, ..decision };
    let standing = gate::decide(context, run, gate, decision, decider)?;
    let response = if request.wants_html() {
        outcome_page::decided(context.kinds, &standing, gate, verdict)?
    } else {
        Response::ok(&standing.to_json(gate))
    };
    Ok(if standing.kick { response.then(kick::dispatch) } else { response })
}
