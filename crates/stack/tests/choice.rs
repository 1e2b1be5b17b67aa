//! ./dev hands its choice of a host on. Programs of its own stand in for those that it would install and run.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may panic")]

use std::{fs, os::unix::fs::PermissionsExt, process::Command};

/// What the first thing that `./dev ARGUMENTS` builds or checks sees as MW_HOST.
fn choice(arguments: &[&str], environment: &[(&str, &str)]) -> String {
    let folder = std::env::temp_dir().join(format!("mw-dev-{}", mw_stack::secrets::random()));
    let programs = folder.join("programs");
    fs::create_dir_all(&programs).unwrap();
    // Elsewhere, since it works in its own folder.
    fs::copy(mw::folder::root().unwrap().join("dev"), folder.join("dev")).unwrap();
    let notes = folder.join("notes");
    let notice = format!("#!/bin/sh\necho \"$MW_HOST\" >'{}'\nexit 9\n", notes.display());
    for (name, text) in [("cargo", notice.as_str()), ("promtool", "#!/bin/sh\n"), ("apt-cache", "#!/bin/sh\nexit 1\n")]
    {
        fs::write(programs.join(name), text).unwrap();
        fs::set_permissions(programs.join(name), fs::Permissions::from_mode(0o755)).unwrap();
    }
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    let mut command = Command::new("bash");
    command
        .arg(folder.join("dev"))
        .args(arguments)
        .env("PATH", path)
        .env_remove("MW_HOST")
        .env_remove("CARGO_TARGET_DIR");
    let output = command.envs(environment.iter().copied()).output().unwrap();
    let noted = fs::read_to_string(&notes).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    fs::remove_dir_all(folder).unwrap();
    noted.trim().to_owned()
}

#[test]
fn the_choice_of_a_host_is_handed_on() {
    for (arguments, expected) in [
        (&["test", "--host", "spin"][..], "spin"),
        (&["test", "--host=spin"], "spin"),
        (&["test", "--host", "local"], "local"),
        (&["up", "--host", "spin"], "spin"),
    ] {
        assert_eq!(choice(arguments, &[]), expected, "{arguments:?}");
    }
    assert_eq!(choice(&["test"], &[("MW_HOST", "spin")]), "spin");
}
