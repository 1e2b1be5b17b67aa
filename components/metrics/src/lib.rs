//! GET /metrics.

mw_web::component!(mw_web::metrics::handle);
