//! POST /v1/runs/:id/{cancel,pause,resume,terminate,extend,retry,rerun} and POST /v1/runs/bulk.

mw_web::component!(mw_web::verbs::handle);
