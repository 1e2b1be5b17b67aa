//! `.env` files, read by the library that Spin reads them with, so that `mw`, `./dev` and both hosts find the same values in
//! the same file: comments after values, quotes, `export`, `$NAME` outside of single quotes, values of several lines.
//!
//! [`parse_lines`] reads a text, [`read`] a file, [`line`] writes what they read.

use std::{collections::BTreeMap, fs, io, path::Path};

/// Why a file says nothing. Names settings, and never a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    #[error("line {0} ({1}) cannot be read: put single quotes around its value")]
    Value(usize, String),
    #[error("line {0} is not NAME=VALUE")]
    Line(usize),
    #[error("it cannot be read: {0}")]
    File(io::ErrorKind),
}

/// What the file sets; nothing where there is no such file.
pub fn read(path: &Path) -> Result<BTreeMap<String, String>, Unreadable> {
    match fs::read_to_string(path) {
        Ok(text) => parse_lines(&text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeMap::new()),
        Err(error) => Err(Unreadable::File(error.kind())),
    }
}

/// What NAME=VALUE lines set; of two lines for one name the last counts.
pub fn parse_lines(text: &str) -> Result<BTreeMap<String, String>, Unreadable> {
    // Editors of other systems begin a file with a mark of its encoding, end lines otherwise, or leave the last one open.
    let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n").replace('\r', "\n") + "\n";
    dotenvy::from_read_iter(text.as_bytes()).map(|pair| pair.map_err(|error| unreadable(&text, &error))).collect()
}

/// The library shows what it could not read, which may be a secret; we say where it stands.
fn unreadable(text: &str, error: &dotenvy::Error) -> Unreadable {
    let at = match error {
        dotenvy::Error::LineParse(piece, _) => text.find(piece.trim()).unwrap_or_default(),
        dotenvy::Error::Io(error) => return Unreadable::File(error.kind()),
        _ => 0,
    };
    let above = text.get(..at).unwrap_or_default();
    let begin = above.rfind('\n').map_or(0, |end| end + 1);
    let number = above.matches('\n').count() + 1;
    let line = text.get(begin..).and_then(|rest| rest.lines().next()).unwrap_or_default();
    let name = line.split_once('=').map(|(name, _)| name.trim().trim_start_matches("export ").trim());
    let is_name = |name: &&str| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.')
    };
    name.filter(is_name).map_or(Unreadable::Line(number), |name| Unreadable::Value(number, name.to_owned()))
}

/// The line that sets a name to this value, whatever is in it.
#[must_use]
pub fn line(name: &str, value: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/@%+=,?&".contains(&byte);
    if value.bytes().all(is_plain) {
        return format!("{name}={value}");
    }
    if !value.contains(['\'', '\\']) {
        return format!("{name}='{value}'");
    }
    let mut quoted = String::new();
    for character in value.chars() {
        if matches!(character, '\\' | '"' | '$') {
            quoted.push('\\');
        }
        quoted.push(character);
    }
    format!("{name}=\"{quoted}\"")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[test]
    fn lines_are_read_as_dotenv_reads_them() {
        for (text, expected) in [
            ("A=1", "1"),
            ("\u{feff}A=1", "1"),
            ("A=1 # the first", "1"),
            ("A=1#2", "1#2"),
            ("# A=0\nA=1\r\n", "1"),
            ("A=0\rA=1\r", "1"),
            ("export A = \"two words\"", "two words"),
            ("A='x=y # z'", "x=y # z"),
            ("A='$HOME'", "$HOME"),
            ("A=\"a \\\"b\\\"\" # c", "a \"b\""),
            ("A='one\ntwo'", "one\ntwo"),
            ("B=x\nA=${B}y", "xy"),
            ("A=", ""),
        ] {
            assert_eq!(parse_lines(text).map(|read| read["A"].clone()), Ok(expected.to_owned()), "{text:?}");
        }
    }

    #[test]
    fn a_line_that_cannot_be_read_is_named_without_its_value() {
        for (text, expected) in [
            ("GOOD=1\nAPI_KEY=hunter2 and more", Unreadable::Value(2, "API_KEY".to_owned())),
            ("A=1\n\nexport API_KEY = hunter2=hunter2 hunter2\nB=2", Unreadable::Value(3, "API_KEY".to_owned())),
            ("API_KEY='hunter2", Unreadable::Value(1, "API_KEY".to_owned())),
            ("A=1\nhunter2", Unreadable::Line(2)),
        ] {
            let refused = parse_lines(text).unwrap_err();
            assert!(!refused.to_string().contains("hunter2"), "{refused}");
            assert_eq!(refused, expected, "{text:?}");
        }
    }

    #[test]
    fn white_space_at_the_end_is_nothing() {
        assert_eq!(parse_lines("A=1 ").map(|read| read["A"].clone()), Ok("1".to_owned()));
        assert_eq!(parse_lines("A=1 # it's\nB=2\t").map(|read| read.len()), Ok(2));
    }

    #[test]
    fn what_is_written_is_read_as_it_was() {
        for value in [
            "",
            "plain",
            "postgresql://u:p@h:5432/x?sslmode=require",
            "a b",
            "a#b #c",
            "it's",
            "$HOME",
            "'$\\\"`",
            "\\n",
        ] {
            let read = parse_lines(&line("A", value)).unwrap();
            assert_eq!(read["A"], value, "{}", line("A", value));
        }
    }

    #[test]
    fn only_a_missing_file_sets_nothing() {
        let folder = std::env::temp_dir();
        assert_eq!(read(&folder.join("no-such-file.env")), Ok(BTreeMap::new()));
        assert!(matches!(read(&folder), Err(Unreadable::File(_))), "a folder is no file");
    }
}
