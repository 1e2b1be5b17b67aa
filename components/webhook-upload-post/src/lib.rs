//! POST /v1/webhooks/upload-post.

use mw_api::webhooks::{line, receive};
use mw_edge::route::Route;
use mw_integrations::upload_post::WEBHOOK;

const ROUTES: &[Route] = &[line(&WEBHOOK, |request, context| receive(&WEBHOOK, request, context))];

mw_edge::component!([ROUTES], Pooled);
