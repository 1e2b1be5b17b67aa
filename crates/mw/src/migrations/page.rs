//! migrations/schema.sql: the whole schema as a database has it now. Its head is the map: tables by family, the functions that the
//! code calls, and what a commit and a claim call. The text of a function is in its own file.

use super::{
    reason,
    source::{Function, Schema},
};
use crate::error::{Error, Result, While};
use postgres::Client;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    path::Path,
};

/// What the map draws whole: the statement that changes runs, and the one that claims effects.
const ROOTS: [(&str, &str); 2] = [("A commit", "runs_commit"), ("A claim", "effects_lease")];

/// (table, what it is, what follows its columns).
const TABLES: &str = "
    SELECT relname::text, CASE relpersistence WHEN 'u' THEN 'UNLOGGED TABLE' ELSE 'TABLE' END,
           coalesce(' WITH (' || array_to_string(reloptions, ', ') || ')', '')
      FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'";

/// (relation, line): columns in their order, then constraints.
const MEMBERS: &str = "
    SELECT relname::text, line FROM (
        SELECT attrelid AS relation, 0 AS part, attnum::text AS place, lpad(attnum::text, 4, '0') AS name,
               format('%I %s%s%s', attname, format_type(atttypid, atttypmod), CASE WHEN attnotnull THEN ' NOT NULL' END,
                      CASE WHEN attidentity = 'a' THEN ' GENERATED ALWAYS AS IDENTITY'
                           WHEN attgenerated = 's' THEN format(' GENERATED ALWAYS AS (%s) STORED', pg_get_expr(adbin, adrelid))
                           WHEN adbin IS NOT NULL THEN ' DEFAULT ' || pg_get_expr(adbin, adrelid) END) AS line
          FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum WHERE attnum > 0 AND NOT attisdropped
        UNION ALL
        SELECT conrelid, 1, translate(contype::text, 'pufc', '0123'), conname,
               format('CONSTRAINT %I %s', conname, pg_get_constraintdef(oid))
          FROM pg_constraint WHERE contype IN ('p', 'u', 'f', 'c')) AS member
      JOIN pg_class ON pg_class.oid = relation AND relnamespace = current_schema()::regnamespace AND relkind = 'r'
     ORDER BY relname, part, CASE part WHEN 1 THEN place END, name COLLATE \"C\"";

/// (relation, line): indexes that no constraint makes, and triggers.
const FOLLOWERS: &str = "
    SELECT relname::text, line FROM (
        SELECT indrelid AS relation, 0 AS part, pg_get_indexdef(indexrelid) AS line FROM pg_index
         WHERE NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid AND contype IN ('p', 'u'))
        UNION ALL SELECT tgrelid, 1, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal) AS follower
      JOIN pg_class ON pg_class.oid = relation AND relnamespace = current_schema()::regnamespace
     ORDER BY relname, part, line COLLATE \"C\"";

/// What is shown of a table.
#[derive(Default)]
struct Relation {
    kind: String,
    rest: String,
    members: Vec<String>,
    followers: Vec<String>,
}

/// The text of migrations/schema.sql for this database, which has all of this schema. `root` is the clone, whose code says which
/// functions it calls.
pub fn page(client: &mut Client, schema: &Schema, root: &Path) -> Result<String> {
    let relations =
        relations(client).map_err(|error| Error::failed(format!("read the catalog: {}", reason(&error))))?;
    let families = families(schema);
    let mut page = String::from(
        "-- The schema as it is now. Written by `mw db schema`, compared by a test; nobody edits it, and nothing applies it.\n\
         --\n-- Tables by family, one file of tables/ each:\n",
    );
    for (family, names) in &families {
        list(&mut page, family, names.iter().map(String::as_str));
    }
    page.push_str("--\n-- Functions that the code calls, by domain:\n");
    let entries = entries(schema, root)?;
    for (domain, names) in by_domain(schema, |function| entries.contains(function.name.as_str())) {
        list(&mut page, domain, names.into_iter());
    }
    for (title, name) in ROOTS {
        let _ = writeln!(page, "--\n-- {title} calls (a function that stands above already is not drawn again):");
        tree(&mut page, schema, name, 1, &mut BTreeSet::new())?;
    }
    for (family, names) in &families {
        let _ = write!(page, "\n-- {family}\n");
        for name in names {
            match relations.get(name) {
                Some(relation) => write_relation(&mut page, name, relation),
                None => page.extend(text_of(schema, name).map(|text| format!("\n{text};\n"))),
            }
        }
    }
    page.push_str(
        "\n-- Functions: their texts, with what they take and answer, are in functions/<domain>/<name>.sql.\n",
    );
    for (domain, _) in by_domain(schema, |_| true) {
        let _ = write!(page, "\n-- {domain}\n");
        for function in schema.functions.iter().filter(|function| function.domain == domain) {
            let _ = writeln!(page, "-- {}", function.signature);
        }
    }
    Ok(page)
}

fn relations(client: &mut Client) -> std::result::Result<BTreeMap<String, Relation>, postgres::Error> {
    let mut relations: BTreeMap<String, Relation> = BTreeMap::new();
    for row in client.query(TABLES, &[])? {
        let relation = relations.entry(row.get(0)).or_default();
        (relation.kind, relation.rest) = (row.get(1), row.get(2));
    }
    for row in client.query(MEMBERS, &[])? {
        relations.entry(row.get(0)).or_default().members.push(row.get(1));
    }
    for row in client.query(FOLLOWERS, &[])? {
        relations.entry(row.get(0)).or_default().followers.push(row.get(1));
    }
    Ok(relations)
}

