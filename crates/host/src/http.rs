//! The HTTP trigger: a listener, Spin's own answers, and the call of a component.
//!
//! - `serve`: accepts connections (HTTP/1.1 and HTTP/2 without TLS) until `stop` resolves.
//! - `respond`: one request to one component, for clients and for service chaining.
//! - `complete_if_small`: a body that is finished at once leaves together with the head and with a Content-Length.
//!
//! TCP_NODELAY is not set, since Spin doesn't set it either: what stalls here would stall there.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, Uri, header};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use wasmtime_wasi_http::p2::bindings::http::types::Scheme;
use wasmtime_wasi_http::{Error, WasiBody, WasiHttpView};

use crate::allowed_hosts::chained_component;
use crate::engine::Entry;
use crate::logs;
use crate::routes::{Match, Router};
use crate::runtime::{App, Component};

/// How long a body may take to be counted as finished at once, and how large it may be.
const WHOLE_BODY_WAIT: Duration = Duration::from_millis(5);
const WHOLE_BODY_BYTES: usize = 64 << 10;

struct Server {
    app: Arc<App>,
    router: Router,
}

/// Runs until `stop` resolves; guests that are running then are the caller's business, and so are the connections that wait for them.
pub async fn serve(
    app: Arc<App>,
    router: Router,
    listener: TcpListener,
    stop: impl Future<Output = ()>,
) -> GracefulShutdown {
    let connections = GracefulShutdown::new();
    let server = Arc::new(Server { app, router });
    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => return connections,
        };
        match accepted {
            Ok((stream, client)) => {
                tokio::spawn(serve_connection(Arc::clone(&server), stream, client, connections.watcher()));
            }
            Err(error) => {
                logs::note(&format!("cannot accept a connection: {error}"));
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn serve_connection(server: Arc<Server>, stream: TcpStream, client: SocketAddr, watcher: Watcher) {
    let service = hyper::service::service_fn(move |request: Request<hyper::body::Incoming>| {
        let server = Arc::clone(&server);
        async move {
            let request = request.map(|body| body.map_err(Error::from).boxed_unsync());
            server.answer(request, client).await
        }
    });
    let builder = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
    let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
    // What goes wrong here is the client's doing: it hung up, or sent what isn't HTTP.
    let _ = watcher.watch(connection).await;
}

impl Server {
    /// An error makes hyper close the connection without an answer, which is what Spin does with such requests.
    async fn answer(&self, mut request: Request<WasiBody>, client: SocketAddr) -> Result<Response<WasiBody>> {
        strip_transport_headers(&mut request);
        let path = request.uri().path().to_owned();
        if let Some(well_known) = path.strip_prefix("/.well-known/spin/") {
            return Ok(self.answer_well_known(well_known));
        }
        let Some(route) = self.router.find(&path) else {
            return Ok(plain(StatusCode::NOT_FOUND, ""));
        };
        let component = self.app.component(&route.component).context("a route without its component")?;
        make_absolute(&mut request)?;
        Ok(respond(&self.app, &component, route, request, client).await)
    }

    fn answer_well_known(&self, name: &str) -> Response<WasiBody> {
        match name {
            "health" => plain(StatusCode::OK, "OK"),
            "info" => {
                let mut info = serde_json::Map::new();
                info.insert("name".into(), self.app.name.clone().into());
                if let Some(version) = &self.app.version {
                    info.insert("version".into(), version.clone().into());
                }
                let mut response = plain(StatusCode::OK, format!("{:#}", serde_json::Value::Object(info)));
                response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
                response
            }
            _ => plain(StatusCode::NOT_FOUND, ""),
        }
    }
}

/// Calls the component; whatever goes wrong before it answers is an empty 500, as on Spin.
pub async fn respond(
    app: &Arc<App>,
    component: &Arc<Component>,
    route: Match,
    mut request: Request<WasiBody>,
    client: SocketAddr,
) -> Response<WasiBody> {
    let outcome = match set_spin_headers(&mut request, &route, client) {
        Ok(()) => call(app, component, request).await,
        Err(error) => Err(error),
    };
    match outcome {
        Ok(response) => complete_if_small(response).await,
        Err(error) => {
            logs::note(&format!("component {} failed: {error:#}", component.id));
            plain(StatusCode::INTERNAL_SERVER_ERROR, "")
        }
    }
}

async fn call(app: &Arc<App>, component: &Arc<Component>, request: Request<WasiBody>) -> Result<Response<WasiBody>> {
    let Entry::Http(entry) = &component.entry else { bail!("is no HTTP component") };
    let mut store = app.new_store(component);
    let instance =
        entry.instantiate_async(&mut store).await.map_err(anyhow::Error::from).context("cannot make an instance")?;
    let (sender, receiver) = oneshot::channel();
    let request = store.data_mut().http().new_incoming_request(Scheme::Http, request)?;
    let outparam = store.data_mut().http().new_response_outparam(sender)?;
    let task = app
        .start(async move { instance.wasi_http_incoming_handler().call_handle(&mut store, request, outparam).await });
    match receiver.await {
        Ok(response) => {
            report_late_failure(component, task);
            response.map_err(|code| anyhow::anyhow!("the guest answered with the error {code:?}"))
        }
        Err(_) => {
            task.await.context("the call panicked")?.map_err(anyhow::Error::from).context("the guest trapped")?;
            bail!("the guest ended without an answer")
        }
    }
}

/// The answer is on its way; only the log can still report a trap.
fn report_late_failure(component: &Arc<Component>, task: tokio::task::JoinHandle<wasmtime::Result<()>>) {
    let component = Arc::clone(component);
    tokio::spawn(async move {
        let problem = match task.await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => format!("{error:#}"),
            Err(error) => error.to_string(),
        };
        logs::note(&format!("component {} failed after it had begun to answer: {problem}", component.id));
    });
}

/// A request for a chained host can't come from outside; `Connection` is between the client and us.
fn strip_transport_headers(request: &mut Request<WasiBody>) {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let is_chained =
        host.and_then(|host| host.parse::<Uri>().ok()).is_some_and(|uri| chained_component(&uri).is_some());
    if is_chained {
        request.headers_mut().remove(header::HOST);
    }
    request.headers_mut().remove(header::CONNECTION);
}

/// Gives the URI its scheme and authority, from the Host header or from the request line, which must agree.
fn make_absolute(request: &mut Request<WasiBody>) -> Result<()> {
    let from_header = match request.headers().get(header::HOST) {
        None => None,
        Some(host) => Some(host.to_str().context("'Host' header is not valid UTF-8")?.parse::<http::uri::Authority>()?),
    };
    let mut parts = request.uri().clone().into_parts();
    let authority = match (from_header, parts.authority) {
        (None, None) => bail!("no 'Host' header present in request"),
        (Some(header), Some(uri)) if header != uri => {
            bail!("authority in 'Host' header does not match authority in URI")
        }
        (Some(authority), _) | (None, Some(authority)) => authority,
    };
    parts.scheme = Some(http::uri::Scheme::HTTP);
    parts.authority = Some(authority);
    *request.uri_mut() = Uri::from_parts(parts)?;
    Ok(())
}

/// Headers must be text for a guest; Spin's own come after the client's of the same name.
fn set_spin_headers(request: &mut Request<WasiBody>, route: &Match, client: SocketAddr) -> Result<()> {
    for value in request.headers().values() {
        std::str::from_utf8(value.as_bytes()).context("a request header is not UTF-8")?;
    }
    let host = match request.headers().get(header::HOST) {
        Some(host) => std::str::from_utf8(host.as_bytes())?.to_owned(),
        None => "localhost".to_owned(),
    };
    for (name, value) in route.headers(request.uri(), &host, client)? {
        let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) else {
            continue;
        };
        request.headers_mut().append(name, value);
    }
    Ok(())
}

