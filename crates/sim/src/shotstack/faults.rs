//! What only Shotstack can have.

use crate::fault::{Fault, Own};

pub(crate) const COPY_BEFORE_RENDER: Fault = Fault::named("copy_before_render");
pub(crate) const FORGED_DONE: Fault = Fault::named("forged_done");
pub(crate) const UNKNOWN_STATUS: Fault = Fault::named("unknown_status");
pub(crate) const RENDER_FAILS: Fault = Fault::named("render_fails");

pub(crate) const FAULTS: &[Own] = &[
    Own::job(COPY_BEFORE_RENDER, "sends serve/copy before edit/render"),
    Own::job(FORGED_DONE, "a stranger reports `done` with a URL of theirs while the render is rendering"),
    Own::job(UNKNOWN_STATUS, "shows a status that no document knows while the render runs"),
    Own::job(RENDER_FAILS, "accepts the render and fails it (error = `text`)"),
];
