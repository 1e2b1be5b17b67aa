//! What stands on every page: the frame with its navigation, times, chips, and the headers that keep strangers out.

use super::assets;
use super::visitor::Visitor;
use askama::Template;
use askama::filters::HtmlSafe;
use mw_edge::config::Config;
use mw_edge::{Problem, Response, clock, problem, startup};
use mw_kernel::Timestamp;
use mw_kernel::principal::Role;
use mw_kernel::run::{Kinds, Standing, Tone};
use mw_kernel::status::{ProvidersMode, StatusWord};
use std::fmt;

/// Where a page stands in the navigation.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Inbox,
    Runs,
    Webhooks,
    Providers,
    System,
    Start,
    Chat,
}

/// What layout.html shows around a page.
pub(super) struct Frame {
    pub(super) title: String,
    pub(super) style: String,
    pub(super) script: String,
    pub(super) icon: String,
    pub(super) inside: Option<Inside>,
    /// What the action before this page did.
    pub(super) done: Option<String>,
}

/// What only somebody who is signed in sees.
pub(super) struct Inside {
    pub(super) name: String,
    pub(super) role: Role,
    pub(super) token: String,
    pub(super) draining: Option<String>,
    pub(super) links: Vec<NavLink>,
}

pub(super) struct NavLink {
    pub(super) path: &'static str,
    pub(super) text: &'static str,
    pub(super) count: Option<String>,
    pub(super) here: bool,
}

impl Frame {
    pub(super) fn bare(title: &str) -> Frame {
        let [style, script, icon] = assets::paths();
        Frame { title: title.to_owned(), style, script, icon, inside: None, done: None }
    }

    pub(super) fn of(title: &str, place: Place, visitor: &Visitor) -> Frame {
        let draining = visitor.shell.draining.as_ref();
        let inside = Inside {
            name: visitor.principal.name.clone(),
            role: visitor.principal.role,
            token: visitor.token.clone(),
            draining: draining.map(|draining| draining.reason.clone().unwrap_or_else(|| "no reason given".to_owned())),
            links: links(place, visitor),
        };
        Frame { inside: Some(inside), ..Frame::bare(title) }
    }

    pub(super) fn saying(mut self, done: Option<String>) -> Frame {
        self.done = done;
        self
    }
}

fn links(place: Place, visitor: &Visitor) -> Vec<NavLink> {
    let link = |at: Place, path, text, count: u32| NavLink {
        path,
        text,
        count: (count > 0).then(|| if count < 100 { count.to_string() } else { "99+".to_owned() }),
        here: at == place,
    };
    let mut links = vec![
        link(Place::Inbox, "/console", "Inbox", visitor.shell.waiting),
        link(Place::Runs, "/console/runs", "Runs", 0),
        link(Place::Webhooks, "/console/webhooks", "Webhooks", visitor.shell.dead_letters),
        link(Place::Providers, "/console/providers", "Providers", 0),
        link(Place::System, "/console/system", "System", 0),
    ];
    if visitor.may(Role::Approver) {
        links.push(link(Place::Start, "/console/start", "Start a run", 0));
        links.push(link(Place::Chat, "/console/chat", "Chat", 0));
    }
    links
}

/// A time: the exact one for machines and on hover, one for people, which the script turns into the viewer's zone.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Moment(Timestamp);

impl Moment {
    pub(super) fn at(at: Timestamp) -> Moment {
        Moment(at)
    }

    /// A time as PostgreSQL or an event has it.
    pub(super) fn read(text: &str) -> Option<Moment> {
        clock::parse(text).map(Moment)
    }

    pub(super) fn read_some(text: Option<&str>) -> Option<Moment> {
        text.and_then(Moment::read)
    }

    pub(super) fn machine(&self) -> String {
        clock::rfc3339(self.0)
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (machine, people) = (self.machine(), clock::minute(self.0));
        write!(f, "<time datetime=\"{machine}\" title=\"{machine}\">{people}</time>")
    }
}

/// It is made of digits and our own words only.
impl HtmlSafe for Moment {}

/// How long something took, as people say it.
pub(super) fn lasting(seconds: f64) -> String {
    let whole = seconds.round().max(0.0) as u64;
    let two = |large: u64, unit: &str, small: u64, part: &str| match small {
        0 => format!("{large} {unit}"),
        _ => format!("{large} {unit} {small} {part}"),
    };
    match whole {
        _ if seconds < 10.0 => {
            let tenths = (seconds.max(0.0) * 10.0).round() / 10.0;
            format!("{tenths} s")
        }
        0..60 => format!("{whole} s"),
        60..3600 => two(whole / 60, "min", whole % 60, "s"),
        3600..86_400 => two(whole / 3600, "h", whole % 3600 / 60, "min"),
        _ => two(whole / 86_400, "d", whole % 86_400 / 3600, "h"),
    }
}

