//! Nothing but a person decides: what scanners of mail, unfurlers of chats, prefetching browsers and checkers of links send
//! to a link, in the shapes that they have in the wild. None of it decides, and afterwards a person still can.

use super::{approve, decisions};
use crate::support::{Answer, Run, service};

/// One visitor that is nobody: its name, and the requests it makes, each with the headers that matter.
struct Robot {
    name: &'static str,
    methods: &'static [&'static str],
    headers: &'static [(&'static str, &'static str)],
}

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

const ROBOTS: &[Robot] = &[
    Robot {
        name: "Microsoft Safe Links, detonating in a browser of its own",
        methods: &["HEAD", "GET", "GET"],
        headers: &[
            (
                "user-agent",
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36 Edg/120.0.0.0",
            ),
            ("accept", BROWSER),
            ("sec-fetch-mode", "navigate"),
            ("sec-fetch-site", "none"),
        ],
    },
    Robot {
        name: "Microsoft Defender for Office 365",
        methods: &["GET", "GET"],
        headers: &[("user-agent", "Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1; ms-office)"), ("accept", "*/*")],
    },
    Robot {
        name: "Proofpoint URL Defense",
        methods: &["HEAD", "GET"],
        headers: &[
            (
                "user-agent",
                "Mozilla/5.0 (Windows NT 6.1; WOW64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/46.0.2490.80 Safari/537.36",
            ),
            ("accept", BROWSER),
            ("x-forwarded-for", "67.231.152.1"),
        ],
    },
    Robot {
        name: "Mimecast",
        methods: &["OPTIONS", "HEAD", "GET"],
        headers: &[("user-agent", "Mozilla/5.0 (compatible; Mimecast URL Protect)"), ("accept", "*/*")],
    },
    Robot {
        name: "Barracuda",
        methods: &["GET", "GET", "GET"],
        headers: &[("user-agent", "Barracuda Sentinel (EE)"), ("accept", "text/html")],
    },
    Robot {
        name: "Cisco Secure Email",
        methods: &["HEAD", "GET"],
        headers: &[("user-agent", "IronPort-URL-Scanner"), ("connection", "close")],
    },
    Robot {
        name: "Slack",
        methods: &["GET"],
        headers: &[
            ("user-agent", "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)"),
            ("accept", "*/*"),
            ("range", "bytes=0-32768"),
        ],
    },
    Robot { name: "Twitter", methods: &["GET"], headers: &[("user-agent", "Twitterbot/1.0")] },
    Robot {
        name: "WhatsApp",
        methods: &["GET"],
        headers: &[("user-agent", "WhatsApp/2.23.20.0 A"), ("accept", "*/*")],
    },
    Robot { name: "Telegram", methods: &["GET"], headers: &[("user-agent", "TelegramBot (like TwitterBot)")] },
    Robot {
        name: "Discord",
        methods: &["GET"],
        headers: &[("user-agent", "Mozilla/5.0 (compatible; Discordbot/2.0; +https://discordapp.com)")],
    },
    Robot {
        name: "Facebook",
        methods: &["GET"],
        headers: &[
            ("user-agent", "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)"),
            ("range", "bytes=0-524287"),
        ],
    },
    Robot {
        name: "Teams",
        methods: &["HEAD", "GET"],
        headers: &[(
            "user-agent",
            "Mozilla/5.0 (Windows NT 6.1; WOW64) SkypeUriPreview Preview/0.5 skype-url-preview@microsoft.com",
        )],
    },
    Robot {
        name: "Chrome, prerendering",
        methods: &["GET"],
        headers: &[
            ("accept", BROWSER),
            ("sec-purpose", "prefetch;prerender"),
            ("purpose", "prefetch"),
            ("sec-fetch-mode", "navigate"),
        ],
    },
    Robot { name: "Firefox, prefetching", methods: &["GET"], headers: &[("accept", BROWSER), ("x-moz", "prefetch")] },
    Robot { name: "Safari, previewing", methods: &["GET"], headers: &[("accept", BROWSER), ("x-purpose", "preview")] },
    Robot {
        name: "a checker of links",
        methods: &["HEAD", "GET", "OPTIONS", "GET"],
        headers: &[("user-agent", "LinkChecker/10.2 (+https://linkchecker.github.io/linkchecker/)")],
    },
];

impl Robot {
    fn send(&self, method: &str, path: &str) -> Answer {
        let call = service().call(method, path);
        self.headers.iter().fold(call, |call, (name, value)| call.header(name, value)).send()
    }
}

/// The page of a link, and what is in the field of its form.
pub(super) fn form_token(link: &str) -> String {
    let page = service().call("GET", link).header("accept", BROWSER).send().expect(200).text();
    let field = page.split("name=\"form_token\" value=\"").nth(1).expect("the page has a form token");
    field.split('"').next().unwrap().to_owned()
}

