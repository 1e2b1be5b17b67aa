//! The runtime configuration file, as far as it means anything here: Spin's `[outbound_pg] max_connections`. What this host
//! does otherwise (key-value stores are in memory) is let be; a table that Spin does not know is refused, as there.

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use std::path::Path;

/// What the host takes from the file.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
pub struct RuntimeConfig {
    #[serde(default)]
    pub outbound_pg: OutboundPg,
    #[serde(flatten)]
    others: toml::Table,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutboundPg {
    /// Connections that guests hold at one time, of all components together; one more waits. Connections that rest in a
    /// pool are not among them.
    pub max_connections: Option<usize>,
}

impl RuntimeConfig {
    pub fn load(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
        Self::parse(&text).with_context(|| path.display().to_string())
    }

    fn parse(text: &str) -> Result<Self> {
        let config: Self = toml::from_str(text)?;
        if let Some(unknown) =
            config.others.keys().find(|table| !["key_value_store", "state_dir", "log_dir"].contains(&table.as_str()))
        {
            bail!("unknown key {unknown:?}");
        }
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_read_and_mistakes_are_refused() {
        let text = "[outbound_pg]\nmax_connections = 4\n[key_value_store.default]\ntype = \"spin\"";
        assert_eq!(RuntimeConfig::parse(text).unwrap().outbound_pg.max_connections, Some(4));
        assert_eq!(RuntimeConfig::parse("").unwrap(), RuntimeConfig::default());
        for wrong in [
            "[outbound_pg]\nmax = 4",
            "[outbound_postgres]\nmax_connections = 4",
            "[outbound_pg]\nmax_connections = -1",
        ] {
            assert!(RuntimeConfig::parse(wrong).is_err(), "{wrong}");
        }
    }
}
