//! The approve routes. GET without a key shows the page and changes nothing; POST, or GET with a key, decides; HEAD and
//! OPTIONS never do. Checked in this order: key, gate name (the route), rate limit, run, token, state.

use super::GatePath;
use mw_edge::about::{FORM, HTML, Tag::Gates};
use mw_edge::limits::HITL_APPROVE;
use mw_edge::route::{Route, get, post};
use mw_edge::{Context, Method, Problem, Request, Response, auth, clock, csrf, kick, problem, shape, signing};
use mw_kernel::link::{Holder, NoLink};
use mw_kernel::principal::Role::Approver;
use mw_kernel::principal::{Named, Principal};
use mw_kernel::run::AnyRun;
use mw_kernel::status::{Channel, GateName};
use mw_kernel::token::Claims;
use mw_operations::gate::policy::Obstacle;
use mw_operations::gate::request::{DecisionBody, VerdictForm};
use mw_operations::gate::{self, Decider, Decision, DecisionRequest, link, outcome_page, page, refusal};
use mw_operations::runs;
use mw_store::runs::Loaded;

/// One line for any gate: spin.toml may give gates components of their own.
pub const ROUTES: &[Route] = &[
    get("/v1/hitl/approve/{run_id}/{gate}", Approver, answer)
        .guarded_by(let_in)
        .limited(HITL_APPROVE)
        .paged(page_of)
        .is(Gates, "show_gate_of_project", "Show a gate, or decide it with the API key")
        .more(
            "GET without an API key never decides, so link previews and mail scanners cannot approve. GET with a valid key approves at once, as the runbook's curl does. HEAD never decides.",
        )
        .also_by("linkToken")
        .path::<GatePath>()
        .query::<TokenQuery>()
        .gives_as::<String>(200, HTML, "Without a key: the decision page, and nothing has changed. With a key: the gate is approved.")
        .gives::<Decision>("Without a key: the decision page, and nothing has changed. With a key: the gate is approved.")
        .refuses(&[409, 502]),
    post("/v1/hitl/approve/{run_id}/{gate}", Approver, answer)
        .guarded_by(let_in)
        .limited(HITL_APPROVE)
        .paged(page_of)
        .is(Gates, "decide_gate_of_project", "Decide a gate")
        .also_by("linkToken")
        .path::<GatePath>()
        .query::<TokenQuery>()
        .may_take::<DecisionBody>()
        .takes_as::<VerdictForm>(FORM, false)
        .gives::<Decision>("Decided, or decided so before by the same approver.")
        .gives_as::<String>(200, HTML, "Decided, or decided so before by the same approver.")
        .refuses(&[409, 502]),
];

shape! {
    pub struct TokenQuery {
        /// The token of a signed link. Without an API key it is required; with one it may be left out, and must be good when it is sent.
        pub token: Option<String>,
    }
}

/// Whoever has a key, or the token of a link, which is looked at when the run is there.
fn let_in(request: &Request, context: &mut Context) -> Result<(), Problem> {
    let has_key = auth::identify(request, context)?;
    if has_key || token_of(request).is_some() { Ok(()) } else { Err(problem::invalid_api_key()) }
}

fn token_of(request: &Request) -> Option<String> {
    request.query("token").filter(|token| !token.is_empty())
}

/// A person who came with a link reads why not.
fn page_of(problem: Problem, request: &Request, context: &Context) -> Result<Response, Problem> {
    if !request.wants_html() || request.header("x-api-key").is_some() {
        return Err(problem);
    }
    context.log_problem(&problem);
    outcome_page::refused(&problem, &context.request_id)
}

fn answer(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    let gate = GateName::parse(&request.parameter("gate")).ok_or_else(refusal::unknown_gate)?;
    let token = token_of(request);
    // A body that is no decision is counted before it is refused.
    let decision = match request.method {
        Method::Post => gate::request::parse(request, context.kinds),
        _ => Ok(DecisionRequest::approve()),
    };
    let run_id = request.parameter("run_id");
    let named = token.as_deref().and_then(mw_kernel::token::claimed_approver);
    let loaded = runs::load_counted(context, &run_id, request, named.as_deref())?;
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
        show(request, context, &run, gate, &decider, claims, token)
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
    request: &Request,
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
        action: request.relative(&mw_kernel::token::path(&run.run_id, gate, token)),
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
        Response::ok(&standing.shown(gate))
    };
    Ok(if standing.kick { response.then(kick::dispatch) } else { response })
}
