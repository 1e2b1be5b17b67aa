//! mw
