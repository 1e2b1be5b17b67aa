//! The knowledge: what is kept of documents, and what a search finds. One corpus for all of a database, so each test makes
//! words and projects of its own, and none says what the whole corpus holds.

use crate::fixture::{connect, now, started};
use mw_media::knowledge::document::Format;
use mw_media::knowledge::{Document, documents};
use mw_media::status::ProvidersMode;
use mw_store::knowledge::{self, Applied, Search};
use mw_store::native::Client;

/// A word that no other test uses.
fn word() -> String {
    format!("w{}", uuid::Uuid::new_v4().simple())
}

fn keep(db: &mut Client, files: &[(&str, String)]) -> Applied {
    let made: Vec<Document> =
        files.iter().flat_map(|(path, text)| documents(path, Format::Markdown, text).unwrap()).collect();
    knowledge::apply(db, now(), &made, &[]).unwrap()
}

fn found(db: &mut Client, search: &Search<'_>) -> Vec<String> {
    knowledge::search(db, search).unwrap().into_iter().map(|passage| passage.path).collect()
}

fn search(query: &str) -> Search<'_> {
    Search { query, limit: 5, ..Search::default() }
}

/// How many rows of a table belong to a path.
fn count(db: &mut Client, sql: &str, value: &str) -> i64 {
    db.driver().query_one(sql, &[&value]).unwrap().get(0)
}

#[test]
fn ingesting_twice_changes_nothing_and_a_change_keeps_the_id() {
    let mut db = connect();
    let (one, other, path) = (word(), word(), format!("{}.md", word()));
    let applied = keep(&mut db, &[(&path, format!("# A\n\n{one} and {other}."))]);
    assert_eq!(applied.added, [path.as_str()]);
    let id = knowledge::search(&mut db, &search(&one)).unwrap().remove(0).doc_id;

    assert_eq!(keep(&mut db, &[(&path, format!("# A\n\n{one} and {other}."))]), Applied::default());
    assert_eq!(keep(&mut db, &[(&path, format!("# A\n\nOnly {one}."))]).changed, [path.as_str()]);
    let passage = knowledge::search(&mut db, &search(&one)).unwrap().remove(0);
    assert_eq!((passage.doc_id, passage.content.as_str()), (id, format!("Only {one}.").as_str()));
    assert!(found(&mut db, &search(&other)).is_empty());
    assert_eq!(count(&mut db, "SELECT count(*) FROM kb_lexemes WHERE lexeme = $1", &other), 0);

    let removed = knowledge::apply(&mut db, now(), &[], std::slice::from_ref(&path)).unwrap().removed;
    assert_eq!(removed, [path.as_str()]);
    assert!(found(&mut db, &search(&one)).is_empty());
    let left = "SELECT count(*) FROM kb_chunks JOIN kb_documents ON id = doc_id WHERE path = $1";
    assert_eq!(count(&mut db, left, &path), 0);
    assert_eq!(knowledge::apply(&mut db, now(), &[], &[path]).unwrap(), Applied::default());
}

#[test]
fn the_counts_of_words_are_those_of_the_passages_whoever_writes_at_once() {
    let shared = word();
    let text = |n: usize| format!("{shared} {n}");
    std::thread::scope(|scope| {
        for worker in 0..4 {
            let (shared, text) = (&shared, &text);
            scope.spawn(move || {
                let mut db = connect();
                for n in 0..10 {
                    // Two of them write the same paths.
                    let path = format!("{shared}/{}/{}.md", worker / 2, n % 5);
                    keep(&mut db, &[(&path, text(worker * 10 + n))]);
                }
            });
        }
    });
    let mut db = connect();
    assert_eq!(count(&mut db, "SELECT chunks FROM kb_lexemes WHERE lexeme = $1", &shared), 10);
}

