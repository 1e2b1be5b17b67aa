//! POST /v1/chat/brendan: Brendan plans a run, starts it, explains it and hands out links.

mw_edge::component!([mw_chat::ROUTES], Pooled);
