//! Ctrl-C, SIGTERM and SIGHUP: noted, and looked at wherever something waits.

use crate::error::{Error, Result, While};
use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

static ASKED: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// From now on these signals no longer end this process by themselves.
pub fn listen() -> Result<()> {
    let asked = ASKED.get_or_init(Arc::default);
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(asked)).while_doing("listen for signals")?;
    }
    Ok(())
}

/// Whether somebody asked us to stop.
#[must_use]
pub fn asked_to_stop() -> bool {
    ASKED.get().is_some_and(|asked| asked.load(Ordering::Relaxed))
}

/// Ends a waiting when somebody asked us to stop.
pub fn go_on() -> Result<()> {
    if asked_to_stop() { Err(Error::failed("stopped before it was done")) } else { Ok(()) }
}

/// Waits, but not on when somebody asks us to stop.
pub fn pause(time: Duration) -> Result<()> {
    let until = Instant::now() + time;
    while let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
        go_on()?;
        std::thread::sleep(left.min(Duration::from_millis(100)));
    }
    go_on()
}
