//! GET /v1/hitl/link/:run/:gate.

mw_web::component!(mw_web::gate_link::handle);
