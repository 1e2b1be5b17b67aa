//! Which system user runs PostgreSQL. PostgreSQL refuses to run as root, so root hands it to another user:
//! the owner of the cluster if there is one, else Debian's `postgres`, else `nobody`.
//!
//! When that user can't reach the clone (say /root, mode 0700), the server keeps the one capability that lets it pass
//! through folders that are closed to it (CAP_DAC_OVERRIDE); PostgreSQL itself only minds being user 0.

use mw::error::{Error, Result, While};
use std::{
    ffi::OsStr,
    os::unix::fs::{MetadataExt, chown},
    path::Path,
    process::{Command, Stdio},
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    user: u32,
    group: u32,
    passes_closed_folders: bool,
}

impl Account {
    /// None when we are an ordinary user, who runs the server himself.
    pub fn choose(folder: &Path, data: &Path) -> Result<Option<Self>> {
        if !rustix::process::geteuid().is_root() {
            return refuse_foreign(data).map(|()| None);
        }
        let owner = std::fs::metadata(data).ok().map(|data| (data.uid(), data.gid()));
        let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        let (user, group) = owner.filter(|(user, _)| *user != 0).or_else(|| unprivileged(&passwd)).ok_or_else(|| {
            Error::misuse("PostgreSQL does not run as root and there is neither a `postgres` nor a `nobody` user: run as an ordinary user")
        })?;
        let plain = Self { user, group, passes_closed_folders: false };
        let reaches = plain.command("test").arg("-x").arg(folder).stderr(Stdio::null()).status();
        let reaches = reaches.map_err(|error| {
            Error::misuse(format!("cannot run setpriv ({error}): install util-linux, or run as an ordinary user"))
        })?;
        Ok(Some(Self { passes_closed_folders: !reaches.success(), ..plain }))
    }

    /// A command that runs `program` as this user.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("setpriv");
        command.args(self.arguments()).arg(program);
        command
    }

    fn arguments(&self) -> Vec<String> {
        let mut arguments =
            vec![format!("--reuid={}", self.user), format!("--regid={}", self.group), "--clear-groups".into()];
        if self.passes_closed_folders {
            arguments.extend(["--inh-caps=+dac_override".into(), "--ambient-caps=+dac_override".into()]);
        }
        arguments
    }

    /// Gives a file or folder to this user.
    pub fn give(&self, path: &Path) -> Result<()> {
        chown(path, Some(self.user), Some(self.group))
            .while_doing(format!("give {} to PostgreSQL's user", path.display()))
    }
}

fn refuse_foreign(data: &Path) -> Result<()> {
    let ours = rustix::process::geteuid().as_raw();
    match std::fs::metadata(data) {
        Ok(found) if found.uid() != ours => Err(Error::misuse(format!(
            "{} belongs to another user (it was made by root?): start as that user, or remove it with sudo rm -rf",
            data.display()
        ))),
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            Err(Error::misuse(format!("{} is closed to this user: start as the one who made it", data.display())))
        }
        _ => Ok(()),
    }
}

/// (user id, group id) of `postgres`, else of `nobody`.
fn unprivileged(passwd: &str) -> Option<(u32, u32)> {
    let find = |name: &str| {
        let mut fields = passwd.lines().find(|line| line.split(':').next() == Some(name))?.split(':').skip(2);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    };
    find("postgres").or_else(|| find("nobody"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65533:n:/:/bin/false\n";

    #[test]
    fn the_debian_user_comes_before_nobody() {
        assert_eq!(unprivileged(PASSWD), Some((65534, 65533)));
        let debian = format!("{PASSWD}postgres:x:101:104::/var/lib/postgresql:/bin/bash\n");
        assert_eq!(unprivileged(&debian), Some((101, 104)));
        assert_eq!(unprivileged("root:x:0:0::/:/bin/sh"), None);
    }

    #[test]
    fn the_capability_is_kept_only_when_needed() {
        let mut account = Account { user: 101, group: 104, passes_closed_folders: false };
        assert_eq!(account.arguments(), ["--reuid=101", "--regid=104", "--clear-groups"]);
        account.passes_closed_folders = true;
        assert!(account.arguments().contains(&"--ambient-caps=+dac_override".to_owned()));
    }
}
