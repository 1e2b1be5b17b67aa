//! POST /v1/slack/interactions.

mw_edge::component!([mw_channels::slack::ROUTES], Remote, mw_kinds::KINDS);
