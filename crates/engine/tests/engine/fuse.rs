//! Kills whoever works, at one chosen point: before or after a statement reached the database, before an outbound call
//! is sent or after the provider has it and before we learn of it. The dead one runs no line more, as after kill -9.

use crate::fixture::{Engine, Http};
use mw_engine::World;
use mw_integrations::{HttpClient, TransportError};
use mw_media::Timestamp;
use mw_store::native::Client;
use mw_store::{Database, DbError, Param};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;
use time::Duration;

/// Counts the points that work passes, and burns at one of them.
#[derive(Clone, Default)]
pub(crate) struct Fuse(Rc<State>);

#[derive(Default)]
struct State {
    passed: Cell<u64>,
    /// None once it has burnt.
    fatal: Cell<Option<u64>>,
    /// So many points after the first death comes a second one.
    again: Cell<Option<u64>>,
}

struct Killed;

impl Fuse {
    pub(crate) fn at(point: u64, again: Option<u64>) -> Fuse {
        let fuse = Fuse::default();
        fuse.0.fatal.set(Some(point));
        fuse.0.again.set(again);
        fuse
    }

    /// Whether no death is left.
    pub(crate) fn is_burnt(&self) -> bool {
        self.0.fatal.get().is_none()
    }

    fn pass(&self) {
        let passed = self.0.passed.get() + 1;
        self.0.passed.set(passed);
        if self.0.fatal.get() == Some(passed) {
            self.0.fatal.set(self.0.again.take().map(|later| passed + later));
            resume_unwind(Box::new(Killed));
        }
    }

    /// Lives until the work is done, or the fuse burns: then nobody learns of anything.
    pub(crate) fn live<T>(&self, work: impl FnOnce() -> T) -> Option<T> {
        match catch_unwind(AssertUnwindSafe(work)) {
            Ok(done) => Some(done),
            Err(cause) if cause.is::<Killed>() => None,
            Err(panic) => resume_unwind(panic),
        }
    }
}

/// A connection that its owner may not survive.
pub(crate) struct Fused<'a> {
    pub(crate) db: &'a mut Client,
    pub(crate) fuse: &'a Fuse,
}

impl Database for Fused<'_> {
    fn query(&mut self, function: &'static str, params: &[Param<'_>]) -> Result<String, DbError> {
        self.fuse.pass();
        let answer = self.db.query(function, params);
        self.fuse.pass();
        answer
    }
}

/// A dispatcher's surroundings.
pub(crate) struct Mortal<'a> {
    pub(crate) engine: &'a mut Engine,
    pub(crate) db: &'a mut Client,
    pub(crate) fuse: &'a Fuse,
}

impl World for Mortal<'_> {
    fn database(&mut self) -> Result<Box<dyn Database + '_>, DbError> {
        Ok(Box::new(Fused { db: self.db, fuse: self.fuse }))
    }
    fn now(&self) -> Timestamp {
        self.engine.now()
    }
    fn new_id(&mut self) -> String {
        self.engine.new_id()
    }
    fn random(&mut self) -> u8 {
        self.engine.random()
    }
    fn sleep(&mut self, duration: Duration) {
        self.engine.sleep(duration);
    }
}

pub(crate) struct FusedHttp<'a>(pub(crate) &'a Fuse);

impl HttpClient for FusedHttp<'_> {
    async fn send(&self, request: http::Request<Vec<u8>>) -> Result<http::Response<Vec<u8>>, TransportError> {
        self.0.pass();
        let answer = Http.send(request).await;
        self.0.pass();
        answer
    }
}
