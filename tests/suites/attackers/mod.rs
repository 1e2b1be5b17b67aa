//! What attackers try, and what becomes of it. Each file is one aim of theirs.

mod links;
mod names;
mod people;
mod quorum;
mod rights;
mod storage;
