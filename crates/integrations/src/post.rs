//! A message to people, before a channel has written it in its own markup.

use mw_media::notification::Message;

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