/// The form as a browser sends it.
fn send_form(link: &str, form: &str) -> Answer {
    let call = service().call("POST", link).header("accept", BROWSER).header("sec-fetch-mode", "navigate");
    call.header("sec-fetch-site", "same-origin")
        .header("origin", "null")
        .body("application/x-www-form-urlencoded", form)
        .send()
}

#[test]
fn no_robot_decides_and_a_person_still_can_afterwards() {
    let run = Run::start();
    let link = run.link("workflow");
    for robot in ROBOTS {
        for method in robot.methods {
            let status = robot.send(method, &link).status;
            assert!([200, 204].contains(&status), "{}, {method}: {status}", robot.name);
        }
        assert_eq!(decisions(&run), (0, 0), "{}", robot.name);
    }
    send_form(&link, &format!("decision=approve&form_token={}", form_token(&link))).expect(200);
    assert_eq!(decisions(&run), (1, 1));
}

#[test]
fn a_link_without_its_page_decides_nothing() {
    let run = Run::start();
    let link = run.link("workflow");
    for robot in ROBOTS.iter().filter(|robot| robot.headers.contains(&("accept", BROWSER))) {
        assert_eq!(robot.send("POST", &link).status, 403, "{}", robot.name);
    }
    for form in ["", "decision=approve", "decision=approve&form_token=", "decision=approve&form_token=x"] {
        let answer = send_form(&link, form).expect(403);
        assert!(answer.is_html() && answer.text().contains("Nothing was decided"), "{}", answer.text());
    }
    assert_eq!(decisions(&run), (0, 0));
}

#[test]
fn the_form_of_one_link_is_not_the_form_of_another() {
    let run = Run::start();
    let other = Run::start();
    let (ann, bob) = (run.link_for("workflow", Some("ann")), run.link_for("workflow", Some("bob")));
    for stolen in [&bob, &other.link_for("workflow", Some("ann"))] {
        let form = format!("decision=approve&form_token={}", form_token(stolen));
        assert_eq!(send_form(&ann, &form).status, 403);
    }
    let form = form_token(&ann);
    let altered = form.replace(&form[..1], if form.starts_with('A') { "B" } else { "A" });
    assert_eq!(send_form(&ann, &format!("decision=approve&form_token={altered}")).status, 403);
    assert_eq!(decisions(&run), (0, 0));
}

#[test]
fn a_form_from_another_site_decides_nothing() {
    let run = Run::start();
    let link = run.link("workflow");
    let form = format!("decision=approve&form_token={}", form_token(&link));
    for site in ["cross-site", "same-site"] {
        let call = service().call("POST", &link).header("accept", BROWSER).header("sec-fetch-site", site);
        call.body("application/x-www-form-urlencoded", form.clone()).send().expect(403);
    }
    assert_eq!(decisions(&run), (0, 0));
}

#[test]
fn what_is_made_ahead_decides_nothing_even_with_the_key() {
    let run = Run::start();
    for (name, value) in
        [("sec-purpose", "prefetch"), ("purpose", "preview"), ("x-moz", "prefetch"), ("x-purpose", "preview")]
    {
        let link = run.link("workflow");
        service().get(&run.gate_path("workflow")).header(name, value).send().expect(403);
        service().post(&run.gate_path("workflow")).header(name, value).json(&approve()).send().expect(403);
        service().call("POST", &link).header(name, value).json(&approve()).send().expect(403);
    }
    assert_eq!(decisions(&run), (0, 0));
}

#[test]
fn a_form_sent_twice_leaves_one_row() {
    let run = Run::start();
    let link = run.link_for("workflow", Some("ann"));
    let form = format!("decision=approve&form_token={}", form_token(&link));
    for _ in 0..3 {
        assert!(send_form(&link, &form).expect(200).text().contains("approved"));
    }
    assert_eq!(decisions(&run), (1, 1));
    let answer = send_form(&link, &form.replace("approve&", "reject&")).expect(409);
    assert!(answer.text().contains("ann") && answer.text().contains("approved"));
    assert_eq!(decisions(&run), (1, 1));
}

#[test]
fn the_form_of_a_page_that_has_become_stale_decides_nothing() {
    let run = Run::start();
    let link = run.link("workflow");
    let form = format!("decision=approve&form_token={}", form_token(&link));
    service().post(&format!("/v1/runs/{}/cancel", run.id)).json(&serde_json::json!({})).send().expect(200);
    let answer = send_form(&link, &form).expect(409);
    assert!(answer.is_html() && answer.text().contains("already cancelled"));
    assert_eq!(decisions(&run), (0, 0));
}
