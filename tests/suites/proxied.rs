//! Behind a proxy that serves the product below a path and takes that off: whoever follows what pages, forms, links and redirects say
//! never leaves that path.

use crate::support::proxy::{BELOW, Proxy};
use crate::support::{Answer, Run, Service, stack, unique};
use mw::mode::Mode;
use mw_stack::stack::Stack;
use serde_json::json;

/// The product below `/mw`, as a browser sees it.
struct Below {
    _stack: Stack,
    service: Service,
    origin: String,
    cookie: String,
}

fn below() -> Below {
    let proxy = Proxy::new();
    let origin = proxy.origin();
    let builder = stack::builder().mode(Mode::Mock).cron(false);
    let stack = builder.setting("PUBLIC_BASE_URL", format!("{origin}{BELOW}")).start().unwrap();
    proxy.serve(&stack.base_url());
    let service = stack::service_of(&stack).through(&origin);
    Below { _stack: stack, service, origin, cookie: String::new() }
}

impl Below {
    /// What runs are started with: programs that ask the product itself.
    fn inside(&self) -> Service {
        stack::service_of(&self._stack)
    }

    fn get(&self, path: &str) -> Answer {
        self.service.call("GET", path).header("cookie", &self.cookie).header("accept", "text/html").send()
    }

    #[track_caller]
    fn page(&self, path: &str) -> String {
        self.get(path).expect(200).text()
    }

    /// Sends a page's form to where the page says.
    fn submit(&self, page_path: &str, action: &str, fields: &[(&str, &str)]) -> Answer {
        let fields: Vec<String> =
            fields.iter().map(|(name, value)| format!("{name}={}", value.replace('+', "%2B"))).collect();
        let call = self.service.call("POST", &resolved(page_path, action)).header("cookie", &self.cookie);
        let call = call.header("origin", &self.origin).header("accept", "text/html");
        call.body("application/x-www-form-urlencoded", fields.join("&")).send()
    }

    /// Where a redirect leads, as a browser finds it.
    #[track_caller]
    fn redirected(&self, from: &str, answer: &Answer) -> String {
        resolved(from, answer.clone().expect(303).header("location").unwrap())
    }

    fn signed_in(mut self) -> Below {
        let login = "/mw/console/login";
        let page = self.page(login);
        let key = self.service.api_key.clone();
        let answer = self.submit(login, &values(&page, "action=")[0], &[("key", &key), ("next", "/console/runs")]);
        let set = answer.header("set-cookie").unwrap().to_owned();
        assert!(set.contains("; Path=/mw; "), "{set}");
        self.cookie = set.split(';').next().unwrap().to_owned();
        assert_eq!(self.redirected(login, &answer), "/mw/console/runs");
        self
    }
}

/// An address as a browser at this path understands it.
fn resolved(from: &str, address: &str) -> String {
    if address.starts_with('/') {
        return address.to_owned();
    }
    let (path, query) = match address.find(['?', '#']) {
        Some(at) => address.split_at(at),
        None => (address, ""),
    };
    let from = from.split(['?', '#']).next().unwrap();
    if path.is_empty() {
        return format!("{from}{query}");
    }
    let mut segments: Vec<&str> = from.split('/').collect();
    segments.pop();
    for segment in path.split('/') {
        match segment {
            "." => {}
            ".." => drop(segments.pop()),
            other => segments.push(other),
        }
    }
    format!("{}{query}", segments.join("/"))
}

/// The values of an attribute, as a browser reads them.
fn values(page: &str, attribute: &str) -> Vec<String> {
    let mark = format!("{attribute}\"");
    let parts = page.split(&mark).skip(1);
    parts.map(|part| part.split('"').next().unwrap().replace("&#38;", "&").replace("&amp;", "&")).collect()
}

