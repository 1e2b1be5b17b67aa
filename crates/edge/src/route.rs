//! A route is one line of its feature's table: method, template, role, limit, handler, and what it takes and gives
//! ([`crate::about`]). Whatever depends on a route comes from its line: dispatch, 405 and `Allow`, rights, the limit and its headers,
//! the label of its metrics, and openapi.json.
//!
//! The way in is the same for all: whoever asks must have what the line asks for, then comes the method, so that a stranger learns
//! nothing. A component has the tables that it serves, and links no other handler.

use crate::about::About;
use crate::auth;
use crate::component::Handler;
use crate::context::Context;
use crate::limits::Limiter;
use crate::problem::{self, Problem};
use crate::request::{Method, Request};
use crate::response::Response;
use mw_kernel::principal::Role;

/// Looks at who asks, before anything else is looked at.
pub type Guard = fn(&Request, &mut Context) -> Result<(), Problem>;

/// What a person's browser gets in the place of a problem.
pub type Page = fn(Problem, &Request, &Context) -> Result<Response, Problem>;

/// A route. A feature with ways of its own has handlers of its own.
#[derive(Clone, Copy)]
pub struct Route<H = Handler> {
    pub method: Method,
    /// As metrics and OpenAPI name it; spin.toml writes `:name` for `{name}`.
    pub template: &'static str,
    /// What the owner of a key must be; `None` where nobody is asked for one.
    pub role: Option<Role>,
    guard: Guard,
    pub limiter: Option<Limiter>,
    page: Option<Page>,
    pub handler: H,
    pub about: About,
}

/// For whoever has a key of this role.
pub const fn get(template: &'static str, role: Role, handler: Handler) -> Route {
    route(Method::Get, template, Some(role), handler)
}

/// For whoever has a key of this role.
pub const fn post(template: &'static str, role: Role, handler: Handler) -> Route {
    route(Method::Post, template, Some(role), handler)
}

/// For whoever has a key of this role.
pub const fn delete(template: &'static str, role: Role, handler: Handler) -> Route {
    route(Method::Delete, template, Some(role), handler)
}

/// For everybody.
pub const fn open_get(template: &'static str, handler: Handler) -> Route {
    route(Method::Get, template, None, handler)
}

/// For everybody, or for whoever signs as its handler knows.
pub const fn open_post(template: &'static str, handler: Handler) -> Route {
    route(Method::Post, template, None, handler)
}

/// A route with a handler of any kind.
pub const fn route<H>(method: Method, template: &'static str, role: Option<Role>, handler: H) -> Route<H> {
    let guard: Guard = if role.is_some() { auth::require } else { auth::let_in };
    Route { method, template, role, guard, limiter: None, page: None, handler, about: About::NONE }
}

impl<H> Route<H> {
    /// Another way in than by a key alone. It is that of the path: all its methods have the same.
    #[must_use]
    pub const fn guarded_by(mut self, guard: Guard) -> Self {
        self.guard = guard;
        self
    }

    /// Its requests are counted.
    #[must_use]
    pub const fn limited(mut self, limiter: Limiter) -> Self {
        self.limiter = Some(limiter);
        self
    }

    /// Its problems may be pages. So are those of all methods of the path.
    #[must_use]
    pub const fn paged(mut self, page: Page) -> Self {
        self.page = Some(page);
        self
    }

    /// The line without its handler.
    pub fn line(&self) -> Route<()> {
        let Route { method, template, role, guard, limiter, page, about, .. } = *self;
        Route { method, template, role, guard, limiter, page, handler: (), about }
    }

    fn serves(&self, method: Method) -> bool {
        self.method == method || (self.method == Method::Get && method == Method::Head)
    }

    fn fits(&self, segments: &[String]) -> bool {
        let mut pattern = segments_of(self.template);
        let same = |wanted: &str, segment: &str| wanted.starts_with('{') || wanted == segment;
        segments.iter().all(|segment| pattern.next().is_some_and(|wanted| same(wanted, segment)))
            && pattern.next().is_none()
    }
}

/// The segments of a template or a path, without empty ones.
pub(crate) fn segments_of(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|segment| !segment.is_empty())
}

/// Serves a request by the tables of a component.
pub fn answer(tables: &[&'static [Route]], request: &mut Request, context: &mut Context) -> Result<Response, Problem> {
    let Some(found) = find(tables, request, context) else {
        auth::require_any(request, context)?;
        return Err(problem::not_found("Not Found"));
    };
    let answer = (found.line(request.method).guard)(request, context).and_then(|()| found.choose(request.method));
    let answer = answer.and_then(|chosen| match chosen {
        Chosen::Route(route) => (route.handler)(request, context),
        Chosen::Answer(response) => Ok(response),
    });
    match (answer, found.line(request.method).page) {
        (Err(problem), Some(page)) => page(problem, request, context),
        (answer, _) => answer,
    }
}

/// The routes of a request's path.
pub struct Found<H: 'static> {
    first: &'static Route<H>,
    of_path: Vec<&'static Route<H>>,
}

/// What a method leads to.
pub enum Chosen<H: 'static> {
    Route(&'static Route<H>),
    /// That of OPTIONS.
    Answer(Response),
}

