//! How much of the product's native code the tests ran: merges what the instrumented programs wrote, prints a table by crate
//! and what is left out, and fails below the minimum. The code of tests does not count, since it always runs. Uses the LLVM
//! tools that come with Rust (`rustup component add llvm-tools`).

use mw::error::{Error, Result, While};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Not ours, or tests themselves.
const IGNORED: &str = r"(/\.cargo/|/rustc/|/\.rustup/|/target/|/tests/|/components/|/conformance/|/build\.rs$)";
/// A line of a file that runs inside a component only begins so.
const WASM_ONLY: [&str; 2] = ["use wasi::", "use spin_sdk::"];
/// Files of helpers for tests, beside the product's.
const TEST_FILES: [&str; 3] = ["/tests.rs", "/testing.rs", "/fuzz/src/"];

#[derive(Debug, clap::Args)]
pub struct Options {
    /// The folder with *.profraw files and tests.json, the messages of `cargo test --no-run --message-format=json`.
    folder: PathBuf,
    /// Fail below this many percent of the lines.
    #[arg(long, default_value_t = 80.0)]
    minimum: f64,
}

pub fn run(options: &Options) -> Result<u8> {
    let tools = tools()?;
    let merged = options.folder.join("all.profdata");
    let profiles = with_extension(&options.folder, "profraw")?;
    if profiles.is_empty() {
        return Err(Error::misuse(format!(
            "there are no *.profraw in {}: did the tests run instrumented?",
            options.folder.display()
        )));
    }
    output(Command::new(tools.join("llvm-profdata")).args(["merge", "--sparse", "-o"]).arg(&merged).args(&profiles))?;
    let messages = fs::read_to_string(options.folder.join("tests.json")).while_doing("read tests.json")?;
    let mut export = Command::new(tools.join("llvm-cov"));
    export.args(["export", "--format=lcov", "--ignore-filename-regex", IGNORED]).arg("--instr-profile").arg(&merged);
    for program in programs(&messages) {
        export.arg("--object").arg(program);
    }
    let counted = count(&output(&mut export)?, &|path| fs::read_to_string(path).unwrap_or_default());
    let mut total = Lines::default();
    for (name, lines) in &counted.crates {
        println!("{name:16} {:6} lines {:6.2} %", lines.all, lines.percent());
        total.all += lines.all;
        total.ran += lines.ran;
    }
    println!("left out: code of tests, components/, and what runs inside a component only:");
    println!("  {}", counted.left_out.iter().map(String::as_str).collect::<Vec<_>>().join("\n  "));
    if total.all == 0 {
        return Err(Error::failed("llvm-cov counted no lines"));
    }
    let percent = total.percent();
    println!(
        "{percent:.2} % of {} lines of the product's native code ran; {:.0} % are required",
        total.all, options.minimum
    );
    Ok(u8::from(percent < options.minimum))
}

#[derive(Debug, Default, PartialEq)]
struct Lines {
    all: u32,
    ran: u32,
}

impl Lines {
    fn percent(&self) -> f64 {
        f64::from(self.ran) * 100.0 / f64::from(self.all.max(1))
    }
}

#[derive(Debug, Default, PartialEq)]
struct Counted {
    crates: BTreeMap<String, Lines>,
    left_out: BTreeSet<String>,
}

/// Counts the lines of an lcov report (`SF:` begins a file, `DA:line,times` is a line) by crate.
fn count(lcov: &str, read: &dyn Fn(&str) -> String) -> Counted {
    let mut counted = Counted::default();
    for file in lcov.split("end_of_record") {
        let Some(path) = file.lines().find_map(|line| line.strip_prefix("SF:")) else { continue };
        let (_, place) = path.split_once("/crates/").unwrap_or(("", path));
        let text = read(path);
        if TEST_FILES.iter().any(|part| path.contains(part)) {
            continue;
        }
        if text.lines().any(|line| WASM_ONLY.iter().any(|start| line.starts_with(start))) {
            counted.left_out.insert(place.to_owned());
            continue;
        }
        let end = tests_begin(&text);
        let lines = counted.crates.entry(place.split('/').next().unwrap_or_default().to_owned()).or_default();
        for line in file.lines().filter_map(|line| line.strip_prefix("DA:")) {
            let (number, times) = line.split_once(',').unwrap_or_default();
            if number.parse().is_ok_and(|number: usize| number < end) {
                lines.all += 1;
                lines.ran += u32::from(times != "0");
            }
        }
    }
    counted
}

