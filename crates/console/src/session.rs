//! A session is a signed cookie: who, the hash of the key that opened it, and its end. Nothing is stored, so nothing has to
//! be cleaned up; a key that is revoked ends its sessions at the next request, since every page asks who holds it by now.
//! The form token is derived from the session, so that a form is good for the session that it was shown in.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mw_edge::config::Config;
use mw_edge::request::{origin_of, path_of};
use mw_edge::seal::{is_signed, sign};
use mw_edge::{Problem, Request, signing};
use mw_kernel::Timestamp;
use mw_kernel::principal::OPERATOR;
use serde::{Deserialize, Serialize};

/// A working day and a bit; the end is absolute.
pub(super) const SESSION_SECONDS: i64 = 12 * 3600;
/// Longer cookies are refused unread.
const COOKIE_BYTES_MAX: usize = 1024;
/// What a signature is for, so that one thing signed is never taken for another; gate links sign something else again.
const SESSION_DOMAIN: &str = "myloware console session 1\n";
const FORM_DOMAIN: &str = "myloware console form 1\n";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Session {
    /// The principal's name.
    #[serde(rename = "n")]
    pub(super) name: String,
    /// SHA-256 of the key, in hex.
    #[serde(rename = "k")]
    pub(super) key_hash: String,
    /// Unix seconds.
    #[serde(rename = "e")]
    expires_at: i64,
    /// Makes two sessions, and so their form tokens, different.
    #[serde(rename = "s")]
    nonce: String,
}

impl Session {
    pub(super) fn open(name: &str, key_hash: String, now: Timestamp) -> Session {
        let nonce = uuid::Uuid::new_v4().simple().to_string();
        let expires_at = now.unix_timestamp().saturating_add(SESSION_SECONDS);
        Session { name: name.to_owned(), key_hash, expires_at, nonce }
    }

    /// Whether the environment's key opened it: that key is in no table.
    pub(super) fn is_of_environment(&self) -> bool {
        self.name == OPERATOR
    }

    fn cookie(&self, secret: &str) -> String {
        let body = URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default());
        format!("{body}.{}", sign(secret, SESSION_DOMAIN, &body))
    }

    fn read(secrets: &[String], cookie: &str, now: Timestamp) -> Option<Session> {
        if cookie.len() > COOKIE_BYTES_MAX {
            return None;
        }
        let (body, signature) = cookie.split_once('.')?;
        if !is_signed(secrets, SESSION_DOMAIN, body, signature) {
            return None;
        }
        let session: Session = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(body).ok()?).ok()?;
        (session.expires_at > now.unix_timestamp()).then_some(session)
    }

    /// The token that this session's forms carry.
    pub(super) fn form_token(&self, config: &Config) -> Result<String, Problem> {
        let secrets = signing::secrets(config)?;
        Ok(sign(secrets.first().map_or("", String::as_str), FORM_DOMAIN, &self.nonce))
    }

    pub(super) fn owns_form(&self, config: &Config, token: &str) -> Result<bool, Problem> {
        Ok(is_signed(&signing::secrets(config)?, FORM_DOMAIN, &self.nonce, token))
    }
}

/// The session of a request, if its cookie is one of ours and not over.
pub(super) fn of(request: &Request, config: &Config, now: Timestamp) -> Result<Option<Session>, Problem> {
    let name = cookie_name(config);
    let sent = request.header("cookie").into_iter().flat_map(|cookies| cookies.split(';'));
    let value = sent.filter_map(|pair| pair.trim().split_once('=')).find(|(key, _)| *key == name);
    let Some((_, value)) = value else { return Ok(None) };
    Ok(Session::read(&signing::secrets(config)?, value, now))
}

/// `Set-Cookie` that begins a session.
pub(super) fn begin(session: &Session, config: &Config) -> Result<String, Problem> {
    let secrets = signing::secrets(config)?;
    let value = session.cookie(secrets.first().map_or("", String::as_str));
    Ok(set_cookie(config, &value, SESSION_SECONDS))
}

/// `Set-Cookie` that ends it.
pub(super) fn end(config: &Config) -> String {
    set_cookie(config, "", 0)
}

/// A `__Host-` cookie can be set by nobody but this host over TLS, and is sent to all of it; below a path of a host that has others,
/// it is a cookie of that path. Without TLS browsers refuse both.
fn cookie_name(config: &Config) -> &'static str {
    match (is_secure(config), public_path(config).is_empty()) {
        (true, true) => "__Host-mw_session",
        (true, false) => "__Secure-mw_session",
        (false, _) => "mw_session",
    }
}

fn set_cookie(config: &Config, value: &str, seconds: i64) -> String {
    let (name, path) = (cookie_name(config), public_path(config));
    let path = if path.is_empty() { "/" } else { &path };
    let secure = if is_secure(config) { "; Secure" } else { "" };
    format!("{name}={value}; Path={path}; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}")
}

/// The path that a proxy has put us under; one that no cookie can have is none.
fn public_path(config: &Config) -> String {
    let url = config.optional("public_base_url").unwrap_or_default();
    let path = path_of(&url);
    if path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b';') { path.to_owned() } else { String::new() }
}

fn is_secure(config: &Config) -> bool {
    config.optional("public_base_url").is_some_and(|url| url.starts_with("https://"))
}

