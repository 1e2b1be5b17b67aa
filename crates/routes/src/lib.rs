//! Every route of the product in one place, for whoever looks at all of them: openapi.json, the page of rights, and the tests that
//! hold them against spin.toml. Native only; a component names its own tables.

pub mod manifest;
pub mod openapi;

use mw_edge::route::Route;

/// The tables of the features. A feature's table that is in no line here fails the test against spin.toml.
pub const TABLES: &[&[Route]] = &[
    mw_chat::ROUTES,
    mw_api::start::ROUTES,
    mw_api::verbs::ROUTES,
    mw_api::runs::ROUTES,
    mw_api::projects::ROUTES,
    mw_api::gates::link::ROUTES,
    mw_api::gates::approve::ROUTES,
    mw_api::gates::inbox::ROUTES,
    mw_api::webhooks::standard::ROUTES,
    mw_channels::telegram::ROUTES,
    mw_channels::slack::ROUTES,
    mw_api::dead_letters::ROUTES,
    mw_api::channels::ROUTES,
    mw_api::drain::ROUTES,
    mw_api::principals::ROUTES,
    mw_mcp::ROUTES,
    mw_api::sweep::ROUTES,
    mw_api::metrics::ROUTES,
    mw_api::health::ROUTES,
    mw_api::reference::ROUTES,
];

/// Every line of every table: the API's, the providers' webhooks, then the console's pages and actions.
pub fn all() -> Vec<Route<()>> {
    let webhooks = mw_integrations::registry::webhooks().map(|webhook| mw_api::webhooks::line(webhook, ()));
    TABLES.iter().copied().flatten().map(Route::line).chain(webhooks).chain(mw_console::lines()).collect()
}
