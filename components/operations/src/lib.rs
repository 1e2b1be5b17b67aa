//! For operators: /v1/dlq (dead letters), /v1/principals, /v1/channels (who is told what happens) and /admin/drain.

use mw_api::{channels, dead_letters, drain, principals};

mw_edge::component!([dead_letters::ROUTES, principals::ROUTES, channels::ROUTES, drain::ROUTES]);
