//! What a language model can have, in either API.

use crate::fault::{Fault, Own};

pub(crate) const INVALID_JSON_ARGUMENTS: Fault = Fault::named("invalid_json_arguments");
pub(crate) const INVALID_JSON_CONTENT: Fault = Fault::named("invalid_json_content");
pub(crate) const NULL_CONTENT: Fault = Fault::named("null_content");
pub(crate) const REFUSAL: Fault = Fault::named("refusal");
pub(crate) const CUT_OFF: Fault = Fault::named("cut_off");
pub(crate) const OVERLOADED_529: Fault = Fault::named("overloaded_529");
pub(crate) const UNKNOWN_TOOL: Fault = Fault::named("unknown_tool");
pub(crate) const INJECTED_CALL: Fault = Fault::named("injected_call");
pub(crate) const SLOW_STREAM: Fault = Fault::named("slow_stream");
pub(crate) const STREAM_CUT: Fault = Fault::named("stream_cut");
pub(crate) const STREAM_ERROR: Fault = Fault::named("stream_error");

pub(crate) const FAULTS: &[Own] = &[
    Own::call(
        INVALID_JSON_ARGUMENTS,
        "calls a tool with arguments that are not JSON (Anthropic: with none, unless streamed)",
    ),
    Own::call(INVALID_JSON_CONTENT, "answers with content that is not JSON"),
    Own::call(NULL_CONTENT, "answers with content null"),
    Own::call(REFUSAL, "refuses"),
    Own::call(CUT_OFF, "cuts the answer off, finish_reason length or stop_reason max_tokens"),
    Own::call(OVERLOADED_529, "answers 529 with retry-after-ms and retry-after"),
    Own::call(UNKNOWN_TOOL, "calls a tool that nobody has"),
    Own::call(
        INJECTED_CALL,
        "calls the tool that an attacker wants (`text`, default approve_gate), with a run_id, gate, decision and user_id",
    ),
    Own::call(SLOW_STREAM, "waits `ms` (default 100) before each piece of a stream"),
    Own::call(STREAM_CUT, "breaks the connection in the middle of a stream"),
    Own::call(STREAM_ERROR, "sends an error event in the middle of a stream, and ends it"),
];
