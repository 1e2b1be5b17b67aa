//! What was met of the language model's server, remembered in Spin's key-value store, so that the next call asks as this one had to.
//! After a day it is met anew, since servers learn; an entry that is lost costs a refused request.

use crate::cache::Cache;
use crate::clock;
use mw_integrations::dedup_key;
use mw_integrations::llm::{Dialect, Settings};

/// Where a model's dialect is remembered.
pub struct Remembered {
    cache: Cache,
    entry: String,
    before: Dialect,
}

/// Gives the settings what is remembered of their server and model.
pub fn recall(settings: &Settings) -> Remembered {
    let cache = Cache::open();
    let entry = format!("dialect/{}", dedup_key(format!("{} {}", settings.base_url, settings.model).as_bytes()));
    let today = today();
    let kept = cache.get(&entry).filter(|kept| kept.get(1..) == Some(&today));
    let before = Dialect::of_byte(kept.and_then(|kept| kept.first().copied()).unwrap_or_default());
    settings.dialect.set(before);
    Remembered { cache, entry, before }
}

impl Remembered {
    /// Remembers what has been met since.
    pub fn keep(&self, settings: &Settings) {
        let dialect = settings.dialect.get();
        if dialect != self.before {
            self.cache.set(&self.entry, &[&[dialect.byte()], &today()[..]].concat());
        }
    }
}

fn today() -> [u8; 8] {
    (clock::unix_seconds() / 86_400).to_le_bytes()
}
