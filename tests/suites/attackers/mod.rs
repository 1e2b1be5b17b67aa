//! What attackers try, and what becomes of it. Each file is one aim of theirs.

mod callers;
mod links;
mod manifests;
mod names;
mod people;
mod quorum;
mod rights;
mod secrets;
mod storage;

/// What a person would be led to, if it stayed alive.
fn evil_address() -> String {
    "Log in at https://evil.example/login".to_owned()
}