/// Whether a POST comes from one of our own pages, as browsers say it: `Sec-Fetch-Site`, else `Origin`. A request with
/// neither is no browser's.
pub(super) fn is_from_here(request: &Request, config: &Config) -> bool {
    if let Some(site) = request.header("sec-fetch-site") {
        return site == "same-origin";
    }
    let Some(origin) = request.header("origin") else { return false };
    let public = config.optional("public_base_url");
    let authority = origin.split_once("://").map(|(_, authority)| authority);
    public.is_some_and(|url| origin_of(&url) == Some(origin))
        || authority.is_some() && authority == request.header("host")
}

#[cfg(test)]
mod tests {
    use super::*;
    use mw_edge::auth::key_hash;
    use time::Duration;

    const NOW: Timestamp = time::macros::datetime!(2026-01-01 12:00 UTC);

    fn session() -> Session {
        Session::open("ann", key_hash("k"), NOW)
    }

    fn secrets(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| word.to_string()).collect()
    }

    #[test]
    fn a_session_lasts_twelve_hours_and_a_rotation_of_the_secret() {
        let cookie = session().cookie("old");
        let read = |words: &[&str], at| Session::read(&secrets(words), &cookie, at);
        assert_eq!(read(&["new", "old"], NOW).unwrap().name, "ann");
        assert!(read(&["old"], NOW + Duration::seconds(SESSION_SECONDS - 1)).is_some());
        assert!(read(&["old"], NOW + Duration::seconds(SESSION_SECONDS)).is_none());
        assert!(read(&["new"], NOW).is_none() && read(&[""], NOW).is_none() && read(&[], NOW).is_none());
    }

    #[test]
    fn every_changed_byte_of_a_cookie_is_noticed() {
        let cookie = session().cookie("secret");
        for index in 0..cookie.len() {
            let mut bytes = cookie.clone().into_bytes();
            bytes[index] = if bytes[index] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            assert!(Session::read(&secrets(&["secret"]), &changed, NOW).is_none(), "byte {index}");
        }
        for odd in ["", ".", "a.b", &"x".repeat(2000)] {
            assert!(Session::read(&secrets(&["secret"]), odd, NOW).is_none());
        }
    }

    #[test]
    fn what_signs_a_link_or_a_form_opens_no_session() {
        let body = session().cookie("secret").split_once('.').map(|(body, _)| body.to_owned()).unwrap();
        for domain in ["", FORM_DOMAIN] {
            let forged = format!("{body}.{}", sign("secret", domain, &body));
            assert!(Session::read(&secrets(&["secret"]), &forged, NOW).is_none());
        }
    }

    #[test]
    fn a_form_is_good_for_its_own_session_only() {
        let rotated = Config::of(&[("hitl_secret", "new"), ("hitl_secret_previous", "old")]);
        let before = Config::of(&[("hitl_secret", "old")]);
        let (mine, other) = (session(), session());
        let token = mine.form_token(&before).unwrap();
        assert!(mine.owns_form(&before, &token).unwrap() && mine.owns_form(&rotated, &token).unwrap());
        assert!(!other.owns_form(&before, &token).unwrap());
        assert!(!mine.owns_form(&before, "").unwrap());
    }

    #[test]
    fn cookies_are_kept_from_scripts_sites_and_hosts() {
        let https = Config::of(&[("hitl_secret", "s"), ("public_base_url", "https://mw.example")]);
        let set = begin(&session(), &https).unwrap();
        assert!(set.starts_with("__Host-mw_session="));
        assert!(set.ends_with("; Path=/; Max-Age=43200; HttpOnly; SameSite=Strict; Secure"));
        let below = Config::of(&[("hitl_secret", "s"), ("public_base_url", "https://apps.example/mw/")]);
        let set = begin(&session(), &below).unwrap();
        assert!(set.starts_with("__Secure-mw_session="), "{set}");
        assert!(set.ends_with("; Path=/mw; Max-Age=43200; HttpOnly; SameSite=Strict; Secure"), "{set}");
        let http = Config::of(&[("hitl_secret", "s"), ("public_base_url", "http://127.0.0.1:3000")]);
        let set = begin(&session(), &http).unwrap();
        assert!(set.starts_with("mw_session=") && !set.contains("Secure"));
        let value = set.split(';').next().unwrap();
        let now = mw_edge::clock::now();
        let fresh = begin(&Session::open("ann", key_hash("k"), now), &http).unwrap();
        let sent = format!("a=1; {}; b=2", fresh.split(';').next().unwrap());
        assert!(of(&Request::in_memory("GET", "/", &[("cookie", &sent)], ""), &http, now).unwrap().is_some());
        assert!(of(&Request::in_memory("GET", "/", &[("cookie", &sent)], ""), &https, now).unwrap().is_none());
        assert!(of(&Request::in_memory("GET", "/", &[("cookie", value)], ""), &http, now).unwrap().is_none(), "over");
    }

    #[test]
    fn only_our_own_pages_may_post() {
        let config = Config::of(&[("public_base_url", "https://mw.example/")]);
        let from =
            |headers: &[(&str, &str)]| is_from_here(&Request::in_memory("POST", "/console", headers, ""), &config);
        assert!(from(&[("sec-fetch-site", "same-origin")]));
        assert!(from(&[("origin", "https://mw.example")]));
        assert!(from(&[("origin", "http://127.0.0.1:3000"), ("host", "127.0.0.1:3000")]));
        for foreign in [
            &[][..],
            &[("sec-fetch-site", "cross-site"), ("origin", "https://mw.example")],
            &[("sec-fetch-site", "same-site")],
            &[("sec-fetch-site", "none")],
            &[("origin", "null")],
            &[("origin", "https://mw.example.evil")],
            &[("origin", "https://evil"), ("host", "mw.example")],
        ] {
            assert!(!from(foreign), "{foreign:?}");
        }
    }
}
