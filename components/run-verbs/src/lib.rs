//! POST /v1/runs/:id/{cancel,pause,resume,terminate,extend,retry,rerun} and POST /v1/runs/bulk.

mw_edge::component!([mw_api::verbs::ROUTES], Remote, mw_kinds::KINDS);
