//! The development stack: what `./dev` and the tests run the product with. Also a library.
//!
//! - `folder`         the clone and its `.mw/` folder
//! - `prerequisites`  programs that must be there, and the cure when they are not
//! - `account`        which system user runs PostgreSQL when we are root
//! - `cluster`        the private PostgreSQL cluster: who uses it, and when it stops
//! - `server`         its server: make, start, stop
//! - `database`       its databases: the product's own, and scratch ones
//! - `postgres`       PostgreSQL's client programs against one database
//! - `secrets`        development secrets, made up once, in `.mw/env`
//! - `variables`      settings → the Spin variables of the manifests
//! - `process`        one child process: start, watch, stop
//! - `ports`          free and busy ports, waiting for an answer
//! - `stack`          a running stack: database, migrations, projects, simulator, hosts, cron
//! - `builder`        what kind of stack to start, for tests and `with`
//! - `history`        a long history for a database, to measure against
//! - `statements`     counts what requests ask the database, for tests and benches
//! - `signals`        Ctrl-C and its like
//! - `progress`       what a person sees while it takes long
//! - `up`, `with`     the commands on top
//! - `sizes`, `coverage`  what `./dev test` enforces

pub mod account;
pub mod builder;
pub mod cluster;
pub mod coverage;
pub mod database;
pub mod folder;
pub mod history;
pub mod ports;
pub(crate) mod postgres;
pub mod prerequisites;
pub mod process;
pub mod progress;
pub mod secrets;
mod server;
pub mod signals;
pub mod sizes;
pub mod stack;
pub mod statements;
pub mod up;
pub mod variables;
pub mod with;
