//! A server that speaks nothing but TLS, whose administrator is no superuser: connecting by every mode, and the commands that do.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may panic")]

use mw::folder;
use mw_postgresql::Address;
use mw_stack::database::Database;
use std::process::Command;

/// The address with these options in the place of its own, and the file of the authority.
fn with(database: &Database, options: &str) -> (String, String) {
    let (before, query) = database.url().split_once('?').unwrap();
    let file = query.split("sslrootcert=").nth(1).unwrap().split('&').next().unwrap().to_owned();
    (format!("{before}?{}", options.replace("FILE", &file)), file)
}

/// Whether the session is encrypted, or why there is none.
fn encrypted(database: &Database, options: &str) -> Result<bool, String> {
    let address = Address::read(&with(database, options).0).unwrap();
    let mut client = address.connect("tls").map_err(|error| error.to_string())?;
    let sql = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    Ok(client.query_one(sql, &[]).unwrap().get(0))
}

#[test]
fn each_mode_does_what_it_says() {
    let database = Database::managed(&folder::root().unwrap()).unwrap();
    for options in [
        "",
        "sslmode=prefer",
        "sslmode=require",
        "sslmode=require&sslrootcert=FILE",
        "sslmode=verify-ca&sslrootcert=FILE",
        "sslmode=verify-full&sslrootcert=FILE",
        "sslmode=verify-full&sslrootcert=FILE&channel_binding=require",
        "sslmode=require&channel_binding=require",
        "sslmode=require&channel_binding=disable",
        "sslmode=require&pgbouncer=true",
    ] {
        assert_eq!(encrypted(&database, options), Ok(true), "{options}");
    }
    for (options, part) in [
        ("sslmode=disable", "no encryption; the server wants TLS: add sslmode=require"),
        ("sslmode=verify-full", "UnknownIssuer; add sslrootcert=FILE"),
        ("sslmode=verify-ca&sslrootcert=system", "UnknownIssuer; add sslrootcert=FILE"),
        ("sslmode=verify-full&sslrootcert=%2Fno%2Fsuch.pem", "sslrootcert /no/such.pem cannot be read"),
        ("sslmode=verify-full&sslrootcert=%2Fetc%2Fhostname", "it has no certificate"),
    ] {
        let said = encrypted(&database, options).unwrap_err();
        assert!(said.contains(part), "{options}: {said}");
    }
    let by_name = database.url().replace("@127.0.0.1:", "@localhost:");
    assert!(Address::read(&by_name).unwrap().connect("tls").is_ok());
}

#[test]
fn the_administrator_is_no_superuser() {
    let database = Database::managed(&folder::root().unwrap()).unwrap();
    let mut admin = Address::read(database.url()).unwrap().connect("tls").unwrap();
    let sql = "SELECT current_setting('is_superuser'),
                      (SELECT tableowner::text FROM pg_tables WHERE schemaname = 'public' AND tablename = 'runs')";
    let row = admin.query_one(sql, &[]).unwrap();
    assert_eq!((row.get::<_, &str>(0), row.get::<_, &str>(1)), ("off", "myloware_owner"));
    let mut app = Address::read(&database.app_url().unwrap()).unwrap().connect("tls").unwrap();
    assert_eq!(app.query_one("SELECT current_user::text", &[]).unwrap().get::<_, &str>(0), "myloware_app");
    assert!(app.batch_execute("CREATE TABLE x (x int)").is_err());
}

#[test]
fn backups_go_by_tls_too() {
    let database = Database::managed(&folder::root().unwrap()).unwrap();
    let file = std::env::temp_dir().join(format!("mw-tls-{}.dump", std::process::id()));
    let mw = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mw"));
        let url = with(&database, "sslmode=verify-full&sslrootcert=FILE&channel_binding=require").0;
        command
            .args(arguments)
            .env("DATABASE_URL", url)
            .env("MWPY_SKIP_DOTENV", "1")
            .current_dir(folder::root().unwrap());
        let output = command.output().unwrap();
        let said = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap()).concat();
        assert!(output.status.success(), "{arguments:?}: {said}");
        said
    };
    mw(&["projects", "apply"]);
    mw(&["backup", "--to", file.to_str().unwrap()]);
    assert!(mw(&["restore", file.to_str().unwrap()]).contains("the doctor finds nothing"));
    assert!(mw(&["db", "status"]).contains("functions are applied"));
    for made in [file.clone(), file.with_extension("dump.json")] {
        std::fs::remove_file(made).unwrap();
    }
}