/// A view, or a function that belongs to its table, as it was last made: versions of PostgreSQL write them in different ways.
fn text_of<'a>(schema: &'a Schema, name: &str) -> Option<&'a str> {
    let begins = match name.strip_suffix("()") {
        Some(function) => format!("CREATE FUNCTION {function}("),
        None => format!("CREATE VIEW {name} "),
    };
    let made = schema.tables.iter().rev().find_map(|file| file.sql.find(&begins).and_then(|at| file.sql.get(at..)))?;
    // A body between dollars has semicolons of its own, one that is an expression has none.
    let statement = made.find(";\n").and_then(|at| made.get(..at))?;
    match statement.contains("$$") {
        true => made.find("$$;").and_then(|at| made.get(..at + 2)),
        false => Some(statement),
    }
}

/// (family, its tables, views and functions in their file's order): a family is named like the file that makes it.
fn families(schema: &Schema) -> Vec<(String, Vec<String>)> {
    let made = |sql: &str| -> Vec<String> {
        let name = |line: &str| {
            let words = ["CREATE TABLE ", "CREATE UNLOGGED TABLE ", "CREATE VIEW "];
            let relation = words.iter().find_map(|word| line.strip_prefix(word)?.split(' ').next()).map(str::to_owned);
            let function = line.strip_prefix("CREATE FUNCTION ").and_then(|rest| rest.split('(').next());
            relation.or_else(|| function.map(|name| format!("{name}()")))
        };
        sql.lines().filter_map(name).collect()
    };
    let families = schema.tables.iter().map(|file| {
        let family = file.name.split_once('_').map_or(file.name.as_str(), |(_, family)| family);
        (family.to_owned(), made(&file.sql))
    });
    families.filter(|(_, names)| !names.is_empty()).collect()
}

fn by_domain(schema: &Schema, keep: impl Fn(&Function) -> bool) -> BTreeMap<&str, Vec<&str>> {
    let mut domains: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for function in schema.functions.iter().filter(|function| keep(function)) {
        domains.entry(&function.domain).or_default().push(&function.name);
    }
    domains
}

/// The functions that crates/store names: the only crate that knows SQL.
fn entries<'a>(schema: &'a Schema, root: &Path) -> Result<BTreeSet<&'a str>> {
    let mut code = String::new();
    let mut folders = vec![root.join("crates/store/src")];
    while let Some(folder) = folders.pop() {
        let reading = || format!("read {}", folder.display());
        for entry in std::fs::read_dir(&folder).while_doing(reading())? {
            let path = entry.while_doing(reading())?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                code.push_str(&std::fs::read_to_string(&path).while_doing(format!("read {}", path.display()))?);
            }
        }
    }
    let is_called = |name: &str| code.contains(&format!("\"{name}\"")) || code.contains(&format!("SELECT {name}("));
    Ok(schema.functions.iter().map(|function| function.name.as_str()).filter(|name| is_called(name)).collect())
}

/// Names of functions that this one calls, in the order of their first call.
fn callees<'a>(schema: &'a Schema, of: &Function) -> Vec<&'a Function> {
    let mut called: Vec<&Function> = Vec::new();
    for line in of.sql.lines() {
        let code = line.split_once("--").map_or(line, |(code, _)| code);
        let words = code.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let mut at = 0;
        for word in words {
            at += word.len();
            let is_call = code.get(at..).is_some_and(|rest| rest.trim_start().starts_with('('));
            at += 1;
            // An aggregate is in the file of its function.
            let makes =
                |function: &Function| function.name == word || function.sql.contains(&format!("AGGREGATE {word}("));
            let found = schema.functions.iter().find(|function| is_call && makes(function) && function.name != of.name);
            called.extend(found.filter(|function| !called.iter().any(|known| known.name == function.name)));
        }
    }
    called
}

fn tree<'a>(
    page: &mut String,
    schema: &'a Schema,
    name: &str,
    depth: usize,
    drawn: &mut BTreeSet<&'a str>,
) -> Result<()> {
    let function = schema.functions.iter().find(|function| function.name == name);
    let function =
        function.ok_or_else(|| Error::misuse(format!("the map of the schema is to draw {name}, which is gone")))?;
    let is_new = drawn.insert(&function.name);
    let callees = callees(schema, function);
    let more = if is_new || callees.is_empty() { "" } else { " …" };
    let _ = writeln!(page, "-- {}{name}{more}", "  ".repeat(depth));
    for callee in callees.into_iter().filter(|_| is_new) {
        tree(page, schema, &callee.name, depth + 1, drawn)?;
    }
    Ok(())
}

/// `--   name      one, two, three`, broken into lines of about 120 characters.
fn list<'a>(page: &mut String, name: &str, words: impl Iterator<Item = &'a str>) {
    let mut line = format!("--   {name:<14}");
    let mut words = words.peekable();
    while let Some(word) = words.next() {
        if line.len() + word.len() > 118 {
            let _ = writeln!(page, "{}", line.trim_end());
            line = format!("--   {:<14}", "");
        }
        line.push_str(word);
        line.push_str(if words.peek().is_some() { ", " } else { "" });
    }
    let _ = writeln!(page, "{line}");
}

fn write_relation(page: &mut String, name: &str, relation: &Relation) {
    let members = relation.members.join(",\n    ");
    let _ = writeln!(page, "\nCREATE {} {name} (\n    {members}\n){};", relation.kind, relation.rest);
    for follower in &relation.followers {
        let _ = writeln!(page, "{};", follower.replace(" public.", " "));
    }
}
