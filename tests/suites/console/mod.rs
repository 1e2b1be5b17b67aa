//! The console over HTTP, as a browser without scripts: sessions, what each role may do, and pages that show whatever
//! people and providers wrote as text.

mod acts;
mod pages;
mod session;

use crate::support::{Answer, Call, Run, Service, service};
use serde_json::json;

/// Every page that needs no run.
const PAGES: [&str; 7] = [
    "/console",
    "/console/runs",
    "/console/webhooks",
    "/console/providers",
    "/console/system",
    "/console/start",
    "/console/chat",
];

/// Somebody who is signed in.
struct Browser {
    service: Service,
    cookie: String,
}

impl Browser {
    /// The operator of the environment's key.
    fn operator() -> Browser {
        Browser::with(&service().api_key)
    }

    fn with(key: &str) -> Browser {
        let answer = sign_in(key, "/console").expect(303);
        Browser { service: service().clone(), cookie: cookie(&answer) }
    }

    /// Somebody with this role, and his name.
    fn with_role(role: &str) -> (Browser, String, String) {
        let name = crate::support::unique(role);
        let body = json!({"name": name, "role": role});
        let made = service().post("/v1/principals").json(&body).send().expect(201).json();
        let key = made["key"].as_str().unwrap().to_owned();
        (Browser::with(&key), name, key)
    }

    fn get(&self, path: &str) -> Call {
        self.service.call("GET", path).header("cookie", &self.cookie).header("accept", "text/html")
    }

    #[track_caller]
    fn page(&self, path: &str) -> String {
        self.get(path).send().expect(200).text()
    }

    /// The token of this session's forms, as every page has it.
    fn token(&self) -> String {
        field(&self.page("/console/runs"), "token")
    }

    /// A form of one of our pages.
    fn post(&self, path: &str, fields: &[(&str, &str)]) -> Call {
        let token = self.token();
        let fields: Vec<(&str, &str)> = fields.iter().copied().chain([("token", token.as_str())]).collect();
        self.post_bare(path, &fields).header("sec-fetch-site", "same-origin")
    }

    /// A form from nowhere.
    fn post_bare(&self, path: &str, fields: &[(&str, &str)]) -> Call {
        let call = self.service.call("POST", path).header("cookie", &self.cookie).header("accept", "text/html");
        call.body("application/x-www-form-urlencoded", form(fields))
    }
}

fn sign_in(key: &str, next: &str) -> Answer {
    let call = service().call("POST", "/console/login").header("origin", &service().base_url);
    call.body("application/x-www-form-urlencoded", form(&[("key", key), ("next", next)])).send()
}

/// `name=value` of the cookie that an answer sets.
#[track_caller]
fn cookie(answer: &Answer) -> String {
    answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned()
}

fn form(fields: &[(&str, &str)]) -> String {
    let encode = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
    fields.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect::<Vec<_>>().join("&")
}

/// The value of a hidden field, of which a page's first counts.
#[track_caller]
fn field(page: &str, name: &str) -> String {
    let (_, rest) =
        page.split_once(&format!("name=\"{name}\" value=\"")).unwrap_or_else(|| panic!("no {name}: {page}"));
    rest.split('"').next().unwrap().to_owned()
}

fn opening(browser: &Browser, run: &Run) -> String {
    field(&browser.page(&format!("/console/runs/{}", run.id)), "opening")
}
