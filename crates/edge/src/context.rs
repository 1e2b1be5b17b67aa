//! What a handler works with besides the request: configuration, log, who asks, and the one database connection of this
//! request.

use crate::auth::Caller;
use crate::clock;
use crate::config::Config;
use crate::database::{OpenWay, Remote, RequestDatabase, Way};
use crate::limits::Limiter;
use crate::log::{Level, Log};
use crate::observation;
use crate::problem::{self, Problem};
use crate::request::Method;
use mw_kernel::principal::{OPERATOR, Principal, Role};
use mw_kernel::run::Kinds;
use mw_store::{Limit, Taken};
use std::time::Instant;

pub struct Context {
    pub config: Config,
    pub log: Log,
    pub request_id: String,
    /// The route's template for metrics and traces; ids never stand in it.
    pub route: &'static str,
    /// What the route asks of the owner of a key; the most, while no route is known.
    pub needed: Role,
    /// What counts the route's requests.
    pub limiter: Option<Limiter>,
    /// What is left of it, once it has counted.
    pub(crate) taken: Option<Taken>,
    pub(crate) method: Method,
    pub(crate) started: Instant,
    /// The kinds of runs that the component has; it says so where it exports its handler.
    pub kinds: Kinds,
    /// Who asks, as far as it is known. Routes whose callers have no key, but a session, say so here.
    pub caller: Caller,
    /// What stands in the answer's head whatever is answered.
    pub(crate) headers: Vec<(&'static str, String)>,
    database: RequestDatabase,
}

impl Context {
    /// A context whose statements go through the component `database`.
    pub fn new(config: Config, request_id: String) -> Context {
        Context::with(Remote::open, config, request_id)
    }

    /// A context whose statements go the given way.
    pub fn with(open: OpenWay, config: Config, request_id: String) -> Context {
        let level = Level::of(&config);
        let log = Log::new(level, &request_id);
        let (method, started, caller) = (Method::Other, Instant::now(), Caller::Unasked);
        let database = RequestDatabase::new(open(&config, &request_id));
        let headers = Vec::new();
        let (route, needed, limiter, taken) = ("", Role::Operator, None, None);
        let kinds = Kinds::default();
        Context {
            config,
            log,
            request_id,
            route,
            needed,
            limiter,
            taken,
            method,
            started,
            kinds,
            caller,
            headers,
            database,
        }
    }

    /// The database, for a caller who is known or whom nobody asks.
    pub fn database(&mut self) -> Result<&mut RequestDatabase, Problem> {
        self.settle()?;
        self.connection()
    }

    /// Gives the connection back to the pool, as must be done before any outbound call.
    pub fn release_database(&mut self) {
        self.database.release();
    }

    /// The database for a statement that finds out by itself whose key it is: what it answers goes to [`Self::admit`]
    /// before anything else is made of it.
    pub fn connection(&mut self) -> Result<&mut RequestDatabase, Problem> {
        Ok(&mut self.database)
    }

    /// The hash of the key whose owner is still to be found out.
    pub fn claimed_key(&self) -> Option<String> {
        match &self.caller {
            Caller::Claimed { key_hash, .. } => Some(key_hash.clone()),
            Caller::Unasked | Caller::Known(_) | Caller::Refused(_) => None,
        }
    }

    /// Takes what a statement found out about the claimed key: 401 or 403 when that is not enough.
    pub fn admit(&mut self, found: Option<Principal>) -> Result<(), Problem> {
        if let (Caller::Claimed { .. }, Some(principal)) = (&self.caller, &found) {
            self.log.by(&principal.name);
        }
        self.caller = self.caller.admitted(found);
        match &self.caller {
            Caller::Refused(problem) => Err(problem.as_ref().clone()),
            Caller::Unasked | Caller::Claimed { .. } | Caller::Known(_) => Ok(()),
        }
    }

    /// Finds out whose key it is, where no statement has.
    pub fn settle(&mut self) -> Result<(), Problem> {
        let found = match self.claimed_key() {
            Some(key_hash) => mw_store::principals::of_key(self.connection()?, clock::now(), &key_hash)?,
            None => None,
        };
        self.admit(found)
    }

    /// Who asks, once that is known; nobody on an open route, or when only a link speaks.
    pub fn principal(&self) -> Option<&Principal> {
        match &self.caller {
            Caller::Known(principal) => Some(principal),
            Caller::Unasked | Caller::Claimed { .. } | Caller::Refused(_) => None,
        }
    }

    /// The name of whoever asks; on routes that ask.
    pub fn name(&self) -> Result<String, Problem> {
        self.principal().map(|principal| principal.name.clone()).ok_or_else(problem::invalid_api_key)
    }

    /// Whom the timeline names. A name in a body is believed of the environment's key only, which several people share.
    pub fn actor(&mut self, said: &str) -> Result<String, Problem> {
        self.settle()?;
        let named = self.principal().filter(|principal| principal.name != OPERATOR);
        Ok(named.map_or_else(|| said.to_owned(), |principal| principal.name.clone()))
    }

    /// 403 for a body that named somebody else than the caller, as the statement that loaded found out. One rule for the users
    /// of runs and of conversations (`chat_user` in SQL).
    pub fn require_own(&self, is_somebody_else: bool, said: &str) -> Result<(), Problem> {
        if !is_somebody_else {
            return Ok(());
        }
        let name = self.name()?;
        Err(problem::user_not_yours(said, &format!("{name} or {name}/<conversation>")))
    }

    /// The route's limit, as the statement takes it that loads what the request needs.
    pub fn limit<'a>(&self, caller: &'a str) -> Result<Limit<'a>, Problem> {
        let unlimited = || problem::internal().because("this route has no limit");
        self.limiter.ok_or_else(unlimited)?.limit(&self.config, caller)
    }

    /// Takes what a statement has counted: 429 when that is over the limit. Whatever is answered says what is left.
    pub fn count(&mut self, taken: Option<&Taken>) -> Result<(), Problem> {
        self.taken = taken.cloned().or(self.taken.take());
        match (self.limiter, taken) {
            (Some(limiter), Some(taken)) => limiter.check(taken),
            (None, _) | (_, None) => Ok(()),
        }
    }

    /// A header of the answer, whatever is answered.
    pub fn answer_with_header(&mut self, name: &'static str, value: impl Into<String>) {
        self.headers.push((name, value.into()));
    }

    /// Lets the next writing statement record this request beside its work, which saves one of its own. To be called where
    /// a commit leads to this status, whatever happens on the way to the client.
    pub fn record_with_next_write(&mut self, status: u16) {
        let (labels, started) = (observation::labels(self.route, self.method, status), self.started);
        if let Ok(database) = self.connection() {
            database.record_with_next_write(labels, started);
        }
    }

    /// Whether a statement has recorded this request.
    pub fn is_recorded(&self) -> bool {
        self.database.has_recorded()
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
