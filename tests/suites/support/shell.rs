//! Lines of the docs, as a person types them: in a shell, with our own `mw`, against a stack.

use mw_stack::stack::Stack;
use mw_stack::with::environment;
use std::process::{Command, Output};

/// Runs a line; addresses of the docs mean this stack.
pub(crate) fn shell(stack: &Stack, line: &str, variables: &[(&str, &str)]) -> Output {
    let program = mw_stack::prerequisites::own_program("mw").unwrap();
    let path = format!("{}:{}", program.parent().unwrap().display(), std::env::var("PATH").unwrap());
    let here = line.replace("http://127.0.0.1:3000", &stack.base_url());
    let here = if here.starts_with("curl ") { format!("{here} --fail-with-body") } else { here };
    Command::new("bash")
        .args(["-euo", "pipefail", "-c", &here])
        .current_dir(mw::folder::root().unwrap())
        .envs(environment(stack))
        .envs([("PATH", path.as_str()), ("MWPY_SKIP_DOTENV", "1")])
        .envs(variables.iter().copied())
        .output()
        .unwrap()
}

/// Runs a line that must succeed and print this part.
#[track_caller]
pub(crate) fn says(stack: &Stack, line: &str, variables: &[(&str, &str)], part: &str) -> String {
    let output = shell(stack, line, variables);
    let text = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap()).concat();
    assert!(output.status.success() && text.contains(part), "{line}: {part} is not in {text}");
    text
}
