//! What a file of the knowledge becomes: one document, or many when it is long; for everybody, or for the project and
//! persona that its path names.

use super::passage::{Passage, passages};
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Up to here a file is one document (contract section 15).
const WHOLE_CHARS_MAX: usize = 24_000;
/// The documents of a longer one, each of which begins with the end of the one before.
const CHUNK_CHARS: usize = 2_000;
const OVERLAP_CHARS: usize = 200;
/// Part of every hash: to be raised when the same file is cut otherwise, so that it is cut again.
const EDITION: &str = "2";

/// What is kept of a file, or of a piece of a long one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Document {
    /// The file's, below the folder; a piece of a long one ends with `_chunk<i>`.
    pub path: String,
    /// `None` is for everybody.
    pub project: Option<String>,
    pub persona: Option<String>,
    pub content: String,
    /// Of all this: the same hash needs no second look.
    pub hash: String,
    pub passages: Vec<Passage>,
}

impl Document {
    /// Cuts what is kept of a file, as it is cut today: also what was kept when it was cut otherwise.
    #[must_use]
    pub fn cut(path: String, project: Option<String>, persona: Option<String>, content: String) -> Document {
        let hash = hash(project.as_deref(), persona.as_deref(), &content);
        let passages = passages(&name(&path), &content);
        Document { path, project, persona, content, hash, passages }
    }
}

/// Why a file cannot be kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    #[error("it is not JSON: {0}")]
    Json(String),
    #[error("it contains a NUL character, which PostgreSQL cannot store")]
    Nul,
    #[error("it is empty")]
    Empty,
    #[error("its path is longer than 900 characters")]
    Path,
}

/// How a file is read, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Markdown,
    /// One value, or one after the other: JSON Lines.
    Json,
    Text,
}

impl Format {
    /// `None` for a file that is no knowledge.
    #[must_use]
    pub fn of(path: &str) -> Option<Format> {
        match path.rsplit_once('.')?.1.to_ascii_lowercase().as_str() {
            "md" | "markdown" => Some(Format::Markdown),
            "json" | "jsonl" | "ndjson" => Some(Format::Json),
            "txt" | "text" => Some(Format::Text),
            _ => None,
        }
    }
}

/// Makes the documents of a file. `path` is its place below the folder, with `/`.
pub fn documents(path: &str, format: Format, text: &str) -> Result<Vec<Document>, Unreadable> {
    if path.chars().count() > 900 {
        return Err(Unreadable::Path);
    }
    // Lines end as the system of their writer ends them.
    let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n").replace('\r', "\n");
    let content = match format {
        Format::Markdown | Format::Text => text,
        Format::Json => rendered(&text)?,
    };
    if content.contains('\0') {
        return Err(Unreadable::Nul);
    }
    if content.trim().is_empty() {
        return Err(Unreadable::Empty);
    }
    let (project, persona) = (named_by(path, "projects"), named_by(path, "personas"));
    let document = |path, content| Document::cut(path, project.clone(), persona.clone(), content);
    if content.chars().count() <= WHOLE_CHARS_MAX {
        return Ok(vec![document(path.to_owned(), content)]);
    }
    let pieces = pieces(&content).into_iter().enumerate().filter(|(_, piece)| !piece.trim().is_empty());
    Ok(pieces.map(|(number, piece)| document(format!("{path}_chunk{number}"), piece)).collect())
}

/// A file of JSON values as Markdown, one after the other.
fn rendered(text: &str) -> Result<String, Unreadable> {
    let values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    let unreadable = |error: serde_json::Error| Unreadable::Json(error.to_string());
    let parts = values.map(|value| value.and_then(|value| part(&value)).map_err(unreadable));
    Ok(parts.collect::<Result<Vec<String>, _>>()?.join("\n\n"))
}

/// A value as Markdown: its name, title and description first, then all of it.
fn part(value: &Value) -> Result<String, serde_json::Error> {
    let said = |member: &str| value.get(member).and_then(Value::as_str).filter(|text| !text.trim().is_empty());
    let mut parts: Vec<String> = Vec::new();
    parts.extend(said("name").map(|name| format!("# {name}")));
    parts.extend(said("title").map(|title| format!("## {title}")));
    parts.extend(said("description").map(str::to_owned));
    parts.push(format!("```json\n{}\n```", serde_json::to_string_pretty(value)?));
    Ok(parts.join("\n\n"))
}

/// `…/projects/<name>/…`: the folder below the one of that name.
fn named_by(path: &str, folder: &str) -> Option<String> {
    let mut folders = path.split('/').rev().skip(1).collect::<Vec<_>>().into_iter().rev();
    folders.find(|name| *name == folder)?;
    let name = folders.next()?;
    let is_name = (1..=50).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_' || byte == b'-');
    is_name.then(|| name.to_owned())
}

/// The file's name in words: `prompts/clip-length.md` is about "clip length".
fn name(path: &str) -> String {
    let file = path.rsplit('/').next().unwrap_or(path);
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    stem.replace(['_', '-'], " ")
}

/// Divides a long text; together the pieces are the text, each but the first with the end of the one before.
fn pieces(content: &str) -> Vec<String> {
    let characters: Vec<char> = content.chars().collect();
    let mut pieces = Vec::new();
    let mut start = 0;
    loop {
        let piece: String = characters.iter().skip(start).take(CHUNK_CHARS).collect();
        pieces.push(piece);
        if start + CHUNK_CHARS >= characters.len() {
            return pieces;
        }
        start += CHUNK_CHARS - OVERLAP_CHARS;
    }
}