#[test]
fn a_question_finds_what_has_only_some_of_its_words() {
    let mut db = connect();
    let (rare, folder) = (word(), word());
    keep(
        &mut db,
        &[
            (&format!("{folder}/length.md"), format!("# Clips\n\n## Length\n\nA {rare} clip runs eight seconds.")),
            (&format!("{folder}/hands.md"), "# Clips\n\n## Hands\n\nAt most two hands are seen in a clip.".to_owned()),
        ],
    );
    let asked = format!("How long should one of our {rare} clips be, please?");
    let best = knowledge::search(&mut db, &search(&asked)).unwrap().remove(0);
    assert_eq!((best.path.as_str(), best.score), (format!("{folder}/length.md").as_str(), 1.0));
    assert!(best.words.contains(&rare) && best.words.contains(&"clip".to_owned()), "{:?}", best.words);
    assert!(best.coverage > 0.0 && best.coverage < 1.0);
    assert_eq!(best.title, "length › Clips › Length");
    assert!(best.excerpt().starts_with(&format!("A {rare} clip runs")));
}

#[test]
fn rare_words_weigh_more_and_every_document_comes_once() {
    let mut db = connect();
    let (common, rare, project) = (word(), word(), word());
    let files: Vec<(String, String)> = (0..30)
        .map(|n| {
            (
                format!("projects/{project}/{n}.md"),
                format!("# {n}\n\n{}\n\n## b\n\n{common}", format!("{common} ").repeat(9)),
            )
        })
        .chain([(format!("projects/{project}/rare.md"), format!("{rare} {common}"))])
        .collect();
    let files: Vec<(&str, String)> = files.iter().map(|(path, text)| (path.as_str(), text.clone())).collect();
    keep(&mut db, &files);
    let query = format!("{common} {rare}");
    let found = found(&mut db, &Search { query: &query, limit: 10, ..Search::default() });
    assert_eq!(found[0], format!("projects/{project}/rare.md"));
    let distinct: std::collections::BTreeSet<&String> = found.iter().collect();
    assert_eq!((found.len(), distinct.len()), (10, 10));
}

#[test]
fn readers_see_what_is_theirs_or_everybodys() {
    let mut db = connect();
    let (shared, folder) = (word(), word());
    let (ours, theirs) = (word(), word());
    let path = |part: &str| format!("{folder}/{part}.md");
    let paths = [
        path("all"),
        path(&format!("projects/{ours}/a")),
        path(&format!("projects/{theirs}/a")),
        path(&format!("projects/{ours}/personas/riley/a")),
        path("personas/iggy/a"),
    ];
    let files: Vec<(&str, String)> = paths.iter().map(|path| (path.as_str(), shared.clone())).collect();
    keep(&mut db, &files);
    let mut sees = |project: Option<&str>, persona: Option<&str>| {
        let mut seen = found(&mut db, &Search { query: &shared, project, persona, limit: 20, ..Search::default() });
        seen.sort();
        let mut at: Vec<usize> =
            seen.iter().map(|path| paths.iter().position(|known| known == path).unwrap()).collect();
        at.sort_unstable();
        at
    };
    assert_eq!(sees(None, None), [0, 1, 2, 3, 4]);
    assert_eq!(sees(Some(&ours), None), [0, 1, 3, 4]);
    assert_eq!(sees(Some(&ours), Some("riley")), [0, 1, 3]);
    assert_eq!(sees(Some(&theirs), Some("iggy")), [0, 2, 4]);
    assert_eq!(sees(None, Some("quinn")), [0, 1, 2]);
}

#[test]
fn any_query_is_words_and_never_syntax() {
    let mut db = connect();
    let known = word();
    keep(&mut db, &[(&format!("{known}.md"), format!("{known} it's a back\\slash"))]);
    for query in ["", "the", "' | !", "a & (b", "'''", "\\", "\\'", "it's", ":* <-> !!", "%", "\u{0301}", "\u{1f600}"] {
        knowledge::search(&mut db, &search(query)).unwrap();
        let both = format!("{query} {known}");
        assert_eq!(found(&mut db, &search(&both))[0], format!("{known}.md"), "{query}");
    }
    let long = format!("{known} {}", "words without end ".repeat(2_000));
    assert_eq!(found(&mut db, &search(&long))[0], format!("{known}.md"));
}

