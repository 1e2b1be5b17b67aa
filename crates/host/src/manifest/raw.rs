//! spin.toml as it is written. A key that isn't here is refused by its name; some are here only to be refused with a
//! better reason, and some (`_`) because Spin reads them and this host needn't.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::VariableDeclaration;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawManifest {
    pub(super) spin_manifest_version: toml::Value,
    pub(super) application: RawApplication,
    #[serde(default)]
    pub(super) variables: BTreeMap<String, VariableDeclaration>,
    #[serde(default)]
    pub(super) trigger: BTreeMap<String, Vec<toml::Table>>,
    #[serde(default)]
    pub(super) component: BTreeMap<String, RawComponent>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawApplication {
    pub(super) name: String,
    pub(super) version: Option<String>,
    #[serde(default, rename = "description")]
    pub(super) _description: String,
    #[serde(default, rename = "authors")]
    pub(super) _authors: Vec<String>,
    #[serde(default, rename = "targets")]
    pub(super) _targets: Vec<toml::Value>,
    #[serde(default)]
    pub(super) trigger: BTreeMap<String, toml::Table>,
    #[serde(default, rename = "tool")]
    pub(super) _tool: toml::Table,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawComponent {
    pub(super) source: toml::Value,
    #[serde(default, rename = "description")]
    pub(super) _description: String,
    #[serde(default)]
    pub(super) variables: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) environment: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) files: Vec<toml::Value>,
    #[serde(default, rename = "exclude_files")]
    pub(super) _exclude_files: Vec<String>,
    #[serde(default)]
    pub(super) allowed_http_hosts: Vec<String>,
    #[serde(default)]
    pub(super) allowed_outbound_hosts: Vec<String>,
    #[serde(default)]
    pub(super) key_value_stores: Vec<String>,
    #[serde(default)]
    pub(super) sqlite_databases: Vec<String>,
    #[serde(default)]
    pub(super) ai_models: Vec<String>,
    #[serde(default, rename = "targets")]
    pub(super) _targets: Option<Vec<toml::Value>>,
    #[serde(default, rename = "build")]
    pub(super) _build: Option<toml::Table>,
    #[serde(default, rename = "tool")]
    pub(super) _tool: toml::Table,
    #[serde(default)]
    pub(super) dependencies_inherit_configuration: Option<toml::Value>,
    #[serde(default)]
    pub(super) dependencies: toml::Table,
    #[serde(default)]
    pub(super) profile: toml::Table,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawHttpTrigger {
    #[serde(default, rename = "id")]
    pub(super) _id: String,
    pub(super) component: toml::Value,
    pub(super) route: RawRoute,
    pub(super) executor: Option<RawExecutor>,
}

#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum RawRoute {
    Path(String),
    Private { private: bool },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawExecutor {
    pub(super) r#type: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCronTrigger {
    #[serde(default, rename = "id")]
    pub(super) _id: String,
    pub(super) component: toml::Value,
    pub(super) cron_expression: String,
}
