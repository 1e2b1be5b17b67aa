//! GET /health, /ready, /openapi.json (open); GET /version, /v1/ping (key).

mw_web::component!(mw_web::health::handle);
