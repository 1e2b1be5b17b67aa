//! A reverse proxy as people put before the product: it serves it below a path, which it takes off.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

/// The path.
pub(crate) const BELOW: &str = "/mw";

/// A proxy that listens and serves nothing yet.
pub(crate) struct Proxy(TcpListener);

impl Proxy {
    pub(crate) fn new() -> Proxy {
        Proxy(TcpListener::bind("127.0.0.1:0").unwrap())
    }

    /// `http://host:port`
    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.0.local_addr().unwrap())
    }

    /// Serves whatever is at this URL, for as long as the test runs.
    pub(crate) fn serve(self, upstream: &str) {
        let upstream = upstream.trim_start_matches("http://").to_owned();
        thread::spawn(move || {
            for client in self.0.incoming().flatten() {
                let upstream = upstream.clone();
                thread::spawn(move || forward(client, &upstream));
            }
        });
    }
}

/// Passes one request on, and its answer back.
fn forward(mut client: TcpStream, upstream: &str) -> Option<()> {
    let mut head = Vec::new();
    let mut piece = [0; 4096];
    while !head.windows(4).any(|window| window == b"\r\n\r\n") {
        let read = client.read(&mut piece).ok().filter(|read| *read > 0)?;
        head.extend(&piece[..read]);
    }
    let line_end = head.windows(2).position(|window| window == b"\r\n")?;
    let line = String::from_utf8(head[..line_end].to_vec()).ok()?;
    let (method, rest) = line.split_once(' ')?;
    let Some(path) = rest.strip_prefix(BELOW).filter(|path| path.starts_with(['/', '?', ' '])) else {
        let refusal = "HTTP/1.1 404 Not Found\r\nx-request-id: proxy\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        return client.write_all(refusal.as_bytes()).ok();
    };
    let slash = if path.starts_with('/') { "" } else { "/" };
    let mut server = TcpStream::connect(upstream).ok()?;
    server.write_all(format!("{method} {slash}{path}").as_bytes()).ok()?;
    server.write_all(&head[line_end..]).ok()?;
    let (mut from, mut to) = (client.try_clone().ok()?, server.try_clone().ok()?);
    thread::spawn(move || std::io::copy(&mut from, &mut to));
    std::io::copy(&mut server, &mut client).ok()?;
    client.shutdown(std::net::Shutdown::Both).ok()
}
