//! Load over HTTP/1.1 with connections that are kept: in a closed loop (each connection sends when it has been answered) for
//! throughput, in an open loop (at a rate, whether or not anybody has answered) for latency.

use anyhow::{Context, Result};
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;

pub(crate) type Body = Full<Bytes>;

#[derive(Debug, Clone, Copy)]
pub(crate) enum Pace {
    Closed,
    PerSecond(u32),
}

#[derive(Debug, Default)]
pub(crate) struct Measured {
    /// Ascending.
    pub(crate) took: Vec<Duration>,
    pub(crate) seconds: f64,
    /// Answers by status; 0 is a connection that broke.
    pub(crate) statuses: BTreeMap<u16, u64>,
}

impl Measured {
    pub(crate) fn rate(&self) -> f64 {
        self.took.len() as f64 / self.seconds
    }

    /// Milliseconds that this share of the answers took at most.
    pub(crate) fn milliseconds(&self, percent: usize) -> f64 {
        let at = self.took.len().saturating_sub(1) * percent / 100;
        self.took.get(at).map_or(f64::NAN, |took| took.as_secs_f64() * 1000.0)
    }

    /// Answers with another status, as `3 × 503`.
    pub(crate) fn others(&self, expected: u16) -> Option<String> {
        let others = self.statuses.iter().filter(|(status, _)| **status != expected);
        let told: Vec<String> = others.map(|(status, count)| format!("{count} × {status}")).collect();
        (!told.is_empty()).then(|| told.join(", "))
    }
}

/// Sends the requests that `make` makes, numbered from 0 on, over this many connections to `base` (`http://host:port`).
pub(crate) fn run(
    base: &str,
    connections: usize,
    pace: Pace,
    during: Duration,
    make: impl Fn(u64) -> Request<Body> + 'static,
) -> Result<Measured> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let address =
        base.strip_prefix("http://").context("only http:// can be measured")?.trim_end_matches('/').to_owned();
    let plan = Rc::new(Plan { address, pace, during, begun: Instant::now(), next: Cell::new(0), make: Box::new(make) });
    let measured = Rc::new(RefCell::new(Measured::default()));
    let local = tokio::task::LocalSet::new();
    for _ in 0..connections {
        local.spawn_local(work(Rc::clone(&plan), Rc::clone(&measured)));
    }
    runtime.block_on(local);
    let mut measured = Rc::into_inner(measured).context("a connection is still at work")?.into_inner();
    measured.seconds = plan.begun.elapsed().as_secs_f64();
    measured.took.sort();
    Ok(measured)
}

struct Plan {
    address: String,
    pace: Pace,
    during: Duration,
    begun: Instant,
    next: Cell<u64>,
    make: Box<dyn Fn(u64) -> Request<Body>>,
}

impl Plan {
    /// The number of the next request, and since when its client waits; `None` when the time is over.
    async fn next(&self) -> Option<(u64, Instant)> {
        let number = self.next.replace(self.next.get() + 1);
        match self.pace {
            Pace::Closed => (self.begun.elapsed() < self.during).then(|| (number, Instant::now())),
            Pace::PerSecond(rate) => {
                let due = Duration::from_secs_f64(number as f64 / f64::from(rate));
                if due >= self.during {
                    return None;
                }
                let due = self.begun + due;
                if due <= Instant::now() {
                    // No connection was free: that wait counts.
                    return Some((number, due));
                }
                tokio::time::sleep_until(due.into()).await;
                Some((number, Instant::now()))
            }
        }
    }
}

async fn work(plan: Rc<Plan>, measured: Rc<RefCell<Measured>>) {
    let mut connection = None;
    while let Some((number, since)) = plan.next().await {
        let status = send(&plan, &mut connection, number).await.unwrap_or_else(|_| {
            connection = None;
            0
        });
        let mut measured = measured.borrow_mut();
        measured.took.push(since.elapsed());
        *measured.statuses.entry(status).or_default() += 1;
    }
}

async fn send(plan: &Plan, connection: &mut Option<SendRequest<Body>>, number: u64) -> Result<u16> {
    let sender = match connection {
        Some(sender) => sender,
        None => connection.insert(connect(&plan.address).await?),
    };
    sender.ready().await?;
    let mut request = (plan.make)(number);
    request.headers_mut().insert(http::header::HOST, plan.address.parse()?);
    let answer = sender.send_request(request).await?;
    let status = answer.status().as_u16();
    answer.into_body().collect().await?;
    Ok(status)
}

async fn connect(address: &str) -> Result<SendRequest<Body>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::task::spawn_local(async move {
        // What breaks it, the sender is told.
        let _ = connection.await;
    });
    Ok(sender)
}
