//! What components print, line by line into the host's log (stderr), each line under its component's name.
//!
//! - `ComponentOutput`: a guest's stdout or stderr; a partial last line is written when the guest ends.
//! - `note`: what the host itself has to say. `chain`: an error with its causes, never with a backtrace of the host.

use std::io::Write;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

/// A guest may write a line in pieces; without a newline for this long it is cut.
const LONGEST_LINE_BYTES: usize = 64 << 10;

pub fn note(message: &str) {
    for line in message.lines() {
        write_line("mw-host", line.as_bytes());
    }
}

/// The form in which Spin hands errors to guests: the message, then its causes.
pub fn chain(error: &anyhow::Error) -> String {
    let causes: Vec<String> = error.chain().skip(1).map(ToString::to_string).collect();
    match causes.as_slice() {
        [] => error.to_string(),
        [only] => format!("{error}\n\nCaused by:\n    {only}"),
        many => {
            let numbered: Vec<_> =
                many.iter().enumerate().map(|(number, cause)| format!("{number:>5}: {cause}")).collect();
            format!("{error}\n\nCaused by:\n{}", numbered.join("\n"))
        }
    }
}

fn write_line(name: &str, line: &[u8]) {
    let mut out = std::io::stderr().lock();
    // A log that can't be written can't report it.
    let _ = out.write_all(&[b"[", name.as_bytes(), b"] ", line, b"\n"].concat());
}

#[derive(Clone)]
pub struct ComponentOutput {
    lines: Arc<Mutex<Lines>>,
}

struct Lines {
    component: Arc<str>,
    partial: Vec<u8>,
}

impl ComponentOutput {
    pub fn new(component: &Arc<str>) -> Self {
        let lines = Lines { component: Arc::clone(component), partial: Vec::new() };
        Self { lines: Arc::new(Mutex::new(lines)) }
    }

    fn push(&self, bytes: &[u8]) {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).push(bytes);
    }
}

impl Lines {
    fn push(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.partial.extend_from_slice(piece);
            if piece.ends_with(b"\n") || self.partial.len() > LONGEST_LINE_BYTES {
                self.flush();
            }
        }
    }

    fn flush(&mut self) {
        write_line(&self.component, self.partial.trim_ascii_end());
        self.partial.clear();
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        if !self.partial.is_empty() {
            self.flush();
        }
    }
}

impl IsTerminal for ComponentOutput {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for ComponentOutput {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl OutputStream for ComponentOutput {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.push(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(LONGEST_LINE_BYTES)
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for ComponentOutput {
    async fn ready(&mut self) {}
}

impl AsyncWrite for ComponentOutput {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        self.push(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