/// The line from which on a file is its tests: they stand last.
fn tests_begin(text: &str) -> usize {
    let lines: Vec<&str> = text.lines().collect();
    let is_module = |line: &str| line.split_whitespace().any(|word| word == "mod") && line.ends_with('{');
    let begins = |pair: &[&str]| matches!(pair, ["#[cfg(test)]", next] if is_module(next));
    lines.windows(2).position(begins).map_or(usize::MAX, |place| place + 1)
}

/// The folder of the tools, installed if they are missing.
fn tools() -> Result<PathBuf> {
    let sysroot = output(Command::new("rustc").args(["--print", "sysroot"]))?;
    let folder = || {
        let libraries = fs::read_dir(Path::new(sysroot.trim()).join("lib/rustlib")).into_iter().flatten().flatten();
        libraries.map(|entry| entry.path().join("bin")).find(|folder| folder.join("llvm-cov").is_file())
    };
    if let Some(found) = folder() {
        return Ok(found);
    }
    eprintln!("adding Rust's llvm-tools");
    output(Command::new("rustup").args(["component", "add", "llvm-tools"]))?;
    folder().ok_or_else(|| Error::misuse("llvm-cov is missing: rustup component add llvm-tools"))
}

fn with_extension(folder: &Path, extension: &str) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).while_doing(format!("read {}", folder.display()))?;
    let paths = entries.flatten().map(|entry| entry.path());
    Ok(paths.filter(|path| path.extension().is_some_and(|found| found == extension)).collect())
}

/// The test programs that cargo names, and the programs built beside them.
fn programs(messages: &str) -> BTreeSet<PathBuf> {
    let executable = |line: &str| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        Some(PathBuf::from(message.get("executable")?.as_str()?))
    };
    let mut programs: BTreeSet<PathBuf> = messages.lines().filter_map(executable).collect();
    let own = ["mw", "mw-stack", "mw-host", "mw-sim", "mw-chaos"];
    programs.extend(own.iter().filter_map(|name| crate::prerequisites::own_program(name).ok()));
    programs
}

fn output(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().while_doing(format!("run {name}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(Error::failed(format!("{name} failed: {}", String::from_utf8_lossy(&output.stderr).trim())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_tests_do_not_count() {
        let lcov = "SF:/w/crates/a/src/x.rs\nDA:1,3\nDA:2,0\nDA:4,9\nend_of_record\n\
                    SF:/w/crates/a/src/tests.rs\nDA:1,1\nend_of_record\nSF:/w/crates/b/src/y.rs\nDA:1,0\nend_of_record\n";
        let source = "fn a() {}\nfn b() {}\n#[cfg(test)]\nmod tests {\n}\n";
        let counted = count(lcov, &|path| if path.contains("/a/") { source } else { "use wasi::x;" }.to_owned());
        assert_eq!(counted.crates, BTreeMap::from([("a".to_owned(), Lines { all: 2, ran: 1 })]));
        assert_eq!(counted.left_out, BTreeSet::from(["b/src/y.rs".to_owned()]));
    }

    #[test]
    fn cargo_names_the_test_programs() {
        let messages = "{\"executable\":\"/t/a-1\"}\n{\"executable\":null}\n{\"reason\":\"x\"}\nnoise\n";
        assert!(programs(messages).contains(Path::new("/t/a-1")));
    }
}
