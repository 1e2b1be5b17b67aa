//! `mw live-run`: one run of a project on a deployment, from the chat message to the end; approves its gates as they open.

use super::{Context, demo, target::Target};
use crate::error::Result;
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
    #[command(flatten)]
    target: Target,
    /// Do not ask /health first.
    #[arg(long)]
    skip_health: bool,
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
    let demo = demo::Options {
        project: Some(options.project),
        message: options.message,
        target: options.target,
        skip_health: options.skip_health,
        manual: options.manual_hitl,
        timeout: options.timeout,
        poll_interval: options.poll_interval,
    };
    demo::run(context, &demo)
}
