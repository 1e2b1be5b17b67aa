//! POST /v1/telegram/webhook.

mw_edge::component!([mw_channels::telegram::ROUTES], Remote, mw_kinds::KINDS);
