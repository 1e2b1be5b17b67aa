//! What only kie.ai can have.

use crate::fault::{Fault, Own};

pub(crate) const CODE_402: Fault = Fault::named("code_402");
pub(crate) const CODE_429: Fault = Fault::named("code_429");
pub(crate) const CODE_455: Fault = Fault::named("code_455");
pub(crate) const CODE_501: Fault = Fault::named("code_501");
pub(crate) const ACCOUNT_LIMIT: Fault = Fault::named("account_limit");
pub(crate) const IDS_AS_TASK_ID: Fault = Fault::named("ids_as_task_id");
pub(crate) const RESULT_URLS_AS_STRING: Fault = Fault::named("result_urls_as_string");
pub(crate) const FORGED_BODY_VALID_SIGNATURE: Fault = Fault::named("forged_body_valid_signature");
pub(crate) const TASK_FAILS: Fault = Fault::named("task_fails");
pub(crate) const UNKNOWN_STATE: Fault = Fault::named("unknown_state");

pub(crate) const FAULTS: &[Own] = &[
    Own::call(CODE_402, "refuses with HTTP 200 and code 402 (credits)"),
    Own::call(CODE_429, "refuses with HTTP 200 and code 429 (rate)"),
    Own::call(CODE_455, "refuses with HTTP 200 and code 455 (maintenance)"),
    Own::call(CODE_501, "refuses with HTTP 200 and code 501 (generation failed)"),
    Own::call(
        ACCOUNT_LIMIT,
        "holds the account to 20 new requests per 10 s: beyond that code 429, refused and not queued",
    ),
    Own::job(IDS_AS_TASK_ID, "spells the id task_id in answers and callbacks"),
    Own::job(RESULT_URLS_AS_STRING, "gives resultUrls as one string instead of an array"),
    Own::job(
        FORGED_BODY_VALID_SIGNATURE,
        "a forged body arrives first, under captured headers that are valid for the task",
    ),
    Own::job(TASK_FAILS, "accepts the job and fails it with code 501"),
    Own::job(UNKNOWN_STATE, "shows a state that no document knows while the job runs"),
];
