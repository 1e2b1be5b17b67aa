//! POST /v1/telegram/webhook.

mw_web::component!(mw_web::telegram::handle);
