//! mw-store
