//! The private cluster for real: made, started, shared, crashed, started again. Runs as whoever runs the tests, root included.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use mw::{
    dev::{cluster::Cluster, database::Database},
    migrations,
};
use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};

/// A folder of its own that the PostgreSQL user can't pass through.
struct Closed(PathBuf);

impl Closed {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("mw-cluster-{}", mw::dev::secrets::random()));
        fs::create_dir(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
        Self(folder)
    }
}

impl Drop for Closed {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn setting(url: &str, name: &str) -> String {
    migrations::connect(url).unwrap().query_one("SELECT current_setting($1)", &[&name]).unwrap().get(0)
}

#[test]
fn a_cluster_lives_as_long_as_somebody_uses_it() {
    let place = Closed::new();
    let cluster = Cluster::fast(&place.0);
    let first = cluster.enter().unwrap();
    let url = first.superuser_url("postgres").unwrap();
    assert_eq!(setting(&url, "max_connections"), "800");
    assert_eq!(setting(&url, "listen_addresses"), "127.0.0.1");
    assert_eq!(setting(&url, "fsync"), "off");
    assert!(migrations::connect(&url.replace(":postgres@", ":x@").replacen("postgres:", "mw:", 1)).is_err());

    let second = cluster.enter().unwrap();
    drop(first);
    assert_eq!(setting(&url, "max_connections"), "800");
    assert!(!cluster.stop_if_unused().unwrap());
    second.restart("immediate").unwrap();
    assert_eq!(setting(&url, "max_connections"), "800");
    drop(second);
    assert!(migrations::connect(&url).is_err(), "the last one to leave stops the server");

    // A stale pid file names a process that is somebody else.
    let pid_file = place.0.join(".mw/pg-fast/data/postmaster.pid");
    fs::write(&pid_file, format!("{}\n/x\n0\n1\n\n\n\n\n", std::process::id())).unwrap();
    let again = cluster.enter().unwrap();
    let url = again.superuser_url("postgres").unwrap();

    cluster.keep(true).unwrap();
    drop(again);
    assert_eq!(setting(&url, "max_connections"), "800");
    cluster.keep(false).unwrap();
    assert!(cluster.stop_if_unused().unwrap());
}

#[test]
fn scratch_databases_are_separate_and_dropped() {
    let place = Closed::new();
    let one = Database::scratch(&place.0, None, true).unwrap();
    let other = Database::scratch(&place.0, None, true).unwrap();
    assert_ne!(one.url(), other.url());
    assert_eq!(setting(one.url(), "is_superuser"), "off");
    let mut client = migrations::connect(one.url()).unwrap();
    let list = migrations::embedded().unwrap();
    let changes = migrations::migrate(&mut client, &list).unwrap();
    assert_eq!((changes.tables.len(), changes.functions.len()), (list.tables.len(), list.functions.len()));
    assert!(migrations::migrate(&mut client, &list).unwrap().is_empty());
    assert!(migrations::status(&mut client, &list).unwrap().iter().all(|standing| standing.state == "applied"));

    client.execute("UPDATE schema_migrations SET checksum = 'x' WHERE version = 1", &[]).unwrap();
    let refused = migrations::migrate(&mut client, &list).unwrap_err().to_string();
    assert!(refused.contains("edited after it was applied"), "{refused}");

    let url = one.url().to_owned();
    drop(one);
    assert!(migrations::connect(&url).is_err());
    assert!(migrations::connect(other.url()).is_ok());
}
