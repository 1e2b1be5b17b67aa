//! What `wit/` says, as Rust: Spin's interfaces for the host side, and the export of cron components.

// The generated code lifts and lowers values by hand.
#![allow(unsafe_code, unreachable_pub, clippy::indexing_slicing)]

wasmtime::component::bindgen!({
    path: "wit",
    world: "mylo:host/imports",
    imports: { default: async | trappable },
    with: {
        "spin:postgres/postgres.connection": crate::postgres::Connection,
        "fermyon:spin/key-value.store": crate::key_value::Store,
    },
});

/// The world of Spin's cron trigger: one exported function.
pub mod cron {
    wasmtime::component::bindgen!({
        path: "wit",
        world: "fermyon:spin-cron/spin-cron",
        exports: { default: async },
    });
}
