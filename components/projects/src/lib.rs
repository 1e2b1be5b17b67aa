//! GET /v1/projects, /v1/projects/:key.

mw_web::component!(mw_web::projects::handle);
