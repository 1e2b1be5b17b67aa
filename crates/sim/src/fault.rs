//! Everything that can be made to go wrong. One variant is one behaviour of a real provider, or of the network before it.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Provider {
    Kieai,
    Shotstack,
    #[serde(alias = "upload_post")]
    UploadPost,
    Openai,
    Anthropic,
    Telegram,
    Slack,
    Otlp,
    Sentry,
}

impl Provider {
    pub const ALL: [Provider; 9] = [
        Provider::Kieai,
        Provider::Shotstack,
        Provider::UploadPost,
        Provider::Openai,
        Provider::Anthropic,
        Provider::Telegram,
        Provider::Slack,
        Provider::Otlp,
        Provider::Sentry,
    ];
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    // Any provider: around one call.
    Delay,
    DropConnection,
    GatewayErrorAfterWork,
    #[serde(rename = "status_500")]
    Status500,
    #[serde(rename = "status_429")]
    Status429,
    MalformedJson,
    OversizedAnswer,
    // Any provider with callbacks: decided when the job is created.
    CallbackTwice,
    CallbackReordered,
    CallbackDropped,
    CallbackLate,
    CallbackForged,
    // kie.ai
    #[serde(rename = "code_402")]
    Code402,
    #[serde(rename = "code_429")]
    Code429,
    #[serde(rename = "code_455")]
    Code455,
    #[serde(rename = "code_501")]
    Code501,
    AccountLimit,
    IdsAsTaskId,
    ResultUrlsAsString,
    ForgedBodyValidSignature,
    TaskFails,
    UnknownState,
    // Shotstack
    CopyBeforeRender,
    ForgedDone,
    UnknownStatus,
    RenderFails,
    // upload-post
    PartialSuccess,
    FallbackToInbox,
    QueuedWhileRunning,
    ResultsAsObject,
    #[serde(rename = "replay_answers_409")]
    ReplayAnswers409,
    AnswersSynchronously,
    UnsignedDelivery,
    PostFails,
    // LLM
    InvalidJsonArguments,
    InvalidJsonContent,
    NullContent,
    Refusal,
    CutOff,
    #[serde(rename = "overloaded_529")]
    Overloaded529,
    OnlyMaxTokens,
    UnknownTool,
    InjectedCall,
    SlowStream,
    StreamCut,
    StreamError,
    // Messengers
    MessageRefused,
    // Collectors of traces
    SpansLeftOut,
    SpansRefused,
    // Sentry
    LimitWithSuccess,
    EnvelopeRefused,
}

/// When a fault is drawn: for one call, or once for a job, for all of its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    Call,
    Job,
}

/// A line of the list that `GET /_sim/faults` shows.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Known {
    pub fault: Fault,
    pub providers: &'static [Provider],
    pub scope: Scope,
    pub description: &'static str,
}

const EVERY: &[Provider] = &Provider::ALL;
const CALLING: &[Provider] = &[Provider::Kieai, Provider::Shotstack, Provider::UploadPost];
const KIEAI: &[Provider] = &[Provider::Kieai];
const SHOTSTACK: &[Provider] = &[Provider::Shotstack];
const UPLOAD_POST: &[Provider] = &[Provider::UploadPost];
const OPENAI: &[Provider] = &[Provider::Openai];
const LLM: &[Provider] = &[Provider::Openai, Provider::Anthropic];
const OTLP: &[Provider] = &[Provider::Otlp];
const SENTRY: &[Provider] = &[Provider::Sentry];
const MESSENGERS: &[Provider] = &[Provider::Telegram, Provider::Slack];

macro_rules! known {
    ($($fault:ident, $providers:expr, $scope:ident, $description:literal;)*) => {
        /// Every fault, with who can have it.
        pub const KNOWN: &[Known] = &[
            $(Known { fault: Fault::$fault, providers: $providers, scope: Scope::$scope, description: $description },)*
        ];
    };
}

