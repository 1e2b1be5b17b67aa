//! Protection of forms: whether a request comes from a person who pressed a button, as far as a request can tell. A prefetch or
//! a preview says that it is one. A browser must send the form of the page that it was shown; the address of a link alone is
//! not enough for it. Programs that speak the API decide with JSON, or plainly, as they always did.

use crate::problem::Problem;
use crate::request::Request;

/// The field of the page's form that shows where the form came from (`mw_kernel::token::form_token`).
pub const FORM_TOKEN: &str = "form_token";

/// Headers by which browsers and unfurlers say that nobody asked for this yet.
const PREFETCH: [(&str, &[&str]); 4] = [
    ("purpose", &["prefetch", "preview", "prerender"]),
    ("sec-purpose", &["prefetch", "preview", "prerender"]),
    ("x-purpose", &["prefetch", "preview", "prerender"]),
    ("x-moz", &["prefetch"]),
];

/// Whether a browser or an unfurler fetched this before anybody asked for it: a prefetch, a prerendering, a preview.
pub fn is_prefetch(request: &Request) -> bool {
    PREFETCH.iter().any(|(name, words)| {
        let value = request.header(name).unwrap_or_default().to_ascii_lowercase();
        words.iter().any(|word| value.contains(word))
    })
}

/// Whether it looks like a browser that sends a form: those must come from our page.
pub fn is_browser_form(request: &Request) -> bool {
    let is_json = request.media_type().is_some_and(|media_type| media_type.ends_with("json"));
    !is_json && (request.wants_html() || request.header("sec-fetch-mode").is_some())
}

/// Whether a browser says that another site sent this. With our referrer policy, `Origin` is null even from our own page.
pub fn is_cross_site(request: &Request) -> bool {
    request.header("sec-fetch-site").is_some_and(|site| !matches!(site, "same-origin" | "none"))
}

/// The refusal of all of them.
pub fn refusal(reason: &str) -> Problem {
    let detail = "this was not sent by the page's form: open the link and press a button";
    Problem::new(403, "not-from-the-page", detail).because(format!("nobody pressed a button: {reason}"))
}

/// 403 unless somebody may have pressed a button. `form` says whether the form token is that of the link.
pub fn check(request: &Request, has_key: bool, form: impl FnOnce() -> Result<bool, Problem>) -> Result<(), Problem> {
    if is_prefetch(request) {
        return Err(refusal("a prefetch"));
    }
    if has_key || !is_browser_form(request) {
        return Ok(());
    }
    if is_cross_site(request) {
        return Err(refusal("from another site"));
    }
    if form()? { Ok(()) } else { Err(refusal("no form token")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
    const BROWSER: (&str, &str) = ("accept", "text/html,*/*;q=0.8");

    fn check_with(headers: &[(&str, &str)], has_key: bool, form: bool) -> Result<(), u16> {
        let request = Request::in_memory("POST", "/", headers, "decision=approve");
        check(&request, has_key, || Ok(form)).map_err(|problem| problem.status)
    }

    #[test]
    fn a_browser_must_send_the_form_of_the_page() {
        assert_eq!(check_with(&[FORM, BROWSER], false, true), Ok(()));
        assert_eq!(check_with(&[FORM, BROWSER], false, false), Err(403));
        assert_eq!(check_with(&[BROWSER], false, false), Err(403));
        assert_eq!(check_with(&[FORM, ("sec-fetch-mode", "no-cors")], false, false), Err(403));
        assert_eq!(check_with(&[FORM, BROWSER, ("sec-fetch-site", "same-origin")], false, true), Ok(()));
        assert_eq!(check_with(&[FORM, BROWSER, ("sec-fetch-site", "cross-site")], false, true), Err(403));
    }

    #[test]
    fn a_program_decides_as_it_always_did() {
        assert_eq!(check_with(&[FORM], false, false), Ok(()));
        assert_eq!(check_with(&[("content-type", "application/json"), BROWSER], false, false), Ok(()));
        assert_eq!(check_with(&[FORM, BROWSER], true, false), Ok(()));
    }

    #[test]
    fn a_prefetch_never_decides_key_or_no_key() {
        for prefetch in [
            ("purpose", "prefetch"),
            ("sec-purpose", "prefetch;prerender"),
            ("x-moz", "Prefetch"),
            ("x-purpose", "preview"),
        ] {
            for has_key in [true, false] {
                assert_eq!(check_with(&[prefetch], has_key, true), Err(403), "{prefetch:?}");
            }
        }
    }
}
