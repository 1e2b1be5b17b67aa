//! The console: pages for approvers and operators under /console.

mw_web::component!(mw_web::console::handle);
