//! POST /v1/webhooks/shotstack.

mw_edge::component!([mw_api::webhooks::SHOTSTACK_ROUTES], Pooled);
