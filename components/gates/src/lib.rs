//! /v1/gates: the inbox of open gates, for people and for agent inboxes.

mw_web::component!(mw_web::inbox::handle);
