//! The components of a manifest, compiled and linked once; a fresh instance of one per call.
//!
//! - `App::load`: engine with pooling allocator, compilation (in parallel, cached on disk), linking, checks.
//! - `Component`: one component with everything the manifest grants it.
//! - `State`: what one instance's store holds.
//! - `App::start`: runs a call to its end in a task of its own, whatever happens to the caller.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use wasmtime::component::{HasSelf, InstancePre, Linker, ResourceTable};
use wasmtime::{Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Store};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::p2::bindings::ProxyPre;
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::allowed_hosts::AllowedHosts;
use crate::bindings::{self, cron::SpinCronPre};
use crate::logs::{self, ComponentOutput};
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

/// What a component exports.
pub enum Entry {
    Http(ProxyPre<State>),
    Cron(SpinCronPre<State>),
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
    pub fn load(
        manifest: &Manifest,
        variables: &Variables,
        options: &Options,
    ) -> Result<Arc<Self>> {
        let engine = new_engine(options)?;
        let linker = new_linker(&engine)?;
        let is_cron = matches!(manifest.triggers, Triggers::Cron(_));
        let mut ids = manifest.triggers.components();
        ids.sort_unstable();
        ids.dedup();
        let granted = ids
            .iter()
            .filter_map(|id| Some((*id, manifest.components.get(*id)?)))
            .map(|(id, declared)| Ok((id, declared, Grants::new(id, declared, variables, &ids)?)))
            .collect::<Result<Vec<_>>>()?;
        let compiled = compile_all(&engine, &granted)?;
        let mut components = BTreeMap::new();
        for ((id, declared, grants), component) in granted.into_iter().zip(compiled) {
            let entry = link(&linker, &component, is_cron)
                .with_context(|| format!("component {id:?} ({})", declared.source.display()))?;
            components.insert(
                id.to_owned(),
                Arc::new(grants.into_component(id, declared, entry)),
            );
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
            outbound: Outbound {
                app: Arc::clone(self),
                component: Arc::clone(component),
            },
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
                    Err(wasmtime::Error::msg(format!(
                        "stopped after {} s (--request-timeout)",
                        limit.as_secs_f32()
                    )))
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

/// The resolved part of a component's manifest entry; made before the slow compilation, so that mistakes show at once.
struct Grants {
    allowed_hosts: AllowedHosts,
    variables: ComponentVariables,
}

impl Grants {
    fn new(
        id: &str,
        declared: &manifest::Component,
        variables: &Variables,
        ids: &[&str],
    ) -> Result<Self> {
        let allowed_hosts = AllowedHosts::parse(&declared.allowed_outbound_hosts, variables, ids)
            .with_context(|| format!("component {id:?}"))?;
        Ok(Self {
            allowed_hosts,
            variables: variables.for_component(id, &declared.variables)?,
        })
    }

    fn into_component(self, id: &str, declared: &manifest::Component, entry: Entry) -> Component {
        Component {
            id: id.into(),
            entry,
            allowed_hosts: self.allowed_hosts,
            key_value_stores: declared.key_value_stores.clone(),
            variables: self.variables,
            pools: postgres::Pools::default(),
            environment: declared.environment.clone().into_iter().collect(),
        }
    }
}

/// Spin's engine settings, as far as they can be noticed.
fn new_engine(options: &Options) -> Result<Engine> {
    let instances = options.max_instances;
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(instances)
        .total_memories(instances)
        .total_stacks(instances)
        .total_tables(instances.saturating_mul(2))
        .total_core_instances(instances.saturating_mul(4))
        .table_elements(100_000)
        .max_component_instance_size(10 << 20)
        .max_core_instance_size(10 << 20)
        .max_core_instances_per_component(200)
        .max_tables_per_component(64)
        .max_memories_per_component(32)
        .max_tables_per_module(2)
        .max_memories_per_module(2)
        .max_memory_size(4 << 30)
        .linear_memory_keep_resident(2 << 20)
        .table_keep_resident(1 << 19);
    let mut config = wasmtime::Config::new();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    config.epoch_interruption(options.request_timeout.is_some());
    if let Some(folder) = &options.cache_folder {
        match open_cache(folder) {
            Ok(cache) => {
                config.cache(Some(cache));
            }
            Err(error) => logs::note(&format!("compiling without a cache: {error:#}")),
        }
    }
    Engine::new(&config).map_err(|error| {
        anyhow!(
            "cannot reserve memory for {instances} instances: lower --max-instances ({error:#})"
        )
    })
}

fn open_cache(folder: &Path) -> Result<wasmtime::Cache> {
    std::fs::create_dir_all(folder)
        .with_context(|| format!("cannot create {}", folder.display()))?;
    let mut config = wasmtime::CacheConfig::new();
    config.with_directory(folder.canonicalize()?);
    Ok(wasmtime::Cache::new(config)?)
}

fn new_linker(engine: &Engine) -> Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    bindings::spin::postgres::postgres::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| {
        state
    })?;
    bindings::fermyon::spin::key_value::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| {
        state
    })?;
    bindings::fermyon::spin::variables::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| {
        state
    })?;
    Ok(linker)
}

