//! The console's pages, and its login.

mw_web::component!(mw_web::console::pages);
