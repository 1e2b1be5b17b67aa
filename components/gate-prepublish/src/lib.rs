//! GET and POST /v1/hitl/approve/:run/prepublish.

mw_edge::component!([mw_api::gates::approve::ROUTES], Pooled, mw_kinds::KINDS);
