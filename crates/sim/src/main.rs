//! `mw-sim`: the provider simulator as a program.

use anyhow::Context;
use clap::Parser;
use mw_sim::{Config, Latency};
use tokio::net::TcpListener;

/// Simulates kie.ai, Shotstack, upload-post, OpenAI, Anthropic, Telegram, Slack, a collector of traces and Sentry, faults
/// included.
///
/// kie.ai answers under /kieai, Shotstack under /shotstack/edit/v1, upload-post under /upload-post/api, the model under
/// /openai and /anthropic, Telegram's bots under /telegram, Slack under /slack/api, the collector under /otlp, Sentry under /sentry. Steer
/// it under /_sim.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// Address to listen on
    #[arg(long, default_value = "127.0.0.1:3900")]
    listen: String,
    /// Base of the URLs of results [default: http://<listen>]
    #[arg(long, env = "MW_SIM_PUBLIC_URL")]
    public_url: Option<String>,
    /// Where upload-post's events go, for the whole account
    #[arg(long, env = "UPLOAD_POST_WEBHOOK_URL")]
    upload_post_webhook_url: Option<String>,
    /// Signs kie.ai's callbacks
    #[arg(long, env = "KIEAI_SIGNING_SECRET", hide_env_values = true)]
    kieai_signing_secret: Option<String>,
    /// Signs upload-post's events
    #[arg(long, env = "UPLOAD_POST_SIGNING_SECRET", hide_env_values = true)]
    upload_post_signing_secret: Option<String>,
    /// The only key that kie.ai accepts [default: any]
    #[arg(long, env = "KIEAI_API_KEY", hide_env_values = true)]
    kieai_api_key: Option<String>,
    /// The only key that Shotstack accepts [default: any]
    #[arg(long, env = "SHOTSTACK_API_KEY", hide_env_values = true)]
    shotstack_api_key: Option<String>,
    /// The only key that upload-post accepts [default: any]
    #[arg(long, env = "UPLOAD_POST_API_KEY", hide_env_values = true)]
    upload_post_api_key: Option<String>,
    /// The only key that the model accepts as OpenAI [default: any]
    #[arg(long, env = "OPENAI_API_KEY", hide_env_values = true)]
    openai_api_key: Option<String>,
    /// The only key that the model accepts as Anthropic [default: any]
    #[arg(long, env = "ANTHROPIC_API_KEY", hide_env_values = true)]
    anthropic_api_key: Option<String>,
    /// The only token that Telegram accepts [default: any]
    #[arg(long, env = "TELEGRAM_BOT_TOKEN", hide_env_values = true)]
    telegram_bot_token: Option<String>,
    /// The only token that Slack accepts [default: any]
    #[arg(long, env = "SLACK_BOT_TOKEN", hide_env_values = true)]
    slack_bot_token: Option<String>,
    /// Where Telegram's updates go, until a bot says where
    #[arg(long, env = "TELEGRAM_WEBHOOK_URL")]
    telegram_webhook_url: Option<String>,
    /// What Telegram shows there
    #[arg(long, env = "TELEGRAM_WEBHOOK_SECRET", hide_env_values = true)]
    telegram_webhook_secret: Option<String>,
    /// Where presses in Slack go
    #[arg(long, env = "SLACK_INTERACTIONS_URL")]
    slack_interactions_url: Option<String>,
    /// Signs presses in Slack
    #[arg(long, env = "SLACK_SIGNING_SECRET", hide_env_values = true)]
    slack_signing_secret: Option<String>,
    /// How long a clip takes
    #[arg(long, default_value_t = Latency::default().kieai_ms)]
    kieai_ms: u64,
    /// How long a render takes
    #[arg(long, default_value_t = Latency::default().shotstack_ms)]
    shotstack_ms: u64,
    /// How long a post takes
    #[arg(long, default_value_t = Latency::default().upload_post_ms)]
    upload_post_ms: u64,
    /// The providers' retry delays are multiplied by this
    #[arg(long, default_value_t = Config::default().retry_scale)]
    retry_scale: f64,
    /// Makes faults with a probability repeatable
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

impl Arguments {
    fn into_config(self, address: &str) -> Config {
        Config {
            public_url: self.public_url.unwrap_or_else(|| format!("http://{address}")),
            kieai_api_key: self.kieai_api_key,
            shotstack_api_key: self.shotstack_api_key,
            upload_post_api_key: self.upload_post_api_key,
            openai_api_key: self.openai_api_key,
            anthropic_api_key: self.anthropic_api_key,
            telegram_bot_token: self.telegram_bot_token,
            slack_bot_token: self.slack_bot_token,
            telegram_webhook_url: self.telegram_webhook_url,
            telegram_webhook_secret: self.telegram_webhook_secret,
            slack_interactions_url: self.slack_interactions_url,
            slack_signing_secret: self.slack_signing_secret,
            kieai_signing_secret: self.kieai_signing_secret,
            upload_post_signing_secret: self.upload_post_signing_secret,
            upload_post_webhook_url: self.upload_post_webhook_url,
            latency: Latency {
                kieai_ms: self.kieai_ms,
                shotstack_ms: self.shotstack_ms,
                upload_post_ms: self.upload_post_ms,
            },
            retry_scale: self.retry_scale.clamp(0.0, 1.0),
            seed: self.seed,
        }
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let wanted = arguments.listen.clone();
    let listener = TcpListener::bind(&wanted)
        .await
        .with_context(|| format!("cannot listen on {wanted}: is another simulator running?"))?;
    let address = listener.local_addr()?.to_string();
    println!("mw-sim listens on http://{address}");
    mw_sim::serve(listener, arguments.into_config(&address)).await?;
    Ok(())
}
