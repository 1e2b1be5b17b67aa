//! `allowed_outbound_hosts`: which addresses a component may talk to.
//!
//! An entry is `<scheme>://<host>[:<port>]`; `*` stands for any scheme, host or port, `*.` for any subdomain,
//! `a..b` for a range of ports; templates are filled in before. `http://*.spin.internal` means the components of this
//! manifest and no others, as in Spin.

use anyhow::{Context, Result, bail, ensure};
use url::Host;

use crate::variables::{Template, Variables};

pub const CHAINING_DOMAIN: &str = ".spin.internal";

#[derive(Debug, Default)]
pub struct AllowedHosts {
    entries: Vec<Entry>,
}

#[derive(Debug, Clone)]
struct Entry {
    /// None: any.
    scheme: Option<String>,
    host: HostRule,
    ports: PortRule,
}

#[derive(Debug, Clone)]
enum HostRule {
    Any,
    /// With its leading dot.
    Subdomains(String),
    Exactly(Host),
}

#[derive(Debug, Clone)]
enum PortRule {
    Any,
    Exactly(u16),
    Range(std::ops::Range<u16>),
}

impl AllowedHosts {
    pub fn parse(entries: &[String], variables: &Variables, components: &[&str]) -> Result<Self> {
        let mut parsed = Vec::new();
        for text in entries {
            let entry = || format!("allowed_outbound_hosts entry {text:?}");
            let template = Template::parse(text).with_context(entry)?;
            let resolved = variables.render(&template).with_context(entry)?;
            // An empty variable makes an optional endpoint, but only where a template was written.
            if !template.is_literal() && matches!(resolved.as_str(), "" | "http://" | "https://") {
                continue;
            }
            let resolved_note = || match template.is_literal() {
                true => entry(),
                false => format!("{} (which is {resolved:?})", entry()),
            };
            parsed.extend(Entry::parse(&resolved).with_context(resolved_note)?.expanded(components));
        }
        Ok(Self { entries: parsed })
    }

    pub fn allow(&self, scheme: &str, host: &str, port: Option<u16>) -> bool {
        let Ok(host) = Host::parse(host) else {
            return false;
        };
        let Some(port) = port.or_else(|| default_port(scheme)) else {
            return false;
        };
        self.entries.iter().any(|entry| entry.allows(scheme, &host, port))
    }

    pub fn allow_uri(&self, uri: &http::Uri) -> bool {
        let host = uri.host().unwrap_or_default();
        self.allow(uri.scheme_str().unwrap_or("https"), host, uri.port_u16())
    }
}

impl Entry {
    fn parse(text: &str) -> Result<Self> {
        let text = text.trim();
        let (scheme, rest) =
            text.split_once("://").context("must be <scheme>://<host>[:<port>], with '*' allowed for each")?;
        let (host, port) = split_port(rest);
        Ok(Self { scheme: parse_scheme(scheme)?, ports: parse_port(port, scheme)?, host: parse_host(host)? })
    }

    /// The wildcard of service chaining names every component of the application, nothing else.
    fn expanded(self, components: &[&str]) -> Vec<Self> {
        match &self.host {
            HostRule::Subdomains(suffix) if suffix == CHAINING_DOMAIN => components
                .iter()
                .map(|id| Self {
                    host: HostRule::Exactly(Host::Domain(format!("{id}{CHAINING_DOMAIN}"))),
                    ..self.clone()
                })
                .collect(),
            _ => vec![self],
        }
    }

    fn allows(&self, scheme: &str, host: &Host, port: u16) -> bool {
        let scheme_fits = self.scheme.as_ref().is_none_or(|allowed| allowed == scheme);
        let host_fits = match (&self.host, host) {
            (HostRule::Any, _) => true,
            (HostRule::Subdomains(suffix), Host::Domain(domain)) => domain.ends_with(suffix),
            (HostRule::Subdomains(_), _) => false,
            (HostRule::Exactly(allowed), host) => allowed == host,
        };
        let port_fits = match &self.ports {
            PortRule::Any => true,
            PortRule::Exactly(allowed) => *allowed == port,
            PortRule::Range(range) => range.contains(&port),
        };
        scheme_fits && host_fits && port_fits
    }
}

/// The component that a host name of service chaining stands for.
pub fn chained_component(uri: &http::Uri) -> Option<&str> {
    let (component, domain) = uri.host()?.trim().split_once('.')?;
    (Some(domain) == CHAINING_DOMAIN.strip_prefix('.')).then_some(component)
}

fn split_port(rest: &str) -> (&str, &str) {
    match rest.rsplit_once(':') {
        // Inside the brackets of an IPv6 address.
        Some((_, tail)) if tail.contains(']') => (rest, ""),
        Some((host, tail)) => (host, tail.strip_suffix('/').unwrap_or(tail)),
        None => (rest, ""),
    }
}

fn parse_scheme(scheme: &str) -> Result<Option<String>> {
    match scheme {
        "*" => Ok(None),
        "http" | "https" | "postgres" => Ok(Some(scheme.to_owned())),
        _ => bail!("mw-host does not implement the scheme {scheme:?}, only http, https and postgres: remove the entry"),
    }
}

