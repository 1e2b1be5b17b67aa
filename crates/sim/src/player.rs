//! A system that the simulator plays, as everything that is not its folder knows it. [`PLAYERS`] lists them all.

use crate::config::Config;
use crate::fault::{CALLBACKS, Fault, GENERAL, Own};
use crate::messages::Sent;
use crate::person::Press;
use crate::world::{App, Task, World};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use futures::future::BoxFuture;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use std::time::Duration;

/// All of them.
pub(crate) static PLAYERS: &[&Player] = &[
    &crate::kieai::PLAYER,
    &crate::shotstack::PLAYER,
    &crate::upload_post::PLAYER,
    &crate::llm::openai::PLAYER,
    &crate::llm::anthropic::PLAYER,
    &crate::telegram::PLAYER,
    &crate::slack::PLAYER,
    &crate::otlp::PLAYER,
    &crate::sentry::PLAYER,
];

/// Somebody presses a button under a message that was sent.
type PressButton = fn(App, Press, Sent, String) -> BoxFuture<'static, Response>;

/// Makes the routes by which tests steer a player.
type Routes = fn() -> Router<App>;

/// A system that the simulator plays.
pub(crate) struct Player {
    /// The beginning of its paths, and what rules call it.
    pub(crate) name: &'static str,
    /// Where it answers, for people.
    pub(crate) at: &'static str,
    pub(crate) routes: fn() -> Router<App>,
    /// An error as it would write it itself.
    pub(crate) error: fn(StatusCode, &str) -> Value,
    /// The whole answer to too many requests, where it says in its body when to come again.
    pub(crate) too_many: Option<fn(u64) -> Value>,
    pub(crate) settings: &'static [Setting],
    /// The setting with the only key that it accepts; `None` where any will do.
    pub(crate) key: Option<&'static str>,
    /// What only it can have.
    pub(crate) faults: &'static [&'static [Own]],
    /// Of one that makes jobs.
    pub(crate) jobs: Option<&'static dyn Jobs>,
    /// What follows when somebody presses a button.
    pub(crate) press: Option<PressButton>,
    /// What it has below `/_sim`, and the line that says so.
    pub(crate) control: Option<(Routes, &'static str)>,
}

/// Something that is fixed when the simulator starts: an option of the program, and a variable in capitals.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// `kind_of_thing`, as the variable is written in small letters.
    pub name: &'static str,
    pub help: &'static str,
    pub is_secret: bool,
}

impl Setting {
    pub(crate) const fn secret(name: &'static str, help: &'static str) -> Setting {
        Setting { name, help, is_secret: true }
    }

    pub(crate) const fn plain(name: &'static str, help: &'static str) -> Setting {
        Setting { name, help, is_secret: false }
    }
}

/// How a provider makes jobs and tells of them.
pub(crate) trait Jobs: Sync {
    /// How long a job takes, unless it is told otherwise.
    fn latency_ms(&self) -> u64;

    /// Where a job's callbacks go.
    fn target(&self, _app: &App, task: &Task) -> Option<String> {
        task.callback_url.clone()
    }

    fn attempts(&self) -> u64 {
        1
    }

    /// The time between two attempts.
    fn gap(&self, _attempt: u64) -> Duration {
        Duration::from_secs(10)
    }

    fn is_delivered(&self, status: u16) -> bool {
        (200..300).contains(&status)
    }

    /// Whether it calls nobody back just now; what is skipped never comes back.
    fn is_resting(&self, _world: &mut World) -> bool {
        false
    }

    /// Learns how an attempt went.
    fn note(&self, _world: &mut World, _delivered: bool, _config: &Config) {}

    /// A delivery that claims that a task is done, with the result of a stranger, signed at this time with this secret where it
    /// signs anything: headers and body.
    fn lie(&self, task_id: &str, url: &str, secret: &str, at_unix: u64) -> (Vec<(&'static str, String)>, Value);
}

impl Player {
    pub(crate) const fn new(
        name: &'static str,
        at: &'static str,
        routes: fn() -> Router<App>,
        error: fn(StatusCode, &str) -> Value,
    ) -> Player {
        Player {
            name,
            at,
            routes,
            error,
            too_many: None,
            settings: &[],
            key: None,
            faults: &[],
            jobs: None,
            press: None,
            control: None,
        }
    }
}

/// One of the players, by its name.
#[derive(Clone, Copy)]
pub struct Provider(pub(crate) &'static Player);

impl Provider {
    pub fn all() -> impl ExactSizeIterator<Item = Provider> {
        PLAYERS.iter().map(|player| Provider(player))
    }

    /// `-` and `_` are the same in names.
    pub fn named(name: &str) -> Option<Provider> {
        Provider::all().find(|provider| provider.name() == name.replace('_', "-"))
    }

    pub fn name(self) -> &'static str {
        self.0.name
    }

    /// Every fault that it can have.
    pub(crate) fn faults(self) -> impl Iterator<Item = &'static Own> {
        let callbacks = if self.0.jobs.is_some() { CALLBACKS } else { &[] };
        GENERAL.iter().chain(callbacks).chain(self.0.faults.iter().copied().flatten())
    }

    pub(crate) fn can_have(self, fault: Fault) -> bool {
        self.faults().any(|own| own.fault == fault)
    }

    /// An error in its own words.
    pub(crate) fn refusal(self, status: StatusCode, message: &str) -> Response {
        (status, Json((self.0.error)(status, message))).into_response()
    }

    /// HTTP 429, and when to come again.
    pub(crate) fn too_many(self, seconds: u64) -> Response {
        let status = StatusCode::TOO_MANY_REQUESTS;
        if let Some(body) = self.0.too_many {
            return (status, Json(body(seconds))).into_response();
        }
        let mut answer = self.refusal(status, "Too many requests");
        answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        answer
    }

    /// See [`Jobs::lie`]; `None` where no jobs are made.
    pub fn lie(
        self,
        task_id: &str,
        url: &str,
        secret: &str,
        at_unix: u64,
    ) -> Option<(Vec<(&'static str, String)>, Value)> {
        Some(self.0.jobs?.lie(task_id, url, secret, at_unix))
    }
}

impl std::fmt::Debug for Provider {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(self.name())
    }
}

impl PartialEq for Provider {
    fn eq(&self, other: &Provider) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Provider {}

impl PartialOrd for Provider {
    fn partial_cmp(&self, other: &Provider) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Provider {
    fn cmp(&self, other: &Provider) -> std::cmp::Ordering {
        self.name().cmp(other.name())
    }
}

impl std::hash::Hash for Provider {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.name().hash(state);
    }
}

impl Serialize for Provider {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Provider {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Provider, D::Error> {
        let name = String::deserialize(deserializer)?;
        Provider::named(&name).ok_or_else(|| serde::de::Error::custom(format!("there is no provider {name}")))
    }
}
