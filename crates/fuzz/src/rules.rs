//! What core parses: links' tokens, definitions of projects, and bodies of render jobs.

use crate::{Seen, storable};
use mw_media::Timestamp;
use mw_media::definition::Definition;
use mw_media::knowledge::document::{Document, Format, documents};
use mw_media::run::{Context, Decided, Input, PersonaSource, Run, StartRequest, fold, start};
use mw_media::status::{GateName, ProvidersMode};

fn gate(name: &str) -> GateName {
    GateName::parse(name).unwrap()
}
use mw_media::token::{Claims, TOKEN_BYTES_MAX, issue, verify};
use mw_render::{AssetRef, JobBody};
use std::sync::LazyLock;
use time::macros::datetime;

const NOW: Timestamp = datetime!(2026-01-02 03:04:05 UTC);
const RUN: &str = "run-1";

/// Only tokens that were issued are good, for their run and gate, with their secret; every approver gets one back.
pub(crate) fn gate_token(bytes: &[u8]) -> Seen {
    let token = String::from_utf8_lossy(bytes);
    let token = token.trim_end();
    let check = |secret: &str, run: &str, gate| verify(&[secret], run, gate, token, NOW);
    let verified = check("secret", RUN, gate("ideate"));
    if verified.is_ok() {
        assert!(ISSUED.iter().any(|issued| issued == token), "a forged token is good");
        assert!(check("secret", RUN, gate("workflow")).is_err(), "good for two gates");
    }
    assert!(check("other", RUN, gate("ideate")).is_err() && check("", RUN, gate("ideate")).is_err());
    assert!(check("secret", "run-2", gate("ideate")).is_err());

    let claims = Claims {
        subject_sha256: "5".repeat(64),
        opening: u32::try_from(bytes.len()).unwrap(),
        // A principal's name has no control characters, which JSON would write as six each.
        approver: token.chars().filter(|letter| !letter.is_control()).take(100).collect(),
        expires_at: NOW.unix_timestamp() + 1,
        nonce: "0d4f6c3e-7f1f-4f0e-9f5e-3a1b2c3d4e5f".into(),
    };
    let fresh = issue("secret", RUN, gate("ideate"), &claims);
    assert!(fresh.len() <= TOKEN_BYTES_MAX);
    assert_eq!(verify(&["new", "secret"], RUN, gate("ideate"), &fresh, NOW), Ok(claims));
    Seen::from(verified.is_ok())
}

/// The good tokens of the corpus: what `issue` says for these claims.
static ISSUED: LazyLock<Vec<String>> = LazyLock::new(|| {
    ["ann", "Бригитта"]
        .into_iter()
        .map(|approver| {
            let claims = Claims {
                subject_sha256: "5".repeat(64),
                opening: 1,
                approver: approver.into(),
                expires_at: NOW.unix_timestamp() + 60,
                nonce: "n".into(),
            };
            issue("secret", RUN, gate("ideate"), &claims)
        })
        .collect()
});

/// A definition that is taken survives storage under the same digest, and a run of it is the fold of its events.
pub(crate) fn project_definition(bytes: &[u8]) -> Seen {
    let Ok(definition) = Definition::from_json(&String::from_utf8_lossy(bytes)) else { return Seen::Refused };
    let text = serde_json::to_string(&definition).unwrap();
    storable(&serde_json::from_str(&text).unwrap());
    let again = Definition::from_json(&text).unwrap();
    assert_eq!(again.digest(), definition.digest());
    if definition.has_runs() {
        let transition = started(definition);
        assert_eq!(fold(RUN, &transition.events), transition.run);
        assert!(transition.run.deadline.is_some());
    }
    Seen::Taken
}

/// The first line is the file's path. Documents can be stored, are bounded, and the same file is always the same documents.
pub(crate) fn knowledge_file(bytes: &[u8]) -> Seen {
    let text = String::from_utf8_lossy(bytes);
    let (path, content) = text.split_once('\n').unwrap_or((&text, ""));
    // No disk has a path with U+0000.
    let Some(format) = Format::of(path).filter(|_| !path.contains('\0')) else { return Seen::Refused };
    let Ok(found) = documents(path, format, content) else { return Seen::Refused };
    assert!(!found.is_empty());
    for document in &found {
        storable(&serde_json::to_value(document).unwrap());
        assert!(document.content.chars().count() <= 24_000 && !document.content.trim().is_empty());
        assert!(document.passages.iter().all(|passage| !passage.content.trim().is_empty()));
    }
    assert_eq!(documents(path, format, content).unwrap(), found);
    let again = |document: &Document| {
        let Document { path, project, persona, content, .. } = document.clone();
        Document::cut(path, project, persona, content)
    };
    assert!(found.iter().all(|document| again(document) == *document));
    Seen::Taken
}

fn started(definition: Definition) -> Decided {
    let request = StartRequest {
        run_id: RUN.into(),
        digest: definition.digest(),
        definition,
        input: Input { topic: Some("candles".into()), ..Input::default() },
        options: serde_json::json!({}),
        user_id: "ann".into(),
        started_by: None,
        mode: ProvidersMode::Sim,
        personas: PersonaSource::Rules,
        skip: Vec::new(),
        add: vec!["morgan".into()],
    };
    let mut count = 0;
    let mut new_id = || {
        count += 1;
        format!("id-{count}")
    };
    start(request, &mut Context { now: NOW, new_id: &mut new_id }).unwrap()
}

/// A run of two clips.
pub(crate) fn started_run() -> Run {
    static RUN_OF_TWO: LazyLock<Run> = LazyLock::new(|| {
        let text = include_str!("../../../projects/test_video_gen.json");
        started(Definition::from_json(text).unwrap()).run
    });
    RUN_OF_TWO.clone()
}

/// A job that is accepted can be stored, fills its length with segments, and names assets only.
pub(crate) fn render_job_body(bytes: &[u8]) -> Seen {
    let Ok(body) = serde_json::from_slice::<JobBody>(bytes) else { return Seen::Refused };
    let Ok(spec) = body.accept(mw_render::JobDefaults::default()) else { return Seen::Refused };
    let segments = spec.plan(RUN);
    assert_eq!(segments.iter().map(|segment| segment.duration_seconds).sum::<u32>(), spec.target_duration_seconds);
    assert!((1..=30).contains(&segments.len()) && spec.captions.len() <= 22 && spec.images.len() <= 20);
    for reference in body.references() {
        assert_eq!(AssetRef::parse(reference.asset.as_str()), Some(reference.asset));
    }
    let stored = serde_json::to_value(&spec).unwrap();
    // The edge refuses a body that holds the character that cannot be stored.
    if !stored.to_string().contains("\\u0000") {
        storable(&stored);
    }
    Seen::Taken
}

/// A file that is taken has media, in a movie that says how long it plays.
pub(crate) fn mp4_head(bytes: &[u8]) -> Seen {
    let Ok(movie) = mw_mp4::read(bytes, bytes.len() as u64) else { return Seen::Refused };
    assert!(movie.seconds.is_finite() && movie.seconds >= 0.0, "{movie:?}");
    assert!(movie.tracks.iter().any(|track| track.samples > 0), "{movie:?}");
    Seen::Taken
}
