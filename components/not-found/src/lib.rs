//! Everything that no other component takes: 401, 404 and 422 in our shape.

mw_edge::component!(mw_api::not_found::handle);
