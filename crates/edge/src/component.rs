//! The entry of every HTTP component: `mw_edge::component!([ROUTES])` exports the handlers of tables of routes as WASI's incoming
//! handler, and `mw_edge::component!([ROUTES], Pooled)` those that open the database themselves ([`crate::database`]); a feature with
//! a way in of its own has one handler in their place. One that decides about runs or shows them names the kinds that it has, too:
//! `mw_edge::component!([ROUTES], Pooled, KINDS)`. `mw_edge::private_component!(handle)` exports one that only other
//! components ask, on the way of their own requests.
//!
//! ```text
//! host ─► serve: parse, request id ─► route ─► handler ─► who asks is known ─► answer (or problem) out in one piece ─► log line ─► work afterwards ─► recorded
//! ```

use crate::config::Config;
use crate::context::Context;
use crate::database::OpenWay;
use crate::log::Level;
use crate::problem::Problem;
use crate::request::Request;
use crate::response::Response;
use crate::{incoming, observation, outgoing, request_id, variables};
use mw_kernel::run::Kinds;
use std::time::Duration;
use wasi::http::types::{IncomingRequest, ResponseOutparam};

pub type Handler = fn(&mut Request, &mut Context) -> Result<Response, Problem>;

/// Answers another component of this application.
pub type PrivateHandler = fn(&mut Request, &Config) -> Response;

/// Exports tables of routes, or a [`Handler`], as the component's HTTP entry point. Natively it only checks their types.
#[macro_export]
macro_rules! component {
    ([$($table:path),*]) => {
        $crate::component!([$($table),*], Remote);
    };
    ([$($table:path),*], $way:ident) => {
        $crate::component!([$($table),*], $way, $crate::Kinds(&[]));
    };
    ([$($table:path),*], $way:ident, $kinds:expr) => {
        $crate::component!(@ |request, context| $crate::route::answer(&[$($table),*], request, context), $way, $kinds);
    };
    ($handler:path, $way:ident) => {
        $crate::component!(@ $handler, $way, $crate::Kinds(&[]));
    };
    ($handler:path, $way:ident, $kinds:expr) => {
        $crate::component!(@ $handler, $way, $kinds);
    };
    (@ $handler:expr, $way:ident, $kinds:expr) => {
        const HANDLER: $crate::component::Handler = $handler;

        $crate::export!(|request, answer| {
            let open = <$crate::database::$way as $crate::database::Way>::open;
            $crate::component::serve(request, answer, HANDLER, open, $kinds)
        });
    };
}

/// Exports a [`PrivateHandler`] as the component's HTTP entry point.
#[macro_export]
macro_rules! private_component {
    ($handler:path) => {
        const HANDLER: $crate::component::PrivateHandler = $handler;

        $crate::export!(|request, answer| $crate::component::serve_private(request, answer, HANDLER));
    };
}

/// Exports a function of request and answer as WASI's incoming handler. Natively it only checks its type.
#[macro_export]
macro_rules! export {
    ($serve:expr) => {
        const SERVE: fn($crate::wasi::http::types::IncomingRequest, $crate::wasi::http::types::ResponseOutparam) = $serve;

        #[cfg(target_arch = "wasm32")]
        mod export {
            struct Edge;

            impl $crate::wasi::exports::http::incoming_handler::Guest for Edge {
                fn handle(
                    request: $crate::wasi::http::types::IncomingRequest,
                    answer: $crate::wasi::http::types::ResponseOutparam,
                ) {
                    super::SERVE(request, answer);
                }
            }

            $crate::wasi::_export_proxy!(Edge with_types_in $crate::wasi);
        }

        #[cfg(not(target_arch = "wasm32"))]
        const _: fn($crate::wasi::http::types::IncomingRequest, $crate::wasi::http::types::ResponseOutparam) = SERVE;
    };
}