#[test]
fn limits_hold() {
    let mut db = connect();
    let shared = word();
    let paths: Vec<String> = (0..30).map(|n| format!("{shared}/{n}.md")).collect();
    keep(&mut db, &paths.iter().map(|path| (path.as_str(), shared.clone())).collect::<Vec<_>>());
    let many = |db: &mut Client, limit| found(db, &Search { query: &shared, limit, ..Search::default() }).len();
    assert_eq!((many(&mut db, 0), many(&mut db, 3), many(&mut db, 1_000)), (0, 3, 20));
    let listed = knowledge::list(&mut db, Some(&format!("{shared}/")), 7).unwrap();
    assert!(listed.documents.len() == 7 && listed.documents.is_sorted_by_key(|held| held.path.clone()));
}

#[test]
fn a_counted_search_is_observed_under_names_that_we_know() {
    let mut db = connect();
    started(&mut db, "aismr", ProvidersMode::Mock);
    let stranger = word();
    let query = word();
    for (project, persona) in [(None, None), (Some("x\"y"), Some(stranger.as_str())), (None, Some("riley"))] {
        let search = Search { query: &query, project, persona, limit: 5, counted: true, ..Search::default() };
        knowledge::search(&mut db, &search).unwrap();
    }
    let labels = |db: &mut Client, labels: &str| {
        // The sweep of another test may have folded them by now.
        let sql = "SELECT (SELECT count(*) FROM metric_observations WHERE name = 'kb_search_seconds' AND labels = $1)
                        + (SELECT coalesce(sum(count), 0)::bigint FROM metric_histograms WHERE name = 'kb_search_seconds' AND labels = $1)";
        count(db, sql, labels)
    };
    assert!(labels(&mut db, "project=\"all\",persona=\"all\"") >= 1);
    assert!(labels(&mut db, "project=\"other\",persona=\"other\"") >= 1);
    assert!(labels(&mut db, "project=\"all\",persona=\"riley\"") >= 1);
}

#[test]
fn brendan_says_and_cites_what_has_most_of_a_question() {
    let mut db = connect();
    let (one, other, folder) = (word(), word(), word());
    let long = format!("{one} {other}{}", " eight seconds".repeat(100));
    keep(
        &mut db,
        &[
            (&format!("{folder}/a.md"), long),
            (&format!("{folder}/b.md"), format!("{other} and {one}.")),
            (&format!("{folder}/c.md"), format!("Only {other}.")),
        ],
    );
    let answer = knowledge::answer(&mut db, &format!("What is {one} of {other}?")).unwrap();
    let text = answer.text.unwrap();
    assert!(
        text.contains(&format!("eight …\n({folder}/a.md)")) || text.contains(&format!("seconds …\n({folder}/a.md)")),
        "{text}"
    );
    assert!(text.contains(&format!("{other} and {one}.\n({folder}/b.md)")) && !text.contains("c.md"), "{text}");
    let cited = answer.citations.as_array().unwrap();
    let mut paths: Vec<&str> = cited.iter().map(|citation| citation["path"].as_str().unwrap()).collect();
    paths.sort_unstable();
    assert_eq!(paths, [format!("{folder}/a.md"), format!("{folder}/b.md")]);
    let reason = cited[0]["reason"].as_str().unwrap();
    assert!(reason.starts_with("has ") && reason.contains(&one) && reason.contains(&other), "{reason}");
    assert!(uuid::Uuid::parse_str(cited[0]["doc_id"].as_str().unwrap()).is_ok());

    let none = knowledge::answer(&mut db, &format!("{} {} {other}", word(), word())).unwrap();
    assert_eq!((none.text, none.citations), (None, serde_json::json!([])));
}

