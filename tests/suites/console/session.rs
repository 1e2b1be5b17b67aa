//! Who is in, how long, and what ends it.

use super::{Browser, PAGES, cookie, sign_in};
use crate::support::{Run, service};

#[test]
fn a_session_belongs_to_its_browser() {
    let answer = sign_in(&service().api_key, "/console/runs?status=failed").expect(303);
    assert_eq!(answer.location(), Some("/console/runs?status=failed"));
    let set = answer.header("set-cookie").unwrap();
    assert!(
        set.starts_with("mw_session=") && set.ends_with("; Path=/; Max-Age=43200; HttpOnly; SameSite=Strict"),
        "{set}"
    );
    assert!(!set.contains(&service().api_key));
}

#[test]
fn a_wrong_key_opens_nothing_and_is_not_shown_again() {
    for key in ["", "wrong", "<script>alert(1)</script>", &format!("mw_{}", "0".repeat(64))] {
        let answer = sign_in(key, "/console").expect(401);
        assert_eq!(answer.header("set-cookie"), None);
        let page = answer.text();
        assert!(page.contains("This key opens nothing") && !page.contains("<script>alert"), "{page}");
    }
}

#[test]
fn tries_are_limited() {
    service().database().execute("DELETE FROM rate_limits WHERE name = 'console_login'", &[]);
    let form = super::form(&[("key", "wrong")]);
    let call = service().call("POST", "/console/login").header("origin", &service().base_url).limited();
    let call = call.body("application/x-www-form-urlencoded", form);
    // Other tests may forget the count for all of us; nobody does a thousand times.
    let limited = (0..1000).map(|_| call.send()).find(|answer| answer.status == 429).unwrap();
    assert!(limited.header("retry-after").is_some() && limited.is_html());
    service().database().execute("DELETE FROM rate_limits WHERE name = 'console_login'", &[]);
}

#[test]
fn a_login_leads_to_no_other_site() {
    for next in ["https://evil.example", "//evil.example", "/v1/runs", "/console\\@evil", "javascript:alert(1)"] {
        assert_eq!(sign_in(&service().api_key, next).expect(303).location(), Some("/console"), "{next}");
    }
}

#[test]
fn without_a_session_every_page_leads_to_the_login_and_back() {
    for path in PAGES {
        let answer = service().call("GET", path).send().expect(303);
        let location = answer.location().unwrap();
        assert_eq!(location, format!("/console/login?next={}", path.replace('/', "%2F")));
        // A key in a header is for programs.
        service().get(path).send().expect(303);
    }
}

#[test]
fn forged_and_changed_cookies_are_nobodys() {
    let good = Browser::operator().cookie;
    let (name, value) = good.split_once('=').unwrap();
    let (body, signature) = value.split_once('.').unwrap();
    let run = Run::start();
    let link = run.link("workflow");
    let token = link.split("token=").nth(1).unwrap();
    for forged in [
        String::new(),
        format!("{body}."),
        format!("{body}.{}", "A".repeat(signature.len())),
        format!("{}.{signature}", body.replace('M', "N")),
        format!("x{value}"),
        token.to_owned(),
    ] {
        let answer = service().call("GET", "/console").header("cookie", format!("{name}={forged}")).send().expect(303);
        assert!(answer.location().unwrap().ends_with("&ended"), "{forged}");
    }
}

#[test]
fn a_key_that_is_revoked_ends_its_sessions_at_the_next_request() {
    let (browser, name, _) = Browser::with_role("viewer");
    browser.page("/console/runs");
    let listed = service().get("/v1/principals?limit=200").send().expect(200).json();
    let found = listed["principals"].as_array().unwrap().iter().find(|one| one["name"] == name.as_str()).unwrap();
    let key_id = found["keys"][0]["keyId"].as_str().unwrap();
    service().post(&format!("/v1/principals/{name}/keys/{key_id}/revoke")).send().expect(200);
    for path in PAGES {
        browser.get(path).send().expect(303);
    }
}

#[test]
fn whoever_is_disabled_is_out_at_once() {
    let (browser, name, key) = Browser::with_role("operator");
    let run = Run::start();
    let token = browser.token();
    service().post(&format!("/v1/principals/{name}/disable")).send().expect(200);
    browser.get("/console").send().expect(303);
    let verb = browser.post_bare(&format!("/console/runs/{}/verbs/cancel", run.id), &[("token", &token)]);
    verb.header("sec-fetch-site", "same-origin").send().expect(303);
    assert_eq!(run.status(), "pending_workflow");
    sign_in(&key, "/console").expect(401);
}

#[test]
fn logging_out_takes_the_cookie_away() {
    let browser = Browser::operator();
    let answer = browser.post("/console/logout", &[]).send().expect(303);
    assert_eq!(answer.location(), Some("/console/login"));
    assert_eq!(cookie(&answer), "mw_session=");
    assert!(answer.header("set-cookie").unwrap().contains("Max-Age=0"));
}
