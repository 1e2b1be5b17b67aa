//! mw-host: a local stand-in for Spin, for development and CI. It runs a manifest's components on wasmtime the way
//! `spin up` would, and refuses by name what it doesn't implement.
//!
//! - `manifest`: spin.toml → what to run; `variables`: values and templates
//! - `engine`: compile and link; `runtime`: the application and its instances, with `runtime_config`; `bindings`: the WIT interfaces
//! - `http` with `routes`: the HTTP trigger; `cron`: the cron trigger
//! - what guests call: `postgres`, `key_value`, `outbound` (HTTP, service chaining) with `allowed_hosts`
//! - `logs`: what guests print
//!
//! README.md has the differences from Spin.

pub mod allowed_hosts;
pub mod bindings;
pub mod cron;
pub mod engine;
pub mod http;
pub mod key_value;
pub mod logs;
pub mod manifest;
pub mod outbound;
pub mod postgres;
pub mod routes;
pub mod runtime;
pub mod runtime_config;
pub mod variables;
