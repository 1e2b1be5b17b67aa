//! Development secrets: made up once, kept in `.mw/env` (readable by its owner only). All begin with `dev-`, so that a
//! live deployment can tell and refuse them.

use mw::{
    error::{Result, While},
    folder,
};
use mw_integrations::registry;
use std::{
    fs::{self, OpenOptions},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

/// Every secret that a stack needs, by the name of its setting: our own, and those of the systems that the simulator stands for
/// and that make jobs or reach people.
pub fn names() -> impl Iterator<Item = String> {
    let jobs = registry::job_providers().map(|(system, _)| system);
    let systems = jobs.chain(registry::messengers().map(|(system, _)| system));
    let theirs = systems.flat_map(|system| system.secrets).map(|secret| secret.name.to_ascii_uppercase());
    OWN.into_iter().map(str::to_owned).chain(theirs)
}

const OWN: [&str; 3] = ["API_KEY", "HITL_SECRET", "SWEEP_KEY"];

/// 128 random bits in hex.
#[must_use]
pub fn random() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

/// A development secret that nobody has seen before.
#[must_use]
pub fn made_up() -> String {
    format!("dev-{}", random())
}

/// Writes those that `.mw/env` lacks.
pub fn ensure(root: &Path) -> Result<()> {
    let known = mw_dotenv::parse_lines(&read(root)).while_doing("read .mw/env")?;
    for name in names().filter(|name| !known.contains_key(name)) {
        store(root, &name, &made_up())?;
    }
    Ok(())
}

/// Sets one line of `.mw/env`.
pub fn store(root: &Path, name: &str, value: &str) -> Result<()> {
    let text = read(root);
    let line = mw_dotenv::line(name, value);
    if text.lines().any(|existing| existing == line) {
        return Ok(());
    }
    let others = text.lines().filter(|existing| existing.split('=').next() != Some(name));
    let mut lines: Vec<&str> = others.collect();
    if lines.is_empty() {
        lines.push("# Made up by ./dev for this clone; for development only.");
    }
    lines.push(&line);
    write(root, &format!("{}\n", lines.join("\n")))
}

fn read(root: &Path) -> String {
    fs::read_to_string(folder::state(root).join("env")).unwrap_or_default()
}

/// Written aside and renamed, so that a reader never sees half of it.
fn write(root: &Path, text: &str) -> Result<()> {
    let path = folder::made(folder::state(root))?.join("env");
    let aside = path.with_extension(format!("new-{}", std::process::id()));
    let mut options = OpenOptions::new();
    let mut file =
        options.create(true).truncate(true).write(true).mode(0o600).open(&aside).while_doing("write .mw/env")?;
    file.write_all(text.as_bytes()).while_doing("write .mw/env")?;
    fs::rename(&aside, &path).while_doing("write .mw/env")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn written_once_and_closed_to_others() {
        let root = std::env::temp_dir().join(format!("mw-secrets-{}", random()));
        ensure(&root).unwrap();
        let first = read(&root);
        store(&root, "DATABASE_URL", "postgresql://a/1").unwrap();
        store(&root, "DATABASE_URL", "postgresql://a/2").unwrap();
        ensure(&root).unwrap();
        let second = read(&root);
        assert_eq!(second, format!("{first}DATABASE_URL=postgresql://a/2\n"));
        let secrets = mw_dotenv::parse_lines(&second).unwrap();
        assert!(names().all(|name| secrets[&name].starts_with("dev-") && secrets[&name].len() > 30));
        let mode = fs::metadata(folder::state(&root).join("env")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        fs::remove_dir_all(root).unwrap();
    }
}
