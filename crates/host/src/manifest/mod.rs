//! spin.toml (manifest version 2) → what the host needs to run it.
//!
//! - `Manifest::load`: read, parse, check. Anything the host doesn't implement is refused here by name, with the cure.
//! - `raw`: the file as written, unknown keys refused.
//! - `Manifest`, `Component`, `Triggers`: the checked result; paths are absolute.

mod raw;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use self::raw::{RawComponent, RawCronTrigger, RawHttpTrigger, RawManifest, RawRoute};

/// A checked manifest: one kind of trigger, every component it names.
#[derive(Debug)]
pub struct Manifest {
    pub name: String,
    pub version: Option<String>,
    pub variables: BTreeMap<String, VariableDeclaration>,
    pub components: BTreeMap<String, Component>,
    pub triggers: Triggers,
}

/// Spin runs each trigger type in a process of its own; so does this host, one per manifest.
#[derive(Debug)]
pub enum Triggers {
    Http(Vec<HttpTrigger>),
    Cron(Vec<CronTrigger>),
}

#[derive(Debug)]
pub struct HttpTrigger {
    pub component: String,
    /// None: a private endpoint, reachable through service chaining only.
    pub route: Option<String>,
}

#[derive(Debug)]
pub struct CronTrigger {
    pub component: String,
    pub expression: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VariableDeclaration {
    pub default: Option<String>,
    #[serde(default)]
    pub required: bool,
    #[serde(default, rename = "secret")]
    _secret: bool,
    #[serde(default, rename = "description")]
    _description: String,
}

#[derive(Debug)]
pub struct Component {
    pub source: PathBuf,
    pub variables: BTreeMap<String, String>,
    pub environment: BTreeMap<String, String>,
    pub allowed_outbound_hosts: Vec<String>,
    pub key_value_stores: Vec<String>,
}

impl Manifest {
    pub fn load(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the manifest {}: give its path with --manifest", path.display()))?;
        let folder = path
            .canonicalize()
            .ok()
            .and_then(|absolute| absolute.parent().map(Path::to_path_buf))
            .with_context(|| format!("{} has no folder", path.display()))?;
        Self::parse(&text, &folder).with_context(|| path.display().to_string())
    }