#[test]
fn parts_of_sentences_without_spaces_are_found() {
    let mut db = connect();
    // A rare letter of each script keeps these texts apart from other tests'.
    for (text, questions) in [
        ("䶴蜡烛要靠近拍摄，光线要柔和。", ["䶴蜡", "蜡烛怎么拍摄", "光线䶴"].as_slice()),
        ("ろうそくは近くで撮影します。ヰ", &["ろうそくの撮影ですか", "撮影"]),
        ("양초는 가까이에서 촬영합니다. 뷁", &["양초를 촬영", "뷁"]),
        ("ถ่ายเทียนในระยะใกล้เสมอฬ", &["ถ่ายเทียนอย่างไร", "เทียน"]),
    ] {
        let path = format!("{}.md", word());
        keep(&mut db, &[(&path, text.to_owned())]);
        for question in questions {
            assert!(found(&mut db, &search(question)).contains(&path), "{question} does not find {text}");
        }
        knowledge::apply(&mut db, now(), &[], std::slice::from_ref(&path)).unwrap();
    }
    assert!(found(&mut db, &search("烛蜡䶴䶴")).is_empty(), "letters in another order are another word");
}

#[test]
fn words_are_found_in_any_spelling() {
    let mut db = connect();
    let (path, one) = (format!("{}.md", word()), word());
    keep(&mut db, &[(&path, format!("{one} Café résumé İstanbul Straße ПРИВЕТ Łódź می\u{200c}خواهم"))]);
    for asked in [
        "cafe",
        "CAFÉ",
        "cafe\u{301}",
        "resume",
        "re\u{301}sume\u{301}",
        "istanbul",
        "İSTANBUL",
        "STRASSE",
        "STRAẞE",
        "straße",
        "привет",
        "lodz",
        "میخواهم",
    ] {
        let passages = knowledge::search(&mut db, &search(&format!("{one} {asked}"))).unwrap();
        assert!(
            passages.iter().any(|passage| passage.path == path && passage.coverage > 0.99),
            "{asked}: {passages:?}"
        );
    }
    knowledge::apply(&mut db, now(), &[], &[path]).unwrap();
}

#[test]
fn the_index_spells_words_as_the_planner_does() {
    let mut db = connect();
    for text in [
        "İSTANBUL ISTANBUL ılık",
        "STRAẞE Straße",
        "résumé re\u{301}sume\u{301} CAFÉ",
        "Łódź ØRE Ðe",
        "ΟΔΟΣ Ελλάδα",
        "ПРИВЕТ Ёж Київ",
        "ＡＩＳＭＲ",
        "Æther œuvre",
        "Tiếng Việt",
        "蜡烛 ろうそく 양초 เทียน",
    ] {
        let spelt: String = db.driver().query_one("SELECT kb_spelling($1)", &[&text]).unwrap().get(0);
        assert_eq!(spelt, mw_kernel::letters::folded(text));
    }
}

#[test]
fn index_and_planner_spell_each_letter_alike() {
    let mut db = connect();
    let blocks = [0xc0..0x250, 0x370..0x400, 0x400..0x530, 0x531..0x557, 0x5d0..0x5eb, 0x620..0x6d4, 0x1e00..0x2000];
    let letters = blocks.into_iter().flatten().filter_map(char::from_u32).filter(|c| c.is_alphabetic());
    let letters: Vec<String> = letters.map(String::from).collect();
    // Letters that are written for others (long s, ligatures, two Greek signs) are the index's to know.
    let sql = "SELECT letter, kb_spelling(letter) FROM unnest($1::text[]) AS letter
                WHERE normalize(letter, NFKD) = normalize(letter, NFD)
                  AND letter NOT IN (U&'\\0374', U&'\\1fbe')";
    let rows = db.driver().query(sql, &[&letters]).unwrap();
    let spelt = rows.iter().map(|row| (row.get::<_, String>(0), row.get::<_, String>(1)));
    let different: Vec<_> = spelt.filter(|(letter, spelt)| mw_kernel::letters::folded(letter) != *spelt).collect();
    assert!(rows.len() > 1400 && different.is_empty(), "of {} letters: {different:?}", rows.len());
}
