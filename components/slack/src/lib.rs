//! POST /v1/slack/interactions.

mw_web::component!(mw_web::slack::handle);
