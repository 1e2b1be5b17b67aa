//! For operators: /v1/dlq (dead letters), /v1/principals, /v1/channels (who is told what happens) and /admin/drain.

mw_edge::component!(mw_api::operator::handle);
