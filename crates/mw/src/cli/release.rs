//! `mw release`: is this folder fit to be released, and how to go back to the release before.

use super::Context;
use crate::{
    dev::folder,
    error::{Error, Result, While},
    migrations,
    release::{self, Check, VERSION, Verdict},
};
use clap::Subcommand;
use std::{collections::BTreeMap, path::Path, process::Command as Program, time::SystemTime};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Check that this folder can be released: tree, tag, version, change log, migrations, docs, hours.
    #[command(after_help = "Exit code 1 when something must be done first; a warning is none.")]
    Check,
    /// Check that the database suits the release before, and print the steps back to it.
    #[command(
        after_help = "Example:\n  mw release rollback --to v0.1.0\n\nChanges nothing. DATABASE_URL names the database."
    )]
    Rollback {
        /// The tag or commit to go back to; without it, the newest tag of an older version.
        #[arg(long)]
        to: Option<String>,
    },
}

pub(crate) fn run(context: &Context, command: Command) -> Result<u8> {
    let root = folder::root()?;
    match command {
        Command::Check => {
            let checks = check(&root)?;
            report(context, &checks, &[])
        }
        Command::Rollback { to } => rollback(context, &root, to),
    }
}

fn check(root: &Path) -> Result<Vec<Check>> {
    let status = git(root, &["status", "--porcelain"])?;
    let unclean: Vec<String> = status.lines().take(5).map(|line| format!("uncommitted: {}", line.trim())).collect();
    let now = migration_texts(root)?;
    let migrations = match last_tag(root, VERSION)? {
        None => Check::of("migrations", &[], "no release before this one to compare with"),
        Some(tag) => {
            let released = texts_at(root, &tag)?;
            let mut complaints = release::migrations(&released, &now);
            complaints.extend(missed(root, &tag, &release::gone_functions(&released, &now)));
            Check::of("migrations", &complaints, format!("those of {tag} are as they were"))
        }
    };
    let changelog = std::fs::read_to_string(root.join("CHANGELOG.md")).while_doing("read CHANGELOG.md")?;
    let seconds = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |now| now.as_secs());
    Ok(vec![
        Check::of("tree", &unclean, "nothing uncommitted"),
        tag_is_free(root)?,
        Check::of("version", &release::versions(root), format!("{VERSION} everywhere")),
        Check::of("changelog", &release::changelog(&changelog), format!("has {VERSION} with its date")),
        migrations,
        Check::of("docs", &unlinked(root)?, "every page is named by another"),
        release::window(i64::try_from(seconds).unwrap_or_default()),
    ])
}

/// The tag of this version is still free, or is this commit's.
fn tag_is_free(root: &Path) -> Result<Check> {
    let tag = format!("v{VERSION}");
    let head = git(root, &["rev-parse", "HEAD"])?;
    let tagged = git(root, &["rev-parse", "--verify", "--quiet", &format!("{tag}^{{commit}}")]).unwrap_or_default();
    let complaints = match tagged.as_str() {
        "" => Vec::new(),
        commit if commit == head => Vec::new(),
        commit => vec![format!("{tag} is already {}: raise the version", commit.get(..9).unwrap_or(commit))],
    };
    let says = if tagged.is_empty() { format!("{tag} is free") } else { format!("{tag} is this commit") };
    Ok(Check::of("tag", &complaints, says))
}

/// Pages of docs/ that neither the README nor another page names.
fn unlinked(root: &Path) -> Result<Vec<String>> {
    let pages = folder_texts(&root.join("docs"), ".md")?;
    let readme = std::fs::read_to_string(root.join("README.md")).while_doing("read README.md")?;
    let named = |page: &String| {
        let path = format!("docs/{page}");
        readme.contains(&path) || pages.iter().any(|(other, text)| other != page && text.contains(&path))
    };
    Ok(pages.keys().filter(|page| !named(page)).map(|page| format!("nothing names docs/{page}")).collect())
}

fn rollback(context: &Context, root: &Path, to: Option<String>) -> Result<u8> {
    let to = match to {
        Some(to) => to,
        None => last_tag(root, VERSION)?
            .ok_or_else(|| Error::misuse("there is no tag of an older version: name a tag or commit with --to"))?,
    };
    let released = texts_at(root, &to)?;
    let needs = released.keys().filter_map(|path| number(path)).max().unwrap_or_default();
    let now = migration_texts(root)?;
    let gone = release::gone_functions(&released, &now);
    let later: BTreeMap<String, String> =
        now.into_iter().filter(|(name, _)| number(name).is_some_and(|number| number > needs)).collect();
    let checks = [
        Check::of(
            "additions",
            &release::contractions(&later),
            format!("{} migrations since {to} only add", later.len()),
        ),
        Check::of("functions", &missed(root, &to, &gone), format!("all functions that {to} calls are there")),
        schema(context, needs)?,
    ];
    report(context, &checks, &steps(&to))
}

