//! A simulator and a webhook of our own, each on a free port, and an HTTP client for the providers' port.

use std::future::Future;
use std::io::Read;
use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
pub(crate) use mw_integrations::jobs;
use mw_integrations::{HttpClient, JobContext, Pieces, Progress, Settings, StreamingClient, TransportError};
pub(crate) use mw_media::job::JobSpec;
use mw_media::job::{GenerateSpec, OverlayStyle, PublishSpec, RenderClip, RenderSpec};
use mw_sim::{Config, Latency};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

pub(crate) const KIEAI_SECRET: &str = "kie-secret";
pub(crate) const UPLOAD_POST_SECRET: &str = "post-secret";
pub(crate) const JOB: &str = "11111111-2222-4333-8444-555555555555";

/// The port of `mw-integrations` on a blocking client.
pub(crate) struct Client(ureq::Agent);

impl Client {
    pub(crate) fn waiting(time: Duration) -> Client {
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(time))
            .http_status_as_error(false)
            .max_redirects(0)
            // A connection that the simulator closes after a fault must not be met again by the next request.
            .max_idle_connections(0)
            .build()
            .new_agent();
        Client(agent)
    }
}

impl Client {
    fn open(&self, request: http::Request<Vec<u8>>) -> Result<http::Response<ureq::Body>, TransportError> {
        let (parts, body) = request.into_parts();
        let answer = match body.is_empty() {
            true => self.0.run(http::Request::from_parts(parts, ())),
            false => self.0.run(http::Request::from_parts(parts, body)),
        };
        answer.map_err(|error| match error {
            ureq::Error::HostNotFound | ureq::Error::ConnectionFailed => TransportError::NotSent(error.to_string()),
            ureq::Error::Io(io) if io.kind() == std::io::ErrorKind::ConnectionRefused => {
                TransportError::NotSent(io.to_string())
            }
            other => TransportError::Unanswered(other.to_string()),
        })
    }
}

impl StreamingClient for Client {
    type Pieces = Coming;

    async fn stream(&self, request: http::Request<Vec<u8>>) -> Result<http::Response<Coming>, TransportError> {
        Ok(self.open(request)?.map(|body| Coming(body.into_reader())))
    }
}