/// A status in words, with the class that gives it its colour.
pub(super) struct Chip {
    words: String,
    tone: &'static str,
}

impl Chip {
    /// The chip of a status; one that no kind has is shown as it stands.
    pub(super) fn of(kinds: Kinds, status: &StatusWord) -> Chip {
        match kinds.standing(status.as_str()) {
            Some(standing) => Chip::standing(standing),
            None => {
                let is_word = |c: &char| c.is_ascii_alphanumeric() || *c == ' ';
                Chip { words: status.as_str().replace('_', " ").chars().filter(is_word).collect(), tone: "off" }
            }
        }
    }

    pub(super) fn standing(Standing { words, tone }: Standing) -> Chip {
        let tone = match tone {
            Tone::Waits => "wait",
            Tone::Works => "work",
            Tone::Done => "good",
            Tone::Failed => "bad",
            Tone::Rests => "off",
        };
        Chip::new(words, tone)
    }

    pub(super) fn new(words: &'static str, tone: &'static str) -> Chip {
        Chip { words: words.to_owned(), tone }
    }
}

impl fmt::Display for Chip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<span class=\"chip {}\">{}</span>", self.tone, self.words)
    }
}

/// The words are the code's, or a status of letters and digits only.
impl HtmlSafe for Chip {}

/// Only web addresses become links or players: a provider's answer could hold any scheme.
pub(super) fn web_link(url: &str) -> Option<String> {
    (url.starts_with("https://") || url.starts_with("http://")).then(|| url.to_owned())
}

pub(super) fn page(status: u16, template: &impl Template) -> Result<Response, Problem> {
    let html = template.render().map_err(|error| problem::internal().because(error))?;
    Ok(Response::html(status, html).with_header("cache-control", "no-store"))
}

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage<'a> {
    frame: Frame,
    status: u16,
    heading: &'a str,
    detail: &'a str,
    /// Further ones, where the detail is the first of several.
    errors: &'a [String],
    request_id: &'a str,
}

pub(super) fn problem_page(
    status: u16,
    heading: &str,
    detail: &str,
    errors: &[String],
    request_id: &str,
) -> Result<Response, Problem> {
    let errors = errors.get(1..).unwrap_or_default();
    page(status, &ProblemPage { frame: Frame::bare(heading), status, heading, detail, errors, request_id })
}

/// What the browser may load and who may frame it. Clips come from the providers' servers; outside live mode from the
/// simulator on this machine.
pub(super) fn secured(response: Response, config: &Config) -> Response {
    let nearby = match startup::mode(config) {
        Ok(ProvidersMode::Live) | Err(_) => "",
        Ok(ProvidersMode::Mock | ProvidersMode::Sim) => " http://127.0.0.1:* http://localhost:*",
    };
    let policy = format!(
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' https:{nearby}; \
         media-src https:{nearby}; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    );
    // `same-origin` and not `no-referrer`, which would make browsers send `Origin: null` with our own forms.
    response
        .with_header("content-security-policy", policy)
        .with_header("referrer-policy", "same-origin")
        .with_header("x-frame-options", "DENY")
        .with_header("x-robots-tag", "noindex, nofollow")
        .with_header("cross-origin-opener-policy", "same-origin")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_admits_our_script_style_and_https_clips() {
        let policy = |mode| {
            let response = secured(Response::empty(204), &Config::of(&[("providers_mode", mode)]));
            response.headers.into_iter().find(|(name, _)| *name == "content-security-policy").unwrap().1
        };
        for mode in ["live", "sim"] {
            assert!(policy(mode).starts_with("default-src 'none'; style-src 'self'; script-src 'self'"));
            assert!(!policy(mode).contains("unsafe") && policy(mode).contains("frame-ancestors 'none'"));
        }
        assert!(!policy("live").contains("http:") && policy("sim").contains("http://127.0.0.1:*"));
    }

    #[test]
    fn a_duration_is_told_in_its_two_largest_units() {
        for (seconds, expected) in [
            (0.0, "0 s"),
            (0.04, "0 s"),
            (1.64, "1.6 s"),
            (59.4, "59 s"),
            (60.0, "1 min"),
            (125.0, "2 min 5 s"),
            (7_500.0, "2 h 5 min"),
            (180_000.0, "2 d 2 h"),
        ] {
            assert_eq!(lasting(seconds), expected, "{seconds}");
        }
    }

    #[test]
    fn a_time_is_exact_for_machines_and_short_for_people() {
        let moment = Moment::read("2025-11-14T13:00:00.5+01:00").unwrap();
        assert_eq!(
            moment.to_string(),
            "<time datetime=\"2025-11-14T12:00:00.500000Z\" title=\"2025-11-14T12:00:00.500000Z\">2025-11-14 12:00 UTC</time>"
        );
        assert!(Moment::read("<b>").is_none());
    }
}