/// One compilation per file, all at once; the answer is in the order of `components`.
fn compile_all(
    engine: &Engine,
    components: &[(&str, &manifest::Component, Grants)],
) -> Result<Vec<wasmtime::component::Component>> {
    let sources: BTreeMap<&Path, &str> = components
        .iter()
        .map(|(id, declared, _)| (declared.source.as_path(), *id))
        .collect();
    let compiled = std::thread::scope(|scope| {
        let threads: Vec<_> = sources
            .into_iter()
            .map(|(source, id)| (source, scope.spawn(move || compile(engine, id, source))))
            .collect();
        threads
            .into_iter()
            .map(|(source, thread)| {
                Ok((
                    source,
                    thread
                        .join()
                        .map_err(|_| anyhow!("the compiler panicked"))??,
                ))
            })
            .collect::<Result<BTreeMap<_, _>>>()
    })?;
    let of = |declared: &manifest::Component| compiled.get(declared.source.as_path()).cloned();
    components
        .iter()
        .map(|(id, declared, _)| {
            of(declared).with_context(|| format!("component {id:?} was not compiled"))
        })
        .collect()
}

fn compile(engine: &Engine, id: &str, source: &Path) -> Result<wasmtime::component::Component> {
    if !source.exists() {
        bail!(
            "component {id:?}: {} is missing: build it first (cargo build --release --target wasm32-wasip2)",
            source.display()
        );
    }
    wasmtime::component::Component::from_file(engine, source)
        .map_err(|error| anyhow!("component {id:?}: {} is not a WASI 0.2 component: build it for wasm32-wasip2 ({error:#})", source.display()))
}

fn link(
    linker: &Linker<State>,
    component: &wasmtime::component::Component,
    is_cron: bool,
) -> Result<Entry> {
    let pre: InstancePre<State> = linker.instantiate_pre(component).map_err(|error| {
        anyhow!(
            "imports what mw-host does not implement: run it with Spin, or do without ({})",
            flat(&error)
        )
    })?;
    if is_cron {
        let wrong = |error| {
            anyhow!(
                "exports no handle-cron-event of fermyon:spin-cron@2.0.0: build it for that world ({})",
                flat(&error)
            )
        };
        return Ok(Entry::Cron(SpinCronPre::new(pre).map_err(wrong)?));
    }
    let wrong = |error| {
        anyhow!(
            "exports no wasi:http/incoming-handler@0.2: build it with spin-sdk 5 for wasm32-wasip2 ({})",
            flat(&error)
        )
    };
    Ok(Entry::Http(ProxyPre::new(pre).map_err(wrong)?))
}

fn flat(error: &wasmtime::Error) -> String {
    format!("{error:#}")
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            ctx: &mut self.http,
            table: &mut self.table,
            hooks: &mut self.outbound,
        }
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
