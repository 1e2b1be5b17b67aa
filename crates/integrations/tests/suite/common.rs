//! A client that answers from a list and keeps what it was asked.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
pub(crate) use mw_integrations::jobs;
use mw_integrations::{HttpClient, JobContext, Settings, TransportError};
pub(crate) use mw_media::job::JobSpec;
use mw_media::job::{GenerateSpec, OverlayStyle, PublishSpec, RenderClip, RenderSpec};
use serde_json::Value;

pub(crate) const KEY: &str = "key-0123456789";
pub(crate) const JOB: &str = "0d4f6c3e-7f1f-4f0e-9f5e-3a1b2c3d4e5f";

type Answer = Result<Response<Vec<u8>>, TransportError>;

pub(crate) struct Client {
    answers: RefCell<VecDeque<Answer>>,
    pub(crate) requests: RefCell<Vec<Request<Vec<u8>>>>,
}

impl Client {
    pub(crate) fn answering(answers: impl IntoIterator<Item = Answer>) -> Client {
        Client { answers: RefCell::new(answers.into_iter().collect()), requests: RefCell::default() }
    }

    pub(crate) fn json(status: u16, body: Value) -> Client {
        Client::answering([answer(status, body)])
    }

    pub(crate) fn request(&self) -> Request<Vec<u8>> {
        self.requests.borrow().last().expect("a request").clone()
    }

    pub(crate) fn request_body(&self) -> Value {
        serde_json::from_slice(self.request().body()).expect("JSON")
    }
}

impl Client {
    pub(crate) fn request_bodies(&self) -> Vec<Value> {
        let requests = self.requests.borrow();
        requests.iter().map(|request| serde_json::from_slice(request.body()).expect("JSON")).collect()
    }
}

impl HttpClient for Client {
    async fn send(&self, request: Request<Vec<u8>>) -> Answer {
        self.requests.borrow_mut().push(request);
        let next = self.answers.borrow_mut().pop_front();
        next.expect("an answer for every request")
    }
}

pub(crate) fn answer(status: u16, body: Value) -> Answer {
    text(status, &body.to_string())
}

pub(crate) fn text(status: u16, body: &str) -> Answer {
    Ok(Response::builder().status(status).body(body.as_bytes().to_vec()).unwrap())
}

pub(crate) fn with_header(answer: Answer, name: &'static str, value: &str) -> Answer {
    let mut response = answer?;
    response.headers_mut().insert(name, value.parse().unwrap());
    Ok(response)
}

/// Runs a future that never waits.
pub(crate) fn now<F: Future>(future: F) -> F::Output {
    let mut context = Context::from_waker(Waker::noop());
    match pin!(future).poll(&mut context) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the future waits"),
    }
}

pub(crate) fn settings() -> Settings {
    Settings { base_url: "https://provider.example/base/".into(), api_key: KEY.into() }
}

pub(crate) fn context() -> JobContext {
    JobContext {
        run_id: "run-1".into(),
        job_id: JOB.into(),
        callback_url: Some(format!("https://us.example/v1/webhooks/p?run_id=run-1&job={JOB}")),
        idempotency_key: format!("{JOB}:1"),
    }
}

pub(crate) fn generate(model: &str) -> GenerateSpec {
    GenerateSpec {
        index: 1,
        subject: "sun".into(),
        header: "pickle".into(),
        prompt: "A sun made of pickles".into(),
        model: model.into(),
        duration_seconds: 8.0,
        quality: "1080p".into(),
        aspect_ratio: "9:16".into(),
    }
}

pub(crate) fn clip(index: u32, header: &str) -> RenderClip {
    RenderClip {
        index,
        url: format!("https://clips.example/{index}.mp4"),
        subject: format!("subject {index}"),
        header: header.into(),
        duration_seconds: 8.0,
    }
}

pub(crate) fn render() -> RenderSpec {
    RenderSpec {
        clips: vec![clip(0, "cheeseburger"), clip(1, "pickle")],
        overlay: OverlayStyle::default(),
        resolution: "hd".into(),
        aspect_ratio: "9:16".into(),
        effects: true,
    }
}

pub(crate) fn publish() -> PublishSpec {
    PublishSpec {
        video_url: "https://videos.example/final.mp4".into(),
        caption: "Moon & sun #food".into(),
        title: "Moon and sun".into(),
        account: "AISMR".into(),
        platforms: vec!["tiktok".into(), "youtube".into()],
        disclosure: Default::default(),
    }
}

pub(crate) fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    pairs
        .iter()
        .map(|(name, value)| {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            (name, HeaderValue::from_str(value).unwrap())
        })
        .collect()
}
