//! wasmtime, set up as Spin sets it up: from .wasm files to components that only need instantiating.
//!
//! - `new_engine`: pooling allocator (memory images are copy-on-write), compilation cache on disk.
//! - `compile_all`: every file once, in parallel. `new_linker`, `link`: what guests may import, what they must export.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use wasmtime::component::{Component, HasSelf, InstancePre, Linker};
use wasmtime::{Engine, InstanceAllocationStrategy, PoolingAllocationConfig};
use wasmtime_wasi_http::p2::bindings::ProxyPre;

use crate::bindings::{self, cron::SpinCronPre};
use crate::logs;
use crate::runtime::{Options, State};

/// What a component exports, linked.
pub enum Entry {
    Http(ProxyPre<State>),
    Cron(SpinCronPre<State>),
}

pub fn new_engine(options: &Options) -> Result<Engine> {
    let instances = options.max_instances;
    let mut pool = PoolingAllocationConfig::default();
    // Spin's numbers, as far as they can be noticed.
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
        anyhow!("cannot reserve memory for {instances} instances: lower --max-instances ({})", flat(&error))
    })
}

fn open_cache(folder: &Path) -> Result<wasmtime::Cache> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let mut config = wasmtime::CacheConfig::new();
    config.with_directory(folder.canonicalize()?);
    Ok(wasmtime::Cache::new(config)?)
}

pub fn new_linker(engine: &Engine) -> Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    bindings::Imports::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)?;
    Ok(linker)
}

/// Who waits longer than this is told how far it is.
const UNREMARKED: Duration = Duration::from_secs(2);

/// `sources`: each file with a component that uses it, for the message when something is wrong.
pub fn compile_all<'a>(engine: &Engine, sources: BTreeMap<&'a Path, &str>) -> Result<BTreeMap<&'a Path, Component>> {
    let (began, all, done) = (Instant::now(), sources.len(), AtomicUsize::new(0));
    let done = &done;
    std::thread::scope(|scope| {
        let noted = move |engine, id, source| {
            let component = compile(engine, id, source);
            let done = done.fetch_add(1, Ordering::Relaxed) + 1;
            if began.elapsed() > UNREMARKED {
                logs::note(&format!("compiled {done} of {all} components"));
            }
            component
        };
        let start = |(source, id)| (source, scope.spawn(move || noted(engine, id, source)));
        let threads: Vec<_> = sources.into_iter().map(start).collect();
        let finish = |thread: std::thread::ScopedJoinHandle<'_, Result<Component>>| {
            thread.join().map_err(|_| anyhow!("the compiler panicked"))?
        };
        threads.into_iter().map(|(source, thread)| Ok((source, finish(thread)?))).collect()
    })
}

fn compile(engine: &Engine, id: &str, source: &Path) -> Result<Component> {
    let file = source.display();
    if !source.exists() {
        bail!("component {id:?}: {file} is missing: build it first (cargo build --release --target wasm32-wasip2)");
    }
    Component::from_file(engine, source).map_err(|error| {
        let reason = flat(&error);
        anyhow!("component {id:?}: {file} is not a WASI 0.2 component: build it for wasm32-wasip2 ({reason})")
    })
}

pub fn link(linker: &Linker<State>, component: &Component, is_cron: bool) -> Result<Entry> {
    let pre: InstancePre<State> = linker.instantiate_pre(component).map_err(|error| {
        anyhow!("imports what mw-host does not implement: run it with Spin, or do without ({})", flat(&error))
    })?;
    if is_cron {
        let entry = SpinCronPre::new(pre).map_err(|error| {
            let reason = flat(&error);
            anyhow!("exports no handle-cron-event of fermyon:spin-cron@2.0.0: build it for that world ({reason})")
        })?;
        return Ok(Entry::Cron(entry));
    }
    let entry = ProxyPre::new(pre).map_err(|error| {
        let reason = flat(&error);
        anyhow!("exports no wasi:http/incoming-handler@0.2: build it with spin-sdk 5 for wasm32-wasip2 ({reason})")
    })?;
    Ok(Entry::Http(entry))
}

/// An error of wasmtime's on one line.
fn flat(error: &wasmtime::Error) -> String {
    format!("{error:#}").split_whitespace().collect::<Vec<_>>().join(" ")
}
