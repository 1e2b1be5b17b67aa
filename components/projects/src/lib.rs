//! GET /v1/projects, /v1/projects/:key.

mw_edge::component!([mw_api::projects::ROUTES]);
