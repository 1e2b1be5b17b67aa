//! What was ingested. A search reads some thousand passages at most, but of the index all that has the question's words.

use super::{FEW, OPEN, PAGE, Statement, statement};
use crate::history::now;
use mw_media::knowledge::{document::Format, documents};
use mw_store::knowledge::{self, Search};
use mw_store::personas;

pub(crate) fn all() -> Vec<Statement> {
    const SEARCH: i64 = OPEN - 1;
    let document = || documents("page-7.md", Format::Markdown, "word1 word2 again").unwrap();
    vec![
        statement("kb_search", SEARCH, |db, _| {
            let wanted =
                Search { query: "word1 word2 word500 word15000", limit: 5, counted: true, ..Search::default() };
            assert_eq!(knowledge::search(db, &wanted).unwrap().len(), 5);
        }),
        statement("kb_search of a project, common words", SEARCH, |db, _| {
            let wanted = Search { query: "word1 word2", project: Some("aismr"), limit: 5, ..Search::default() };
            assert_eq!(knowledge::search(db, &wanted).unwrap().len(), 5);
        }),
        statement("persona_recall", SEARCH, |db, _| {
            let wanted = personas::Recall {
                run_id: "none",
                project: "aismr",
                persona: "iggy",
                query: "word1 word2 word500 word15000",
                words_min: 2,
                idea_runs: 20,
            };
            let found = personas::recall(db, &wanted).unwrap();
            assert!(!found.passages.is_empty() && found.passages.len() <= 3);
        }),
        statement("kb_answer", SEARCH, |db, _| {
            assert!(knowledge::answer(db, "word1 word2").unwrap().text.is_some());
        }),
        statement("kb_list", PAGE, |db, _| {
            assert_eq!(knowledge::list(db, Some("page-5"), 50).unwrap().documents.len(), 50);
        }),
        statement("kb_read", PAGE, |db, _| {
            assert_eq!(knowledge::read(db, Some("page-5"), 50).unwrap().len(), 50);
        }),
        statement("kb_apply", PAGE, move |db, _| {
            let applied = knowledge::apply(db, now(), &document(), &["page-8.md".to_owned()]).unwrap();
            assert_eq!((applied.changed.len(), applied.removed.len()), (1, 1));
        }),
        // Without pgvector there is nothing to read; with it, a page of what has no vector.
        statement("kb_vectorless", PAGE, |db, _| {
            let _ = knowledge::vectorless(db, "none", None, 16).unwrap();
        }),
        statement("kb_embed", FEW, |db, _| {
            assert_eq!(knowledge::embed(db, "another", &[]).unwrap(), 0);
        }),
    ]
}