fn plain(status: StatusCode, text: impl Into<Bytes>) -> Response<WasiBody> {
    let body = Full::new(text.into()).map_err(|never: Infallible| match never {}).boxed_unsync();
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
}

/// Head and body in two writes cost a client with delayed acknowledgements 40 ms, so a body that is about to be
/// complete is waited for; any other goes on as a stream.
async fn complete_if_small(response: Response<WasiBody>) -> Response<WasiBody> {
    let (head, mut body) = response.into_parts();
    let deadline = tokio::time::Instant::now() + WHOLE_BODY_WAIT;
    let mut seen = VecDeque::new();
    let mut size_bytes = 0;
    while size_bytes <= WHOLE_BODY_BYTES {
        match tokio::time::timeout_at(deadline, body.frame()).await {
            Ok(None) => return Response::from_parts(head, whole(seen)),
            Ok(Some(frame)) => {
                let is_plain = frame.as_ref().is_ok_and(Frame::is_data);
                size_bytes += frame.as_ref().ok().and_then(Frame::data_ref).map_or(0, Bytes::len);
                seen.push_back(frame);
                if !is_plain {
                    break;
                }
            }
            Err(_) => break,
        }
    }
    Response::from_parts(head, Resumed { seen, rest: body }.boxed_unsync())
}

fn whole(frames: VecDeque<Result<Frame<Bytes>, Error>>) -> WasiBody {
    let mut pieces: Vec<Bytes> = frames.into_iter().filter_map(|frame| frame.ok()?.into_data().ok()).collect();
    let body = match pieces.len() {
        0 | 1 => pieces.pop().unwrap_or_default(),
        _ => pieces.concat().into(),
    };
    Full::new(body).map_err(|never: Infallible| match never {}).boxed_unsync()
}

/// The frames already taken, then the rest.
struct Resumed {
    seen: VecDeque<Result<Frame<Bytes>, Error>>,
    rest: WasiBody,
}

impl Body for Resumed {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match self.seen.pop_front() {
            Some(frame) => Poll::Ready(Some(frame)),
            None => Pin::new(&mut self.rest).poll_frame(context),
        }
    }
}
