//! The statement that a function of the store would run, caught instead of run: so the floor and the limit run the very
//! same one as the product.

use anyhow::{Context, Result};
use mw_store::metrics::{Beside, Observation};
use mw_store::{Database, DbError, Param};

/// A statement with its parameters.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Statement {
    pub(crate) sql: String,
    pub(crate) json: String,
    pub(crate) bytes: Option<Vec<u8>>,
}

#[derive(Default)]
struct Catcher(Option<Statement>);

impl Database for Catcher {
    fn query(&mut self, function: &'static str, params: &[Param<'_>]) -> Result<String, DbError> {
        let json = params.iter().find_map(|param| match param {
            Param::Json(text) => Some((*text).to_owned()),
            Param::Bytes(_) | Param::Observation(_) => None,
        });
        let bytes = params.iter().find_map(|param| match param {
            Param::Bytes(bytes) => Some(bytes.to_vec()),
            Param::Json(_) | Param::Observation(_) => None,
        });
        let mut sql = mw_store::statement(function, params);
        // An observation is the same each time, so it stands in the statement itself.
        if let Some(Param::Observation(text)) = params.last() {
            sql = sql.replace(&format!("${}::text::jsonb, answer", params.len()), &format!("'{text}'::jsonb, answer"));
        }
        self.0 = Some(Statement { sql, json: json.unwrap_or_default(), bytes });
        Err(DbError::Failed("caught".to_owned()))
    }

    fn query_beside(
        &mut self,
        function: &'static str,
        params: &[Param<'_>],
        beside: Beside<'_>,
    ) -> Result<String, DbError> {
        // A request of the product is recorded with its write.
        let labels = r#"service="myloware-api",path="/v1/webhooks/std/{source}",method="POST",status="200""#;
        let observation = Observation { labels, seconds: 0.001, run_id: beside.run_id, unless: beside.unless };
        let observation = serde_json::to_string(&observation).unwrap_or_default();
        self.query(function, &[params, &[Param::Observation(&observation)]].concat())
    }
}

/// The first statement of a call.
pub(crate) fn of<A>(call: impl FnOnce(&mut dyn Database) -> Result<A, DbError>) -> Result<Statement> {
    let mut catcher = Catcher::default();
    let _ = call(&mut catcher);
    catcher.0.context("the call runs no statement")
}

impl Statement {
    /// As the floor takes it (`crates/bench/floor`).
    pub(crate) fn request(&self) -> http::Request<crate::load::Body> {
        let mut body = self.json.clone().into_bytes();
        body.extend(self.bytes.iter().flatten());
        let request = http::Request::post("/").header("x-sql", &self.sql).header("x-json-bytes", self.json.len());
        request.body(body.into()).unwrap_or_default()
    }

    /// As a script of pgbench, in which every `{unique}` is another number each time.
    pub(crate) fn script(&self, unique: &str) -> String {
        // `":false` would be a variable of pgbench's.
        let quoted = |text: &str| {
            let text = text.replace('\'', "''").replace("\":", "\": ");
            format!("'{}'", text.replace(unique, "' || :n::text || '"))
        };
        let json = quoted(&self.json);
        let call = self.sql.replace("\":", "\": ").replace("$1", &format!("({json})"));
        let bytes = self.bytes.as_deref().map(|bytes| quoted(&String::from_utf8_lossy(bytes)));
        let call = bytes.map_or(call.clone(), |text| call.replace("$2", &format!("convert_to({text}, 'UTF8')")));
        format!("\\set n random(1, 9000000000000000000)\n{call};\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mw_media::Timestamp;

    #[test]
    fn the_stores_own_statement_is_caught_and_scripted() {
        let caught = of(|db| {
            let refusal = mw_store::webhooks::Refusal {
                provider: "p",
                signature_status: "invalid",
                body_hash: "hash-U",
                headers: serde_json::json!({"of": "it's"}),
            };
            mw_store::webhooks::refuse(db, Timestamp::UNIX_EPOCH, &refusal, b"{U}")
        });
        let caught = caught.unwrap();
        assert!(caught.sql.starts_with("SELECT answer::text, request_observe('{"), "{}", caught.sql);
        assert!(caught.sql.ends_with("'::jsonb, answer) FROM webhook_refuse($1::text::jsonb, $2) AS answer"));
        let script = caught.script("U");
        assert!(script.contains("hash-' || :n::text || '") && script.contains("it''s"), "{script}");
        assert!(script.ends_with("convert_to('{' || :n::text || '}', 'UTF8')) AS answer;\n"), "{script}");
        assert_eq!(caught.request().headers()["x-json-bytes"], caught.json.len().to_string());
    }
}
