//! POST /v1/webhooks/upload-post.

mw_edge::component!(mw_api::webhooks::upload_post, Pooled);
