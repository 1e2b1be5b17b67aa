//! What people do in messengers: they write to the bot and press its buttons. Told by the control API, delivered to our
//! webhooks as the messenger would, or as somebody who would like to be taken for it.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::config::present;
use crate::fault::Provider;
use crate::signer::slack_headers;
use crate::world::App;

/// Somebody presses the newest button with this text in a chat or channel.
#[derive(Debug, Deserialize)]
pub(crate) struct Press {
    provider: Provider,
    address: String,
    /// `Approve` or `Reject`.
    button: String,
    /// The id of whoever presses.
    from: String,
    #[serde(flatten)]
    way: Way,
}

/// Somebody writes to the bot on Telegram.
#[derive(Debug, Deserialize)]
pub(crate) struct Words {
    chat_id: i64,
    from: i64,
    text: String,
    #[serde(flatten)]
    way: Way,
}

/// How a delivery differs from a proper one.
#[derive(Debug, Default, Deserialize)]
struct Way {
    /// Of Telegram; a new one unless it is given.
    #[serde(default)]
    update_id: Option<u64>,
    /// Another secret than ours: Telegram's header, Slack's key.
    #[serde(default)]
    secret: Option<String>,
    /// Other bytes than were signed.
    #[serde(default)]
    altered: bool,
}

fn bad(message: &str) -> Response {
    (StatusCode::BAD_REQUEST, Json(json!({"error": message}))).into_response()
}

pub(crate) async fn press(State(app): State<App>, Json(body): Json<Value>) -> Response {
    let press: Press = match serde_json::from_value(body) {
        Ok(press) => press,
        Err(error) => return bad(&error.to_string()),
    };
    let found = app.world().messages.button(press.provider, &press.address, &press.button);
    let Some((message, data)) = found else { return bad("there is no such button") };
    match press.provider {
        Provider::Telegram => {
            let chat: Value = serde_json::from_str(&press.address).unwrap_or_default();
            let from: Value = serde_json::from_str(&press.from).unwrap_or_default();
            let query = json!({
                "id": Uuid::new_v4().simple().to_string(), "from": {"id": from, "is_bot": false}, "data": data,
                "message": {"message_id": message.message_id, "chat": {"id": chat}},
            });
            to_telegram_webhook(&app, "callback_query", query, press.way).await
        }
        Provider::Slack => to_slack_webhook(&app, &press, &data).await,
        Provider::Kieai
        | Provider::Shotstack
        | Provider::UploadPost
        | Provider::Openai
        | Provider::Anthropic
        | Provider::Otlp
        | Provider::Sentry => bad("nobody presses there"),
    }
}

pub(crate) async fn say(State(app): State<App>, Json(body): Json<Value>) -> Response {
    let words: Words = match serde_json::from_value(body) {
        Ok(words) => words,
        Err(error) => return bad(&error.to_string()),
    };
    let message = json!({
        "message_id": 1, "chat": {"id": words.chat_id}, "from": {"id": words.from}, "text": words.text, "date": 0,
    });
    to_telegram_webhook(&app, "message", message, words.way).await
}

async fn to_telegram_webhook(app: &App, kind: &str, content: Value, way: Way) -> Response {
    let (webhook, next) = {
        let mut world = app.world();
        world.updates += 1;
        (world.telegram_webhook.clone(), world.updates)
    };
    let Some((url, secret)) = webhook else { return bad("no webhook is set") };
    let mut update = json!({"update_id": way.update_id.unwrap_or(next)});
    if let Value::Object(members) = &mut update {
        members.insert(kind.to_owned(), content);
    }
    let secret = way.secret.unwrap_or(secret);
    let headers = vec![("x-telegram-bot-api-secret-token", secret), ("content-type", "application/json".to_owned())];
    deliver(app, url, headers, update.to_string(), json!({"update_id": update.get("update_id")})).await
}

async fn to_slack_webhook(app: &App, press: &Press, data: &str) -> Response {
    let Some(url) = present(&app.config.slack_interactions_url).map(str::to_owned) else {
        return bad("no interactions URL is configured");
    };
    let id = Uuid::new_v4().simple().to_string();
    let base = app.config.public_url.trim_end_matches('/');
    let payload = json!({
        "type": "block_actions", "user": {"id": press.from}, "channel": {"id": press.address}, "trigger_id": "1.2",
        "response_url": format!("{base}/slack/hooks/actions/{id}"),
        "actions": [{"action_id": press.button.to_lowercase(), "block_id": "b", "value": data, "action_ts": "1.2"}],
    });
    let encoded: String = form_encoded(&payload.to_string());
    let body = format!("payload={encoded}");
    let ours = present(&app.config.slack_signing_secret).unwrap_or_default();
    let secret = press.way.secret.as_deref().unwrap_or(ours);
    let mut headers = slack_headers(secret, body.as_bytes());
    headers.push(("content-type", "application/x-www-form-urlencoded".to_owned()));
    let sent = if press.way.altered { format!("{body}&more=1") } else { body };
    deliver(app, url, headers, sent, json!({"press": id})).await
}

fn form_encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

/// One delivery, and what our webhook answered.
async fn deliver(
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
