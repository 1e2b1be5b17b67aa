//! Everything that no other component takes: 401, 404 and 422 in our shape.

mw_web::component!(mw_web::unmatched::handle);
