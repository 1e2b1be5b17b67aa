//! Brendan with a model behind a server that speaks a dialect of OpenAI's API: the simulator plays each.

use super::model::Talk;
use super::{response, words};
use crate::support::shell::says;
use crate::support::{stack, unique};
use serde_json::{Value, json};

/// Answers that are written otherwise: nobody is told of it.
const SPOKEN: [&str; 22] = [
    "content_parts",
    "reasoning_fields",
    "thinks_in_tags",
    "thinks_aloud",
    "thinks_in_channels",
    "thinks_in_bare_channels",
    "thinks_in_thoughts",
    "thinks_in_signs",
    "ends_in_tokens",
    "calls_as_text",
    "calls_in_a_fence",
    "calls_after_a_mark",
    "calls_between_tags",
    "calls_in_tokens",
    "odd_calls",
    "loose_calls",
    "changing_ids",
    "all_again",
    "no_end_of_stream",
    "odd_lines",
    "no_usage",
    "content_parts reasoning_fields loose_calls no_usage odd_lines no_end_of_stream",
];
/// Requests that are refused as they are: they are asked otherwise, and the next one begins there.
const REFUSING: [&str; 4] = ["only_max_tokens", "no_stream_options", "no_tools", "no_version"];
const HELLO: &str = "This is a simulated answer.";
/// What the simulated model thinks.
const THOUGHT: &str = "I had better call";

/// A turn that is followed while it is had: what was told on the way, and the whole answer.
fn followed(talk: &Talk, user: &str, message: &str) -> (String, Value) {
    let events = talk.streamed(user, message);
    assert!(events.iter().all(|(_, data)| !data.to_string().contains(THOUGHT)), "{events:?}");
    let told = events.iter().filter(|(name, _)| name == "delta").map(|(_, data)| data["text"].as_str().unwrap());
    (told.collect(), events.last().unwrap().1.clone())
}

fn converses(talk: &Talk, dialect: &str) {
    let user = unique("user");
    talk.fault("dialect", json!({"text": dialect}));
    let begun = talk.say(&user, "Make a video about candles");
    let run = talk.run(&begun, &user);
    let listed = talk.say(&user, "What is the status of my runs?");
    assert!(response(&listed).contains(&run.id) && listed["run_ids"] == json!([run.id]), "{dialect}: {listed}");
    let (told, done) = followed(talk, &user, "Hello");
    assert_eq!((told.as_str(), words(&done), &done["planner"]), (HELLO, HELLO, &json!("model")), "{dialect}: {done}");
    let (_, done) = followed(talk, &user, "Make a video about soap");
    assert!(done["runId"].is_string() && done["planner"] == "model", "{dialect}: {done}");
    let kept = talk.service.database().rows("SELECT content FROM chat_messages WHERE user_id = $1", &[&user]);
    assert!(kept.iter().all(|row| !row["content"].as_str().unwrap().contains(THOUGHT)), "{dialect}");
    talk.simulator.clear();
}

#[test]
#[ignore = "needs simulated providers"]
fn brendan_understands_every_dialect() {
    let mut talk = Talk::over("openai", &[]);
    what_is_quoted_is_not_called(&talk);
    SPOKEN.iter().for_each(|dialect| converses(&talk, dialect));
    for dialect in REFUSING {
        converses(&talk, dialect);
        // It is remembered what the server does not take.
        talk.fault("dialect", json!({"text": dialect}));
        let (user, asked) = (unique("user"), talk.requests());
        followed(&talk, &user, "Hello");
        assert_eq!(talk.requests() - asked, 1, "{dialect}");
        talk.simulator.clear();
    }
    errors_inside_of_a_success_are_errors(&talk);
    base_urls_of_any_version_are_asked(&mut talk);
    validate_says_which_dialect(&talk);
}

/// Of a server that takes tools: one that takes none has no other way to call than to write it.
fn what_is_quoted_is_not_called(talk: &Talk) {
    talk.fault("dialect", json!({"text": "quotes_calls"}));
    let quoted = talk.say(&unique("user"), "Hello");
    assert!(words(&quoted).starts_with(HELLO) && quoted["planner"] == "model", "{quoted}");
    talk.simulator.clear();
}

fn errors_inside_of_a_success_are_errors(talk: &Talk) {
    for (dialect, reason) in [
        ("error_in_200", "overloaded"),
        ("reason_in_200", "overloaded"),
        ("null_choices", "malformed"),
        ("stops_short", "malformed"),
        ("detail", "unavailable"),
    ] {
        let user = unique("user");
        talk.fault("dialect", json!({"text": dialect}));
        talk.falls_back(&user, "Make a Test Video Gen run about candles", reason);
        talk.simulator.clear();
    }
    talk.fault("damaged_text", json!({}));
    let user = unique("user");
    assert_eq!(words(&talk.say(&user, "Hello")), HELLO);
    talk.simulator.clear();
}

fn base_urls_of_any_version_are_asked(talk: &mut Talk) {
    let simulator = talk.service.sim_url.clone().unwrap();
    for path in ["/openai/api/paas/v4", "/openai/v1beta/openai/", "/openai/v1"] {
        talk.stack.change("OPENAI_BASE_URL", &format!("{simulator}{path}"));
        talk.stack.replace_host(0).unwrap();
        talk.service = stack::service_of(&talk.stack);
        assert_eq!(words(&talk.say(&unique("user"), "Hello")), HELLO, "{path}");
    }
}

fn validate_says_which_dialect(talk: &Talk) {
    let simulator = talk.service.sim_url.clone().unwrap();
    let base_url = format!("{simulator}/openai/v1");
    let variables = [("OPENAI_API_KEY", "dev-openai-key"), ("OPENAI_BASE_URL", base_url.as_str())];
    talk.fault("dialect", json!({"text": "no_json_schema no_stream_options thinks_aloud"}));
    let line = "mw validate providers || true";
    let said = says(&talk.stack, line, &variables, "speaks a dialect: no stream_options, no json_schema, thinks aloud");
    assert!(!said.contains("dev-openai-key"), "{said}");
    talk.simulator.clear();
    says(&talk.stack, line, &variables, "speaks as OpenAI does");
}