#[test]
fn every_address_of_a_page_stays_below_the_path() {
    let browser = below().signed_in();
    let run = Run::start_at(&browser.inside(), "test_video_gen");
    let run_page = format!("/mw/console/runs/{}", run.id);
    for path in [
        "/mw/console",
        "/mw/console/runs",
        "/mw/console/webhooks",
        "/mw/console/providers",
        "/mw/console/system",
        "/mw/console/start",
        "/mw/console/chat",
        &run_page,
        "/mw/docs",
    ] {
        let page = browser.page(path);
        let addresses = ["href=", "src=", "action=", "data-open="].map(|attribute| values(&page, attribute)).concat();
        assert!(addresses.len() > 2, "{path}: {page}");
        for address in addresses.iter().filter(|address| !address.contains("://") && !address.starts_with('#')) {
            assert!(resolved(path, address).starts_with("/mw/"), "{address} of {path}");
        }
        for address in
            values(&page, "href=").iter().filter(|address| !address.contains("://") && !address.starts_with('#'))
        {
            browser.get(&resolved(path, address)).expect(200);
        }
    }
}

#[test]
fn redirects_and_forms_stay_below_the_path() {
    let browser = below();
    let start = browser.redirected("/mw/", &browser.get("/mw/"));
    assert_eq!(start, "/mw/console");
    let login = browser.redirected(&start, &browser.get(&start));
    assert_eq!(login, "/mw/console/login?next=%2Fconsole");
    let browser = browser.signed_in();
    let run = Run::start_at(&browser.inside(), "test_video_gen");
    let path = format!("/mw/console/runs/{}", run.id);
    let page = browser.page(&path);
    let cancel = values(&page, "action=").into_iter().find(|action| action.ends_with("/verbs/cancel")).unwrap();
    let token = values(&page, "name=\"token\" value=").remove(0);
    let answer = browser.submit(&path, &cancel, &[("token", &token), ("reason", "enough")]);
    let after = browser.redirected(&resolved(&path, &cancel), &answer);
    assert!(after.starts_with(&path), "{after}");
    browser.page(&after);
    assert_eq!(run.status(), "cancelled");
}

#[test]
fn a_link_decides_below_the_path() {
    let browser = below();
    let run = Run::start_at(&browser.inside(), "test_video_gen");
    let path = format!("/v1/hitl/link/{}/workflow?approver={}", run.id, unique("ann"));
    let answer = browser.inside().get(&path).send().expect(200).json();
    let url = answer["approvalUrl"].as_str().unwrap().to_owned();
    let path = url.strip_prefix(&browser.origin).unwrap_or_else(|| panic!("{url}"));
    assert!(path.starts_with("/mw/v1/hitl/approve/"), "{url}");
    let page = browser.page(path);
    let field = |name: &str| values(&page, &format!("name=\"{name}\" value=")).remove(0);
    let (token, opening, subject) = (field("form_token"), field("opening"), field("subject_sha256"));
    let fields =
        [("form_token", &*token), ("opening", &opening), ("subject_sha256", &subject), ("decision", "approve")];
    browser.submit(path, &values(&page, "action=")[0], &fields).expect(200);
    run.wait_for("awaiting_ideate");
}

#[test]
fn programs_find_their_way_below_the_path() {
    let browser = below();
    let told = browser.service.call("GET", "/mw/").send().expect(200).json();
    for place in ["console", "docs", "openapi", "health"] {
        let path = resolved("/mw/", told[place].as_str().unwrap());
        assert!(browser.service.call("GET", &path).send().status < 400, "{path}");
    }
    let document = browser.service.call("GET", "/mw/openapi.json").send().expect(200).json();
    assert_eq!(resolved("/mw/openapi.json", document["servers"][0]["url"].as_str().unwrap()), "/mw");
    let hello = json!({"user_id": unique("ann"), "message": "Make a Test Video Gen run about candles"});
    let key = &browser.service.api_key;
    let answer = browser.service.call("POST", "/mw/v1/chat/brendan").header("x-api-key", key).json(&hello).send();
    let text = answer.expect(200).json()["response"].as_str().unwrap().to_owned();
    assert!(text.contains(&format!("{}/mw/v1/hitl/approve/", browser.origin)), "{text}");
}
