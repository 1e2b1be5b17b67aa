//! POST /v1/webhooks/std/:source.

mw_web::component!(mw_web::webhooks_std::handle, Pooled);
