//! GET /v1/hitl/link/:run/:gate.

mw_edge::component!([mw_api::gates::link::ROUTES]);
