//! mw-sweep
