//! A message to people, before a messenger has written it in its own markup.

use crate::answer::{Answer, Call, NoAnswer};
use crate::outcome::{Fault, Settings};
use crate::port::HttpClient;
use mw_media::notification::Message;

/// Where people are. `to` is where the messenger is and how it knows us.
pub trait Messenger: Sync {
    /// The request that brings a message to an address.
    fn message(&self, to: &Settings, address: &str, post: &Post<'_>) -> Call;
    fn read(&self, to: &Settings, answer: &Answer) -> Result<(), Fault>;
}

/// Sends a message to an address.
pub async fn send(
    client: &impl HttpClient,
    messenger: &dyn Messenger,
    to: &Settings,
    address: &str,
    post: &Post<'_>,
) -> Result<(), Fault> {
    let answer = messenger.message(to, address, post).send(client).await.map_err(NoAnswer::into_fault)?;
    messenger.read(to, &answer)
}

/// What goes out under one address.
#[derive(Debug, Clone, Copy)]
pub struct Post<'a> {
    pub message: &'a Message,
    /// Where the reader looks before deciding.
    pub link: Option<&'a str>,
    pub buttons: Option<&'a Buttons>,
}

/// What the two buttons carry ([`mw_media::button`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Buttons {
    pub approve: String,
    pub reject: String,
}

/// `&`, `<` and `>` as Telegram's HTML and Slack's mrkdwn both want them: nothing that people or models wrote becomes
/// markup, a mention or a link with another face.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
