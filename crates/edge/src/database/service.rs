//! The component `database`: runs the statements that others ask for ([`super::remote`]), on one pool for all of them. Private:
//! it has no route, so only components of this application that spin.toml allows to reach it can ask.
//!
//! What is asked for is a function of ours by name; a statement cannot be sent.

use super::remote::{FAILED, FUNCTION, PARAMETERS, RECORDED, UNAVAILABLE, decoded};
use super::{Answer, Pooled, Way};
use crate::config::Config;
use crate::request::Request;
use crate::response::Response;
use mw_store::DbError;

/// A commit of two hundred runs takes a few megabytes; nothing that is asked for is larger.
const BODY_LIMIT_BYTES: usize = 64 * 1024 * 1024;
const FUNCTION_LENGTH_MAX: usize = 63;

/// Runs one statement.
pub fn handle(request: &mut Request, config: &Config) -> Response {
    match run(request, config) {
        Ok(answer) => Response::new(if answer.recorded { RECORDED } else { 200 }, "application/json", answer.text),
        Err(DbError::Unavailable(reason)) => Response::text(UNAVAILABLE, reason),
        Err(DbError::Failed(reason)) => Response::text(FAILED, reason),
    }
}

fn run(request: &mut Request, config: &Config) -> Result<Answer, DbError> {
    let failed = |reason: &str| DbError::Failed(reason.to_owned());
    let body = request.body(BODY_LIMIT_BYTES).map_err(|problem| DbError::Failed(problem.detail))?;
    let function = request.header(FUNCTION).filter(|name| is_function(name)).ok_or_else(|| failed("no function"))?;
    let parameters = request.header(PARAMETERS).unwrap_or_default();
    let params = decoded(parameters, &body).ok_or_else(|| failed("parameters cannot be read"))?;
    Pooled::open(config, "").query(function, &params)
}

/// Names of our functions are plain, so that a name is all that ever stands in a statement.
fn is_function(name: &str) -> bool {
    (1..=FUNCTION_LENGTH_MAX).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(headers: &[(&str, &str)]) -> DbError {
        let configured = Config::of(&[("database_url", "postgres://nowhere.invalid/x")]);
        run(&mut Request::in_memory("POST", "/", headers, "{}"), &configured).err().unwrap()
    }

    #[test]
    fn only_functions_can_be_asked_for() {
        for name in ["", "SELECT 1", "run_load()", "pg_sleep(1)--", "a;b", "Run", &"x".repeat(64)] {
            assert_eq!(
                refusal(&[(FUNCTION, name), (PARAMETERS, "j2")]),
                DbError::Failed("no function".to_owned()),
                "{name}"
            );
        }
        for parameters in ["j1", "j3", "x2", "j2,b1", "j-2"] {
            let refused = refusal(&[(FUNCTION, "run_load"), (PARAMETERS, parameters)]);
            assert_eq!(refused, DbError::Failed("parameters cannot be read".to_owned()), "{parameters}");
        }
    }
}
