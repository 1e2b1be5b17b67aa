//! The console: pages for approvers and operators, made on the server and whole without a script.
//!
//! ```text
//! route     which page or action a path names, and the role that it asks for
//! session   the signed cookie and the form token      visitor   who is here by now, and what they may do
//! login     in and out                                form      what a form sends
//! view      what stands on every page: frame, times, chips, headers       assets   the stylesheet and the script
//! inbox, gate       what waits for a person, and a decision on it
//! runs, bulk        the list with its filters, and a verb on all of it
//! run, steps, timeline, verbs     one run
//! webhooks, dead_letter, providers, system, start, chat    a page each
//! ```
//!
//! A page is one statement, which also says who the visitor is by now. An action checks in this order: where the request
//! comes from, the session, the form token, the role; then it does what the API's route does, by the same code.

mod assets;
mod bulk;
mod chat;
mod dead_letter;
mod form;
mod gate;
mod inbox;
mod login;
mod providers;
mod route;
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
use mw_edge::auth::Caller;
use mw_edge::config::Misconfigured;
use mw_edge::{Context, Problem, Request, Response, problem};
use mw_kernel::principal::Role;
use route::Route;
use visitor::Guest;

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

/// The pages: what is looked at, and the login. They commit nothing.
pub fn pages(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    framed(request, context, look)
}

/// What their forms do. A component of its own, so that each stays small; its routes are in spin.toml.
pub fn actions(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    framed(request, context, act)
}

/// Errors are pages too.
fn framed(
    request: &mut Request,
    context: &mut Context,
    answer: fn(&Route, &mut Request, &mut Context) -> Answer,
) -> Result<Response, Problem> {
    let answer = match Route::of(request) {
        Some(route) => {
            context.route = route.template();
            match mw_edge::route::allow_only(request, route.methods()) {
                Ok(Some(options)) => Ok(options),
                Ok(None) => answer(&route, request, context),
                Err(problem) => Err(problem.into()),
            }
        }
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
    Ok(view::secured(response, &context.config))
}

fn no_page() -> PageRefusal {
    problem::not_found("Not Found").into()
}

fn look(route: &Route, request: &mut Request, context: &mut Context) -> Answer {
    if let Route::Asset = route {
        return Ok(assets::answer(request)?);
    }
    if let Route::Login = route {
        return login::answer(request, context);
    }
    let guest = Guest::of(request, Role::Viewer, context)?;
    match route {
        Route::Inbox => inbox::show(&guest, request, context),
        Route::Runs => runs::show(&guest, request, context),
        Route::Run(run_id) => run::show(run_id, &guest, request, context),
        Route::Raw(run_id) => run::raw(run_id, &guest, context),
        Route::Webhooks => webhooks::show(&guest, request, context),
        Route::DeadLetter(id) => dead_letter::show(id, &guest, request, context),
        Route::Providers => providers::show(&guest, context),
        Route::System => system::show(&guest, request, context),
        Route::Start => start::show(&guest, context),
        Route::Chat => chat::show(&guest, context),
        Route::Asset
        | Route::Login
        | Route::Logout
        | Route::Bulk
        | Route::Verb(..)
        | Route::Gate(..)
        | Route::Settle(..)
        | Route::Drain
        | Route::Begin
        | Route::Say => Err(no_page()),
    }
}

fn act(route: &Route, request: &mut Request, context: &mut Context) -> Answer {
    if !session::is_from_here(request, &context.config) {
        return Err(PageRefusal::Foreign);
    }
    let guest = Guest::of(request, route.acts_as(), context)?;
    let form = Form::read(request)?;
    let visitor = guest.admit_to_act(&form, context)?;
    match route {
        Route::Logout => Ok(login::out(context)),
        Route::Bulk => bulk::act(&visitor, form, context),
        Route::Verb(run_id, verb) => verbs::act(run_id, *verb, &visitor, form, context),
        Route::Gate(run_id, gate) => gate::act(run_id, *gate, &visitor, &form, request, context),
        Route::Settle(id, action) => dead_letter::act(id, *action, &visitor, &form, context),
        Route::Drain => system::act(&visitor, &form, context),
        Route::Begin => start::act(&visitor, &form, context),
        Route::Say => chat::act(&visitor, form, context),
        Route::Asset
        | Route::Login
        | Route::Inbox
        | Route::Runs
        | Route::Run(_)
        | Route::Raw(_)
        | Route::Webhooks
        | Route::DeadLetter(_)
        | Route::Providers
        | Route::System
        | Route::Start
        | Route::Chat => Err(no_page()),
    }
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
