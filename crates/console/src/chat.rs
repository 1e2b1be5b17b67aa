//! /console/chat: the visitor's conversation with Brendan. Links of gates stand in the answer and are not kept, so here a
//! message leads to its runs, where the visitor decides.

use super::form::Form;
use super::runs::run_path;
use super::view::{Frame, Moment, Place, page};
use super::visitor::{Guest, Visitor};
use super::{Answer, see_other};
use askama::Template;
use mw_edge::Context;
use mw_kernel::principal::Role;
use mw_operations::turn::{self, call};
use mw_store::console::Message;

const MESSAGES: u32 = 50;

#[derive(Template)]
#[template(path = "chat.html")]
struct Page {
    frame: Frame,
    token: String,
    messages: Vec<Said>,
    may_talk: bool,
}

struct Said {
    who: &'static str,
    class: &'static str,
    paragraphs: Vec<String>,
    at: Option<Moment>,
    /// Runs of the user that the message names: id and path.
    runs: Vec<(String, String)>,
}

pub(super) fn show(guest: &Guest, context: &mut Context) -> Answer {
    let seen = mw_store::console::chat(context.connection()?, guest.visit(), guest.name(), MESSAGES)?;
    let visitor = guest.admit(seen.shell, context)?;
    let messages = seen.page.messages.iter().map(|message| shown(message, &seen.page.runs)).collect();
    let may_talk = visitor.may(Role::Approver);
    let frame = Frame::of("Chat", Place::Chat, &visitor);
    Ok(page(200, &Page { frame, token: visitor.token.clone(), messages, may_talk })?)
}

fn shown(message: &Message, runs: &[String]) -> Said {
    let (who, class) = match message.role.as_str() {
        "user" => ("You", "mine"),
        "notice" => ("News", "news"),
        _ => ("Brendan", "his"),
    };
    let named = runs.iter().filter(|run_id| class != "mine" && message.content.contains(run_id.as_str()));
    Said {
        who,
        class,
        paragraphs: message.content.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect(),
        at: Moment::read(&message.at),
        runs: named.take(5).map(|run_id| (run_id.clone(), run_path(run_id))).collect(),
    }
}

/// POST /console/chat/say.
pub(super) fn act(visitor: &Visitor, mut form: Form, context: &mut Context) -> Answer {
    form.set("user_id", visitor.principal.name.clone());
    let request = turn::read(form.members())?;
    call::for_person(context, &request, &visitor.caller())?;
    Ok(see_other("/console/chat#end".to_owned()))
}
