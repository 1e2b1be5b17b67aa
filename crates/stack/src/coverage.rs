//! How much of the native crates the tests ran: merges what the instrumented programs wrote, prints a table, and fails
//! below the minimum. Uses the LLVM tools that come with Rust (`rustup component add llvm-tools`).

use mw::error::{Error, Result, While};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Not ours, tests themselves, and what only runs inside a component.
const IGNORED: &str =
    r"(/\.cargo/|/rustc/|/\.rustup/|/target/|/tests/|/components/|/conformance/|/crates/web/|/build\.rs$)";

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
    let mut report = Command::new(tools.join("llvm-cov"));
    report.args([
        "report",
        "--ignore-filename-regex",
        IGNORED,
        "--show-region-summary=false",
        "--show-branch-summary=false",
    ]);
    report.arg("--instr-profile").arg(&merged);
    for program in programs(&messages) {
        report.arg("--object").arg(program);
    }
    let table = output(&mut report)?;
    println!("{}", table.trim_end());
    let percent = total(&table).ok_or_else(|| Error::failed("llvm-cov printed no total"))?;
    println!("{percent:.2} % of the lines of the native crates ran; {:.0} % are required", options.minimum);
    Ok(u8::from(percent < options.minimum))
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

/// The last percentage of the line of totals.
fn total(table: &str) -> Option<f64> {
    let line = table.lines().find(|line| line.starts_with("TOTAL"))?;
    line.split_whitespace().rev().find_map(|word| word.strip_suffix('%'))?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_is_that_of_the_lines() {
        let table = "Filename  Functions  Missed  Executed  Lines  Missed  Cover\na.rs 1 0 100.00% 2 1 50.00%\nTOTAL 10 1 90.00% 200 31 84.50%\n";
        assert_eq!(total(table), Some(84.5));
        assert_eq!(total("nothing"), None);
    }

    #[test]
    fn cargo_names_the_test_programs() {
        let messages = "{\"executable\":\"/t/a-1\"}\n{\"executable\":null}\n{\"reason\":\"x\"}\nnoise\n";
        assert!(programs(messages).contains(Path::new("/t/a-1")));
    }
}
