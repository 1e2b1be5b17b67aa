//! The limit: what PostgreSQL does with the statement when nothing else is in its way, by pgbench.

use crate::statement::Statement;
use anyhow::{Context, Result, ensure};
use std::process::Command;
use std::time::Duration;

/// Executions a second of the statement by so many clients. Each `{unique}` in it is another number every time.
pub(crate) fn per_second(
    database_url: &str,
    statement: &Statement,
    unique: &str,
    clients: usize,
    during: Duration,
) -> Result<f64> {
    let script = std::env::temp_dir().join(format!("mw-bench-{}.sql", std::process::id()));
    std::fs::write(&script, statement.script(unique)).context("write pgbench's script")?;
    let program = mw_stack::prerequisites::postgres_programs(None)?.join("pgbench");
    let mut command = Command::new(program);
    command.args(["-n", "-M", "prepared", "-j", "1", "-c", &clients.to_string()]);
    command.args(["-T", &during.as_secs().max(1).to_string(), "-f"]).arg(&script).arg(database_url);
    let output = command.output().context("run pgbench");
    let _ = std::fs::remove_file(&script);
    let output = output?;
    ensure!(output.status.success(), "pgbench: {}", String::from_utf8_lossy(&output.stderr));
    tps(&String::from_utf8_lossy(&output.stdout)).context("pgbench told no tps")
}

fn tps(text: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix("tps = "))?.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    #[test]
    fn pgbenchs_word_is_read() {
        let text = "latency average = 2.2 ms\ntps = 446.1234 (without initial connection time)\n";
        assert_eq!(super::tps(text), Some(446.1234));
        assert_eq!(super::tps("nothing"), None);
    }
}
