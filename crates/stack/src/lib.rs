//! The development stack: what `./dev`, tests, bench and chaos run the product with.
//!
//! - `cli`            the commands of `mw-stack`
//! - `prerequisites`  programs that must be there, and the cure when they are not
//! - `account`        which system user runs PostgreSQL when we are root
//! - `cluster`        the private PostgreSQL cluster: who uses it, and when it stops
//! - `server`         its server: make, start, stop
//! - `certificates`   those of a server that speaks TLS
//! - `roles`          the roles of ops/postgres/roles.sql
//! - `database`       its databases: the product's own, and scratch ones
//! - `secrets`        development secrets, made up once, in `.mw/env`
//! - `variables`      settings → the Spin variables of the manifests
//! - `manifest`       what a manifest declares, and the copy of it that names components built for development
//! - `process`        one child process: start, watch, stop
//! - `ports`          free and busy ports, waiting for an answer
//! - `host`, `spin`   what serves a manifest: a Spin on PATH, or the local host
//! - `schedule`       what calls the sweep every few seconds
//! - `stack`          a running stack: database, migrations, projects, simulator, hosts, schedule
//! - `builder`        what kind of stack to start, for tests and `with`
//! - `history`        a long history for a database, to measure against
//! - `corpus`, `kb_bench`  a large knowledge, and how long searches in it take
//! - `statements`     counts what requests ask the database, for tests and benches
//! - `up`, `with`, `demo`  the commands on top
//! - `sizes`, `coverage`   what `./dev test` enforces

pub mod account;
pub mod builder;
mod certificates;
pub mod cli;
pub mod cluster;
pub mod corpus;
pub mod coverage;
pub mod database;
mod demo;
pub mod history;
pub mod host;
mod kb_bench;
pub mod manifest;
pub mod ports;
pub mod prerequisites;
pub mod process;
mod roles;
mod schedule;
pub mod secrets;
mod server;
pub mod sizes;
mod spin;
pub mod stack;
pub mod statements;
pub mod up;
pub mod variables;
pub mod with;
