//! The components of a manifest, compiled and linked once; a fresh instance of one per call.
//!
//! - `App::load`: compile, link and check everything (`engine`).
//! - `Component`: one component with everything the manifest grants it.
//! - `State`: what one instance's store holds.
//! - `App::start`: runs a call to its end in a task of its own, whatever happens to the caller.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use wasmtime::component::ResourceTable;
use wasmtime::{Engine, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::allowed_hosts::AllowedHosts;
use crate::bindings;
use crate::engine::{self, Entry};
use crate::logs::ComponentOutput;
use crate::manifest::{self, Manifest, Triggers};
use crate::outbound::Outbound;
use crate::variables::{ComponentVariables, Variables};
use crate::{key_value, postgres};

/// How often a running guest looks whether its time is up.
const EPOCH: Duration = Duration::from_millis(10);

/// What the command line decides.
#[derive(Debug, Clone)]
pub struct Options {
    pub max_instances: u32,
    /// Connections to PostgreSQL that guests hold at one time; None: no limit but the pools'.
    pub max_database_connections: Option<usize>,
    pub request_timeout: Option<Duration>,
    /// None: compile anew at each start.
    pub cache_folder: Option<PathBuf>,
}

pub struct App {
    pub name: String,
    pub version: Option<String>,
    pub stores: key_value::Stores,
    engine: Engine,
    components: BTreeMap<String, Arc<Component>>,
    /// Only a process with an HTTP trigger can route to its own components.
    chaining: bool,
    request_timeout: Option<Duration>,
    running: watch::Sender<usize>,
}

pub struct Component {
    pub id: Arc<str>,
    pub entry: Entry,
    pub allowed_hosts: AllowedHosts,
    pub key_value_stores: Vec<String>,
    pub variables: ComponentVariables,
    pub pools: postgres::Pools,
    environment: Vec<(String, String)>,
}

pub struct State {
    pub table: ResourceTable,
    pub component: Arc<Component>,
    pub shared: Arc<App>,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    outbound: Outbound,
}

impl App {
    pub fn load(manifest: &Manifest, variables: &Variables, options: &Options) -> Result<Arc<Self>> {
        let engine = engine::new_engine(options)?;
        let is_cron = matches!(manifest.triggers, Triggers::Cron(_));
        let mut ids = manifest.triggers.components();
        ids.sort_unstable();
        ids.dedup();
        // Before the slow compilation, so that mistakes show at once.
        let granted = ids
            .iter()
            .filter_map(|id| Some((*id, manifest.components.get(*id)?)))
            .map(|(id, declared)| Ok((id, declared, Grants::new(id, declared, variables, &ids)?)))
            .collect::<Result<Vec<_>>>()?;
        let sources = granted.iter().map(|(id, declared, _)| (declared.source.as_path(), *id));
        let compiled = engine::compile_all(&engine, sources.collect())?;
        let linker = engine::new_linker(&engine)?;
        let permits = options.max_database_connections.map(|count| Arc::new(Semaphore::new(count)));
        let mut components = BTreeMap::new();
        for (id, declared, grants) in granted {
            let place = || format!("component {id:?} ({})", declared.source.display());
            let component = compiled.get(declared.source.as_path()).with_context(place)?;
            let entry = engine::link(&linker, component, is_cron).with_context(place)?;
            let pools = postgres::Pools::new(permits.clone());
            components.insert(id.to_owned(), Arc::new(grants.into_component(id, declared, entry, pools)));
        }
        if options.request_timeout.is_some() {
            let ticking = engine.clone();
            std::thread::spawn(move || {
                loop {
                    std::thread::sleep(EPOCH);
                    ticking.increment_epoch();
                }
            });
        }
        Ok(Arc::new(Self {
            name: manifest.name.clone(),
            version: manifest.version.clone(),
            stores: key_value::Stores::default(),
            engine,
            components,
            chaining: !is_cron,
            request_timeout: options.request_timeout,
            running: watch::Sender::new(0),
        }))
    }

    pub fn component(&self, id: &str) -> Option<Arc<Component>> {
        self.components.get(id).cloned()
    }

    pub fn has_chaining(&self) -> bool {
        self.chaining
    }

    /// A store for one instance.
    pub fn new_store(self: &Arc<Self>, component: &Arc<Component>) -> Store<State> {
        let wasi = WasiCtx::builder()
            .envs(&component.environment)
            .stdout(ComponentOutput::new(&component.id))
            .stderr(ComponentOutput::new(&component.id))
            .build();
        let state = State {
            table: ResourceTable::new(),
            component: Arc::clone(component),
            shared: Arc::clone(self),
            wasi,
            http: WasiHttpCtx::new(),
            outbound: Outbound { app: Arc::clone(self), component: Arc::clone(component) },
        };
        let mut store = Store::new(&self.engine, state);
        if let Some(timeout) = self.request_timeout {
            let ticks = timeout.as_millis().div_ceil(EPOCH.as_millis());
            store.set_epoch_deadline(u64::try_from(ticks).unwrap_or(u64::MAX / 2));
        }
        store
    }

    /// Runs `call` to its end: neither a client that hangs up nor an answer already given stops it.
    pub fn start<F>(self: &Arc<Self>, call: F) -> JoinHandle<wasmtime::Result<()>>
    where
        F: Future<Output = wasmtime::Result<()>> + Send + 'static,
    {
        let running = Running::enter(&self.running);
        let timeout = self.request_timeout;
        tokio::spawn(async move {
            let _running = running;
            match timeout {
                None => call.await,
                Some(limit) => tokio::time::timeout(limit, call).await.unwrap_or_else(|_| {
                    Err(wasmtime::Error::msg(format!("stopped after {} s (--request-timeout)", limit.as_secs_f32())))
                }),
            }
        })
    }

    /// Waits until no guest is running.
    pub async fn idle(&self) {
        // The sender lives as long as self, so that this can't fail.
        let _ = self.running.subscribe().wait_for(|count| *count == 0).await;
    }

    pub fn running_count(&self) -> usize {
        *self.running.borrow()
    }
}

/// Counts a guest as running until dropped.
struct Running(watch::Sender<usize>);

impl Running {
    fn enter(counter: &watch::Sender<usize>) -> Self {
        counter.send_modify(|count| *count += 1);
        Self(counter.clone())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count = count.saturating_sub(1));
    }
}

/// The resolved part of a component's manifest entry.
struct Grants {
    allowed_hosts: AllowedHosts,
    variables: ComponentVariables,
}

impl Grants {
    fn new(id: &str, declared: &manifest::Component, variables: &Variables, ids: &[&str]) -> Result<Self> {
        let allowed_hosts = AllowedHosts::parse(&declared.allowed_outbound_hosts, variables, ids)
            .with_context(|| format!("component {id:?}"))?;
        Ok(Self { allowed_hosts, variables: variables.for_component(id, &declared.variables)? })
    }

    fn into_component(
        self,
        id: &str,
        declared: &manifest::Component,
        entry: Entry,
        pools: postgres::Pools,
    ) -> Component {
        Component {
            id: id.into(),
            entry,
            allowed_hosts: self.allowed_hosts,
            key_value_stores: declared.key_value_stores.clone(),
            variables: self.variables,
            pools,
            environment: declared.environment.clone().into_iter().collect(),
        }
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { ctx: &mut self.http, table: &mut self.table, hooks: &mut self.outbound }
    }
}

impl bindings::fermyon::spin::variables::Host for State {
    async fn get(
        &mut self,
        name: String,
    ) -> wasmtime::Result<Result<String, bindings::fermyon::spin::variables::Error>> {
        Ok(self.component.variables.get(&name))
    }
}
