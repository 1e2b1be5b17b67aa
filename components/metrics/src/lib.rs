//! GET /metrics.

mw_edge::component!([mw_api::metrics::ROUTES]);
