//! The server: one router for all providers, and connections that can be hung up without an answer.

use std::io;

use axum::Router;
use axum::body::Body;
use axum::extract::DefaultBodyLimit;
use axum::http::{Request, Response, StatusCode};
use axum::response::IntoResponse;
use axum::routing::get;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};

use crate::config::Config;
use crate::guard::{self, HangUp};
use crate::player::Provider;
use crate::world::App;
use crate::{control, media};

/// Larger requests are refused; an upload carries a URL, not a file.
const LONGEST_REQUEST_BYTES: usize = 4_000_000;

/// Serves until the future is dropped.
pub async fn serve(listener: TcpListener, config: Config) -> io::Result<()> {
    let router = router(App::new(config));
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(converse(stream, router.clone()));
    }
}

fn router(app: App) -> Router {
    let played = Provider::all().fold(Router::new(), |router, provider| {
        let routes = guard::around((provider.0.routes)(), &app, provider);
        router.nest(&format!("/{}", provider.name()), routes)
    });
    played
        .nest("/_sim", control::routes().merge(media::routes()))
        .route("/_sim/", get(control::index))
        .fallback(|| async { (StatusCode::NOT_FOUND, "mw-sim: nothing here; see /_sim").into_response() })
        .layer(DefaultBodyLimit::max(LONGEST_REQUEST_BYTES))
        .with_state(app)
}

/// One connection. A service error is what makes hyper close it without an answer.
async fn converse(stream: TcpStream, router: Router) {
    // Without this every small answer waits for the other side's acknowledgement.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: Request<Incoming>| {
        let router = router.clone();
        async move { answer(router, request.map(Body::new)).await }
    });
    // Errors here are the clients' (they leave) or asked for.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(router: Router, request: Request<Body>) -> Result<Response<Body>, io::Error> {
    let Ok(response) = TowerToHyperService::new(router).call(request).await;
    match response.extensions().get::<HangUp>() {
        Some(HangUp) => Err(io::Error::other("told to hang up")),
        None => Ok(response),
    }
}
