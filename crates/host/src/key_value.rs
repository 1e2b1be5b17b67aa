//! `fermyon:spin/key-value@2.0.0`: stores in the memory of this process, shared by its components.
//!
//! Spin keeps its default store in a SQLite file; here a restart empties it, which a cache must survive anyway.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use wasmtime::component::Resource;

use crate::bindings::fermyon::spin::key_value::{Error, Host, HostStore};
use crate::runtime::State;

type Contents = BTreeMap<String, Vec<u8>>;

/// Every store of the process, by label.
#[derive(Default)]
pub struct Stores {
    by_label: Mutex<HashMap<String, Store>>,
}

/// An open store: the guest's resource.
#[derive(Clone, Default)]
pub struct Store {
    contents: Arc<Mutex<Contents>>,
}

impl Stores {
    fn open(&self, label: &str) -> Store {
        let mut stores = self.by_label.lock().unwrap_or_else(PoisonError::into_inner);
        stores.entry(label.to_owned()).or_default().clone()
    }
}

impl Store {
    fn contents(&self) -> MutexGuard<'_, Contents> {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Host for State {}

impl HostStore for State {
    async fn open(&mut self, label: String) -> wasmtime::Result<Result<Resource<Store>, Error>> {
        if !self.component.key_value_stores.contains(&label) {
            return Ok(Err(Error::AccessDenied));
        }
        let store = self.shared.stores.open(&label);
        Ok(self.table.push(store).map_err(|_| Error::StoreTableFull))
    }

    async fn get(&mut self, store: Resource<Store>, key: String) -> wasmtime::Result<Result<Option<Vec<u8>>, Error>> {
        Ok(Ok(self.table.get(&store)?.contents().get(&key).cloned()))
    }

    async fn set(
        &mut self,
        store: Resource<Store>,
        key: String,
        value: Vec<u8>,
    ) -> wasmtime::Result<Result<(), Error>> {
        self.table.get(&store)?.contents().insert(key, value);
        Ok(Ok(()))
    }

    async fn delete(&mut self, store: Resource<Store>, key: String) -> wasmtime::Result<Result<(), Error>> {
        self.table.get(&store)?.contents().remove(&key);
        Ok(Ok(()))
    }

    async fn exists(&mut self, store: Resource<Store>, key: String) -> wasmtime::Result<Result<bool, Error>> {
        Ok(Ok(self.table.get(&store)?.contents().contains_key(&key)))
    }

    async fn get_keys(&mut self, store: Resource<Store>) -> wasmtime::Result<Result<Vec<String>, Error>> {
        Ok(Ok(self.table.get(&store)?.contents().keys().cloned().collect()))
    }

    async fn drop(&mut self, store: Resource<Store>) -> wasmtime::Result<()> {
        self.table.delete(store)?;
        Ok(())
    }
}
