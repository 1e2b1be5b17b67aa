//! POST /v1/runs/start.

mw_web::component!(mw_web::run_start::handle, Pooled);
