//! A request as handlers see it: method, path, query, headers, and a body that is read only when a handler asks for it
//! and only as far as the limit it names.

use crate::problem::{self, Problem};
use crate::route::segments_of;
use http::HeaderMap;
use std::borrow::Cow;

/// The methods that we tell apart; everything else is answered 405.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    Get,
    Head,
    Post,
    Delete,
    Options,
    Other,
}

impl Method {
    pub fn parse(text: &str) -> Method {
        match text {
            "GET" => Method::Get,
            "HEAD" => Method::Head,
            "POST" => Method::Post,
            "DELETE" => Method::Delete,
            "OPTIONS" => Method::Options,
            _ => Method::Other,
        }
    }

    /// A request that may not change anything, whatever it asks for.
    pub fn is_safe(self) -> bool {
        matches!(self, Method::Get | Method::Head | Method::Options)
    }
}

/// Bodies of webhooks may be this large; contracts of the providers name it.
pub const WEBHOOK_BODY_LIMIT_BYTES: usize = 1_000_000;
/// Every other body.
pub const BODY_LIMIT_BYTES: usize = 256 * 1024;

/// A body over its limit is read to its end and thrown away up to here: most clients see the 413 only once they have sent
/// everything. One that announces more is refused unread.
pub const DRAINED_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// Why a body could not be had.
#[derive(Debug, PartialEq, Eq)]
pub enum BodyError {
    TooLarge,
    /// The client stopped sending.
    TimedOut,
    /// The client went away or broke the protocol.
    Broken,
}

/// Where the body comes from: the host in a component, memory in tests.
pub type BodySource = Box<dyn FnOnce(usize) -> Result<Vec<u8>, BodyError>>;

pub struct Request {
    pub method: Method,
    /// The method as it was sent, for the log.
    pub method_name: String,
    /// The path without the query, as it was sent.
    pub path: String,
    /// That of its route, once that is known.
    pub(crate) template: &'static str,
    query: String,
    headers: Vec<(String, String)>,
    body: Option<BodySource>,
}

impl Request {
    /// `target` is the request target: path and query. Header names must be lower case.
    pub fn new(method: &str, target: &str, headers: Vec<(String, String)>, body: BodySource) -> Request {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Request {
            method: Method::parse(method),
            method_name: method.to_owned(),
            path: path.to_owned(),
            template: "",
            query: query.to_owned(),
            headers,
            body: Some(body),
        }
    }

    /// A request whose body is in memory. A longer body than the limit is refused, as the host's is.
    pub fn in_memory(method: &str, target: &str, headers: &[(&str, &str)], body: &str) -> Request {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let body = body.as_bytes().to_vec();
        let source = move |limit| if body.len() > limit { Err(BodyError::TooLarge) } else { Ok(body) };
        Request::new(method, target, headers, Box::new(source))
    }

    /// The decoded segments of the path, without empty ones: `/v1/runs/a%20b/` is `["v1", "runs", "a b"]`.
    pub fn segments(&self) -> Vec<String> {
        segments_of(&self.path).map(|segment| percent_decode(segment).into_owned()).collect()
    }

    /// The way from this path to the place that we are served under, `./` or `../../`: a proxy may have put that below a path of its own,
    /// which it takes off before we see a request. So our own addresses are relative, in pages and in redirects.
    pub fn way_to_root(&self) -> String {
        match self.path.matches('/').count() {
            0 | 1 => "./".to_owned(),
            slashes => "../".repeat(slashes - 1),
        }
    }

    /// One of our own addresses, which begins with a slash, as it is found from this request's.
    pub fn relative(&self, address: &str) -> String {
        format!("{}{}", self.way_to_root(), address.trim_start_matches('/'))
    }

    /// What stands in the path where its route has `{name}`; an empty text, which no id is, where it has no such name.
    pub fn parameter(&self, name: &str) -> String {
        let is_named = |segment: &str| segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) == Some(name);
        let position = segments_of(self.template).position(is_named);
        position.and_then(|position| self.segments().into_iter().nth(position)).unwrap_or_default()
    }

    /// The first value of a query parameter, decoded.
    pub fn query(&self, name: &str) -> Option<String> {
        form_value(&self.query, name)
    }

    pub fn raw_query(&self) -> &str {
        &self.query
    }

    /// A header's value; the name must be lower case. Repeated headers give the first.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }

    pub fn headers(&self) -> &[(String, String)] {
        &self.headers
    }

    /// The headers as signatures are checked over them.
    pub fn header_map(&self) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in &self.headers {
            if let (Ok(name), Ok(value)) = (name.parse::<http::HeaderName>(), value.parse()) {
                map.append(name, value);
            }
        }
        map
    }

    /// The body, at most `limit_bytes` of it, else 413.
    pub fn body(&mut self, limit_bytes: usize) -> Result<Vec<u8>, Problem> {
        let announced = self.header("content-length").and_then(|v| v.parse::<u64>().ok());
        if announced.is_some_and(|length| length > DRAINED_BYTES_MAX) {
            return Err(problem::payload_too_large());
        }
        let Some(source) = self.body.take() else {
            return Ok(Vec::new());
        };
        source(limit_bytes).map_err(|error| match error {
            BodyError::TooLarge => problem::payload_too_large(),
            BodyError::TimedOut => problem::body_timed_out(),
            BodyError::Broken => problem::bad_request("request body could not be read"),
        })
    }

    /// The media type of the body without its parameters, lower case.
    pub fn media_type(&self) -> Option<String> {
        let value = self.header("content-type")?;
        let essence = value.split(';').next().unwrap_or_default();
        Some(essence.trim().to_ascii_lowercase())
    }

    /// Whether the caller would rather read HTML: a browser, not curl (`*/*` is not a wish).
    pub fn wants_html(&self) -> bool {
        self.header("accept").is_some_and(|accept| accept.to_ascii_lowercase().contains("text/html"))
    }

    /// The peer's address without its port, as the host saw it. Behind a proxy this is the proxy. The host adds its header
    /// after those of the client, who may have sent one of the same name: the last one counts.
    pub fn client_address(&self) -> Option<String> {
        let named = |(name, _): &&(String, String)| name == "spin-client-addr";
        let (_, value) = self.headers.iter().rfind(named)?;
        let address = match value.parse::<std::net::SocketAddr>() {
            Ok(socket) => socket.ip().to_string(),
            Err(_) => value.parse::<std::net::IpAddr>().ok()?.to_string(),
        };
        Some(address)
    }
}

