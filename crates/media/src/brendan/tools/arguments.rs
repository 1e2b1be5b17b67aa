//! The arguments of a call as a model sent them.

use super::ToolError;
use mw_kernel::letters::seen;
use serde_json::{Map, Value};
use std::ops::RangeInclusive;

/// Longer lists are no options of a run.
const NAMES_MAX: usize = 24;
/// Of what a model sent, in an error.
const QUOTED_CHARS_MAX: usize = 60;

/// An object with known members and no others; null is as good as absent.
pub(super) struct Arguments<'a>(&'a Map<String, Value>);

impl<'a> Arguments<'a> {
    pub(super) fn of(arguments: &'a Value, known: &[&str]) -> Result<Arguments<'a>, ToolError> {
        let map = arguments.as_object().ok_or(ToolError::NoObject)?;
        match map.keys().find(|name| !known.contains(&name.as_str())) {
            Some(surplus) => Err(ToolError::Surplus(quoted(surplus))),
            None => Ok(Arguments(map)),
        }
    }

    pub(super) fn value(&self, name: &str) -> Option<&'a Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    pub(super) fn required(&self, name: &'static str, chars: RangeInclusive<usize>) -> Result<String, ToolError> {
        self.text(name, chars)?.ok_or(ToolError::Missing(name))
    }

    pub(super) fn text(&self, name: &'static str, chars: RangeInclusive<usize>) -> Result<Option<String>, ToolError> {
        self.value(name).map(|value| plain(name, value, &chars)).transpose()
    }

    pub(super) fn texts(&self, name: &'static str, chars_max: usize) -> Result<Vec<String>, ToolError> {
        let must = || ToolError::Wrong { name, must: format!("a list of at most {NAMES_MAX} texts") };
        let Some(value) = self.value(name) else { return Ok(Vec::new()) };
        let items = value.as_array().filter(|items| items.len() <= NAMES_MAX).ok_or_else(must)?;
        items.iter().map(|item| plain(name, item, &(1..=chars_max))).collect()
    }

    pub(super) fn confidence(&self) -> Result<f64, ToolError> {
        let value = self.value("confidence").ok_or(ToolError::Missing("confidence"))?;
        let number = value.as_f64().filter(|number| (0.0..=1.0).contains(number));
        number.ok_or_else(|| ToolError::Wrong { name: "confidence", must: "a number from 0 to 1".to_owned() })
    }
}

/// A text without control characters and without what nobody sees, trimmed.
fn plain(name: &'static str, value: &Value, chars: &RangeInclusive<usize>) -> Result<String, ToolError> {
    let text = value.as_str().map(|text| seen(text).trim().to_owned());
    let text = text.filter(|text| chars.contains(&text.chars().count()));
    let text = text.filter(|text| !text.chars().any(|c| c.is_control() && c != '\n'));
    let must = || format!("a text of {} to {} characters", chars.start(), chars.end());
    text.ok_or_else(|| ToolError::Wrong { name, must: must() })
}

pub(super) fn quoted(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(QUOTED_CHARS_MAX).collect()
}
