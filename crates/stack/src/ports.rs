//! Free and busy ports, and waiting until something answers there.

use mw::{
    error::{Error, Result, While},
    signals,
};
use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    time::{Duration, Instant},
};

/// Whether somebody listens on the port of 127.0.0.1.
#[must_use]
pub fn is_busy(port: u16) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    TcpStream::connect_timeout(&address, Duration::from_millis(500)).is_ok() || TcpListener::bind(address).is_err()
}

/// A port that nobody uses now, given by the system.
pub fn free() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).while_doing("find a free port")?;
    Ok(listener.local_addr().while_doing("find a free port")?.port())
}

/// `wanted`, or the next one that nobody uses.
pub fn free_from(wanted: u16) -> Result<u16> {
    (wanted..wanted.saturating_add(200))
        .find(|port| !is_busy(*port))
        .ok_or_else(|| Error::misuse(format!("no free port from {wanted} on: stop what listens there")))
}

/// One clear line when the port is taken; `cure` says how to choose another.
pub fn need_free(port: u16, what: &str, cure: &str) -> Result<()> {
    if is_busy(port) {
        return Err(Error::misuse(format!("port {port} for {what} is in use by another program: {cure}")));
    }
    Ok(())
}

/// Asks `ask` every 20 ms until it gives a value; an error of `ask` ends the waiting, and so does the time limit.
pub fn wait_for<T>(limit: Duration, what: &str, mut ask: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let began = Instant::now();
    loop {
        signals::go_on()?;
        if let Some(value) = ask()? {
            return Ok(value);
        }
        if began.elapsed() > limit {
            return Err(Error::failed(format!("{what} did not answer within {} s", limit.as_secs())));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listening_port_is_busy_and_skipped() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(is_busy(port));
        assert_ne!(free_from(port).unwrap(), port);
        let error = need_free(port, "the host", "choose another").unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(!is_busy(free().unwrap()));
    }

    #[test]
    fn waiting_ends() {
        let mut asked = 0;
        let answer = wait_for(Duration::from_secs(5), "it", || {
            asked += 1;
            Ok((asked == 3).then_some(asked))
        });
        assert_eq!(answer.unwrap(), 3);
        let error = wait_for(Duration::ZERO, "it", || Ok(None::<()>)).unwrap_err();
        assert!(error.to_string().contains("did not answer"));
    }
}
