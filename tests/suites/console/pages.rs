//! What pages show, and to browsers say.

use super::{Browser, PAGES};
use crate::support::http::from_root;
use crate::support::{Run, eventually, service, stack, unique};
use serde_json::json;

const HOSTILE: &str = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>";

#[test]
fn every_page_of_a_full_database_is_whole() {
    let run = Run::start().published();
    let browser = Browser::operator();
    let id = &run.id;
    for path in PAGES.iter().map(|path| (*path).to_owned()).chain([format!("/console/runs/{id}")]) {
        let page = browser.page(&path);
        assert!(page.contains("<main id=\"main\"") && page.contains("<h1>") && page.ends_with("</html>"), "{path}");
    }
    let page = browser.page(&format!("/console/runs/{id}"));
    for part in ["<video", "Started for", "published", "aria-label=\"Clip 2\"", "See the post"] {
        assert!(page.contains(part), "{part}");
    }
    let raw = browser.get(&format!("/console/runs/{id}/raw")).send().expect(200);
    assert_eq!(raw.json()["runId"], id.as_str());
}

#[test]
fn a_run_shows_its_steps_over_time_in_words_too() {
    let run = Run::start().published();
    let page = Browser::operator().page(&format!("/console/runs/{}", run.id));
    let chart = page.split("<table class=\"chart\">").nth(1).and_then(|rest| rest.split("</table>").next()).unwrap();
    for part in
        ["workflow</th>", "prepublish</th>", "publish</th>", "waited for a person", "worked", "<rect class=\"wait\""]
    {
        assert!(chart.contains(part), "{part}: {chart}");
    }
}

#[test]
fn plots_say_in_words_what_they_show() {
    Run::start().published();
    let browser = Browser::operator();
    eventually("the sweep folds what is drawn", || {
        service().sweep();
        let page = browser.page("/console/system");
        let is_drawn = |title: &str| {
            let label = format!("role=\"img\" aria-label=\"{title}. Last hour: ");
            page.contains(&label) && !page.contains(&format!("{label}none"))
        };
        ["Runs started", "Waits at gates", "Answers"].into_iter().all(is_drawn).then_some(())
    });
}

#[test]
#[ignore = "needs simulated providers"]
fn providers_show_how_long_they_take_to_answer() {
    Run::start().published();
    let browser = Browser::operator();
    eventually("the sweep folds what was measured", || {
        service().sweep();
        browser.page("/console/providers").contains("Mean answer, seconds").then_some(())
    });
}

#[test]
fn every_page_of_an_empty_database_says_so() {
    let stack = stack::builder().start().unwrap();
    let service = stack::service_of(&stack);
    let form = super::form(&[("key", &service.api_key)]);
    let login = service.call("POST", "/console/login").header("sec-fetch-site", "same-origin");
    let answer = login.body("application/x-www-form-urlencoded", form).send().expect(303);
    let browser = Browser { cookie: super::cookie(&answer), service };
    for (path, says) in [
        ("/console", "Nothing waits for you."),
        ("/console/runs", "There are no runs yet."),
        ("/console/webhooks", "No provider has called yet."),
        ("/console/webhooks?show=refused", "No delivery was refused."),
        ("/console/providers", "Never asked so far."),
        ("/console/system", "Nobody has decided anything yet."),
        ("/console/start", "Start a run"),
        ("/console/chat", "Say what a video should be about."),
    ] {
        assert!(browser.page(path).contains(says), "{path}");
    }
    // A filter that finds nothing is told apart from a database that has nothing.
    assert!(browser.page("/console/runs?status=failed").contains("No run fits these filters."));
}

#[test]
fn what_people_and_providers_wrote_is_shown_as_text() {
    let user = unique("user");
    let body = json!({"project": "test_video_gen", "input": {"title": HOSTILE, "object": HOSTILE.get(..40).unwrap()},
                      "options": {"user_id": format!("{user}<b>")}});
    let started = service().post("/v1/runs/start").json(&body).send().expect(200).json();
    let id = started["runId"].as_str().unwrap();
    let metadata = json!({"name": HOSTILE});
    let artifact = json!({"type": HOSTILE, "url": "javascript:alert(1)", "metadata": metadata});
    service().post(&format!("/v1/runs/{id}/artifacts")).json(&artifact).send().expect(200);
    let browser = Browser::operator();
    let reason = [("reason", HOSTILE)];
    browser.post(&format!("/console/runs/{id}/verbs/pause"), &reason).send().expect(303);
    browser.post("/console/chat/say", &[("message", HOSTILE)]).send().expect(303);
    let odd = "/console/runs?user=%3Cscript%3Ealert(1)%3C/script%3E";
    for path in ["/console", "/console/chat", "/console/webhooks", odd, &format!("/console/runs/{id}")] {
        let page = browser.page(path);
        let lower = page.to_lowercase();
        for hostile in ["<script>alert", "<img", "href=\"javascript:", "src=\"javascript:", "<b>\""] {
            assert!(!lower.contains(hostile), "{hostile} in {path}");
        }
        assert_eq!(page.matches("<script").count(), 1, "{path}: our own script and no other");
    }
    assert!(browser.page(&format!("/console/runs/{id}")).contains("&#60;script&#62;"));
}

