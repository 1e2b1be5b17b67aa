//! Telegram by its names and limits.

use crate::system::{Address, Limits, Secret, System};

pub static SYSTEM: System = System {
    // It takes about 30 messages a second from a bot.
    limits: Some(Limits { starts_max: Some(30), window_seconds: 1, open_jobs_max: None, in_flight_max: Some(16) }),
    secrets: &[Secret::where_set("telegram_bot_token"), Secret::where_set("telegram_webhook_secret").rotating()],
    addresses: &[Address { variable: "telegram_base_url", default: "https://api.telegram.org", simulated: "telegram" }],
    ..System::new("telegram", "Telegram", "tells people, brings their decisions")
};