fn hash(project: Option<&str>, persona: Option<&str>, content: &str) -> String {
    let mut digest = Sha256::new();
    for part in [EDITION, project.unwrap_or_default(), persona.unwrap_or_default(), content] {
        digest.update(part.as_bytes());
        digest.update([0]);
    }
    digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn one(path: &str, text: &str) -> Document {
        let mut documents = documents(path, Format::of(path).unwrap(), text).unwrap();
        assert_eq!(documents.len(), 1);
        documents.remove(0)
    }

    #[test]
    fn the_path_says_for_whom_it_is() {
        let readers = |path: &str| {
            let document = one(path, "words");
            (document.project, document.persona)
        };
        let some = |name: &str| Some(name.to_owned());
        assert_eq!(readers("guide.md"), (None, None));
        assert_eq!(readers("projects/aismr/guide.md"), (some("aismr"), None));
        assert_eq!(readers("x/personas/riley/prompts.txt"), (None, some("riley")));
        assert_eq!(readers("projects/general/personas/iggy/a.md"), (some("general"), some("iggy")));
        assert_eq!(readers("projects/README.md"), (None, None));
        assert_eq!(readers("projects/Not A Name/x.md"), (None, None));
    }

    #[test]
    fn json_is_read_by_name_title_and_description_and_kept_whole() {
        let document = one("a.json", r#"{"name":"Iggy","title":"Director","description":"Ideas.","tone":"dry"}"#);
        assert!(document.content.starts_with("# Iggy\n\n## Director\n\nIdeas.\n\n```json\n{"), "{}", document.content);
        assert!(document.content.contains("\"tone\": \"dry\"") && document.content.ends_with("\n```"));
        assert!(one("a.json", "[1]").content.starts_with("```json"));
    }

    #[test]
    fn json_lines_are_values_one_after_the_other() {
        for path in ["a.jsonl", "a.ndjson", "a.json"] {
            let document = one(path, "{\"name\":\"Fox\",\"n\":1}\n\n{\"name\":\"Owl\",\"n\":2}\r\n");
            let titles: Vec<&str> = document.passages.iter().map(|passage| passage.title.as_str()).collect();
            assert_eq!(titles, ["a › Fox", "a › Owl"], "{path}");
        }
        let broken = documents("a.jsonl", Format::Json, "{\"a\":1}\n{\"b\":").unwrap_err().to_string();
        assert!(broken.contains("line 2"), "{broken}");
        assert_eq!(documents("a.jsonl", Format::Json, "\n").unwrap_err(), Unreadable::Empty);
    }

    #[test]
    fn every_systems_line_ends_are_lines() {
        let unix = one("a.md", "# Foxes\n\nRed.\n\n# Owls\n\nGrey.");
        for end in ["\r\n", "\r"] {
            assert_eq!(one("a.md", &unix.content.replace('\n', end)), unix, "{end:?}");
        }
    }

    #[test]
    fn what_cannot_be_kept_is_said() {
        let refused = |path: &str, text: &str| documents(path, Format::of(path).unwrap(), text).unwrap_err();
        assert!(matches!(refused("a.json", "{"), Unreadable::Json(_)));
        assert_eq!(refused("a.md", "a\0b"), Unreadable::Nul);
        assert_eq!(refused("a.md", " \n"), Unreadable::Empty);
        assert_eq!(refused(&format!("{}.md", "a".repeat(900)), "x"), Unreadable::Path);
        assert_eq!((Format::of("a.png"), Format::of("LICENSE")), (None, None));
    }

    #[test]
    fn another_reader_is_another_hash() {
        assert_ne!(one("projects/a/x.md", "words").hash, one("projects/b/x.md", "words").hash);
        assert_ne!(one("projects/a/x.md", "words").hash, one("personas/a/x.md", "words").hash);
        assert_eq!(one("x.md", "words").hash, one("y.md", "words").hash);
    }

    #[test]
    fn a_file_is_divided_only_above_24_000_characters() {
        let made = |length: usize| documents("long.md", Format::Markdown, &"ä".repeat(length)).unwrap();
        assert_eq!(made(24_000).len(), 1);
        let pieces = made(24_001);
        assert_eq!(pieces.len(), 14);
        assert_eq!((pieces[0].path.as_str(), pieces[13].path.as_str()), ("long.md_chunk0", "long.md_chunk13"));
    }

    proptest! {
        #[test]
        fn pieces_are_the_text_with_their_overlaps(length in 0_usize..9_000) {
            let text: String = (0..length).map(|n| char::from(b'a' + (n % 26) as u8)).collect();
            let pieces = pieces(&text);
            let mut joined = pieces[0].clone();
            for pair in pieces.windows(2) {
                prop_assert_eq!(&pair[0][pair[0].len() - OVERLAP_CHARS..], &pair[1][..OVERLAP_CHARS]);
                joined.push_str(&pair[1][OVERLAP_CHARS..]);
            }
            prop_assert!(pieces.iter().all(|piece| piece.len() <= CHUNK_CHARS));
            prop_assert_eq!(joined, text);
        }

        #[test]
        fn any_text_becomes_documents_or_a_reason(text in "\\PC{0,400}") {
            for path in ["a.md", "a.json", "a.txt"] {
                if let Ok(made) = documents(path, Format::of(path).unwrap(), &text) {
                    prop_assert!(!made.is_empty() && made.iter().all(|document| !document.passages.is_empty()));
                }
            }
        }
    }

    #[test]
    fn what_is_kept_is_cut_again_to_the_same() {
        let long = "A sentence about clips. ".repeat(2000);
        for (path, text) in [("projects/aismr/a.md", "# Light\n\nSoft."), ("general/long.md", long.as_str())] {
            for kept in documents(path, Format::Markdown, text).unwrap() {
                let Document { path, project, persona, content, .. } = kept.clone();
                assert_eq!(Document::cut(path, project, persona, content), kept);
            }
        }
    }
}
