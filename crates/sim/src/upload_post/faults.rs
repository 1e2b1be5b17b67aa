//! What only upload-post can have.

use crate::fault::{Fault, Own};

pub(crate) const PARTIAL_SUCCESS: Fault = Fault::named("partial_success");
pub(crate) const FALLBACK_TO_INBOX: Fault = Fault::named("fallback_to_inbox");
pub(crate) const QUEUED_WHILE_RUNNING: Fault = Fault::named("queued_while_running");
pub(crate) const RESULTS_AS_OBJECT: Fault = Fault::named("results_as_object");
pub(crate) const REPLAY_ANSWERS_409: Fault = Fault::named("replay_answers_409");
pub(crate) const ANSWERS_SYNCHRONOUSLY: Fault = Fault::named("answers_synchronously");
pub(crate) const UNSIGNED_DELIVERY: Fault = Fault::named("unsigned_delivery");
pub(crate) const POST_FAILS: Fault = Fault::named("post_fails");

pub(crate) const FAULTS: &[Own] = &[
    Own::job(PARTIAL_SUCCESS, "the last of the platforms fails, or one that was not asked for"),
    Own::job(FALLBACK_TO_INBOX, "success:true with fallback_to_inbox:true: a draft, not a post"),
    Own::job(QUEUED_WHILE_RUNNING, "rows say success:true, \"Queued\" while the upload runs"),
    Own::job(RESULTS_AS_OBJECT, "the status gives results as an object by platform"),
    Own::call(REPLAY_ANSWERS_409, "a repeated Idempotency-Key answers 409 instead of 200"),
    Own::job(ANSWERS_SYNCHRONOUSLY, "ignores async_upload and answers with results"),
    Own::job(UNSIGNED_DELIVERY, "delivers unsigned, as before a secret exists"),
    Own::job(POST_FAILS, "every platform fails"),
];
