//! Tells somebody what happened, in words made now. What was overtaken is not told, and nothing that goes wrong here
//! reaches the run: a message that cannot be delivered is a dead effect, which operators see and replay.

use crate::Settings;
use crate::perform::{Came, Met, Performed};
use mw_integrations::post::{self, Buttons, Post};
use mw_integrations::{Fault, FaultClass, HttpClient, registry};
use mw_kernel::Timestamp;
use mw_kernel::button::{self, Press};
use mw_kernel::link::{self, Holder, NoLink, Signing, Waiting};
use mw_kernel::notification::Asked;
use mw_kernel::run::{AnyRun, Kinds};
use mw_kernel::status::GateName;
use mw_store::channels::{Addressed, Recipient};
use mw_store::effects::Claimed;
use std::collections::BTreeMap;

/// What messages are made with.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Notify {
    /// Of the messengers where we have a bot, by name.
    pub bots: BTreeMap<&'static str, mw_integrations::Settings>,
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

/// A link that went into a message, for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkMade {
    pub gate: GateName,
    pub approver: String,
}

pub(crate) async fn perform(
    http: &impl HttpClient,
    kinds: Kinds,
    settings: &Settings,
    effect: &Claimed,
    run: &AnyRun,
    now: Timestamp,
) -> Came {
    let untold = |note: &str| Came::new(Performed::Told { note: Some(note.to_owned()) }, Met::NOBODY);
    let (Some(messenger), Ok(addressed)) =
        (registry::messenger(&effect.provider), serde_json::from_str::<Addressed>(&effect.payload))
    else {
        let fault = Fault::new(FaultClass::Final, "unreadable", "this version cannot read the notice");
        return Came::new(Performed::Untold(fault), Met::NOBODY);
    };
    let Some(bot) = settings.notify.bots.get(effect.provider.as_str()) else { return untold("no bot token") };
    let recipient = effect.recipient.clone().unwrap_or_default();
    if !may_read(&recipient) {
        return untold("the chat is not listed, and not the own one of an enabled principal");
    }
    let message = match kinds.message(run, addressed.notice.occasion) {
        Ok(Some(message)) => message,
        Ok(None) => return untold("overtaken: the gate was decided before the message went out"),
        Err(refusal) => return Came::new(Performed::Unreadable(refusal.to_string()), Met::NOBODY),
    };
    if addressed.notice.is_old(now) {
        let fault = Fault::new(FaultClass::Final, "too_late", "it could not be told within a day");
        return Came::new(Performed::Untold(fault), Met::NOBODY);
    }
    let asked = message.asked.zip(settings.notify.links.as_ref());
    let ways = asked.map(|(asked, links)| links.ways(run, asked, effect, recipient, now)).unwrap_or_default();
    let post = Post { message: &message, link: ways.address.as_deref(), buttons: ways.buttons.as_ref() };
    let (performed, met) = match post::send(http, messenger, bot, &addressed.address, &post).await {
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
    };
    Came { link: ways.link, ..Came::new(performed, met) }
}

/// Whether anybody reads there who is still to be told: it was listed or somebody's when the notice was written, and may be
/// neither by now.
fn may_read(recipient: &Recipient) -> bool {
    recipient.listed || recipient.person.as_ref().is_some_and(|person| !person.disabled)
}

/// What stands below a message that asks for a decision.
#[derive(Default)]
struct Ways {
    /// The reader's own link, or the gate's page in the console.
    address: Option<String>,
    buttons: Option<Buttons>,
    /// Set where the address is a link.
    link: Option<LinkMade>,
}

impl Links {
    fn ways(&self, run: &AnyRun, asked: Asked, effect: &Claimed, recipient: Recipient, now: Timestamp) -> Ways {
        let holder = recipient.person.map_or(Holder::Nobody, Holder::Known);
        let nonce = format!("{}-{}", effect.effect_id, effect.attempt);
        let signing = Signing {
            secret: &self.secret,
            public_base_url: &self.public_base_url,
            expiry_hours: self.expiry_hours,
            now,
        };
        let link = run
            .opening(asked.opening)
            .map_or(Err(NoLink::Nobody), |open| Waiting::of(run, open).link(holder, nonce, signing));
        let page = || link::page(&self.public_base_url, &run.run_id, asked.gate);
        match link {
            Ok(link) => Ways {
                address: Some(link.url),
                buttons: Some(self.buttons(effect)),
                link: Some(LinkMade { gate: asked.gate, approver: link.approver }),
            },
            // Buttons go by who presses.
            Err(NoLink::Nobody) => Ways { address: Some(page()), buttons: Some(self.buttons(effect)), link: None },
            // The only reader may not decide: a button would refuse.
            Err(
                NoLink::Disabled(_)
                | NoLink::RoleTooSmall { .. }
                | NoLink::NoName
                | NoLink::NotNamed { .. }
                | NoLink::PrincipalsOnly { .. },
            ) => Ways { address: Some(page()), ..Ways::default() },
        }
    }

    fn buttons(&self, effect: &Claimed) -> Buttons {
        Buttons {
            approve: button::issue(&self.secret, effect.effect_id, Press::Approve),
            reject: button::issue(&self.secret, effect.effect_id, Press::Reject),
        }
    }
}
