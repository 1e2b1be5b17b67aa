//! GET /v1/runs, /v1/runs/:id, /v1/runs/:id/events, /v1/runs/:id/why; POST /v1/runs/:id/artifacts.

mw_edge::component!([mw_api::runs::ROUTES], Pooled, mw_kinds::KINDS);