#[test]
fn browsers_are_told_to_load_run_frame_and_keep_nothing_else() {
    let browser = Browser::operator();
    for path in PAGES.into_iter().chain(["/console/login", "/console/nowhere"]) {
        let answer = browser.get(path).send();
        let header = |name: &str| answer.header(name).unwrap_or_default().to_owned();
        let policy = header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; style-src 'self'; script-src 'self'"), "{path}: {policy}");
        assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(header("cache-control"), "no-store", "{path}");
        assert_eq!(header("referrer-policy"), "same-origin", "{path}");
        assert_eq!(header("x-frame-options"), "DENY", "{path}");
        let page = answer.text();
        for inline in [" onclick=", " style=", "<style", "javascript:"] {
            assert!(!page.contains(inline), "{inline} in {path}");
        }
    }
}

#[test]
fn the_style_and_the_script_are_ours_named_by_content_and_kept() {
    let page = service().call("GET", "/console/login").send().expect(200).text();
    let assets = page.split('"').filter(|text| text.starts_with("../console/assets/")).map(from_root);
    let assets: Vec<&str> = assets.collect();
    assert_eq!(assets.len(), 3);
    for path in assets {
        let answer = service().call("GET", path).send().expect(200);
        assert_eq!(answer.header("cache-control"), Some("public, max-age=31536000, immutable"));
        assert!(!answer.body.is_empty());
        assert!(!answer.text().contains("https://"), "{path} loads nothing from elsewhere");
    }
    assert!(!page.contains("=\"http"), "{page}");
    service().call("GET", "/console/assets/console.0000000000000000.css").send().expect(404);
}

#[test]
fn other_methods_are_refused_with_a_page() {
    let browser = Browser::operator();
    let run = Run::start();
    for path in PAGES {
        assert!(service().call("HEAD", path).header("cookie", &browser.cookie).send().expect(200).body.is_empty());
        let options = service().call("OPTIONS", path).send().expect(204);
        assert!(options.header("allow").unwrap().starts_with("GET, HEAD"), "{path}");
        let refused = service().call("DELETE", path).header("cookie", &browser.cookie).send().expect(405);
        assert!(refused.is_html() && refused.header("allow").is_some(), "{path}");
    }
    let verb = format!("/console/runs/{}/verbs/cancel", run.id);
    browser.get(&verb).send().expect(405);
    for odd in ["/console/nowhere", "/console/runs/no-such-run", "/console/runs/%00", "/console/letters/x"] {
        let answer = browser.get(odd).send().expect(404);
        assert!(answer.is_html(), "{odd}");
    }
    for odd in
        ["/console?after=x", "/console/runs?status=done", "/console/webhooks?cursor=x", "/console/runs/r?before=-1"]
    {
        assert!(browser.get(odd).send().expect(422).is_html(), "{odd}");
    }
    assert_eq!(run.status(), "pending_workflow");
}

#[test]
fn a_run_that_this_version_cannot_read_has_a_page_and_an_end() {
    let run = Run::start();
    let sql = "UPDATE runs SET state = '{\"from\": \"the future\"}' WHERE run_id = $1";
    service().database().execute(sql, &[&run.id]);
    let browser = Browser::operator();
    let path = format!("/console/runs/{}", run.id);
    let page = browser.page(&path);
    assert!(page.contains("Another version of MyloWare") && page.contains("id=\"verb-terminate\""), "{page}");
    browser.post(&format!("{path}/verbs/terminate"), &[("reason", "odd")]).send().expect(303);
    assert_eq!(run.status(), "failed");
}

#[test]
fn the_list_goes_on_by_page_and_keeps_its_filters() {
    let user = unique("many");
    let body = json!({"project": "test_video_gen", "input": {"object": "o"}, "options": {"user_id": user}});
    for _ in 0..51 {
        service().post("/v1/runs/start").json(&body).send().expect(200);
    }
    let browser = Browser::operator();
    let first = browser.page(&format!("/console/runs?user={user}&status=pending_workflow"));
    assert_eq!(first.matches("<td class=\"main\">").count(), 50);
    let next = first.split("rel=\"next\" href=\"").nth(1).unwrap().split('"').next().unwrap().replace("&#38;", "&");
    assert!(next.contains(&user) && next.contains("status=pending_workflow"), "{next}");
    assert_eq!(browser.page(from_root(&next)).matches("<td class=\"main\">").count(), 1);
}
