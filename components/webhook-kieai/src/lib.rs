//! POST /v1/webhooks/kieai.

use mw_api::webhooks::{line, receive};
use mw_edge::route::Route;
use mw_integrations::kieai::WEBHOOK;

const ROUTES: &[Route] = &[line(&WEBHOOK, |request, context| receive(&WEBHOOK, request, context))];

mw_edge::component!([ROUTES], Pooled);