known! {
    Delay, EVERY, Call, "does the work and answers `ms` later (default 30000)";
    DropConnection, EVERY, Call, "does the work and hangs up without an answer";
    GatewayErrorAfterWork, EVERY, Call, "does the work and answers 502 with a page that is not the provider's";
    Status500, EVERY, Call, "answers HTTP 500 in the provider's own words, without doing the work";
    Status429, EVERY, Call, "answers HTTP 429 with Retry-After (`retry_after_seconds`, default 1), without doing the work";
    MalformedJson, EVERY, Call, "does the work and answers with half of the JSON";
    OversizedAnswer, EVERY, Call, "does the work and answers with more than 1 MB";
    CallbackTwice, CALLING, Job, "sends every callback of the job twice";
    CallbackReordered, CALLING, Job, "sends the job's callbacks after the provider's next ones";
    CallbackDropped, CALLING, Job, "never calls back, and the delivery never returns";
    CallbackLate, CALLING, Job, "calls back `ms` late (default 30000)";
    CallbackForged, CALLING, Job, "a stranger calls back first, with a lie and no valid signature";
    Code402, KIEAI, Call, "refuses with HTTP 200 and code 402 (credits)";
    Code429, KIEAI, Call, "refuses with HTTP 200 and code 429 (rate)";
    Code455, KIEAI, Call, "refuses with HTTP 200 and code 455 (maintenance)";
    Code501, KIEAI, Call, "refuses with HTTP 200 and code 501 (generation failed)";
    AccountLimit, KIEAI, Call, "holds the account to 20 new requests per 10 s: beyond that code 429, refused and not queued";
    IdsAsTaskId, KIEAI, Job, "spells the id task_id in answers and callbacks";
    ResultUrlsAsString, KIEAI, Job, "gives resultUrls as one string instead of an array";
    ForgedBodyValidSignature, KIEAI, Job, "a forged body arrives first, under captured headers that are valid for the task";
    TaskFails, KIEAI, Job, "accepts the job and fails it with code 501";
    UnknownState, KIEAI, Job, "shows a state that no document knows while the job runs";
    CopyBeforeRender, SHOTSTACK, Job, "sends serve/copy before edit/render";
    ForgedDone, SHOTSTACK, Job, "a stranger reports `done` with a URL of theirs while the render is rendering";
    UnknownStatus, SHOTSTACK, Job, "shows a status that no document knows while the render runs";
    RenderFails, SHOTSTACK, Job, "accepts the render and fails it (error = `text`)";
    PartialSuccess, UPLOAD_POST, Job, "the last of the platforms fails, or one that was not asked for";
    FallbackToInbox, UPLOAD_POST, Job, "success:true with fallback_to_inbox:true: a draft, not a post";
    QueuedWhileRunning, UPLOAD_POST, Job, "rows say success:true, \"Queued\" while the upload runs";
    ResultsAsObject, UPLOAD_POST, Job, "the status gives results as an object by platform";
    ReplayAnswers409, UPLOAD_POST, Call, "a repeated Idempotency-Key answers 409 instead of 200";
    AnswersSynchronously, UPLOAD_POST, Job, "ignores async_upload and answers with results";
    UnsignedDelivery, UPLOAD_POST, Job, "delivers unsigned, as before a secret exists";
    PostFails, UPLOAD_POST, Job, "every platform fails";
    InvalidJsonArguments, LLM, Call, "calls a tool with arguments that are not JSON (Anthropic: with none, unless streamed)";
    InvalidJsonContent, LLM, Call, "answers with content that is not JSON";
    NullContent, LLM, Call, "answers with content null";
    Refusal, LLM, Call, "refuses";
    CutOff, LLM, Call, "cuts the answer off, finish_reason length or stop_reason max_tokens";
    Overloaded529, LLM, Call, "answers 529 with retry-after-ms and retry-after";
    OnlyMaxTokens, OPENAI, Call, "knows only max_tokens";
    UnknownTool, LLM, Call, "calls a tool that nobody has";
    InjectedCall, LLM, Call, "calls the tool that an attacker wants (`text`, default approve_gate), with a run_id, gate, decision and user_id";
    SlowStream, LLM, Call, "waits `ms` (default 100) before each piece of a stream";
    StreamCut, LLM, Call, "breaks the connection in the middle of a stream";
    StreamError, LLM, Call, "sends an error event in the middle of a stream, and ends it";
    MessageRefused, MESSENGERS, Call, "takes no message for this address, for good (description or error = `text`)";
    SpansLeftOut, OTLP, Call, "takes a request in part: leaves its first span out and says so (partialSuccess)";
    SpansRefused, OTLP, Call, "refuses with HTTP 400, for good";
    LimitWithSuccess, SENTRY, Call, "takes the event, and wants no errors for `retry_after_seconds` (default 1): X-Sentry-Rate-Limits on a 200";
    EnvelopeRefused, SENTRY, Call, "refuses with HTTP 400 and X-Sentry-Error (`text`)";
}

/// Which calls a fault of scope `call` strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum On {
    #[default]
    Any,
    /// POST: creating a job, asking a model.
    Create,
    /// GET: asking about a job.
    Query,
}

/// One switched-on fault.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    pub provider: Provider,
    pub fault: Fault,
    /// Strikes so often, then no more; absent: until cleared.
    #[serde(default)]
    pub times: Option<u32>,
    /// Strikes with this probability; absent: always.
    #[serde(default)]
    pub probability: Option<f64>,
    #[serde(default)]
    pub on: On,
    #[serde(default)]
    pub ms: Option<u64>,
    #[serde(default)]
    pub retry_after_seconds: Option<u64>,
    /// The provider's error text.
    #[serde(default)]
    pub text: Option<String>,
    #[serde(default, skip_deserializing)]
    pub struck: u64,
}

impl Rule {
    /// Why this rule makes no sense, if it makes none.
    pub fn objection(&self) -> Option<String> {
        let known = KNOWN.iter().find(|known| known.fault == self.fault)?;
        if !known.providers.contains(&self.provider) {
            return Some(format!("{:?} is not a fault of {:?}", self.fault, self.provider));
        }
        let probability = self.probability.unwrap_or(1.0);
        if !(0.0..=1.0).contains(&probability) {
            return Some("probability must be between 0 and 1".to_owned());
        }
        None
    }

    pub(crate) fn delay_ms(&self) -> u64 {
        self.ms.unwrap_or(30_000)
    }
}

/// The job faults that a provider can have.
pub(crate) fn job_faults(provider: Provider) -> impl Iterator<Item = Fault> {
    KNOWN
        .iter()
        .filter(move |known| known.scope == Scope::Job && known.providers.contains(&provider))
        .map(|known| known.fault)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_fault_is_known_once() {
        let names: HashSet<String> = KNOWN.iter().map(|known| format!("{:?}", known.fault)).collect();
        assert_eq!(names.len(), KNOWN.len());
        // The last variant's number tells how many there are.
        assert_eq!(KNOWN.len(), Fault::EnvelopeRefused as usize + 1);
    }

    #[test]
    fn senseless_rules_are_refused() {
        let rule = |json: &str| serde_json::from_str::<Rule>(json).unwrap();
        assert!(rule(r#"{"provider":"kieai","fault":"code_402"}"#).objection().is_none());
        assert!(rule(r#"{"provider":"upload_post","fault":"code_402"}"#).objection().is_some());
        assert!(rule(r#"{"provider":"kieai","fault":"delay","probability":2}"#).objection().is_some());
    }
}
