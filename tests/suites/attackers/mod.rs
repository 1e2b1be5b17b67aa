//! What attackers try, and what becomes of it. Each file is one aim of theirs.

mod manifests;
mod rights;
mod storage;
