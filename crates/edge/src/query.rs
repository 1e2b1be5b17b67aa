//! What lists read from the query: how many, from where, and which.

use crate::body::Whole;
use crate::cursor::Cursor;
use crate::problem::{self, Problem};
use crate::request::Request;

pub const PAGE_DEFAULT: u32 = 50;
pub const PAGE_MAX: u32 = 200;
pub const TEXT_LENGTH_MAX: usize = 200;

crate::shape! {
    /// What every list reads.
    pub struct Paged {
        /// `next_cursor` of the page before.
        pub cursor: Option<String>,
        /// Rows on a page.
        #[schemars(extend("default" = PAGE_DEFAULT))]
        pub limit: Option<Whole<1, PAGE_MAX>>,
    }
}

/// 422 for a parameter that is not as it should be.
pub fn invalid_query(name: &str, what: &str) -> Problem {
    problem::invalid_field(&format!("query:{name}"), format!("{name} {what}"))
}

/// A name that may be absent.
pub fn short_text(request: &Request, name: &str) -> Result<Option<String>, Problem> {
    match request.query(name) {
        Some(text) if text.chars().count() > TEXT_LENGTH_MAX || text.contains('\0') => {
            Err(invalid_query(name, "is not a name"))
        }
        text => Ok(text.filter(|text| !text.is_empty())),
    }
}

/// How many the caller wants on a page.
pub fn page_size(request: &Request) -> Result<u32, Problem> {
    match request.query("limit") {
        None => Ok(PAGE_DEFAULT),
        Some(text) => text
            .parse()
            .ok()
            .filter(|limit| (1..=PAGE_MAX).contains(limit))
            .ok_or_else(|| invalid_query("limit", &format!("should be 1 to {PAGE_MAX}"))),
    }
}

/// Where the page before ended, as we said it then.
pub fn cursor(request: &Request) -> Result<Option<Cursor>, Problem> {
    match request.query("cursor") {
        None => Ok(None),
        Some(text) => Cursor::parse(&text).map(Some).ok_or_else(|| invalid_query("cursor", "is not one of ours")),
    }
}

/// Sequence numbers are PostgreSQL's bigint.
pub fn sequence(text: &str) -> Option<u64> {
    text.parse().ok().filter(|number| i64::try_from(*number).is_ok())
}