/// `https://host:port` of a URL.
pub fn origin_of(url: &str) -> Option<&str> {
    let (scheme, rest) = url.split_once("://")?;
    let authority = rest.split('/').next()?;
    url.get(..scheme.len() + 3 + authority.len())
}

/// The path of a URL, without a slash at its end: empty where we are served at the root of a host.
pub fn path_of(url: &str) -> &str {
    let after = origin_of(url).and_then(|origin| url.get(origin.len()..)).unwrap_or_default();
    after.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/')
}

/// The first value of a name in `application/x-www-form-urlencoded` text.
pub fn form_value(form: &str, name: &str) -> Option<String> {
    form_urlencoded::parse(form.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// Names and values of `application/x-www-form-urlencoded` text, in order.
pub fn form_pairs(form: &str) -> impl Iterator<Item = (String, String)> {
    form_urlencoded::parse(form.as_bytes()).into_owned().filter(|(name, _)| !name.is_empty())
}

/// Decodes `%41`. What isn't a valid escape stays as it is; what isn't UTF-8 becomes U+FFFD.
pub fn percent_decode(text: &str) -> Cow<'_, str> {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy()
}

pub use mw_kernel::token::percent_encode;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_taken_apart() {
        let mut request = Request::in_memory("GET", "/v1/runs/a%20b/?token=1%3Aab+c&x&token=2", &[], "");
        assert_eq!(request.segments(), ["v1", "runs", "a b"]);
        assert_eq!(request.parameter("run_id"), "", "no route is known");
        request.template = "/v1/runs/{run_id}";
        assert_eq!((request.parameter("run_id").as_str(), request.parameter("run").as_str()), ("a b", ""));
        assert_eq!(request.query("token").as_deref(), Some("1:ab c"));
        assert_eq!(request.query("x").as_deref(), Some(""));
        assert_eq!(request.query("y"), None);
    }

    #[test]
    fn our_own_addresses_are_found_from_anywhere_below() {
        for (path, expected) in [
            ("/console", "./console/runs?a=1"),
            ("/console/", "../console/runs?a=1"),
            ("/console/runs/r%2F1/gates/g", "../../../../console/runs?a=1"),
            ("/", "./console/runs?a=1"),
        ] {
            assert_eq!(Request::in_memory("GET", path, &[], "").relative("/console/runs?a=1"), expected, "{path}");
        }
        for (url, path) in [
            ("https://x.example", ""),
            ("https://x.example/", ""),
            ("https://x.example/mw/", "/mw"),
            ("https://x.example:8443/a/mw?b#c", "/a/mw"),
            ("mw", ""),
        ] {
            assert_eq!(path_of(url), path, "{url}");
        }
    }

    #[test]
    fn broken_escapes_stay_and_bad_utf8_is_replaced() {
        assert_eq!(percent_decode("100%"), "100%");
        assert_eq!(percent_decode("%zz%4"), "%zz%4");
        assert_eq!(percent_decode("%ff"), "\u{fffd}");
        assert_eq!(percent_decode("a+b"), "a+b");
    }

    #[test]
    fn encoding_comes_back() {
        let text = "1731:ab/ü +&=?";
        assert_eq!(percent_decode(&percent_encode(text)), text);
    }

    #[test]
    fn a_body_over_the_limit_is_413() {
        let mut announced = Request::in_memory("POST", "/", &[("content-length", "99000000")], "short");
        assert_eq!(announced.body(10).unwrap_err().status, 413);
        let mut long = Request::in_memory("POST", "/", &[], "longer than ten");
        assert_eq!(long.body(10).unwrap_err().status, 413);
        let mut right = Request::in_memory("POST", "/", &[], "0123456789");
        assert_eq!(right.body(10).unwrap(), b"0123456789");
    }

    #[test]
    fn the_client_address_has_no_port() {
        let v4 = Request::in_memory("GET", "/", &[("spin-client-addr", "10.0.0.7:5511")], "");
        assert_eq!(v4.client_address().as_deref(), Some("10.0.0.7"));
        let v6 = Request::in_memory("GET", "/", &[("spin-client-addr", "[::1]:5511")], "");
        assert_eq!(v6.client_address().as_deref(), Some("::1"));
        let odd = Request::in_memory("GET", "/", &[("spin-client-addr", "<script>")], "");
        assert_eq!(odd.client_address(), None);
    }

    #[test]
    fn only_a_browser_wants_html() {
        assert!(Request::in_memory("GET", "/", &[("accept", "text/html,*/*;q=0.8")], "").wants_html());
        assert!(!Request::in_memory("GET", "/", &[("accept", "*/*")], "").wants_html());
        assert!(!Request::in_memory("GET", "/", &[], "").wants_html());
    }
}
