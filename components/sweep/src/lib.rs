//! POST /v1/sweep: rings every reconciler once. Anything that holds the sweep key (or the API key) may ring it, at any
//! time, even twice at once.

use mw_web::auth;
use mw_web::{Context, Method, Problem, Request, Response, clock, commands, kick, route};

fn handle(request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    context.route = "/v1/sweep";
    require_either_key(request, context)?;
    if let Some(answer) = route::allow(request, &[Method::Post])? {
        return Ok(answer);
    }
    let holder = context.request_id.clone();
    let report = mw_sweep::sweep(context.database()?, clock::now(), &holder, &mut commands::new_id)?;
    let response = Response::ok(&report);
    Ok(if report.kick { response.then(kick::dispatch) } else { response })
}

fn require_either_key(request: &Request, context: &mut Context) -> Result<(), Problem> {
    let valid = context.config.secrets("sweep_key");
    let rung = request.header("x-sweep-key").is_some_and(|sent| auth::is_one_of(sent, &valid));
    if rung { Ok(()) } else { auth::require(request, context) }
}

mw_web::component!(handle);
