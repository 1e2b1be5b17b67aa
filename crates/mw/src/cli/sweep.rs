//! `mw sweep`: runs a sweep now instead of waiting for the next one.

use super::Context;
use crate::{
    api::{Api, Call},
    error::Result,
};
use serde_json::Value;

pub(crate) fn run(context: &Context) -> Result<u8> {
    let settings = &context.settings;
    let (header, key) = match settings.get("SWEEP_KEY") {
        Some(key) => ("x-sweep-key", key),
        None => ("x-api-key", settings.need("API_KEY")?),
    };
    let api = Api::at(settings.api_base_url(), key);
    let call = Call { post: Some(serde_json::json!({})), headers: vec![(header, key.to_owned())] };
    let answer = api.send("/v1/sweep", &call)?.accepted("/v1/sweep")?;
    context.print(&answer, |answer| {
        for (name, value) in answer.as_object().into_iter().flatten().filter(|(_, value)| **value != Value::Null) {
            println!("{name:<24}  {value}");
        }
    })
}
