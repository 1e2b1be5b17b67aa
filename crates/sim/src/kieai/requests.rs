//! What kie.ai accepts.

use serde_json::Value;

use super::Family;

/// Why a request is refused with code 422, if it is.
pub(super) fn check(family: Family, body: &Value) -> Result<(), String> {
    callback_url(body)?;
    match family {
        Family::Veo => veo(body),
        Family::Market => market(body),
        Family::Runway => runway(body),
    }
}

fn veo(body: &Value) -> Result<(), String> {
    prompt(body)?;
    one_of(body, "model", &["veo3", "veo3_fast", "veo3_lite"])?;
    let kinds = ["TEXT_2_VIDEO", "FIRST_AND_LAST_FRAMES_2_VIDEO", "REFERENCE_2_VIDEO"];
    one_of(body, "generationType", &kinds)?;
    one_of(body, "aspect_ratio", &["16:9", "9:16", "Auto"])?;
    one_of(body, "aspectRatio", &["16:9", "9:16", "Auto"])?;
    one_of(body, "resolution", &["720p", "1080p", "4k"])?;
    let seed = body.get("seeds").map(|seed| seed.as_u64().unwrap_or_default());
    match seed {
        Some(seed) if !(10_000..=99_999).contains(&seed) => Err("seeds must be between 10000 and 99999".to_owned()),
        _ => Ok(()),
    }
}

fn market(body: &Value) -> Result<(), String> {
    let model = body.get("model").and_then(Value::as_str).unwrap_or_default();
    if model.is_empty() {
        return Err("model is required".to_owned());
    }
    let input = body.get("input").filter(|input| input.is_object()).ok_or("input is required")?;
    prompt(input)?;
    if model.starts_with("sora") {
        one_of(input, "aspect_ratio", &["portrait", "landscape"])?;
        one_of(input, "n_frames", &["10", "15"])?;
        one_of(input, "size", &["standard", "high"])?;
    }
    Ok(())
}

fn runway(body: &Value) -> Result<(), String> {
    prompt(body)?;
    one_of(body, "aspectRatio", &["16:9", "9:16", "1:1", "4:3", "3:4"])?;
    one_of(body, "quality", &["720p", "1080p"])?;
    let duration = body.get("duration").and_then(Value::as_u64).unwrap_or_default();
    if ![5, 8, 10].contains(&duration) {
        return Err("duration must be 5 or 10".to_owned());
    }
    match duration > 5 && body.get("quality").and_then(Value::as_str) == Some("1080p") {
        true => Err("1080p is not available for this duration".to_owned()),
        false => Ok(()),
    }
}

fn prompt(home: &Value) -> Result<(), String> {
    let prompt = home.get("prompt").and_then(Value::as_str).unwrap_or_default();
    match prompt.trim().is_empty() {
        true => Err("prompt is required".to_owned()),
        false => Ok(()),
    }
}

fn callback_url(body: &Value) -> Result<(), String> {
    let is_url =
        |url: &Value| url.as_str().is_some_and(|url| url.starts_with("http://") || url.starts_with("https://"));
    match body.get("callBackUrl") {
        Some(url) if !is_url(url) => Err("callBackUrl must be a URL".to_owned()),
        _ => Ok(()),
    }
}

/// An optional field that knows only these texts.
fn one_of(home: &Value, name: &str, known: &[&str]) -> Result<(), String> {
    match home.get(name) {
        None => Ok(()),
        Some(value) if value.as_str().is_some_and(|text| known.contains(&text)) => Ok(()),
        Some(_) => Err(format!("{name} must be one of {}", known.join(", "))),
    }
}
