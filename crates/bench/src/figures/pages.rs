//! What is read all day: /metrics, and the console's pages by a signed-in operator.

use crate::fixture::Fixture;
use crate::load::Pace;
use crate::report::{Report, Row};
use anyhow::{Context, Result};
use std::time::Duration;

const PAGES: [&str; 6] = [
    "/console",
    "/console/runs",
    "/console/runs?status=failed",
    "/console/webhooks",
    "/console/providers",
    "/console/system",
];

pub(super) fn measure(fixture: &Fixture, during: Duration, report: &mut Report) -> Result<()> {
    report.section("Metrics and console");
    let get = |path: &str, cookie: &str| {
        let request = http::Request::get(path).header("cookie", cookie).body(crate::load::Body::default());
        request.unwrap_or_default().into_parts().0
    };
    let cookie = sign_in(fixture)?;
    for path in ["/metrics"].into_iter().chain(PAGES) {
        let parts = get(path, &cookie);
        let make = move |_| http::Request::from_parts(parts.clone(), Default::default());
        let measured = fixture.load(1, Pace::Closed, during, make)?;
        report.add(Row::of(path, "1 connection", &measured, 200));
    }
    Ok(())
}

fn sign_in(fixture: &Fixture) -> Result<String> {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).max_redirects(0).build().into();
    let request = agent.post(format!("{}/console/login", fixture.base)).header("sec-fetch-site", "same-origin");
    let answer = request.send_form([("key", fixture.key.as_str())])?;
    let cookie = answer.headers().get("set-cookie").context("signing in gave no session")?.to_str()?;
    Ok(cookie.split(';').next().unwrap_or_default().to_owned())
}
