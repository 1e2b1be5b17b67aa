//! mw-providers
