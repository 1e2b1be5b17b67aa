//! Makes the database hold what a folder holds, and nothing else. What is there already is not sent again.

use super::folder::{Failed, Folder};
use crate::{
    error::{Error, Result},
    signals,
};
use mw_media::Timestamp;
use mw_media::knowledge::Document;
use mw_store::knowledge::{Applied, apply, list};
use mw_store::{Database, DbError};
use serde::Serialize;
use std::collections::BTreeMap;

/// Documents and characters per statement.
const BATCH_DOCUMENTS: usize = 200;
const BATCH_BYTES: usize = 500_000;
const PAGE: u32 = 5_000;

/// What is to be done.
#[derive(Debug)]
pub struct Plan {
    /// New or changed.
    pub documents: Vec<Document>,
    pub gone: Vec<String>,
    /// What is left alone, and why.
    pub unchanged: usize,
    pub failed: Vec<Failed>,
    pub ignored: Vec<String>,
    held: BTreeMap<String, String>,
}

/// What was done, or would be, by path.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    pub added: Vec<String>,
    pub changed: Vec<String>,
    pub removed: Vec<String>,
    pub unchanged: usize,
    pub failed: Vec<Failed>,
    pub ignored: Vec<String>,
    /// What came of vectors, once they were looked after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vectors: Option<String>,
}

/// Compares a folder with the database.
pub fn plan(db: &mut dyn Database, folder: Folder) -> Result<Plan> {
    let held = held(db)?;
    let is_wanted = |document: &Document| held.get(&document.path) != Some(&document.hash);
    let here: Vec<&str> = folder.documents.iter().map(|document| document.path.as_str()).collect();
    let is_gone = |path: &&String| here.binary_search(&path.as_str()).is_err() && !folder.has_failed(path);
    let gone = held.keys().filter(is_gone).cloned().collect();
    let unchanged = folder.documents.iter().filter(|document| !is_wanted(document)).count();
    let Folder { documents, failed, ignored, .. } = folder;
    let documents = documents.into_iter().filter(is_wanted).collect();
    Ok(Plan { documents, gone, unchanged, failed, ignored, held })
}

/// Path and hash of everything in the database.
fn held(db: &mut dyn Database) -> Result<BTreeMap<String, String>> {
    let mut held = BTreeMap::new();
    let mut after: Option<String> = None;
    loop {
        let page = list(db, after.as_deref(), PAGE).map_err(unreachable)?.documents;
        after = page.last().map(|document| document.path.clone());
        if after.is_none() {
            return Ok(held);
        }
        held.extend(page.into_iter().map(|document| (document.path, document.hash)));
    }
}

impl Plan {
    /// Whether the database has no knowledge yet.
    #[must_use]
    pub fn finds_nothing(&self) -> bool {
        self.held.is_empty()
    }

    /// What carrying it out would report.
    #[must_use]
    pub fn outlook(&self) -> Report {
        let paths = |is_held: bool| {
            let documents = self.documents.iter().filter(|document| self.held.contains_key(&document.path) == is_held);
            documents.map(|document| document.path.clone()).collect()
        };
        self.report(Applied { added: paths(false), changed: paths(true), removed: self.gone.clone() })
    }

    fn report(&self, applied: Applied) -> Report {
        Report {
            added: applied.added,
            changed: applied.changed,
            removed: applied.removed,
            unchanged: self.unchanged,
            failed: self.failed.clone(),
            ignored: self.ignored.clone(),
            vectors: None,
        }
    }

    /// Carries it out in batches; `progress` is called with how many documents are done. What is new comes before what is gone
    /// goes, so that a search never finds less than before and after.
    pub fn carry_out(&self, db: &mut dyn Database, now: Timestamp, mut progress: impl FnMut(usize)) -> Result<Report> {
        let mut all = Applied::default();
        let mut done = 0;
        for batch in batches(&self.documents) {
            add(&mut all, apply(db, now, batch, &[]).map_err(unreachable)?);
            done += batch.len();
            progress(done);
            signals::go_on()?;
        }
        for batch in self.gone.chunks(BATCH_DOCUMENTS) {
            add(&mut all, apply(db, now, &[], batch).map_err(unreachable)?);
            signals::go_on()?;
        }
        Ok(self.report(all))
    }
}

fn add(all: &mut Applied, applied: Applied) {
    all.added.extend(applied.added);
    all.changed.extend(applied.changed);
    all.removed.extend(applied.removed);
}

/// Slices of bounded size, of one document at least.
fn batches(mut documents: &[Document]) -> impl Iterator<Item = &[Document]> {
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fits = |document: &&Document| {
            bytes += document.content.len();
            bytes <= BATCH_BYTES
        };
        let count = documents.iter().take(BATCH_DOCUMENTS).take_while(fits).count().max(1);
        let (batch, rest) = documents.split_at_checked(count)?;
        documents = rest;
        Some(batch)
    })
}

pub fn unreachable(error: DbError) -> Error {
    Error::failed(format!("cannot reach the knowledge in the database ({error}): is it migrated? mw db migrate"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use mw_media::knowledge::{document::Format, documents};

    #[test]
    fn batches_are_bounded_and_leave_nothing_out() {
        let document = |n: usize, bytes: usize| {
            documents(&format!("{n:04}.md"), Format::Text, &"a".repeat(bytes)).unwrap().remove(0)
        };
        let all: Vec<Document> = (0..450).map(|n| document(n, if n % 50 == 0 { 20_000 } else { 5_000 })).collect();
        let cut: Vec<&[Document]> = batches(&all).collect();
        assert!(
            cut.iter().all(|batch| batch.iter().map(|document| document.content.len()).sum::<usize>() <= BATCH_BYTES)
        );
        assert_eq!(cut.concat(), all);
        assert_eq!(batches(&[]).count(), 0);
        let large = [Document { content: "a".repeat(BATCH_BYTES + 1), ..document(0, 1) }];
        assert_eq!(batches(&large).count(), 1);
    }
}
