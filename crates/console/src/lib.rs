//! The console: pages for approvers and operators, made on the server and whole without a script.
//!
//! ```text
//! session   the signed cookie and the form token      visitor   who is here by now, and what they may do
//! login     in and out                                form      what a form sends
//! view      what stands on every page: frame, times, chips, headers       assets   the stylesheet and the script
//! inbox, gate       what waits for a person, and a decision on it
//! runs, bulk        the list with its filters, and a verb on all of it
//! run, steps, chart, timeline, verbs     one run            plot     series over time, on system and providers
//! webhooks, dead_letter, providers, system, start, chat    a page each
//! ```
//!
//! A page is one statement, which also says who the visitor is by now. An action checks in this order: where the request
//! comes from, the session, the form token, the role; then it does what the API's route does, by the same code.

mod assets;
mod bulk;
mod chart;
mod chat;
mod dead_letter;
mod form;
mod gate;
mod inbox;
mod login;
mod plot;
mod providers;
mod run;
mod runs;
mod session;
mod start;
mod steps;
mod system;
mod timeline;
mod verbs;
mod view;
mod visitor;
mod webhooks;

use form::Form;
use mw_edge::about::{HTML, Nothing, Tag};
use mw_edge::auth::Caller;
use mw_edge::config::Misconfigured;
use mw_edge::limits::{CONSOLE_LOGIN, HITL_APPROVE, RUNS_BULK, RUNS_START};
use mw_edge::route::{Chosen, Route, find, route};
use mw_edge::{Context, Method, Problem, Request, Response, problem};
use mw_kernel::principal::Role::{self, Approver, Operator, Viewer};
use mw_kernel::status::{GateName, Verb};
use mw_store::dead_letters::Action as Settle;
use visitor::{Guest, Visitor};

/// Why a page or an action is not answered as asked.
enum PageRefusal {
    /// Nobody is signed in, or no longer.
    SignIn,
    /// The request does not come from one of our own pages, or its form is not of this session.
    Foreign,
    Problem(Problem),
}

impl From<Problem> for PageRefusal {
    fn from(problem: Problem) -> PageRefusal {
        PageRefusal::Problem(problem)
    }
}

impl From<Misconfigured> for PageRefusal {
    fn from(error: Misconfigured) -> PageRefusal {
        PageRefusal::Problem(error.into())
    }
}

impl From<mw_store::DbError> for PageRefusal {
    fn from(error: mw_store::DbError) -> PageRefusal {
        PageRefusal::Problem(error.into())
    }
}

type Answer = Result<Response, PageRefusal>;

/// A page: for everybody, or for whoever has a session.
enum Page {
    Open(fn(&mut Request, &mut Context) -> Answer),
    Signed(fn(&Guest, &Request, &mut Context) -> Answer),
}

/// What a form of a page does, once it is sure who sent it.
type Action = fn(&Visitor, Form, &Request, &mut Context) -> Answer;

const fn page(template: &'static str, show: fn(&Guest, &Request, &mut Context) -> Answer) -> Route<Page> {
    route(Method::Get, template, Some(Viewer), Page::Signed(show))
}

const fn action(template: &'static str, role: Role, act: Action) -> Route<Action> {
    route(Method::Post, template, Some(role), act)
}

/// What is looked at, and the login. They commit nothing.
const PAGES: &[Route<Page>] = &[
    page("/console", inbox::show)
        .is(Tag::Console, "console", "The console")
        .more(
            "Pages behind a session, which a person opens with an API key at /console/login; what lies below /console is for browsers and described in docs/console.md.",
        )
        .gives_as::<String>(200, HTML, "What waits for a person.")
        .gives_as::<Nothing>(303, HTML, "Nobody is signed in: to the login page.")
        .gives_as::<String>(405, HTML, "Another method.")
        .gives_as::<String>(422, HTML, "A query of another page.")
        .gives_as::<String>(503, HTML, "The database cannot be reached."),
    page("/console/runs", runs::show),
    page("/console/runs/{run_id}", |guest, request, context| {
        run::show(&request.parameter("run_id"), guest, request, context)
    }),
    page("/console/runs/{run_id}/raw", |guest, request, context| {
        run::raw(&request.parameter("run_id"), guest, context)
    }),
    page("/console/webhooks", webhooks::show),
    page("/console/letters/{id}", |guest, request, context| {
        dead_letter::show(&request.parameter("id"), guest, request, context)
    }),
    page("/console/providers", |guest, _, context| providers::show(guest, context)),
    page("/console/system", system::show),
    page("/console/start", |guest, _, context| start::show(guest, context)),
    page("/console/chat", |guest, _, context| chat::show(guest, context)),
    route(Method::Get, "/console/login", None, Page::Open(login::show)),
    route(Method::Post, "/console/login", None, Page::Open(login::enter)).limited(CONSOLE_LOGIN),
    route(Method::Get, "/console/assets/{name}", None, Page::Open(|request, _| Ok(assets::answer(request)?))),
];

