//! Rate limits as headers. The count itself is the database's, taken in the statement that loads what the request needs.

use crate::problem::{self, Problem};

pub const WINDOW_SECONDS: u64 = 60;

/// A limiter: its name in headers and metrics, and the variable that sets its quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limiter {
    pub name: &'static str,
    pub variable: &'static str,
    pub default_per_minute: u64,
}

pub const RUNS_START: Limiter = Limiter {
    name: "runs_start",
    variable: "runs_start_per_minute",
    default_per_minute: 10,
};
pub const HITL_APPROVE: Limiter = Limiter {
    name: "hitl_approve",
    variable: "hitl_approve_per_minute",
    default_per_minute: 25,
};
pub const CHAT_BRENDAN: Limiter = Limiter {
    name: "chat_brendan",
    variable: "chat_per_minute",
    default_per_minute: 45,
};

/// What the database counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    pub allowed: bool,
    pub limit: u64,
    pub remaining: u64,
    /// Until the window ends.
    pub reset_seconds: u64,
}

/// `RateLimit-Policy` and `RateLimit`, for the answer of a request that was counted.
pub fn headers(limiter: Limiter, count: Count) -> Vec<(&'static str, String)> {
    let Limiter { name, .. } = limiter;
    let Count {
        limit,
        remaining,
        reset_seconds,
        ..
    } = count;
    vec![
        (
            "ratelimit-policy",
            format!("\"{name}\";q={limit};w={WINDOW_SECONDS}"),
        ),
        (
            "ratelimit",
            format!("\"{name}\";r={remaining};t={reset_seconds}"),
        ),
    ]
}

/// 429 when the count is over the limit.
pub fn check(limiter: Limiter, count: Count) -> Result<(), Problem> {
    if count.allowed {
        return Ok(());
    }
    let mut problem =
        problem::rate_limited().with_header("retry-after", count.reset_seconds.max(1).to_string());
    problem.headers.extend(headers(limiter, count));
    Err(problem.with_member("violated-policies", serde_json::json!([limiter.name])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_follow_the_draft() {
        let count = Count {
            allowed: true,
            limit: 10,
            remaining: 3,
            reset_seconds: 30,
        };
        assert_eq!(
            headers(RUNS_START, count),
            [
                ("ratelimit-policy", "\"runs_start\";q=10;w=60".to_owned()),
                ("ratelimit", "\"runs_start\";r=3;t=30".to_owned()),
            ]
        );
        assert!(check(RUNS_START, count).is_ok());
    }

    #[test]
    fn over_the_limit_says_when_to_come_back_and_never_at_once() {
        let count = Count {
            allowed: false,
            limit: 10,
            remaining: 0,
            reset_seconds: 0,
        };
        let problem = check(RUNS_START, count).unwrap_err();
        assert_eq!(
            (problem.status, problem.detail.as_str()),
            (429, "rate limit exceeded")
        );
        assert!(problem.headers.contains(&("retry-after", "1".to_owned())));
    }
}
