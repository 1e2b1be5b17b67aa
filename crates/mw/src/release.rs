//! What a release must be, judged from texts alone: the places that bear the version, the change log, the migrations against
//! those of the last release, and the hours. `cli/release.rs` reads the texts from git and prints the verdicts.

use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;

/// The version; everything else that bears it follows.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Ok,
    /// Somebody should know; no reason to stop.
    Warning,
    Failed,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    pub name: &'static str,
    pub verdict: Verdict,
    pub says: String,
}

impl Check {
    /// Failed when there is something to complain about.
    pub fn of(name: &'static str, complaints: &[String], otherwise: impl Into<String>) -> Self {
        match complaints {
            [] => Self { name, verdict: Verdict::Ok, says: otherwise.into() },
            _ => Self { name, verdict: Verdict::Failed, says: complaints.join("; ") },
        }
    }
}

/// What in the folder bears another version than the workspace.
#[must_use]
pub fn versions(root: &Path) -> Vec<String> {
    let read = |path: &str| std::fs::read_to_string(root.join(path)).unwrap_or_default();
    let setting = format!("| `{VERSION}`, `info` |");
    let variable = format!("version = {{ default = \"{VERSION}\" }}");
    let application = format!("\nversion = \"{VERSION}\"\n");
    let places = [
        ("spin.toml", application.as_str()),
        ("spin.toml", &variable),
        ("spin-cron.toml", &application),
        ("crates/api/openapi.json", &format!("\n  \"version\": \"{VERSION}\"\n")),
        ("docs/configuration.md", &setting),
        ("ops/spinkube/app.yaml", &format!("name: version, value: {VERSION}}}")),
        ("ops/spinkube/app.yaml", &format!("/myloware:{VERSION}\n  executor")),
    ];
    let missing = places.iter().filter(|(path, text)| !read(path).contains(text));
    missing.map(|(path, text)| format!("{path} does not say {}", text.trim())).collect()
}

/// A release's entry is `## version, date`, the newest first.
#[must_use]
pub fn changelog(text: &str) -> Vec<String> {
    let newest = text.lines().find_map(|line| line.strip_prefix("## ")).unwrap_or_default();
    let date = newest.strip_prefix(VERSION).and_then(|rest| rest.strip_prefix(", "));
    match date {
        None => vec![format!("the newest entry of CHANGELOG.md is \"{newest}\", not {VERSION}")],
        Some(date) if is_date(date) => Vec::new(),
        Some(date) => vec![format!("the entry of {VERSION} in CHANGELOG.md says \"{date}\" where its date must be")],
    }
}

fn is_date(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    lengths == [4, 2, 2] && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_digit())
}

/// 0.10.2 → [0, 10, 2]: versions are compared as numbers.
#[must_use]
pub fn order(version: &str) -> Vec<u32> {
    version.split(['.', '-']).map_while(|part| part.parse().ok()).collect()
}

/// (path below migrations/ → text) of a release, against those of now: what a released database could not follow. A released
/// version of the tables stays as it is, and what is new has a higher number.
#[must_use]
pub fn migrations(released: &BTreeMap<String, String>, now: &BTreeMap<String, String>) -> Vec<String> {
    let tables = |all: &BTreeMap<String, String>| -> BTreeMap<String, String> {
        let tables = all.iter().filter(|(path, _)| path.starts_with("tables/"));
        tables.map(|(path, text)| (path.clone(), text.clone())).collect()
    };
    let (released, now) = (tables(released), tables(now));
    let last = released.keys().next_back().cloned().unwrap_or_default();
    let kept = released.iter().filter_map(|(path, text)| match now.get(path) {
        Some(same) if same == text => None,
        Some(_) => Some(format!("{path} was released and is edited")),
        None => Some(format!("{path} was released and is gone")),
    });
    let added = now.keys().filter(|path| !released.contains_key(*path) && **path < last);
    kept.chain(added.map(|path| format!("{path} comes before {last}, which was released"))).collect()
}

/// The functions of a release that are gone by now; where its code calls one, its instances could not go on.
#[must_use]
pub fn gone_functions(released: &BTreeMap<String, String>, now: &BTreeMap<String, String>) -> Vec<String> {
    let name = |path: &String| {
        let file = path.strip_prefix("functions/")?.strip_suffix(".sql")?;
        file.rsplit('/').next().map(str::to_owned)
    };
    let there: Vec<String> = now.keys().filter_map(name).collect();
    released.keys().filter_map(name).filter(|function| !there.contains(function)).collect()
}

/// What in migrations takes something away that a release before may still use.
#[must_use]
pub fn contractions(migrations: &BTreeMap<String, String>) -> Vec<String> {
    const WORDS: [&str; 6] = ["DROP TABLE", "DROP COLUMN", "DROP VIEW", "RENAME TO", "RENAME COLUMN", "SET NOT NULL"];
    let mut found = Vec::new();
    for (name, text) in migrations {
        let code = text.lines().filter(|line| !line.trim_start().starts_with("--")).collect::<Vec<_>>().join("\n");
        found.extend(WORDS.iter().filter(|word| code.contains(**word)).map(|word| format!("{name} has {word}")));
    }
    found
}

