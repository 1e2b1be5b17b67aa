//! The database behind the service: for assertions, and for moving time.

use postgres::Client;
use postgres::types::ToSql;
use serde_json::Value;

pub(crate) type Params<'a> = &'a [&'a (dyn ToSql + Sync)];

pub(crate) struct Database {
    client: Client,
}

impl Database {
    pub(crate) fn connect(url: &str) -> Database {
        let address = mw_postgresql::Address::read(url).unwrap_or_else(|fault| panic!("DATABASE_URL {fault}"));
        // What the product has open is counted without us.
        let client = address.connect("mw-tests").unwrap_or_else(|error| panic!("{error}"));
        Database { client }
    }

    /// The rows of a query, each as an object.
    pub(crate) fn rows(&mut self, sql: &str, params: Params<'_>) -> Vec<Value> {
        let sql = format!("SELECT coalesce(jsonb_agg(to_jsonb(found)), '[]') FROM ({sql}) AS found");
        match self.client.query_one(&sql, params).unwrap_or_else(|error| panic!("{sql}: {error:?}")).get(0) {
            Value::Array(rows) => rows,
            other => panic!("{other}"),
        }
    }

    /// The only row of a query.
    pub(crate) fn row(&mut self, sql: &str, params: Params<'_>) -> Value {
        let mut rows = self.rows(sql, params);
        assert_eq!(rows.len(), 1, "{sql}: {rows:?}");
        rows.remove(0)
    }

    pub(crate) fn count(&mut self, sql: &str, params: Params<'_>) -> usize {
        self.rows(sql, params).len()
    }

    pub(crate) fn execute(&mut self, sql: &str, params: Params<'_>) -> u64 {
        self.client.execute(sql, params).unwrap_or_else(|error| panic!("{sql}: {error:?}"))
    }

    /// What PostgreSQL says against a statement: its message and its hint.
    pub(crate) fn refusal(&mut self, sql: &str, params: Params<'_>) -> (String, String) {
        let Err(error) = self.client.execute(sql, params) else { panic!("{sql}: not refused") };
        let error = error.as_db_error().unwrap_or_else(|| panic!("{sql}: {error:?}"));
        (error.message().to_owned(), error.hint().unwrap_or_default().to_owned())
    }

    /// The driver itself.
    pub(crate) fn client(&mut self) -> &mut Client {
        &mut self.client
    }

    /// The current step of a run is overdue from now on.
    pub(crate) fn pass_deadline(&mut self, run_id: &str) {
        let sql = "UPDATE runs SET deadline = now() - interval '1 minute', state = state || jsonb_build_object('deadline', moment.at)
               || CASE WHEN state ? 'work_deadline' THEN jsonb_build_object('work_deadline', moment.at) ELSE '{}' END
               || CASE WHEN state ? 'gates' THEN jsonb_build_object('gates', (
                      SELECT jsonb_agg(open || jsonb_build_object('deadline', moment.at)) FROM jsonb_array_elements(state->'gates') AS open))
                  ELSE '{}' END
                   FROM to_char(now() AT TIME ZONE 'UTC' - interval '1 minute', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') AS moment (at)
                   WHERE run_id = $1 AND finished_at IS NULL";
        assert_eq!(self.execute(sql, &[&run_id]), 1, "run {run_id} has no deadline");
    }

    /// Waiting effects of a run are due now.
    pub(crate) fn pass_waits(&mut self, run_id: &str) {
        self.execute(
            "UPDATE outbox SET due_at = now() WHERE run_id = $1 AND state = 'due' AND due_at > now()",
            &[&run_id],
        );
    }

    /// Leases on effects of a run have run out.
    pub(crate) fn pass_leases(&mut self, run_id: &str) -> u64 {
        self.execute(
            "UPDATE outbox SET lease_until = now() - interval '1 second' WHERE run_id = $1 AND state = 'leased'",
            &[&run_id],
        )
    }

    /// Submissions without an answer were sent long ago.
    pub(crate) fn pass_adoption(&mut self, run_id: &str) {
        self.execute("UPDATE outbox SET sent_at = sent_at - interval '1 hour', due_at = now() WHERE run_id = $1 AND state = 'due'", &[&run_id]);
    }
}
