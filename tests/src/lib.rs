//! mw-tests
