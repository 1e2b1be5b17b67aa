//! Rate limits: which there are, and what a count says in headers. The count itself is the database's, taken in the
//! statement that loads what the request needs ([`crate::Context::limit`]); [`crate::Context::count`] takes it, and every answer from
//! there on says it.

use crate::config::Config;
use crate::problem::{self, Problem};
use mw_store::{Limit, Taken};

pub const WINDOW_SECONDS: u32 = 60;

/// A limiter: its name in headers and metrics, and the variable that sets its quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limiter {
    pub name: &'static str,
    pub variable: &'static str,
    pub default_per_minute: u32,
}

pub const RUNS_START: Limiter =
    Limiter { name: "runs_start", variable: "runs_start_per_minute", default_per_minute: 10 };
pub const HITL_APPROVE: Limiter =
    Limiter { name: "hitl_approve", variable: "hitl_approve_per_minute", default_per_minute: 25 };
pub const RUNS_BULK: Limiter = Limiter { name: "runs_bulk", variable: "runs_bulk_per_minute", default_per_minute: 20 };
pub const CONSOLE_LOGIN: Limiter =
    Limiter { name: "console_login", variable: "console_login_per_minute", default_per_minute: 20 };
pub const MCP: Limiter = Limiter { name: "mcp", variable: "mcp_per_minute", default_per_minute: 100 };
pub const CHAT_BRENDAN: Limiter = Limiter { name: "chat_brendan", variable: "chat_per_minute", default_per_minute: 45 };

impl Limiter {
    /// The limit as the database takes it.
    pub fn limit<'a>(self, config: &Config, caller: &'a str) -> Result<Limit<'a>, Problem> {
        let configured = config.number(self.variable, u64::from(self.default_per_minute))?;
        let limit = u32::try_from(configured).unwrap_or(u32::MAX).min(1_000_000);
        Ok(Limit { name: self.name, caller, limit, window_seconds: WINDOW_SECONDS })
    }

    /// `RateLimit-Policy` and `RateLimit`, for the answer of a request that was counted.
    pub(crate) fn headers(self, taken: &Taken) -> Vec<(&'static str, String)> {
        let Limiter { name, .. } = self;
        let Taken { limit, remaining, reset_seconds, .. } = taken;
        vec![
            ("ratelimit-policy", format!("\"{name}\";q={limit};w={WINDOW_SECONDS}")),
            ("ratelimit", format!("\"{name}\";r={remaining};t={reset_seconds}")),
        ]
    }

    /// 429 when the count is over the limit.
    pub(crate) fn check(self, taken: &Taken) -> Result<(), Problem> {
        if taken.allowed {
            return Ok(());
        }
        let problem = problem::rate_limited().with_header("retry-after", taken.reset_seconds.max(1).to_string());
        Err(problem.with_member("violated-policies", serde_json::json!([self.name])))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_follow_the_draft() {
        let taken = Taken { allowed: true, limit: 10, remaining: 3, reset_seconds: 30 };
        assert_eq!(
            RUNS_START.headers(&taken),
            [
                ("ratelimit-policy", "\"runs_start\";q=10;w=60".to_owned()),
                ("ratelimit", "\"runs_start\";r=3;t=30".to_owned()),
            ]
        );
    }

    #[test]
    fn over_the_limit_says_when_to_come_back_and_never_at_once() {
        let taken = Taken { allowed: false, limit: 10, remaining: 0, reset_seconds: 0 };
        let problem = RUNS_START.check(&taken).unwrap_err();
        assert_eq!((problem.status, problem.detail.as_str()), (429, "rate limit exceeded"));
        assert!(problem.headers.contains(&("retry-after", "1".to_owned())));
    }

    #[test]
    fn quotas_are_variables() {
        let configured = Config::of(&[("chat_per_minute", "7")]);
        assert_eq!(CHAT_BRENDAN.limit(&configured, "c").unwrap().limit, 7);
        assert_eq!(RUNS_START.limit(&configured, "c").unwrap().limit, 10);
        assert!(CHAT_BRENDAN.limit(&Config::of(&[("chat_per_minute", "-1")]), "c").is_err());
    }
}
