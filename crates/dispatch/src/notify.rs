//! Tells somebody what happened, in words made now. What was overtaken is not told, and nothing that goes wrong here
//! reaches the run: a message that cannot be delivered is a dead effect, which operators see and replay.

use crate::Settings;
use crate::perform::{Met, Performed};
use mw_core::Timestamp;
use mw_core::button::{self, Press};
use mw_core::notification::{Asked, message};
use mw_core::run::Run;
use mw_core::token::{self, Claims};
use mw_providers::post::{Buttons, Post};
use mw_providers::{Fault, FaultClass, HttpClient, slack, telegram};
use mw_store::channels::{Addressed, Kind};
use mw_store::effects::Claimed;

/// What messages are made with.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Notify {
    /// `None` without a bot token.
    pub telegram: Option<mw_providers::Settings>,
    /// `None` without a bot token.
    pub slack: Option<mw_providers::Settings>,
    /// `None` without a secret: then messages have neither link nor buttons.
    pub links: Option<Links>,
}

/// What links and buttons are signed with.
#[derive(Clone, PartialEq, Eq)]
pub struct Links {
    pub secret: String,
    pub public_base_url: String,
    pub expiry_hours: u32,
}

impl std::fmt::Debug for Links {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Links").field("public_base_url", &self.public_base_url).finish_non_exhaustive()
    }
}

pub(crate) async fn perform(
    http: &impl HttpClient,
    settings: &Settings,
    effect: &Claimed,
    run: &Run,
    now: Timestamp,
) -> (Performed, Met) {
    let untold = |note: &str| (Performed::Told { note: Some(note.to_owned()) }, Met::NOBODY);
    let (Some(kind), Ok(addressed)) =
        (Kind::parse(&effect.provider), serde_json::from_str::<Addressed>(&effect.payload))
    else {
        let fault = Fault::new(FaultClass::Final, "unreadable", "this version cannot read the notice");
        return (Performed::Untold(fault), Met::NOBODY);
    };
    let bot = match kind {
        Kind::Telegram => &settings.notify.telegram,
        Kind::Slack => &settings.notify.slack,
    };
    let Some(bot) = bot else { return untold("no bot token") };
    let Some(message) = message(run, addressed.notice.occasion) else {
        return untold("overtaken: the gate was decided before the message went out");
    };
    if addressed.notice.is_old(now) {
        let fault = Fault::new(FaultClass::Final, "too_late", "it could not be told within a day");
        return (Performed::Untold(fault), Met::NOBODY);
    }
    let asked = message.asked.zip(settings.notify.links.as_ref());
    let linked = asked.filter(|_| addressed.is_principal || anybody_alone_may_decide(run));
    let link = linked.map(|(asked, links)| link(links, run, asked, effect, &addressed.approver, now));
    let buttons = asked.map(|(_, links)| Buttons {
        approve: button::issue(&links.secret, effect.effect_id, Press::Approve),
        reject: button::issue(&links.secret, effect.effect_id, Press::Reject),
    });
    let post = Post { message: &message, link: link.as_deref(), buttons: buttons.as_ref() };
    let sent = match kind {
        Kind::Telegram => telegram::send(http, bot, &addressed.address, &post).await,
        Kind::Slack => slack::send(http, bot, &addressed.address, &post).await,
    };
    match sent {
        Ok(()) => (Performed::Told { note: None }, Met::ANSWER),
        Err(fault) => {
            let met = Met::fault(&fault);
            let performed = match fault.class {
                FaultClass::Final => Performed::Untold(fault),
                FaultClass::Unavailable | FaultClass::RateLimited | FaultClass::Retryable => {
                    Performed::Retry { fault, not_sent: true, give_up: None }
                }
            };
            (performed, met)
        }
    }
}

/// A link speaks for a name. One that a whole chat reads, or that a person has beside the name of a principal, could make
/// two approvers of one person, or another one of whoever started the run; buttons go by who presses.
fn anybody_alone_may_decide(run: &Run) -> bool {
    run.policy().is_none_or(|policy| policy.approvals == 1 && policy.self_approval)
}

/// The link of the gate's opening, for whoever is written to.
fn link(links: &Links, run: &Run, asked: Asked, effect: &Claimed, approver: &str, now: Timestamp) -> String {
    let claims = Claims {
        opening: asked.opening,
        approver: approver.to_owned(),
        expires_at: (now + time::Duration::hours(i64::from(links.expiry_hours))).unix_timestamp(),
        nonce: format!("{}-{}", effect.effect_id, effect.attempt),
    };
    let token = token::issue(&links.secret, &run.run_id, asked.gate, &claims);
    format!("{}{}", links.public_base_url.trim_end_matches('/'), token::path(&run.run_id, asked.gate, &token))
}
