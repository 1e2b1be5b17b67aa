//! What a handler works with besides the request: configuration, log, and the one database connection of this request.

use crate::config::Config;
use crate::database::PooledDatabase;
use crate::log::{Level, Log};
use crate::problem::Problem;

pub struct Context {
    pub config: Config,
    pub log: Log,
    pub request_id: String,
    /// The route's template for metrics and traces; ids never stand in it.
    pub route: &'static str,
    database: Option<PooledDatabase>,
}

impl Context {
    pub fn new(config: Config, request_id: String) -> Context {
        let level = Level::parse(&config.or("log_level", "info"));
        let log = Log::new(level, &request_id);
        Context { config, log, request_id, route: "", database: None }
    }

    /// The request's connection; opened at the first statement, never a second one beside it.
    pub fn database(&mut self) -> Result<&mut PooledDatabase, Problem> {
        if self.database.is_none() {
            self.database = Some(PooledDatabase::new(self.config.required("database_url")?));
        }
        self.database.as_mut().ok_or_else(crate::problem::internal)
    }

    /// Gives the connection back to the pool, as must be done before any outbound call.
    pub fn release_database(&mut self) {
        self.database = None;
    }

    /// Logs a problem's cause, once, where there is one.
    pub fn log_problem(&self, problem: &Problem) {
        if let Some(cause) = &problem.cause {
            let level = if problem.status >= 500 { Level::Error } else { Level::Warn };
            let fields = [("status", problem.status.into()), ("cause", cause.to_string().into())];
            self.log.write(level, "myloware.api", problem.code, &fields);
        }
    }
}
