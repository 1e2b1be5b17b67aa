//! /v1/gates: the inbox of open gates, for people and for agent inboxes.

mw_edge::component!([mw_api::gates::inbox::ROUTES], Remote, mw_kinds::KINDS);
