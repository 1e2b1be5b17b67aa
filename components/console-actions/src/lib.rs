//! What the forms of the console's pages do.

mw_web::component!(mw_web::console::actions);
