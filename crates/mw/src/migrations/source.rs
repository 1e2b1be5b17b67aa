//! The files of migrations/: tables by version, one function a file.

use crate::error::{Error, Result, While};
use sha2::{Digest, Sha256};
use std::{collections::BTreeSet, path::Path};

/// (path below migrations/, text) of every SQL file known when the command was built.
const EMBEDDED: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/schema.rs"));

/// All that a database is to have.
#[derive(Debug, Clone, Default)]
pub struct Schema {
    /// In the order of their versions.
    pub tables: Vec<Migration>,
    /// In the order of their paths.
    pub functions: Vec<Function>,
}

/// A file of tables/: runs once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migration {
    pub version: i32,
    pub name: String,
    pub checksum: String,
    pub(super) sql: String,
}

/// A file of functions/: is applied again when its text changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    pub name: String,
    pub domain: String,
    pub checksum: String,
    /// Its name, arguments and answer, with single spaces.
    pub signature: String,
    pub(super) sql: String,
}

/// The schema that is built in.
pub fn embedded() -> Result<Schema> {
    Schema::of(EMBEDDED.iter().copied())
}

/// The schema of a folder like migrations/.
pub fn from_folder(folder: &Path) -> Result<Schema> {
    let mut files = Vec::new();
    read(folder, &folder.join("tables"), &mut files)?;
    read(folder, &folder.join("functions"), &mut files)?;
    Schema::of(files.iter().map(|(path, text)| (path.as_str(), text.as_str())))
}

fn read(root: &Path, folder: &Path, files: &mut Vec<(String, String)>) -> Result<()> {
    let unreadable = |error| Error::misuse(format!("cannot read the migrations in {}: {error}", folder.display()));
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.while_doing("list migrations")?.path();
        if path.is_dir() {
            read(root, &path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "sql") {
            let text = std::fs::read_to_string(&path).while_doing(format!("read {}", path.display()))?;
            let name = path.strip_prefix(root).while_doing("name a migration")?.to_string_lossy().into_owned();
            files.push((name, text));
        }
    }
    Ok(())
}

impl Schema {
    /// Of (path, text): `tables/0001_runs.sql` or `functions/commit/runs_commit.sql`.
    pub fn of<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self> {
        let mut schema = Self::default();
        for (path, sql) in files {
            let parts: Vec<&str> = path.trim_end_matches(".sql").split('/').collect();
            match parts.as_slice() {
                ["tables", name] => schema.tables.push(Migration::parse(name, sql)?),
                ["functions", domain, name] => schema.functions.push(Function::parse(domain, name, sql)?),
                _ => {
                    let shapes = "tables/0001_runs.sql or functions/commit/runs_commit.sql";
                    return Err(Error::misuse(format!("migrations/{path} is neither: name it like {shapes}")));
                }
            }
        }
        schema.tables.sort_by_key(|migration| migration.version);
        schema.functions.sort_by(|one, other| (&one.domain, &one.name).cmp(&(&other.domain, &other.name)));
        schema.refuse_twins()?;
        Ok(schema)
    }

    /// The newest version of the tables.
    #[must_use]
    pub fn version(&self) -> i32 {
        self.tables.last().map_or(0, |migration| migration.version)
    }

    /// Every file, by its path below migrations/, with its text.
    pub fn files(&self) -> impl Iterator<Item = (String, &str)> {
        let tables = self.tables.iter().map(|file| (format!("tables/{}.sql", file.name), file.sql.as_str()));
        let path = |file: &Function| format!("functions/{}/{}.sql", file.domain, file.name);
        tables.chain(self.functions.iter().map(move |file| (path(file), file.sql.as_str())))
    }

    fn refuse_twins(&self) -> Result<()> {
        for pair in self.tables.windows(2) {
            if let [one, other] = pair
                && one.version == other.version
            {
                return Err(Error::misuse(format!("{} and {} have the same number", one.name, other.name)));
            }
        }
        let mut names = BTreeSet::new();
        match self.functions.iter().find(|function| !names.insert(&function.name)) {
            Some(twin) => Err(Error::misuse(format!("the function {} has two files", twin.name))),
            None => Ok(()),
        }
    }
}

impl Migration {
    /// The digits before the first `_` are the version.
    fn parse(name: &str, sql: &str) -> Result<Self> {
        let version = name.split('_').next().unwrap_or_default();
        let version = version.parse().map_err(|_| {
            Error::misuse(format!("{name} does not begin with its number: name migrations like 0001_runs.sql"))
        })?;
        Ok(Self { version, name: name.to_owned(), checksum: checksum(sql), sql: sql.to_owned() })
    }
}

impl Function {
    fn parse(domain: &str, name: &str, sql: &str) -> Result<Self> {
        let mut definitions = sql.split("CREATE OR REPLACE FUNCTION ").skip(1);
        let signature = match (definitions.next(), definitions.next()) {
            (Some(definition), None) if definition.starts_with(&format!("{name}(")) => {
                definition.split("LANGUAGE").next()
            }
            _ => None,
        };
        let Some(signature) = signature else {
            let sentence = format!("functions/{domain}/{name}.sql must define the function {name}, and no other");
            return Err(Error::misuse(sentence));
        };
        Ok(Self {
            name: name.to_owned(),
            domain: domain.to_owned(),
            checksum: checksum(sql),
            signature: signature.split_whitespace().collect::<Vec<_>>().join(" "),
            sql: sql.to_owned(),
        })
    }
}

fn checksum(sql: &str) -> String {
    Sha256::digest(sql.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(files: &[(&str, &str)]) -> String {
        Schema::of(files.iter().copied()).unwrap_err().to_string()
    }

    #[test]
    fn file_names_carry_the_version() {
        let schema = Schema::of([("tables/0012_more_runs.sql", "SELECT 1")]).unwrap();
        assert_eq!(schema.version(), 12);
        assert_eq!(schema.tables[0].name, "0012_more_runs");
        assert!(refusal(&[("tables/runs.sql", "")]).contains("begin with its number"));
        assert!(refusal(&[("0001_runs.sql", "")]).contains("name it like"));
    }

    #[test]
    fn two_files_of_one_number_are_refused() {
        assert!(refusal(&[("tables/1_a.sql", ""), ("tables/0001_b.sql", "")]).contains("same number"));
    }

    #[test]
    fn a_function_has_one_file() {
        let sql =
            "-- One.\nCREATE OR REPLACE FUNCTION f(\n    x jsonb) RETURNS jsonb\nLANGUAGE sql AS $$ SELECT x $$;\n";
        let schema = Schema::of([("functions/a/f.sql", sql)]).unwrap();
        assert_eq!(schema.functions[0].signature, "f( x jsonb) RETURNS jsonb");
        assert!(refusal(&[("functions/a/f.sql", sql), ("functions/b/f.sql", sql)]).contains("two files"));
        assert!(refusal(&[("functions/a/g.sql", sql)]).contains("must define the function g"));
        assert!(refusal(&[("functions/a/f.sql", &sql.repeat(2))]).contains("no other"));
    }

    #[test]
    fn what_is_built_in_is_whole() {
        let schema = embedded().unwrap();
        let versions: Vec<i32> = schema.tables.iter().map(|migration| migration.version).collect();
        assert_eq!(versions, (1..=schema.version()).collect::<Vec<_>>());
        assert!(schema.functions.iter().any(|function| function.name == "runs_commit"));
    }
}
