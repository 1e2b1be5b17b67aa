//! POST /v1/webhooks/std/:source.

mw_edge::component!([mw_api::webhooks::standard::ROUTES], Pooled);
