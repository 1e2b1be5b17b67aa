//! What calls the sweep every few seconds: the scheduled component where the host has a cron trigger, else a thread of ours, as a
//! timer would in production.

use crate::process::Process;
use std::{
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    thread::JoinHandle,
    time::Duration,
};

/// As spin-cron.toml and ops/systemd/myloware-sweep.timer have it.
const EVERY: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(60);

pub(crate) enum Schedule {
    Component(Process),
    Calls { _until_dropped: Caller },
}

impl Schedule {
    /// Its program, if it has one of its own.
    pub(crate) fn process(&self) -> Option<&Process> {
        match self {
            Self::Component(process) => Some(process),
            Self::Calls { .. } => None,
        }
    }

    pub(crate) fn process_mut(&mut self) -> Option<&mut Process> {
        match self {
            Self::Component(process) => Some(process),
            Self::Calls { .. } => None,
        }
    }
}

/// A thread that calls the sweep until it is dropped.
pub(crate) struct Caller {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Caller {
    pub(crate) fn start(url: String, key: String) -> Self {
        Self::every(EVERY, url, key)
    }

    fn every(pause: Duration, url: String, key: String) -> Self {
        let (stop, stopped) = channel();
        let thread = std::thread::spawn(move || call(pause, &url, &key, &stopped));
        Self { stop: Some(stop), thread: Some(thread) }
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A call that fails is no reason to stop: the host may be away for a while, and the next sweep catches up.
fn call(pause: Duration, url: &str, key: &str, stopped: &Receiver<()>) {
    let agent: ureq::Agent = ureq::Agent::config_builder().timeout_global(Some(TIMEOUT)).build().into();
    while stopped.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
        let _ = agent.post(url).header("x-sweep-key", key).send_empty();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        io::{Read, Write},
        net::TcpListener,
        time::Instant,
    };

    #[test]
    fn the_sweep_is_called_with_its_key_until_the_end() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/v1/sweep", listener.local_addr().unwrap());
        let caller = Caller::every(Duration::from_millis(5), url, "a-key".to_owned());
        for _ in 0..2 {
            let (mut connection, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let length = connection.read(&mut request).unwrap();
            let text = String::from_utf8_lossy(&request[..length]).to_lowercase();
            assert!(text.starts_with("post /v1/sweep ") && text.contains("x-sweep-key: a-key"), "{text}");
            connection.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n").unwrap();
        }
        let began = Instant::now();
        drop(listener);
        drop(caller);
        assert!(began.elapsed() < Duration::from_secs(5));
    }
}
