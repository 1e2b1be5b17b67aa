//! POST /v1/runs/start.

mw_edge::component!([mw_api::start::ROUTES], Pooled);
