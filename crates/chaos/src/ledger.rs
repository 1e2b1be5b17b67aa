//! What the product acknowledged with a 2xx: it is held to that in the end.

use crate::api::Answer;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

#[derive(Default)]
pub(crate) struct Ledger(Mutex<Entries>);

#[derive(Debug, Default)]
pub(crate) struct Entries {
    /// Runs whose start was answered.
    pub(crate) started: BTreeSet<String>,
    /// (run, gate, verdict) whose decision was answered.
    pub(crate) decided: BTreeSet<(String, String, String)>,
    /// (run, event) of verbs that were answered as carried out.
    pub(crate) ordered: BTreeSet<(String, &'static str)>,
    /// SHA-256 of the bodies of deliveries that were answered `dlq`.
    pub(crate) received: BTreeSet<String>,
    /// Answers by status; 0 is none at all.
    pub(crate) statuses: BTreeMap<u16, u64>,
    /// Paths that were answered 500: no request may be.
    pub(crate) errors: Vec<String>,
    /// Faults by kind.
    pub(crate) faults: BTreeMap<String, u64>,
}

impl Ledger {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn answered(&self, path: &str, answer: Option<&Answer>) {
        let mut entries = self.lock();
        *entries.statuses.entry(answer.map_or(0, |answer| answer.status)).or_default() += 1;
        if let Some(answer) = answer.filter(|answer| answer.status == 500) {
            // What follows the path may be a token.
            let path = path.split('?').next().unwrap_or_default();
            entries.errors.push(format!("{path}: {}", answer.body));
        }
    }
}
