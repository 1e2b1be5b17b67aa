//! Journeys of people in a real browser, against the same stack as the black-box suites:
//!
//! ```sh
//! ./dev browser            # all; or a part of a test's name
//! ./dev screenshots        # every page, as a picture, into target/screenshots
//! ```
//!
//! `driver` is the browser; every other module is a subject, each test is named after what it promises.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod console;
mod console_pages;
mod driver;
mod links;
mod markup;
mod pages;
mod policies;
#[path = "../suites/support/mod.rs"]
#[allow(dead_code, unused_imports)]
mod support;

use driver::{Browser, Scheme, Scripts};