/// Whether the database has what the release needs.
fn schema(context: &Context, needs: i32) -> Result<Check> {
    let mut client = migrations::connect(&context.settings.database_url()?)?;
    let row = client
        .query_one("SELECT coalesce(max(version), 0) FROM schema_migrations", &[])
        .map_err(|error| Error::failed(migrations::reason(&error)))?;
    let has: i32 = row.get(0);
    let behind =
        if has < needs { vec![format!("the database is at {has}, the release needs {needs}")] } else { Vec::new() };
    Ok(Check::of("schema", &behind, format!("the database is at {has}, the release needs {needs}")))
}

fn steps(to: &str) -> Vec<String> {
    let steps = [
        "mw backup, if the new release has written what must not be lost",
        "do not undo migrations: the release before works on this schema",
        &format!("get the components of {to}: its folder in /opt/myloware, its image, or ./dev build in a checkout"),
        "one instance after the other: out of the proxy, wait for its connections, /opt/myloware/current to the old folder,",
        "  systemctl restart myloware@PORT, /ready is 200, into the proxy (SpinKube: kubectl rollout undo deployment/myloware)",
        "mw status, mw smoke and mw doctor; alerts quiet for 15 minutes",
        "write down why in CHANGELOG.md, and release the repair as a new version",
    ];
    steps.map(str::to_owned).to_vec()
}

/// Prints the verdicts and then the steps; 1 when a check failed.
fn report(context: &Context, checks: &[Check], steps: &[String]) -> Result<u8> {
    let failed = checks.iter().any(|check| check.verdict == Verdict::Failed);
    if context.json {
        println!("{}", serde_json::json!({ "version": VERSION, "ok": !failed, "checks": checks, "steps": steps }));
        return Ok(u8::from(failed));
    }
    for check in checks {
        let verdict = match check.verdict {
            Verdict::Ok => "ok",
            Verdict::Warning => "warning",
            Verdict::Failed => "FAILED",
        };
        println!("{verdict:<8} {:<11} {}", check.name, check.says);
    }
    steps.iter().for_each(|step| println!("  {step}"));
    Ok(u8::from(failed))
}

/// The newest tag of a version before `version`.
fn last_tag(root: &Path, version: &str) -> Result<Option<String>> {
    let tags = git(root, &["tag", "--list", "v[0-9]*"])?;
    let older = tags.lines().filter(|tag| release::order(tag.trim_start_matches('v')) < release::order(version));
    Ok(older.max_by_key(|tag| release::order(tag.trim_start_matches('v'))).map(str::to_owned))
}

/// tables/0012_webhooks.sql → 12
fn number(path: &str) -> Option<i32> {
    path.strip_prefix("tables/")?.split('_').next()?.parse().ok()
}

/// Which of these functions, gone by now, the code of a revision calls: only crates/store calls any.
fn missed(root: &Path, revision: &str, gone: &[String]) -> Vec<String> {
    let calls = |name: &&String| {
        let call = format!("\"{name}\"");
        git(root, &["grep", "--quiet", "--fixed-strings", "-e", &call, revision, "--", "crates/store/src"]).is_ok()
    };
    gone.iter().filter(calls).map(|name| format!("{revision} calls the function {name}, which is gone")).collect()
}

/// The migrations of now, by their paths below migrations/.
fn migration_texts(root: &Path) -> Result<BTreeMap<String, String>> {
    let schema = migrations::from_folder(&root.join("migrations"))?;
    Ok(schema.files().map(|(path, text)| (path, text.to_owned())).collect())
}

/// The migrations of a revision, by their paths below migrations/.
fn texts_at(root: &Path, revision: &str) -> Result<BTreeMap<String, String>> {
    let list = git(root, &["ls-tree", "-r", "--name-only", revision, "migrations/tables/", "migrations/functions/"])?;
    let mut texts = BTreeMap::new();
    for path in list.lines().filter(|path| path.ends_with(".sql")) {
        let text = git_exactly(root, &["show", &format!("{revision}:{path}")])?;
        texts.insert(path.trim_start_matches("migrations/").to_owned(), text);
    }
    if texts.is_empty() {
        return Err(Error::misuse(format!("{revision} has no migrations: is it a release?")));
    }
    Ok(texts)
}

fn folder_texts(folder: &Path, ending: &str) -> Result<BTreeMap<String, String>> {
    let mut texts = BTreeMap::new();
    for entry in std::fs::read_dir(folder).while_doing(format!("read {}", folder.display()))? {
        let path = entry.while_doing("list files")?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.ends_with(ending) {
            texts.insert(name, std::fs::read_to_string(&path).while_doing(format!("read {}", path.display()))?);
        }
    }
    Ok(texts)
}

fn git(root: &Path, arguments: &[&str]) -> Result<String> {
    git_exactly(root, arguments).map(|text| text.trim().to_owned())
}

fn git_exactly(root: &Path, arguments: &[&str]) -> Result<String> {
    let output = Program::new("git").arg("-C").arg(root).args(arguments).output().while_doing("run git")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(Error::misuse(format!("git {}: {}", arguments.join(" "), said.trim())));
    }
    String::from_utf8(output.stdout).while_doing("read what git says")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_tables_have_a_version() {
        assert_eq!((number("tables/0012_webhooks.sql"), number("functions/a/b.sql")), (Some(12), None));
    }
}