    pub fn parse(text: &str, folder: &Path) -> Result<Self> {
        let raw: RawManifest = toml::from_str(text).map_err(|error| one_line(&error, text))?;
        ensure!(
            raw.spin_manifest_version.as_integer() == Some(2),
            "spin_manifest_version is {}, only 2 is implemented: convert it with `spin doctor`",
            raw.spin_manifest_version
        );
        for (kind, settings) in &raw.application.trigger {
            ensure!(
                settings.is_empty(),
                "[application.trigger.{kind}] has settings, which mw-host does not implement: remove them"
            );
        }
        check_variables(&raw.variables)?;
        let components = raw
            .component
            .into_iter()
            .map(|(id, component)| {
                check_id(&id, '-').with_context(|| format!("component id {id:?}"))?;
                let checked = component.check(folder).with_context(|| format!("component {id:?}"))?;
                Ok((id, checked))
            })
            .collect::<Result<BTreeMap<_, _>>>()?;
        let triggers = parse_triggers(raw.trigger)?;
        for id in triggers.components() {
            ensure!(
                components.contains_key(id),
                "a trigger names the component {id:?}, which has no [component.{id}]: add one"
            );
        }
        Ok(Self {
            name: raw.application.name,
            version: raw.application.version,
            variables: raw.variables,
            components,
            triggers,
        })
    }
}

impl Triggers {
    pub fn components(&self) -> Vec<&str> {
        match self {
            Self::Http(triggers) => triggers.iter().map(|trigger| trigger.component.as_str()).collect(),
            Self::Cron(triggers) => triggers.iter().map(|trigger| trigger.component.as_str()).collect(),
        }
    }
}

impl RawComponent {
    fn check(self, folder: &Path) -> Result<Component> {
        let unimplemented = [
            ("files", !self.files.is_empty()),
            ("allowed_http_hosts", !self.allowed_http_hosts.is_empty()),
            ("sqlite_databases", !self.sqlite_databases.is_empty()),
            ("ai_models", !self.ai_models.is_empty()),
            ("dependencies", !self.dependencies.is_empty()),
            ("dependencies_inherit_configuration", self.dependencies_inherit_configuration.is_some()),
            ("profile", !self.profile.is_empty()),
        ];
        for (key, used) in unimplemented {
            ensure!(!used, "mw-host does not implement the key {key:?}: remove it, or run this manifest with Spin");
        }
        for store in &self.key_value_stores {
            ensure!(
                store == "default",
                "key-value store {store:?} needs a runtime-config file, which mw-host does not read: use \"default\""
            );
        }
        let Some(source) = self.source.as_str() else {
            bail!(
                "source is not a local path, the only kind mw-host implements: build the component and name its .wasm file"
            );
        };
        for name in self.variables.keys() {
            check_id(name, '_').with_context(|| format!("variable {name:?}"))?;
        }
        Ok(Component {
            source: folder.join(source),
            variables: self.variables,
            environment: self.environment,
            allowed_outbound_hosts: self.allowed_outbound_hosts,
            key_value_stores: self.key_value_stores,
        })
    }
}

fn parse_triggers(raw: BTreeMap<String, Vec<toml::Table>>) -> Result<Triggers> {
    if let Some(unknown) = raw.keys().find(|kind| !matches!(kind.as_str(), "http" | "cron")) {
        bail!(
            "trigger type {unknown:?} is not implemented by mw-host, only http and cron are: move it to a manifest for Spin"
        );
    }
    match (raw.get("http"), raw.get("cron")) {
        (Some(_), Some(_)) => bail!(
            "the manifest has http and cron triggers, which Spin runs in two processes: put the cron triggers into a manifest of their own"
        ),
        (Some(tables), None) => {
            let triggers = tables.iter().map(parse_http_trigger).collect::<Result<_>>()?;
            Ok(Triggers::Http(triggers))
        }
        (None, Some(tables)) => {
            let triggers = tables.iter().map(parse_cron_trigger).collect::<Result<_>>()?;
            Ok(Triggers::Cron(triggers))
        }
        (None, None) => {
            bail!("the manifest has no triggers: add [[trigger.http]] or [[trigger.cron]]")
        }
    }
}

fn parse_http_trigger(table: &toml::Table) -> Result<HttpTrigger> {
    let place = || format!("[[trigger.http]] {}", describe(table));
    for key in ["static_response", "components", "dependencies"] {
        ensure!(!table.contains_key(key), "{}: mw-host does not implement {key:?}: remove it", place());
    }
    let raw: RawHttpTrigger = table.clone().try_into().map_err(flat).with_context(place)?;
    if let Some(executor) = raw.executor {
        ensure!(
            executor.r#type == "http",
            "{}: executor type {:?} is not implemented: use \"http\"",
            place(),
            executor.r#type
        );
    }
    let route = match raw.route {
        RawRoute::Path(path) => Some(path),
        RawRoute::Private { private: true } => None,
        RawRoute::Private { private: false } => {
            bail!("{}: route must be a path or {{ private = true }}", place())
        }
    };
    Ok(HttpTrigger { component: component_name(&raw.component).with_context(place)?, route })
}

fn parse_cron_trigger(table: &toml::Table) -> Result<CronTrigger> {
    let place = || format!("[[trigger.cron]] {}", describe(table));
    let raw: RawCronTrigger = table.clone().try_into().map_err(flat).with_context(place)?;
    Ok(CronTrigger { component: component_name(&raw.component).with_context(place)?, expression: raw.cron_expression })
}

fn component_name(value: &toml::Value) -> Result<String> {
    let name = value
        .as_str()
        .context("component is written in place, which mw-host does not implement: name a [component.<id>]")?;
    Ok(name.to_owned())
}

/// How a person finds this trigger in the file.
fn describe(table: &toml::Table) -> String {
    let of = |key: &str| table.get(key).map(|value| format!("{key} = {value}"));
    of("route").or_else(|| of("component")).unwrap_or_default()
}

fn check_variables(variables: &BTreeMap<String, VariableDeclaration>) -> Result<()> {
    for (name, variable) in variables {
        check_id(name, '_').with_context(|| format!("variable {name:?}"))?;
        ensure!(name == &name.to_lowercase(), "variable {name:?}: must be lower case");
        ensure!(
            variable.required ^ variable.default.is_some(),
            "variable {name:?}: must be `required` OR have a `default`"
        );
    }
    Ok(())
}

/// Spin's rule for names: words that start with a letter, in one case, joined by one separator.
fn check_id(id: &str, separator: char) -> Result<()> {
    for word in id.split(separator) {
        let starts_well = word.chars().next().is_some_and(|first| first.is_ascii_alphabetic());
        let one_case = !(word.chars().any(|c| c.is_ascii_uppercase()) && word.chars().any(|c| c.is_ascii_lowercase()));
        ensure!(
            starts_well && one_case && word.chars().all(|c| c.is_ascii_alphanumeric()),
            "must be words joined by {separator:?}, each starting with a letter, in one case"
        );
    }
    Ok(())
}

fn one_line(error: &toml::de::Error, text: &str) -> anyhow::Error {
    let line = error
        .span()
        .and_then(|span| text.get(..span.start))
        .map(|before| format!("line {}: ", before.matches('\n').count() + 1))
        .unwrap_or_default();
    anyhow::anyhow!("{line}{}", flatten(error.message()))
}

fn flat(error: toml::de::Error) -> anyhow::Error {
    anyhow::anyhow!("{}", flatten(error.message()))
}

fn flatten(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