/// Finds the routes of a request's path: all of the first template that fits. From here on the context knows what the line says.
pub fn find<H>(tables: &[&'static [Route<H>]], request: &mut Request, context: &mut Context) -> Option<Found<H>> {
    let segments = request.segments();
    let all = || tables.iter().copied().flatten();
    let first = all().find(|route| route.fits(&segments))?;
    let of_path: Vec<_> = all().filter(|route| route.template == first.template).collect();
    let route = of_path.iter().find(|route| route.serves(request.method));
    request.template = first.template;
    context.route = first.template;
    context.limiter = route.and_then(|route| route.limiter);
    let changes_nothing = matches!(request.method, Method::Options | Method::Other);
    context.needed = match route {
        Some(route) => route.role.unwrap_or(Role::Operator),
        // It learns no more than which methods there are.
        None if changes_nothing => Role::Viewer,
        None => Role::Operator,
    };
    Some(Found { first, of_path })
}

impl<H> Found<H> {
    /// The line of this method; where there is none, the first of the path says who is let in.
    fn line(&self, method: Method) -> &'static Route<H> {
        self.of_path.iter().find(|route| route.serves(method)).copied().unwrap_or(self.first)
    }

    /// The route of this method (HEAD wherever GET is); answers OPTIONS, and refuses the others with 405 and `Allow`.
    pub fn choose(&self, method: Method) -> Result<Chosen<H>, Problem> {
        match self.of_path.iter().find(|route| route.serves(method)) {
            Some(route) => Ok(Chosen::Route(route)),
            None if method == Method::Options => {
                Ok(Chosen::Answer(Response::empty(204).with_header("allow", self.allowed())))
            }
            None => Err(problem::method_not_allowed(&self.allowed())),
        }
    }

    fn allowed(&self) -> String {
        let has = |method| self.of_path.iter().any(|route| route.method == method);
        let mut names = Vec::new();
        for (method, name) in [(Method::Get, "GET, HEAD"), (Method::Post, "POST"), (Method::Delete, "DELETE")] {
            names.extend(has(method).then_some(name));
        }
        names.push("OPTIONS");
        names.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use Role::{Approver, Operator, Viewer};

    const RUNS: &[Route] = &[
        get("/v1/runs", Viewer, |_, _| Ok(Response::empty(200))),
        post("/v1/runs", Approver, |_, context| Ok(Response::empty(if context.limiter.is_some() { 201 } else { 200 })))
            .limited(crate::limits::RUNS_START),
        get("/v1/runs/bulk", Operator, |_, _| Ok(Response::empty(202))),
        get("/v1/runs/{run_id}/why", Viewer, |request, _| Ok(Response::text(200, request.parameter("run_id")))),
    ];
    const OPEN: &[Route] = &[
        open_post("/v1/webhooks/{source}", |_, _| Ok(Response::empty(200))),
        open_get("/v1/mixed", |_, _| Ok(Response::empty(200))),
        post("/v1/mixed", Operator, |_, _| Ok(Response::empty(200))),
    ];

    fn asked(method: &str, target: &str, key: &str) -> (Result<Response, Problem>, Context) {
        let mut context = Context::new(Config::of(&[("api_key", "k")]), "r".to_owned());
        let mut request = Request::in_memory(method, target, &[("x-api-key", key)], "");
        (answer(&[RUNS, OPEN], &mut request, &mut context), context)
    }

    fn status(method: &str, target: &str, key: &str) -> u16 {
        asked(method, target, key).0.map_or_else(|problem| problem.status, |response| response.status)
    }

    #[test]
    fn a_request_meets_the_handler_of_its_own_line() {
        assert_eq!(status("GET", "/v1/runs", "k"), 200);
        assert_eq!(status("HEAD", "/v1/runs/", "k"), 200);
        assert_eq!(status("POST", "/v1/runs", "k"), 201, "its limit is known");
        assert_eq!(status("POST", "/v1/webhooks/p", ""), 200, "open to whoever signs");
        let (answer, context) = asked("GET", "/v1/runs/a%20b/why", "k");
        assert_eq!((answer.unwrap().body, context.route), (b"a b".to_vec(), "/v1/runs/{run_id}/why"));
    }

    #[test]
    fn other_methods_are_405_with_allow() {
        let refused = asked("DELETE", "/v1/runs", "k").0.err().unwrap();
        assert_eq!((refused.status, refused.headers), (405, vec![("allow", "GET, HEAD, POST, OPTIONS".to_owned())]));
        assert_eq!(status("HEAD", "/v1/webhooks/p", ""), 405);
        let options = asked("OPTIONS", "/v1/webhooks/p", "").0.unwrap();
        assert_eq!((options.status, options.headers), (204, vec![("allow", "POST, OPTIONS".to_owned())]));
    }

    #[test]
    fn each_method_has_the_guard_of_its_own_line() {
        assert_eq!((status("GET", "/v1/mixed", ""), status("POST", "/v1/mixed", "")), (200, 401));
    }

    #[test]
    fn the_key_comes_before_method_and_path() {
        for target in ["/v1/runs", "/v1/runs/bulk", "/v1/nowhere", "/"] {
            assert_eq!(status("DELETE", target, "wrong"), 401, "{target}");
        }
        assert_eq!(status("GET", "/v1/nowhere", "k"), 404);
        assert_eq!(status("GET", "/v1/runs/a/b/c", "k"), 404);
    }

    #[test]
    fn a_request_needs_the_role_of_its_own_line() {
        for (method, target, role) in [
            ("GET", "/v1/runs", Viewer),
            ("HEAD", "/v1/runs", Viewer),
            ("POST", "/v1/runs", Approver),
            ("DELETE", "/v1/runs", Operator),
            ("OPTIONS", "/v1/runs/bulk", Viewer),
            ("GET", "/v1/runs/bulk", Operator),
        ] {
            assert_eq!(asked(method, target, "k").1.needed, role, "{method} {target}");
        }
        assert_eq!(Context::new(Config::of(&[]), "r".to_owned()).needed, Operator, "what is not listed");
    }
}
