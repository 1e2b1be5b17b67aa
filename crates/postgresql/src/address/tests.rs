use super::*;
use proptest::prelude::*;

fn read(text: &str) -> Address {
    Address::read(text).unwrap_or_else(|fault| panic!("{text}: {fault}"))
}

fn fault(text: &str) -> String {
    Address::read(text).unwrap_err().to_string()
}

#[test]
fn schemes_of_other_programs_are_postgresqls() {
    for scheme in ["postgresql", "postgres", "postgresql+psycopg", "postgresql+asyncpg"] {
        let address = read(&format!(" {scheme}://u:p@db.example/x\n"));
        assert_eq!(address.host_and_port().unwrap(), "db.example:5432");
        assert_eq!(address.text(), "postgresql://u:p@db.example:5432/x");
    }
    for other in ["mysql://h/x", "nonsense", "", "postgresql:/h", "host=h dbname=x", "https://h/x", "postgresqlx://h/x"]
    {
        assert_eq!(Address::read(other), Err(Fault::Shape), "{other}");
    }
}

#[test]
fn places_are_hosts_with_ports() {
    for (text, place) in [
        ("postgres://u:p@127.0.0.1:54329/x?sslmode=disable", "127.0.0.1:54329"),
        ("postgres://u@[::1]:5/x", "[::1]:5"),
        ("postgres://[::1]/x", "[::1]:5432"),
        ("postgres://h", "h:5432"),
        ("postgres://h?sslmode=require", "h:5432"),
    ] {
        assert_eq!(read(text).host_and_port().unwrap(), place, "{text}");
    }
    assert_eq!(Address::read("postgresql:///x"), Err(Fault::NoHost));
    assert_eq!(Address::read("postgresql://u:p@/x"), Err(Fault::NoHost));
    assert_eq!(Address::read("postgresql://a:1,b:2/x"), Err(Fault::SeveralHosts));
    assert_eq!(Address::read("postgresql://h:port/x"), Err(Fault::Port));
    let socket = read("postgresql:///x?host=%2Fvar%2Frun%2Fpostgresql");
    assert_eq!(socket, read("postgresql://%2Fvar%2Frun%2Fpostgresql/x"));
    assert_eq!((socket.host_and_port(), socket.for_spin()), (Err(Fault::Socket), Err(Fault::Socket)));
    assert_eq!(read(&socket.text()), socket);
}

#[test]
fn raw_signs_in_a_password_give_a_hint() {
    for password in
        ["p@ss-w0rd", "p#ss-w0rd", "p/ss-w0rd", "p?ss-w0rd", "p@ss/w?0#rd", "100%-w0rd", "p?sslmode=w0rd", "p@x?y=w0rd"]
    {
        for rest in ["h/x", "h:5432/x?sslmode=require", "h"] {
            let sentence = fault(&format!("postgresql://walter:{password}@{rest}"));
            assert!(sentence.contains("percent-encode") && sentence.contains("@ as %40"), "{password}: {sentence}");
            assert!(
                !sentence.contains("w0rd") && !sentence.contains("ss-") && !sentence.contains("walter"),
                "{sentence}"
            );
        }
    }
    let encoded = read("postgresql://a%40b:p%40s%23s%2Fw%3Fo%25r%3Ad@h/x");
    assert_eq!(encoded, read("postgresql://h/x").with_role("a@b", "p@s#s/w?o%r:d"));
    assert_eq!(read("postgresql://a:b:c@h/x"), read("postgresql://h/x").with_role("a", "b:c"));
}

#[test]
fn options_of_others_are_named_and_ignored() {
    let address = read(
        "postgresql://u:p@h/x?pgbouncer=true&connection_limit=1&supa=base-pooler.x&sslmode=require&schema=public&target_session_attrs=read-write&gssencmode=disable",
    );
    let ignored: Vec<&str> = address.ignored().iter().map(|ignored| ignored.name).collect();
    assert_eq!(ignored, ["pgbouncer", "connection_limit", "supa", "schema", "target_session_attrs", "gssencmode"]);
    assert_eq!(address.for_spin().unwrap(), "postgresql://u:p@h:5432/x?sslmode=require");
    assert_eq!(address.strange_to_spin(), ignored);
}

