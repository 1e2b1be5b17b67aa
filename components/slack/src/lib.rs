//! POST /v1/slack/interactions, /v1/slack/events.

mw_edge::component!([mw_channels::slack::ROUTES], Remote, mw_kinds::KINDS);
