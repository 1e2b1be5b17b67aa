//! What the dispatcher needs of its surroundings, as Spin has it.

use mw_core::Timestamp;
use mw_dispatch::World;
use mw_store::{Database, DbError};
use mw_web::config::Config;
use mw_web::database::PooledDatabase;
use mw_web::{Problem, clock, commands};

pub(crate) struct Host {
    database_url: String,
}

impl Host {
    pub(crate) fn new(config: &Config) -> Result<Host, Problem> {
        Ok(Host { database_url: config.required("database_url")? })
    }
}

impl World for Host {
    fn database(&mut self) -> Result<Box<dyn Database + '_>, DbError> {
        // Opened at its statement and given back when dropped.
        Ok(Box::new(PooledDatabase::new(self.database_url.clone())))
    }

    fn now(&self) -> Timestamp {
        clock::now()
    }

    fn new_id(&mut self) -> String {
        commands::new_id()
    }

    fn random(&mut self) -> u8 {
        commands::random_byte()
    }

    fn sleep(&mut self, duration: time::Duration) {
        if let Ok(duration) = duration.try_into() {
            std::thread::sleep(duration);
        }
    }
}