/// Serves one request from its first byte to the work after the answer.
pub fn serve(request: IncomingRequest, answer: ResponseOutparam, handler: Handler, open: OpenWay, kinds: Kinds) {
    let mut request = incoming::request(request);
    let request_id = request_id::choose(request.header("x-request-id"));

    let mut context = Context::with(open, variables::config(), request_id);
    context.method = request.method;
    context.kinds = kinds;

    let mut response = respond(&mut request, &mut context, handler);
    let status = response.status;
    let (sent, afterwards) = match response.streaming.take() {
        Some(stream) => stream(answer, response, &mut context),
        None => {
            let afterwards = response.afterwards.take();
            (outgoing::send(answer, response), afterwards)
        }
    };

    let lasted = context.started.elapsed();
    log_access(&request, &context, status, lasted);
    if let Err(error) = sent {
        context.log.write(Level::Warn, "myloware.api", "answer not sent", &[("cause", error.into())]);
    }
    if let Some(work) = afterwards {
        work(&mut context);
    }
    observation::record(&mut context, status, lasted);
}

/// Serves a request of another component, and does no more than it must: no log line, no observation.
pub fn serve_private(request: IncomingRequest, answer: ResponseOutparam, handler: PrivateHandler) {
    let response = handler(&mut incoming::request(request), &variables::config());
    // Whoever asked notices by itself that no answer came.
    let _ = outgoing::send(answer, response);
}

/// The handler's answer, or its problem as an answer, with the headers that every answer has.
fn respond(request: &mut Request, context: &mut Context, handler: Handler) -> Response {
    let answer = handler(request, context);
    // A key that nobody has does not even learn "no such route" or "bad body".
    let answer = context.settle().and(answer);
    let response = answer.unwrap_or_else(|problem| {
        context.log_problem(&problem);
        problem.into_response(&context.request_id)
    });
    let left = context.limiter.zip(context.taken.as_ref()).map(|(limiter, taken)| limiter.headers(taken));
    let has_caching = response.headers.iter().any(|(name, _)| *name == "cache-control");
    let response = response
        .with_headers(left.unwrap_or_default())
        .with_headers(std::mem::take(&mut context.headers))
        .with_header("x-request-id", context.request_id.clone())
        .with_header("x-content-type-options", "nosniff");
    if has_caching { response } else { response.with_header("cache-control", "no-store") }
}

fn log_access(request: &Request, context: &Context, status: u16, lasted: Duration) {
    let elapsed_ms = lasted.as_micros() as f64 / 1000.0;
    let fields = [
        ("method", request.method_name.clone().into()),
        ("path", request.path.clone().into()),
        ("status", status.into()),
        ("duration_ms", elapsed_ms.into()),
    ];
    context.log.write(Level::Info, "myloware.api.access", "request", &fields);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::RUNS_START;
    use mw_store::Taken;

    fn answer(handler: Handler) -> Response {
        let mut context = Context::new(Config::of(&[]), "r".to_owned());
        context.limiter = Some(RUNS_START);
        respond(&mut Request::in_memory("GET", "/", &[], ""), &mut context, handler)
    }

    fn header(response: &Response, wanted: &str) -> Vec<String> {
        let same = |(name, value): &(&str, String)| (*name == wanted).then(|| value.clone());
        response.headers.iter().filter_map(same).collect()
    }

    #[test]
    fn every_answer_says_what_is_left_of_the_limit() {
        const fn left(allowed: bool) -> Taken {
            Taken { allowed, limit: 10, remaining: 3, reset_seconds: 30 }
        }
        let handlers: [(Handler, u16); 3] = [
            (|_, context| context.count(Some(&left(true))).map(|()| Response::empty(200)), 200),
            (|_, context| context.count(Some(&left(true))).and(Err(crate::problem::not_found("x"))), 404),
            (|_, context| context.count(Some(&left(false))).map(|()| Response::empty(200)), 429),
        ];
        for (handler, status) in handlers {
            let response = answer(handler);
            assert_eq!(response.status, status);
            assert_eq!(header(&response, "ratelimit"), ["\"runs_start\";r=3;t=30"]);
            assert_eq!(header(&response, "ratelimit-policy"), ["\"runs_start\";q=10;w=60"]);
        }
    }

    #[test]
    fn nothing_is_cached_unless_the_handler_says_so() {
        assert_eq!(header(&answer(|_, _| Ok(Response::empty(204))), "cache-control"), ["no-store"]);
        let kept: Handler = |_, _| Ok(Response::empty(204).with_header("cache-control", "max-age=1"));
        assert_eq!(header(&answer(kept), "cache-control"), ["max-age=1"]);
    }
}
