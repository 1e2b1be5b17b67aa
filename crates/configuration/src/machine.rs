//! What addresses say: which are of this machine, the one rule by which a key may go over the network in the clear, a page's origin is
//! ours, and an address is not the real system's; and what of an address may be told.

use std::net::Ipv4Addr;

/// Whether a URL or an origin is of this machine. Its host counts, not how it begins: `http://localhost.example` is somebody else's.
#[must_use]
pub fn is_this_machine(url: &str) -> bool {
    let Some((_, place, _)) = parts(url) else { return false };
    let is_port = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let host = place.rsplit_once(':').filter(|(_, port)| is_port(port)).map_or(place, |(host, _)| host);
    host.eq_ignore_ascii_case("localhost") || host == "[::1]" || host.parse().is_ok_and(|ip: Ipv4Addr| ip.is_loopback())
}

/// The address without what people put their secrets into: name and password before the host, and the query.
#[must_use]
pub fn told(url: &str) -> String {
    let Some((scheme, place, rest)) = parts(url) else { return url.to_owned() };
    let path = rest.split(['?', '#']).next().unwrap_or_default();
    format!("{scheme}://{place}{path}{}", if path.len() < rest.len() { "?…" } else { "" })
}

/// The scheme, the host with its port, and what comes after them.
fn parts(url: &str) -> Option<(&str, &str, &str)> {
    let (scheme, rest) = url.split_once("://")?;
    let (authority, rest) = rest.split_at(rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len()));
    Some((scheme, authority.rsplit_once('@').map_or(authority, |(_, place)| place), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_of_an_address_is_told() {
        for (url, expected) in [
            ("https://user:s3cret@gw.example/v1?key=AIza", "https://gw.example/v1?…"),
            ("https://u:p@ss@gw.example:8443", "https://gw.example:8443"),
            ("https://gw.example#token=x", "https://gw.example?…"),
            ("http://127.0.0.1:3000/v1", "http://127.0.0.1:3000/v1"),
            ("gw.example", "gw.example"),
        ] {
            assert_eq!(told(url), expected);
        }
    }

    #[test]
    fn the_host_says_whose_machine_it_is() {
        for ours in [
            "http://localhost",
            "http://LOCALHOST:11434/v1",
            "http://127.0.0.1:3900/openai?a=b",
            "https://127.8.9.10",
            "http://[::1]:80",
            "http://user:word@localhost:80/x@y",
        ] {
            assert!(is_this_machine(ours), "{ours}");
        }
        for others in [
            "",
            "localhost",
            "null",
            "http://localhost.evil.example",
            "http://127.0.0.1.evil.example/v1",
            "http://127.0.0.1@evil.example",
            "http://localhost:80@evil.example/127.0.0.1",
            "http://evil.example/#@localhost",
            "http://evil.example\\@localhost",
            "http://[::1].evil.example",
            "http://10.0.0.1",
        ] {
            assert!(!is_this_machine(others), "{others}");
        }
    }
}
