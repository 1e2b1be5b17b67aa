//! POST /v1/sweep: calls every reconciler once.

mw_edge::component!([mw_api::sweep::ROUTES], Pooled, mw_kinds::KINDS);