fn parse_port(port: &str, scheme: &str) -> Result<PortRule> {
    if port.is_empty() {
        let port =
            default_port(scheme).with_context(|| format!("no port, and scheme {scheme:?} has no default port"))?;
        return Ok(PortRule::Exactly(port));
    }
    if port == "*" {
        return Ok(PortRule::Any);
    }
    let number = |text: &str| text.parse::<u16>().with_context(|| format!("port {port:?} is not a number"));
    match port.split_once("..") {
        Some((from, to)) => Ok(PortRule::Range(number(from)?..number(to)?)),
        None => Ok(PortRule::Exactly(number(port)?)),
    }
}

fn parse_host(host: &str) -> Result<HostRule> {
    let host = host.trim();
    let host = host.strip_suffix('/').unwrap_or(host);
    if host == "*" {
        return Ok(HostRule::Any);
    }
    ensure!(
        !matches!(host, "self" | "self.alt"),
        "mw-host does not implement self requests: name the component as http://<component>.spin.internal"
    );
    ensure!(!host.contains('/'), "must not have a path (address ranges are not implemented)");
    let (rule, name): (fn(Host) -> HostRule, _) = match host.strip_prefix("*.") {
        Some(domain) => (|domain| HostRule::Subdomains(format!(".{domain}")), domain),
        None => (HostRule::Exactly, host),
    };
    ensure!(!name.contains('*'), "a wildcard is allowed as the first label only");
    Ok(rule(Host::parse(name).with_context(|| format!("invalid host {name:?}"))?))
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        "postgres" => Some(5432),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(entries: &[&str]) -> Result<AllowedHosts> {
        let declared = toml::from_str("host = { default = 'http://h:3900' }\nempty = { default = '' }").unwrap();
        let variables = Variables::resolve(&declared, |_| None).unwrap();
        let entries: Vec<_> = entries.iter().map(ToString::to_string).collect();
        AllowedHosts::parse(&entries, &variables, &["dispatch", "sweep"])
    }

    #[test]
    fn entries_allow_what_they_say() {
        let cases: &[(&str, &str, bool)] = &[
            ("https://api.example.com", "https://api.example.com/x", true),
            ("https://api.example.com", "https://API.EXAMPLE.COM:443/x", true),
            ("https://api.example.com", "http://api.example.com/x", false),
            ("https://api.example.com", "https://api.example.com:444/x", false),
            ("https://api.example.com/", "https://api.example.com/", true),
            ("https://*.example.com", "https://api.example.com/", true),
            ("https://*.example.com", "https://example.com/", false),
            ("https://*.example.com", "https://evil-example.com/", false),
            ("*://*:*", "http://anything:9/", true),
            ("http://*:80", "http://anything/", true),
            ("http://127.0.0.1:3000..3002", "http://127.0.0.1:3001/", true),
            ("http://127.0.0.1:3000..3002", "http://127.0.0.1:3002/", false),
            ("http://[::1]:80", "http://[::1]/", true),
            ("http://[::1]", "http://[::1]/", true),
            ("{{ host }}", "http://h:3900/x", true),
            ("{{ empty }}", "http://h/", false),
            ("http://{{ empty }}", "http://h/", false),
            ("http://dispatch.spin.internal", "http://dispatch.spin.internal/x", true),
            ("http://dispatch.spin.internal", "http://sweep.spin.internal/x", false),
            ("http://*.spin.internal", "http://sweep.spin.internal/x", true),
            ("http://*.spin.internal", "http://nobody.spin.internal/x", false),
        ];
        for (entry, uri, expected) in cases {
            assert_eq!(parse(&[entry]).unwrap().allow_uri(&uri.parse().unwrap()), *expected, "{entry} for {uri}");
        }
        assert!(!parse(&[]).unwrap().allow("postgres", "h", None));
        assert!(parse(&["postgres://h"]).unwrap().allow("postgres", "h", None));
        assert!(!parse(&["postgres://h"]).unwrap().allow("postgres", "h", Some(5433)));
    }

    #[test]
    fn wrong_entries_are_refused_by_name() {
        let cases = [
            ("*", "<scheme>://"),
            ("", "<scheme>://"),
            ("redis://h", "redis"),
            ("http://self", "self requests"),
            ("http://h/path", "path"),
            ("http://a.*.b", "wildcard"),
            ("http://h:x", "not a number"),
            ("*://h", "no default port"),
            ("postgres://{{ empty }}", "which is"),
            ("{{ nobody }}", "unknown variable"),
        ];
        for (entry, reason) in cases {
            let error = format!("{:#}", parse(&[entry]).unwrap_err());
            assert!(error.contains(reason) && error.contains("allowed_outbound_hosts"), "{entry}: {error}");
        }
    }

    #[test]
    fn chained_hosts_are_recognised() {
        let cases = [
            ("http://dispatch.spin.internal/x", Some("dispatch")),
            ("http://dispatch.spin.internal:80/", Some("dispatch")),
            ("http://a.b.spin.internal/", None),
            ("http://spin.internal/", None),
            ("http://example.com/", None),
        ];
        for (uri, expected) in cases {
            assert_eq!(chained_component(&uri.parse().unwrap()), expected, "{uri}");
        }
    }
}