/// Gives few bytes at a time, so that everything is split somewhere.
pub(crate) struct Coming(ureq::BodyReader<'static>);

impl Pieces for Coming {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, TransportError> {
        let mut piece = vec![0; 7];
        let length = self.0.read(&mut piece).map_err(|error| TransportError::Unanswered(error.to_string()))?;
        piece.truncate(length);
        Ok((length > 0).then_some(piece))
    }
}

impl HttpClient for Client {
    async fn send(&self, request: http::Request<Vec<u8>>) -> Result<http::Response<Vec<u8>>, TransportError> {
        let (parts, mut body) = self.open(request)?.into_parts();
        let bytes = body.with_config().limit(5_000_000).read_to_vec();
        let bytes = bytes.map_err(|error| TransportError::Unanswered(error.to_string()))?;
        Ok(http::Response::from_parts(parts, bytes))
    }
}

/// One request that our webhook got.
#[derive(Clone)]
pub(crate) struct Received {
    pub(crate) uri: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    pub(crate) at: Instant,
}

impl Received {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

#[derive(Clone, Default)]
struct Hook {
    received: Arc<Mutex<Vec<Received>>>,
    /// What to answer, the last for ever.
    statuses: Arc<Mutex<Vec<u16>>>,
}

async fn receive(State(hook): State<Hook>, uri: Uri, headers: HeaderMap, body: Bytes) -> StatusCode {
    let received = Received { uri: uri.to_string(), headers, body: body.to_vec(), at: Instant::now() };
    hook.received.lock().unwrap().push(received);
    let mut statuses = hook.statuses.lock().unwrap();
    let status = match statuses.len() {
        0 => 200,
        1 => statuses[0],
        _ => statuses.remove(0),
    };
    StatusCode::from_u16(status).unwrap()
}

pub(crate) struct Sim {
    runtime: Runtime,
    pub(crate) url: String,
    hook: Hook,
    pub(crate) hook_url: String,
    pub(crate) client: Client,
}

impl Sim {
    pub(crate) fn start() -> Sim {
        Sim::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut Config)) -> Sim {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let bind = || runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let (listener, hook_listener) = (bind(), bind());
        let url = format!("http://{}", listener.local_addr().unwrap());
        let hook_url = format!("http://{}", hook_listener.local_addr().unwrap());
        let mut config = Config {
            public_url: url.clone(),
            settings: [
                ("kieai_signing_secret", KIEAI_SECRET.to_owned()),
                ("upload_post_signing_secret", UPLOAD_POST_SECRET.to_owned()),
                ("upload_post_webhook_url", format!("{hook_url}/upload-post")),
            ]
            .into(),
            latency: Latency::all(300),
            retry_scale: 0.001,
            ..Config::default()
        };
        change(&mut config);
        let hook = Hook::default();
        let receiver = axum::Router::new().fallback(receive).with_state(hook.clone());
        runtime.spawn(mw_sim::serve(listener, config));
        runtime.spawn(async { axum_serve(hook_listener, receiver).await });
        Sim { runtime, url, hook, hook_url, client: Client::waiting(Duration::from_secs(10)) }
    }

    pub(crate) fn settings(&self, path: &str) -> Settings {
        Settings { base_url: format!("{}{path}", self.url), api_key: "any-key-at-all".into() }
    }

    pub(crate) fn context(&self, job_id: &str) -> JobContext {
        JobContext {
            run_id: "run-1".into(),
            job_id: job_id.into(),
            callback_url: Some(format!("{}/hook?run_id=run-1&job={job_id}", self.hook_url)),
            idempotency_key: format!("{job_id}:1"),
        }
    }

    pub(crate) fn run<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    pub(crate) fn fault(&self, provider: &str, fault: &str) {
        self.control("faults", json!({"provider": provider, "fault": fault}));
    }

    pub(crate) fn control(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.post(&format!("/_sim/{path}"), body);
        assert_eq!(status, 200, "{answer}");
        answer
    }

    pub(crate) fn post(&self, path: &str, body: Value) -> (u16, Value) {
        let request = http::Request::post(format!("{}{path}", self.url)).header("content-type", "application/json");
        self.call(request.body(body.to_string().into_bytes()).unwrap())
    }

    pub(crate) fn get(&self, path: &str) -> (u16, Value) {
        self.call(http::Request::get(format!("{}{path}", self.url)).body(Vec::new()).unwrap())
    }

    pub(crate) fn call(&self, request: http::Request<Vec<u8>>) -> (u16, Value) {
        let answer = self.run(self.client.send(request)).unwrap();
        let body = serde_json::from_slice(answer.body()).unwrap_or(Value::Null);
        (answer.status().as_u16(), body)
    }

    pub(crate) fn state(&self) -> Value {
        self.get("/_sim/state").1
    }

    pub(crate) fn answer_callbacks_with(&self, statuses: &[u16]) {
        *self.hook.statuses.lock().unwrap() = statuses.to_vec();
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.hook.received.lock().unwrap().clone()
    }

    /// Waits until our webhook has so many callbacks.
    pub(crate) fn callbacks(&self, count: usize) -> Vec<Received> {
        eventually(|| Some(self.received()).filter(|received| received.len() >= count))
    }
}

async fn axum_serve(listener: TcpListener, router: axum::Router) {
    use hyper_util::{rt::TokioIo, service::TowerToHyperService};
    while let Ok((stream, _)) = listener.accept().await {
        let service = TowerToHyperService::new(router.clone());
        tokio::spawn(async move {
            let builder = hyper::server::conn::http1::Builder::new();
            let _ = builder.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

/// Asks until there is an answer.
pub(crate) fn eventually<T>(mut ask: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(start.elapsed() < Duration::from_secs(20), "waited too long");
        sleep(Duration::from_millis(5));
    }
}

/// Asks until the job has ended.
pub(crate) fn ended(mut query: impl FnMut() -> Progress) -> Progress {
    eventually(|| Some(query()).filter(|progress| *progress != Progress::Running))
}

pub(crate) fn url_of(progress: Progress) -> String {
    match progress {
        Progress::Done(output) => output.url,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn unix_now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

pub(crate) fn generate(model: &str) -> GenerateSpec {
    GenerateSpec {
        index: 0,
        subject: "moon".into(),
        header: "cheeseburger".into(),
        prompt: "A moon made of cheese".into(),
        model: model.into(),
        duration_seconds: 8.0,
        quality: "720p".into(),
        aspect_ratio: "9:16".into(),
    }
}

pub(crate) fn render() -> RenderSpec {
    let clip = |index| RenderClip {
        index,
        url: format!("https://clips.example/{index}.mp4"),
        subject: "moon".into(),
        header: "cheeseburger".into(),
        duration_seconds: 8.0,
    };
    RenderSpec {
        clips: vec![clip(0), clip(1)],
        overlay: OverlayStyle {
            position: Some("top".into()),
            uppercase: true,
            background: Some("#000000AA".into()),
            color: None,
        },
        resolution: "1080x1920".into(),
        aspect_ratio: "9:16".into(),
        effects: true,
    }
}

pub(crate) fn publish() -> PublishSpec {
    PublishSpec {
        video_url: "https://videos.example/final.mp4".into(),
        caption: "Moon --and-- sun\r\n#food".into(),
        title: "Moon and sun".into(),
        account: "AISMR".into(),
        platforms: vec!["tiktok".into()],
        disclosure: Default::default(),
    }
}
