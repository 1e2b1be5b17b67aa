//! Outgoing HTTP of a component: only where `allowed_outbound_hosts` says so; `<component>.spin.internal` stays in
//! this process (service chaining); everything else goes out over wasmtime-wasi-http's client.
//!
//! Unlike Spin's, that client opens a connection per request. The guest's time-outs (connect, first byte, between
//! bytes) are its to keep; in chaining only the last two mean anything and, as on Spin, neither is applied.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use http_body_util::BodyExt;
use wasmtime_wasi_http::p2::bindings::http::types::{DnsErrorPayload, ErrorCode};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use crate::allowed_hosts::chained_component;
use crate::logs;
use crate::routes::Match;
use crate::runtime::{App, Component};

/// What a chained component sees as its client.
const CHAINED_CLIENT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// The hooks of one instance.
pub struct Outbound {
    pub app: Arc<App>,
    pub component: Arc<Component>,
}

type Exchange = (http::Response<WasiBody>, Box<dyn Future<Output = Result<(), Error>> + Send>);

impl WasiHttpHooks for Outbound {
    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _response_fate: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Result<Exchange, Error>> + Send> {
        let (app, component) = (Arc::clone(&self.app), Arc::clone(&self.component));
        Box::new(async move { send(app, component, request, options).await })
    }

    fn p2_error_from_connect(&mut self, error: &std::io::Error) -> ErrorCode {
        // A failed look-up carries no errno; a failed connect does.
        match error.raw_os_error() {
            None => {
                ErrorCode::DnsError(DnsErrorPayload { rcode: Some("address not available".into()), info_code: Some(0) })
            }
            Some(_) => ErrorCode::ConnectionRefused,
        }
    }
}

async fn send(
    app: Arc<App>,
    component: Arc<Component>,
    mut request: http::Request<WasiBody>,
    options: Option<RequestOptions>,
) -> Result<Exchange, Error> {
    if !component.allowed_hosts.allow_uri(request.uri()) {
        let uri = request.uri();
        let target =
            format!("{}://{}", uri.scheme_str().unwrap_or("https"), uri.authority().map_or("self", |a| a.as_str()));
        logs::note(&format!(
            "{} may not call {target}: add it to allowed_outbound_hosts of [component.{}]",
            component.id, component.id
        ));
        return Err(Error::HttpRequestDenied);
    }
    let target = app.has_chaining().then(|| chained_component(request.uri())).flatten().map(str::to_owned);
    if let Some(target) = target {
        // Spin takes the host off before it looks at the target.
        request.headers_mut().remove(http::header::HOST);
        let route = Match::chained(&target, request.uri().path());
        let Some(callee) = app.component(&target) else {
            logs::note(&format!(
                "{} called {target}.spin.internal, which is no component of this manifest",
                component.id
            ));
            return Err(Error::DestinationNotFound);
        };
        // Boxed: a chained component may chain in its turn.
        let response = Box::pin(crate::http::respond(&app, &callee, route, request, CHAINED_CLIENT)).await;
        return Ok((response, Box::new(async { Ok(()) })));
    }
    let (response, connection) = wasmtime_wasi_http::default_send_request(request, options).await?;
    Ok((response.map(BodyExt::boxed_unsync), Box::new(connection)))
}
