//! POST /v1/telegram/webhook.

mw_edge::component!(mw_channels::telegram::handle, Remote, mw_kinds::KINDS);
