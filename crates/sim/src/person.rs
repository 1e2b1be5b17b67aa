//! What people do in messengers: they write to the bot and press its buttons. Told by the control API, delivered to our
//! webhooks as the messenger would, or as somebody who would like to be taken for it.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::fault::Provider;
use crate::world::App;

/// Somebody presses the newest button with this text in a chat or channel.
#[derive(Debug, Deserialize)]
pub(crate) struct Press {
    provider: Provider,
    pub(crate) address: String,
    /// `Approve` or `Reject`.
    pub(crate) button: String,
    /// The id of whoever presses.
    pub(crate) from: String,
    #[serde(flatten)]
    pub(crate) way: Way,
}

/// How a delivery differs from a proper one.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Way {
    /// A new one unless it is given, where deliveries are numbered.
    #[serde(default)]
    pub(crate) update_id: Option<u64>,
    /// Another secret than ours.
    #[serde(default)]
    pub(crate) secret: Option<String>,
    /// Other bytes than were signed.
    #[serde(default)]
    pub(crate) altered: bool,
}

pub(crate) fn bad(message: &str) -> Response {
    (StatusCode::BAD_REQUEST, Json(json!({"error": message}))).into_response()
}

pub(crate) async fn press(State(app): State<App>, Json(body): Json<Value>) -> Response {
    let press: Press = match serde_json::from_value(body) {
        Ok(press) => press,
        Err(error) => return bad(&error.to_string()),
    };
    let Some(pressed) = press.provider.0.press else { return bad("nobody presses there") };
    let found = app.world().messages.button(press.provider, &press.address, &press.button);
    let Some((message, data)) = found else { return bad("there is no such button") };
    pressed(app, press, message, data).await
}

/// One delivery, and what our webhook answered.
pub(crate) async fn deliver(
    app: &App,
    url: String,
    headers: Vec<(&'static str, String)>,
    body: String,
    mut told: Value,
) -> Response {
    let agent = app.agent.clone();
    let call = move || {
        let request = headers.iter().fold(agent.post(&url), |request, (name, value)| request.header(*name, value));
        let mut answer = request.send(body).map_err(|error| error.to_string())?;
        let text = answer.body_mut().read_to_string().unwrap_or_default();
        Ok::<_, String>((answer.status().as_u16(), text))
    };
    let outcome = tokio::task::spawn_blocking(call).await.unwrap_or_else(|error| Err(error.to_string()));
    if let Value::Object(members) = &mut told {
        match outcome {
            Ok((status, text)) => {
                members.insert("status".to_owned(), json!(status));
                members.insert("body".to_owned(), serde_json::from_str(&text).unwrap_or(Value::String(text)));
            }
            Err(error) => {
                members.insert("error".to_owned(), json!(error));
            }
        }
    }
    Json(told).into_response()
}