/// What the pages' forms do. A component of its own, so that each stays small; its routes are in spin.toml.
const ACTIONS: &[Route<Action>] = &[
    action("/console/logout", Viewer, |_, _, _, context| Ok(login::out(context))),
    action("/console/bulk", Operator, |visitor, form, _, context| bulk::act(visitor, form, context)).limited(RUNS_BULK),
    action("/console/runs/{run_id}/verbs/{verb}", Operator, |visitor, form, request, context| {
        let verb = Verb::parse(&request.parameter("verb")).ok_or_else(no_page)?;
        verbs::act(&request.parameter("run_id"), verb, visitor, form, context)
    }),
    action("/console/runs/{run_id}/gates/{gate}", Approver, |visitor, form, request, context| {
        let gate = GateName::parse(&request.parameter("gate")).ok_or_else(no_page)?;
        gate::act(&request.parameter("run_id"), gate, visitor, &form, request, context)
    })
    .limited(HITL_APPROVE),
    action("/console/letters/{id}/replay", Operator, |visitor, form, request, context| {
        dead_letter::act(&request.parameter("id"), Settle::Replay, visitor, &form, context)
    }),
    action("/console/letters/{id}/discard", Operator, |visitor, form, request, context| {
        dead_letter::act(&request.parameter("id"), Settle::Discard, visitor, &form, context)
    }),
    action("/console/drain", Operator, |visitor, form, _, context| system::act(visitor, &form, context)),
    action("/console/start/begin", Approver, |visitor, form, _, context| start::act(visitor, &form, context))
        .limited(RUNS_START),
    action("/console/chat/say", Approver, |visitor, form, _, context| chat::act(visitor, form, context)),
];

/// Every line of both tables, for whoever looks at all routes.
pub fn lines() -> impl Iterator<Item = Route<()>> {
    PAGES.iter().map(Route::line).chain(ACTIONS.iter().map(Route::line))
}

/// The component of the pages.
pub fn pages(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    framed(PAGES, request, context, |page, request, context| match page {
        Page::Open(show) => show(request, context),
        Page::Signed(show) => show(&Guest::of(request, context)?, request, context),
    })
}

/// The component of what their forms do.
pub fn actions(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    framed(ACTIONS, request, context, |act, request, context| {
        if !session::is_from_here(request, &context.config) {
            return Err(PageRefusal::Foreign);
        }
        let guest = Guest::of(request, context)?;
        let form = Form::read(request)?;
        let visitor = guest.admit_to_act(&form, context)?;
        act(&visitor, form, request, context)
    })
}

/// Errors are pages too.
fn framed<H>(
    routes: &'static [Route<H>],
    request: &mut Request,
    context: &mut Context,
    answer: fn(&H, &mut Request, &mut Context) -> Answer,
) -> Result<Response, Problem> {
    let answer = match find(&[routes], request, context).map(|found| found.choose(request.method)) {
        Some(Ok(Chosen::Route(route))) => answer(&route.handler, request, context),
        Some(Ok(Chosen::Answer(options))) => Ok(options),
        Some(Err(problem)) => Err(problem.into()),
        None => {
            context.route = "/console/...";
            Err(no_page())
        }
    };
    let response = match answer {
        Ok(response) => response,
        Err(stop) => stopped(stop, request, context)?,
    };
    // Whose session it is has been found out where anything was shown or done; what remains to be said are pages.
    context.caller = Caller::Unasked;
    Ok(view::secured(relative(response, request), &context.config))
}

/// The attributes in which pages have addresses; what a form sends back stays as it was written.
const ADDRESSES: [&str; 4] = ["href", "src", "action", "data-open"];

/// Our own addresses as the browser finds them from this page, wherever a proxy has put us. Pages and handlers write them from the root;
/// nobody else's text has a quotation mark in a page.
fn relative(mut response: Response, request: &Request) -> Response {
    for (_, location) in response.headers.iter_mut().filter(|(name, _)| *name == "location") {
        *location = request.relative(location);
    }
    if response.headers.iter().any(|(name, value)| *name == "content-type" && value.starts_with("text/html")) {
        let mut page = String::from_utf8_lossy(&response.body).into_owned();
        for attribute in ADDRESSES {
            let relative = format!("{attribute}=\"{}console", request.way_to_root());
            page = page.replace(&format!("{attribute}=\"/console"), &relative);
        }
        response.body = page.into_bytes();
    }
    response
}

fn no_page() -> PageRefusal {
    problem::not_found("Not Found").into()
}

/// The page that says why not, with the status that a program would get.
fn stopped(stop: PageRefusal, request: &Request, context: &Context) -> Result<Response, Problem> {
    match stop {
        PageRefusal::SignIn => Ok(login::redirect(request)),
        PageRefusal::Foreign => {
            let detail = "The form was not sent from this console, or your session has changed since it was shown. \
                          Nothing was done: open the page again and repeat it there.";
            view::problem_page(403, "This form is not yours", detail, &[], &context.request_id)
        }
        PageRefusal::Problem(problem) => {
            context.log_problem(&problem);
            let errors: Vec<String> = problem.errors.iter().map(|error| error.detail.clone()).collect();
            let heading = heading(problem.status);
            let page = view::problem_page(problem.status, heading, &problem.detail, &errors, &context.request_id)?;
            Ok(page.with_headers(problem.headers))
        }
    }
}

fn heading(status: u16) -> &'static str {
    match status {
        403 => "You may not do this",
        404 => "There is no such page",
        405 => "This page can't be used that way",
        409 => "It has moved on meanwhile",
        413 | 415 | 422 => "Something in the form is not right",
        429 => "Too many tries",
        503 => "The service can't do this now",
        _ => "That did not work",
    }
}

/// To another page after an action, so that reloading repeats nothing.
fn see_other(location: String) -> Response {
    Response::empty(303).with_header("location", location)
}
