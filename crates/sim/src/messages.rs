//! What bots have sent, as tests and people see it: one row per call, newest last.

use serde::Serialize;
use serde_json::Value;

use crate::fault::{Fault, Own, Provider};

pub(crate) const MESSAGE_REFUSED: Fault = Fault::named("message_refused");
/// What only messengers can have.
pub(crate) const MESSAGE_FAULTS: &[Own] =
    &[Own::call(MESSAGE_REFUSED, "takes no message for this address, for good (description or error = `text`)")];

/// More calls than this are forgotten, oldest first.
const KEPT_MAX: usize = 10_000;

/// One call of a bot.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Sent {
    pub(crate) provider: Provider,
    /// `sendMessage`, `chat.postMessage`, `response_url`, …
    pub(crate) method: String,
    /// The chat or channel; empty where the call names none.
    pub(crate) address: String,
    /// From 1; what the answer calls the message.
    pub(crate) message_id: u64,
    pub(crate) body: Value,
}

/// All calls, in their order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Messages {
    sent: Vec<Sent>,
    counted: u64,
}

impl Messages {
    /// Keeps a call and numbers it.
    pub(crate) fn keep(&mut self, provider: Provider, method: &str, address: String, body: Value) -> u64 {
        self.counted += 1;
        if self.sent.len() >= KEPT_MAX {
            self.sent.remove(0);
        }
        self.sent.push(Sent { provider, method: method.to_owned(), address, message_id: self.counted, body });
        self.counted
    }

    /// Those of one address, or all.
    pub(crate) fn of(&self, address: Option<&str>) -> Vec<Sent> {
        let wanted = |sent: &&Sent| address.is_none_or(|address| sent.address == address);
        self.sent.iter().filter(wanted).cloned().collect()
    }

    /// The newest message of an address that has a button whose text is this, and what the button carries.
    pub(crate) fn button(&self, provider: Provider, address: &str, text: &str) -> Option<(Sent, String)> {
        let of_it = self.sent.iter().rev().filter(|sent| sent.provider == provider && sent.address == address);
        of_it.into_iter().find_map(|sent| Some((sent.clone(), button_in(&sent.body, text)?)))
    }
}

/// The data of the button with this text, in Telegram's keyboards or Slack's blocks.
fn button_in(body: &Value, text: &str) -> Option<String> {
    let rows = body.pointer("/reply_markup/inline_keyboard").and_then(Value::as_array);
    let keys = rows.into_iter().flatten().filter_map(Value::as_array).flatten();
    let telegrams = keys.filter(|key| key.get("text").and_then(Value::as_str) == Some(text));
    let blocks = body.get("blocks").and_then(Value::as_array);
    let elements = blocks.into_iter().flatten().filter_map(|block| block.get("elements")?.as_array()).flatten();
    let slacks = elements.filter(|element| element.pointer("/text/text").and_then(Value::as_str) == Some(text));
    let data = telegrams.filter_map(|key| key.get("callback_data")).chain(slacks.filter_map(|key| key.get("value")));
    data.filter_map(Value::as_str).map(str::to_owned).next()
}
