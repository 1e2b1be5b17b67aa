//! What the dispatcher needs of its surroundings, as Spin has it.

use mw_edge::config::Config;
use mw_edge::database::{Pooled, RequestDatabase, Way};
use mw_edge::log::{Level, Log};
use mw_edge::{clock, ids};
use mw_engine::{Attempt, LinkMade, World};
use mw_kernel::Timestamp;
use mw_operations::gate::link;
use mw_store::{Database, DbError};

pub(crate) struct Host<'a> {
    pub(crate) config: &'a Config,
    pub(crate) request_id: &'a str,
    pub(crate) log: &'a Log,
}

impl World for Host<'_> {
    fn database(&mut self) -> Result<Box<dyn Database + '_>, DbError> {
        // Opened at its statement and given back when dropped.
        Ok(Box::new(RequestDatabase::new(Pooled::open(self.config, self.request_id))))
    }

    fn now(&self) -> Timestamp {
        clock::now()
    }

    fn new_id(&mut self) -> String {
        ids::new_id()
    }

    fn random(&mut self) -> u8 {
        ids::random_byte()
    }

    fn sleep(&mut self, duration: time::Duration) {
        if let Ok(duration) = duration.try_into() {
            std::thread::sleep(duration);
        }
    }

    fn attempted(&mut self, attempt: &Attempt<'_>) {
        if let Some(LinkMade { gate, approver }) = attempt.link {
            link::log_made(self.log, &attempt.effect.run_id, *gate, approver, "notice");
        }
        let level = match (attempt.outcome, &attempt.fault) {
            ("given_up", _) => Level::Error,
            (_, Some(_)) => Level::Warn,
            (_, None) => Level::Debug,
        };
        let fields = [
            ("run_id", attempt.effect.run_id.clone().into()),
            ("kind", attempt.effect.kind.as_str().into()),
            ("provider", attempt.effect.provider.clone().into()),
            ("attempt", attempt.effect.attempt.into()),
            ("outcome", attempt.outcome.into()),
            ("duration_ms", (attempt.seconds * 1000.0).round().into()),
            ("cause", attempt.fault.clone().into()),
        ];
        self.log.write(level, "myloware.effect", "attempted", &fields);
    }
}