/// Releases are made Tuesday to Thursday, 10 to 14 o'clock US Central, so that people are there afterwards.
#[must_use]
pub fn window(unix_seconds: i64) -> Check {
    let local = unix_seconds + central_offset(unix_seconds);
    let (days, hour) = (local.div_euclid(86_400), local.rem_euclid(86_400) / 3600);
    let inside = matches!(weekday(days), 2..=4) && (10..14).contains(&hour);
    let verdict = if inside { Verdict::Ok } else { Verdict::Warning };
    let says = if inside { "inside" } else { "outside" };
    Check { name: "window", verdict, says: format!("{says} the window, Tuesday to Thursday 10 to 14 US Central") }
}

/// 0 is Sunday; the first day of 1970 was a Thursday.
fn weekday(days: i64) -> i64 {
    (days + 4).rem_euclid(7)
}

/// Seconds east of UTC: daylight time from the second Sunday of March, 2 o'clock, to the first Sunday of November, 2 o'clock.
fn central_offset(unix_seconds: i64) -> i64 {
    let year = (unix_seconds / 86_400 * 400).div_euclid(146_097) + 1970;
    let begins = sunday(year, 3, 2) * 86_400 + 8 * 3600;
    let ends = sunday(year, 11, 1) * 86_400 + 7 * 3600;
    if (begins..ends).contains(&unix_seconds) { -5 * 3600 } else { -6 * 3600 }
}

/// The day since 1970 of a month's nth Sunday.
fn sunday(year: i64, month: i64, nth: i64) -> i64 {
    let first = days_from_civil(year, month);
    first + (7 - weekday(first)).rem_euclid(7) + (nth - 1) * 7
}

/// The first day of a month, in days since 1970 (https://howardhinnant.github.io/date_algorithms.html#days_from_civil).
fn days_from_civil(year: i64, month: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(list: &[(&str, &str)]) -> BTreeMap<String, String> {
        list.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    }

    #[test]
    fn the_repository_bears_one_version() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        assert_eq!(versions(&root), Vec::<String>::new());
        assert_eq!(versions(Path::new("/nowhere")).len(), 7);
    }

    #[test]
    fn a_release_has_its_entry_with_a_date() {
        assert!(changelog(&format!("# Changes\n\n## {VERSION}, 2026-11-24\n\n## 0.0.1, 2026-01-01\n")).is_empty());
        for text in [format!("## {VERSION}, unreleased"), format!("## {VERSION}9, 2026-11-24"), String::new()] {
            assert_eq!(changelog(&text).len(), 1, "{text}");
        }
    }

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(order("0.9.0") < order("0.10.0") && order("1.0.0") > order("0.99.9") && order("") < order("0.1.0"));
    }

    #[test]
    fn a_released_migration_is_never_edited() {
        let (table, function) = (("tables/0002_t.sql", "CREATE TABLE t ()"), ("functions/a/f.sql", "SELECT"));
        let released = files(&[table, function]);
        let with = |list: &[(&str, &str)]| migrations(&released, &files(list));
        assert!(with(&[table, function, ("tables/0003_u.sql", "")]).is_empty());
        assert!(with(&[("tables/0002_t.sql", "CREATE TABLE u ()")])[0].contains("edited"));
        assert!(with(&[function])[0].contains("gone"));
        assert!(with(&[("tables/0001_a.sql", ""), table])[0].contains("comes before"));
        // Functions are edited and move; only their going is looked at.
        assert!(with(&[table, ("functions/a/f.sql", "SELECT 1")]).is_empty());
        assert_eq!(gone_functions(&released, &files(&[table])), ["f"]);
        assert!(gone_functions(&released, &files(&[table, ("functions/b/f.sql", "")])).is_empty());
    }

    #[test]
    fn the_migrations_only_add() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations/tables");
        let all = std::fs::read_dir(root).unwrap().map(|entry| {
            let path = entry.unwrap().path();
            (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read_to_string(path).unwrap())
        });
        assert_eq!(contractions(&all.collect()), Vec::<String>::new());
        let drops = files(&[("tables/0002_x.sql", "-- DROP TABLE a\nALTER TABLE b DROP COLUMN c")]);
        assert_eq!(contractions(&drops), ["tables/0002_x.sql has DROP COLUMN"]);
    }

    #[test]
    fn the_window_is_us_central_in_summer_and_winter() {
        let inside = |unix_seconds| window(unix_seconds).verdict == Verdict::Ok;
        // Tuesday 2026-11-24: 10:00 CST is 16:00 UTC.
        assert!(!inside(1_795_535_999) && inside(1_795_536_000) && inside(1_795_550_399) && !inside(1_795_550_400));
        // Wednesday 2026-07-01: 10:00 CDT is 15:00 UTC.
        assert!(!inside(1_782_917_999) && inside(1_782_918_000));
        // Friday 2026-11-27 at noon.
        assert!(!inside(1_795_802_400));
        // The hour of the change itself, 2026-03-08 and 2026-11-01.
        assert_eq!((central_offset(1_772_956_799), central_offset(1_772_956_800)), (-21_600, -18_000));
        assert_eq!((central_offset(1_793_516_399), central_offset(1_793_516_400)), (-18_000, -21_600));
    }
}
