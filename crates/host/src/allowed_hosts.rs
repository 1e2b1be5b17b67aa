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
            parsed.extend(
                Entry::parse(&resolved)
                    .with_context(resolved_note)?
                    .expanded(components),
            );
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
        self.entries
            .iter()
            .any(|entry| entry.allows(scheme, &host, port))
    }

    pub fn allow_uri(&self, uri: &http::Uri) -> bool {
        let host = uri.host().unwrap_or_default();
        self.allow(uri.scheme_str().unwrap_or("https"), host, uri.port_u16())
    }
}

impl Entry {
    fn parse(text: &str) -> Result<Self> {
        let text = text.trim();
        let (scheme, rest) = text
            .split_once("://")
            .context("must be <scheme>://<host>[:<port>], with '*' allowed for each")?;
        let (host, port) = split_port(rest);
        Ok(Self {
            scheme: parse_scheme(scheme)?,
            ports: parse_port(port, scheme)?,
            host: parse_host(host)?,
        })
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
        _ => bail!(
            "mw-host does not implement the scheme {scheme:?}, only http, https and postgres: remove the entry"
        ),
    }
}

fn parse_port(port: &str, scheme: &str) -> Result<PortRule> {
    if port.is_empty() {
        let port = default_port(scheme)
            .with_context(|| format!("no port, and scheme {scheme:?} has no default port"))?;
        return Ok(PortRule::Exactly(port));
    }
    if port == "*" {
        return Ok(PortRule::Any);
    }
    let number = |text: &str| {
        text.parse::<u16>()
            .with_context(|| format!("port {port:?} is not a number"))
    };
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
    ensure!(
        !host.contains('/'),
        "must not have a path (address ranges are not implemented)"
    );
    let (rule, name): (fn(Host) -> HostRule, _) = match host.strip_prefix("*.") {
        Some(domain) => (|domain| HostRule::Subdomains(format!(".{domain}")), domain),
        None => (HostRule::Exactly, host),
    };
    ensure!(
        !name.contains('*'),
        "a wildcard is allowed as the first label only"
    );
    Ok(rule(
        Host::parse(name).with_context(|| format!("invalid host {name:?}"))?,
    ))
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        "postgres" => Some(5432),
        _ => None,
    }
}
