//! GET /, /docs, /redoc, /health, /ready, /openapi.json (open); GET /version, /v1/ping (key).

mw_edge::component!([mw_api::health::ROUTES, mw_api::reference::ROUTES]);
