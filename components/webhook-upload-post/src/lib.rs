//! POST /v1/webhooks/upload-post.

mw_edge::component!([mw_api::webhooks::UPLOAD_POST_ROUTES], Pooled);
