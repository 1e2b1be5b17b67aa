//! `mw live-run`: one run of a project on a deployment, from the chat message to the end; approves its gates as they open.

use super::{Context, demo};
use crate::{api::Api, error::Result};
use clap::Args;

#[derive(Debug, Args)]
#[command(after_help = "\
Against live providers this makes and publishes a film. 0 published; 1 anything else, or time-out; 2 no key.

Examples:
  mw live-run aismr --api-base https://media.example.com
  mw live-run test-video-gen --manual-hitl     prints the links; people decide")]
pub(crate) struct Options {
    /// A project's key; underscores, hyphens and spaces are the same.
    project: String,
    /// Where the API is; API_BASE_URL unless given.
    #[arg(long)]
    api_base: Option<String>,
    /// What to ask for.
    #[arg(long)]
    message: Option<String>,
    /// Leave the gates to people: print the link of the open one and wait.
    #[arg(long, visible_alias = "no-auto-hitl")]
    manual_hitl: bool,
    /// Give up after this many seconds.
    #[arg(long, default_value_t = 600)]
    timeout: u64,
    /// Look every so many seconds.
    #[arg(long, default_value_t = 2.0)]
    poll_interval: f64,
}

pub(crate) fn run(context: &Context, options: Options) -> Result<u8> {
    let base_url = options.api_base.unwrap_or_else(|| context.settings.api_base_url());
    let api = Api::at(base_url.trim_end_matches('/'), context.settings.need("API_KEY")?);
    let demo = demo::Options {
        project: Some(options.project),
        message: options.message,
        manual: options.manual_hitl,
        timeout: options.timeout,
        poll_interval: options.poll_interval,
    };
    demo::against(context, api, &demo)
}
