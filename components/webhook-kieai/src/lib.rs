//! POST /v1/webhooks/kieai.

mw_edge::component!([mw_api::webhooks::KIEAI_ROUTES], Pooled);
