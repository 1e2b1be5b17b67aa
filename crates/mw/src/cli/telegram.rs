//! `mw telegram`: sets where Telegram sends the bot's updates.

use super::Context;
use crate::error::{Error, Result};
use crate::outbound::{Client, finished};
use clap::Subcommand;
use mw_integrations::{Settings, telegram};
use serde_json::json;

const PATH: &str = "/v1/telegram/webhook";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Send the bot's updates to this deployment, with TELEGRAM_WEBHOOK_SECRET.
    #[command(after_help = "\
Needs TELEGRAM_BOT_TOKEN, TELEGRAM_WEBHOOK_SECRET (1 to 256 of A-Z a-z 0-9 _ -) and a public https address:
  mw telegram set-webhook --url https://myloware.example/v1/telegram/webhook

To rotate the secret: put the old one into TELEGRAM_WEBHOOK_SECRET_PREVIOUS, the new one into
TELEGRAM_WEBHOOK_SECRET, restart the hosts, and set the webhook again.")]
    SetWebhook {
        /// Where Telegram finds the webhook [default: WEBHOOK_BASE_URL and /v1/telegram/webhook].
        #[arg(long)]
        url: Option<String>,
    },
}

pub(crate) fn run(context: &Context, command: Command) -> Result<u8> {
    let Command::SetWebhook { url } = command;
    let settings = &context.settings;
    let base_url = settings.get("TELEGRAM_BASE_URL").unwrap_or("https://api.telegram.org").to_owned();
    let bot = Settings { base_url, api_key: settings.need("TELEGRAM_BOT_TOKEN")?.to_owned() };
    let secret = settings.need("TELEGRAM_WEBHOOK_SECRET")?;
    let url = match url {
        Some(url) => url,
        None => format!("{}{PATH}", settings.need("WEBHOOK_BASE_URL")?.trim_end_matches('/')),
    };
    finished(telegram::set_webhook(&Client, &bot, &url, secret))
        .map_err(|fault| Error::failed(format!("Telegram refused the webhook: {fault}")))?;
    context.print(&json!({"url": url}), |_| println!("Telegram sends the bot's updates to {url}"))
}
