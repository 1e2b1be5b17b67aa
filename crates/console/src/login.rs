//! In and out. The key is typed into a form, never part of an address, and is not kept: the cookie has its hash.

use super::form::Form;
use super::session::{self, Session};
use super::{Answer, PageRefusal, see_other, view};
use askama::Template;
use mw_edge::request::percent_encode;
use mw_edge::{Context, Method, Request, Response, auth, clock, signing};
use mw_kernel::principal::OPERATOR;

#[derive(Template)]
#[template(path = "login.html")]
struct Page<'a> {
    frame: view::Frame,
    next: &'a str,
    wrong: bool,
    ended: bool,
}

pub(super) fn show(request: &mut Request, _context: &mut Context) -> Answer {
    let next = local_path(&request.query("next").unwrap_or_default());
    let ended = request.query("ended").is_some();
    page(200, &next, false, ended)
}

fn page(status: u16, next: &str, wrong: bool, ended: bool) -> Answer {
    Ok(view::page(status, &Page { frame: view::Frame::bare("Sign in"), next, wrong, ended })?)
}

/// Whoever has a key gets a session; tries are limited by address, right ones too, so that guessing is slow.
pub(super) fn enter(request: &mut Request, context: &mut Context) -> Answer {
    if !session::is_from_here(request, &context.config) {
        return Err(PageRefusal::Foreign);
    }
    let form = Form::read(request)?;
    let next = local_path(form.text("next"));
    let key = form.text("key").trim();
    let hash = auth::key_hash(key);
    let caller = format!("ip:{}", request.client_address().unwrap_or_else(|| "unknown".to_owned()));
    let limit = context.limit(&caller)?;
    let now = clock::now();
    let found = mw_store::console::login(context.database()?, now, &hash, &limit)?;
    context.count(found.limit.as_ref())?;
    let name = if auth::is_one_of(key, &signing::operator_keys(&context.config)?) {
        Some(OPERATOR.to_owned())
    } else {
        found.principal.map(|principal| principal.name)
    };
    let Some(name) = name else { return page(401, &next, true, false) };
    let cookie = session::begin(&Session::open(&name, hash, now), &context.config)?;
    Ok(see_other(next).with_header("set-cookie", cookie))
}

pub(super) fn out(context: &Context) -> Response {
    see_other("/console/login".to_owned()).with_header("set-cookie", session::end(&context.config))
}

/// To the login page and, afterwards, back to where the visitor wanted to go.
pub(super) fn redirect(request: &Request) -> Response {
    let query = if request.raw_query().is_empty() { String::new() } else { format!("?{}", request.raw_query()) };
    // What a POST would have done is not repeated: its page is shown.
    let wanted = match request.method {
        Method::Post => page_of(&request.path),
        Method::Get | Method::Head | Method::Delete | Method::Options | Method::Other => request.path.as_str(),
    };
    let next = local_path(&format!("{wanted}{query}"));
    let ended =
        if request.header("cookie").is_some_and(|cookies| cookies.contains("mw_session=")) { "&ended" } else { "" };
    see_other(format!("/console/login?next={}{ended}", percent_encode(&next)))
}

/// The page whose form an action is.
fn page_of(path: &str) -> &str {
    match path {
        "/console/bulk" => return "/console/runs",
        "/console/drain" => return "/console/system",
        _ => {}
    }
    let ends =
        ["/gates/", "/verbs/", "/replay", "/discard", "/begin", "/say"].iter().filter_map(|part| path.find(part));
    ends.min().and_then(|end| path.get(..end)).unwrap_or(path)
}

/// A page of the console, else the inbox: a login page never leads away.
fn local_path(wanted: &str) -> String {
    let rest = wanted.strip_prefix("/console");
    let fits = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']));
    let odd = wanted.contains(['\\', '#']) || wanted.contains("//") || wanted.contains("..");
    let shown = ["/console/login", "/console/logout", "/console/bulk", "/console/drain", "/console/assets"]
        .iter()
        .all(|path| !wanted.starts_with(path));
    let plain = wanted.bytes().all(|byte| byte.is_ascii_graphic()) && wanted.len() <= 1000;
    if fits && !odd && shown && plain { wanted.to_owned() } else { "/console".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_back_stays_in_the_console() {
        for good in ["/console", "/console/runs?status=failed&cursor=a%2Fb", "/console/runs/r%201"] {
            assert_eq!(local_path(good), good);
        }
        for bad in [
            "",
            "/",
            "//evil",
            "https://evil",
            "/consoles",
            "/console//evil",
            "/console/\\evil",
            "/console/../v1",
            "/console/login?next=x",
            "/console\nset-cookie: a",
            "/v1/runs",
            "javascript:alert(1)",
            "/console@evil",
        ] {
            assert_eq!(local_path(bad), "/console", "{bad}");
        }
    }

    #[test]
    fn an_action_leads_back_to_its_page_and_is_not_repeated() {
        let back = |method, target| {
            let response = redirect(&Request::in_memory(method, target, &[("cookie", "mw_session=x")], ""));
            response.headers.into_iter().find(|(name, _)| *name == "location").unwrap().1
        };
        assert_eq!(back("GET", "/console/runs?a=1"), "/console/login?next=%2Fconsole%2Fruns%3Fa%3D1&ended");
        assert_eq!(back("POST", "/console/runs/r1/verbs/cancel"), "/console/login?next=%2Fconsole%2Fruns%2Fr1&ended");
        assert_eq!(back("POST", "/console/drain"), "/console/login?next=%2Fconsole%2Fsystem&ended");
        assert_eq!(back("POST", "/console/chat/say"), "/console/login?next=%2Fconsole%2Fchat&ended");
        assert_eq!(back("POST", "/console/logout"), "/console/login?next=%2Fconsole&ended");
    }
}
