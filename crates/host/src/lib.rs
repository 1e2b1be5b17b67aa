//! mw-host
