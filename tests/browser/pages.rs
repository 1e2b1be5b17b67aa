//! Every page as people see it: on a phone and on a desk, light and dark. Nothing sticks out sideways, axe-core finds
//! nothing serious, the browser has nothing to complain about. With MW_SCREENSHOTS each becomes a picture in that folder.

use crate::support::Run;
use crate::{Browser, Scheme, Scripts};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Phone and desk, in CSS pixels.
const WIDTHS: [u32; 2] = [360, 1280];

/// What makes the page wider than its window; a part that scrolls or clips by itself does not.
const STICKING_OUT: &str = "
    const page = document.documentElement;
    if (page.scrollWidth <= page.clientWidth) return [];
    const clips = e => e !== document.body && (getComputedStyle(e).overflowX !== 'visible' || clips(e.parentElement));
    const found = [...document.querySelectorAll('body *')]
      .filter(e => e.getBoundingClientRect().right > page.clientWidth && !clips(e));
    return [`${page.scrollWidth} wide`, ...found.map(e => e.outerHTML.slice(0, 200))];";

/// Looks at the page that the browser shows in every way.
#[track_caller]
pub(crate) fn examine(browser: &Browser, name: &str) {
    for width in WIDTHS {
        for scheme in [Scheme::Light, Scheme::Dark] {
            browser.look_as(width, scheme);
            let seen = format!("{name} at {width}, {}", scheme.name());
            assert_eq!(browser.evaluate(STICKING_OUT), serde_json::json!([]), "{seen}");
            assert_eq!(browser.barriers(), [""; 0], "{seen}");
            keep_picture(browser, &format!("{name}-{width}-{}.png", scheme.name()));
        }
    }
    assert_eq!(browser.complaints(), [""; 0], "{name}");
}

fn keep_picture(browser: &Browser, file: &str) {
    let Ok(folder) = std::env::var("MW_SCREENSHOTS") else { return };
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(format!("{folder}/{file}"), STANDARD.decode(browser.picture()).unwrap()).unwrap();
}

#[test]
fn the_link_pages_of_all_gates_are_for_everybody() {
    let run = Run::start();
    let browser = Browser::open(Scripts::On);
    for (gate, question) in
        [("workflow", "Start this run?"), ("ideate", "Make these clips?"), ("prepublish", "Publish this video?")]
    {
        run.wait_for(crate::support::run::waiting_status(gate));
        browser.visit(&run.link(gate));
        browser.see(question);
        examine(&browser, &format!("link-{gate}"));
        browser.click("Approve");
        browser.see("It goes on");
    }
    examine(&browser, "link-approved");
}

#[test]
fn pages_of_refusals_are_accessible() {
    let run = Run::start();
    let browser = Browser::open(Scripts::On);
    let (link, late) = (run.link("workflow"), run.link_for("workflow", Some("bob")));
    browser.visit(&link);
    browser.click("Reject the run");
    browser.click("Reject");
    browser.see("Stopped.");
    examine(&browser, "link-rejected");
    browser.visit(&late);
    browser.see("There is nothing left to decide");
    assert!(browser.complaints().iter().all(|complaint| complaint.contains("409")), "only the status is noted");
    examine(&browser, "link-already-decided");
    browser.visit(&link.replace("token=", "token=x"));
    browser.see("This link no longer works");
    assert!(browser.complaints().iter().all(|complaint| complaint.contains("403")), "only the status is noted");
    examine(&browser, "link-refused");
}
