//! mw-dispatch
