//! Spin's key-value store, for what never changes and may be lost. A store that cannot be reached is an empty one.

use spin_sdk::key_value::Store;

pub struct Cache(Option<Store>);

impl Cache {
    /// The component's own store.
    pub fn open() -> Cache {
        // Natively, in tests and under the fuzzer, there is no host that has one.
        Cache(if cfg!(target_family = "wasm") { Store::open_default().ok() } else { None })
    }

    pub fn get(&self, entry: &str) -> Option<Vec<u8>> {
        self.0.as_ref().and_then(|store| store.get(entry).ok().flatten())
    }

    /// Keeps an entry where that is possible; one that cannot be kept costs its reader a statement, nothing else.
    pub fn set(&self, entry: &str, bytes: &[u8]) {
        if let Some(store) = &self.0 {
            let _ = store.set(entry, bytes);
        }
    }
}