#[test]
fn options_that_protect_are_never_dropped() {
    for (option, part) in [
        ("sslcert=x", "sslcert, which asks for a certificate of the client"),
        ("ssl=true", "ssl, which is of other drivers: write sslmode=require"),
        ("sslcrl=x", "sslcrl"),
        ("gssencmode=require", "gssencmode"),
        ("require_auth=scram-sha-256", "require_auth"),
        ("sslmode=no-verify", "sslmode, which must be disable, prefer"),
        ("channel_binding=yes", "channel_binding, which must be"),
        ("target_session_attrs=standby", "target_session_attrs, which must be read-write"),
        ("password=x", "password, which belongs before"),
        ("schema=media", "schema, which is not of PostgreSQL"),
        ("connect_timeout=soon", "connect_timeout, which must be a number"),
        ("colour=blue", "colour, which nothing here knows"),
    ] {
        let sentence = fault(&format!("postgresql://u:p@h/x?{option}"));
        assert!(sentence.contains(part), "{option}: {sentence}");
    }
    // A name that could be something else is not said.
    assert_eq!(Address::read("postgresql://u:p@h/x?hunter2%21=1"), Err(Fault::Raw));
}

#[test]
fn each_mode_asks_for_what_it_says() {
    let trust = |options: &str| read(&format!("postgresql://h/x?sslrootcert=/ca.pem{options}")).trust();
    let file = Roots::File("/ca.pem".into());
    assert_eq!(trust("&sslmode=disable"), None);
    assert_eq!(trust(""), Some(Trust::Anybody));
    assert_eq!(trust("&sslmode=require"), Some(Trust::Chain(file.clone())));
    assert_eq!(trust("&sslmode=verify-ca"), Some(Trust::Chain(file.clone())));
    assert_eq!(trust("&sslmode=verify-full"), Some(Trust::Name(file)));
    let system = read("postgresql://h/x?sslmode=verify-full&sslrootcert=system").trust();
    assert_eq!(system, Some(Trust::Name(Roots::System)));
}

#[test]
fn spin_gets_what_its_driver_reads() {
    let given = "postgresql+psycopg://u:p%40ss@h/x?sslmode=verify-full&sslrootcert=/ca.pem&channel_binding=require&options=-c%20search_path%3Dmedia";
    let address = read(given);
    assert_eq!(address.strange_to_spin(), ["the driver in its scheme", "sslmode=verify-…", "sslrootcert"]);
    assert_eq!(address.root_file(), Some(std::path::Path::new("/ca.pem")));
    let for_spin = address.for_spin().unwrap();
    let config: postgres::Config = for_spin.parse().unwrap();
    assert_eq!(config.get_password(), Some("p@ss".as_bytes()));
    assert_eq!(config.get_options(), Some("-c search_path=media"));
    assert_eq!(config.get_ssl_mode(), postgres::config::SslMode::Require);
    assert_eq!(config.get_channel_binding(), postgres::config::ChannelBinding::Require);
    assert!(read("postgresql://u:p@h/x?sslmode=require").strange_to_spin().is_empty());
}

#[test]
fn addresses_become_the_librarys_variables() {
    let address = read(
        "postgresql+psycopg://ann:p%40ss+w@[::1]:6000/media?sslmode=verify-full&sslrootcert=system&channel_binding=require",
    );
    let expected = [
        ("PGHOST", "::1"),
        ("PGPORT", "6000"),
        ("PGUSER", "ann"),
        ("PGDATABASE", "media"),
        ("PGPASSWORD", "p@ss+w"),
        ("PGSSLMODE", "verify-full"),
        ("PGSSLROOTCERT", "system"),
        ("PGCHANNELBINDING", "require"),
        ("PGCONNECT_TIMEOUT", "10"),
    ];
    let found = address.environment(17);
    let found: Vec<(&str, &str)> = found.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(found, expected);
}

#[test]
fn the_password_is_not_shown() {
    let shown = format!("{:?}", read("postgresql://ann:hunter2@h/x"));
    assert_eq!(shown, "Address(h:5432)");
}

proptest! {
    #[test]
    fn whatever_is_encoded_comes_back(user in "\\PC{1,12}", password in "\\PC{1,20}", database in "\\PC{1,12}") {
        let address = read("postgresql://h/x").with_role(&user, &password).with_database(&database);
        prop_assert_eq!(&read(&address.text()), &address);
        let config: postgres::Config = address.for_spin().unwrap().parse().unwrap();
        prop_assert_eq!(config.get_user(), Some(user.as_str()));
        prop_assert_eq!(config.get_password(), Some(password.as_bytes()));
        prop_assert_eq!(config.get_dbname(), Some(database.as_str()));
    }

    #[test]
    fn no_password_is_ever_told(password in "[!-~]{8,24}", rest in "[!-~]{0,12}") {
        if let Err(fault) = Address::read(&format!("postgresql://user:{password}@h{rest}")) {
            let sentence = fault.to_string();
            let told = password.as_bytes().windows(6).any(|piece| {
                std::str::from_utf8(piece).is_ok_and(|piece| sentence.contains(piece))
            });
            prop_assert!(!told, "{}", sentence);
        }
    }

    #[test]
    fn any_text_is_judged(text in "\\PC{0,80}") {
        let _ = Address::read(&text);
        let _ = Address::read(&format!("postgresql://{text}"));
    }
}
