//! Brendan, as in chat: he plans a run, starts it and explains it. To a program he hands out no link that decides.

use crate::body::Fields;
use crate::chat::{self, Asked};
use crate::links::Reader;
use crate::mcp::tool::{Call, Outcome, Session, Tool};
use crate::problem::Problem;
use mw_core::principal::Role;

pub(in crate::mcp) const ASK_BRENDAN: Tool = Tool { name: "ask_brendan", role: Role::Approver, call: ask };

/// Leaves room for the name of the key's owner.
const NAME_LENGTH_MAX: usize = 60;

fn ask(session: &mut Session<'_>, call: &Call<'_>) -> Result<Outcome, Problem> {
    let mut fields = Fields::new(call.arguments, "#");
    let message = fields.required_text("message", 1, chat::MESSAGE_LENGTH_MAX);
    let part = fields.text("user_id", 1, NAME_LENGTH_MAX);
    if part.as_ref().is_some_and(|part| part.chars().any(char::is_control)) {
        fields.fail("user_id", "Input should not contain control characters");
    }
    fields.finish()?;
    let owner = session.principal()?.name.clone();
    let user_id = conversation(&owner, part.as_deref());
    let asked = Asked { user_id, reader: Reader::Program, message, started_by: owner, update: None };
    let spoken = chat::talk(session.context, &asked, &session.caller)?;
    session.kick |= spoken.kick;
    let text = spoken.text.clone();
    Ok(Outcome::Done { facts: spoken.to_json(), text: Some(text) })
}

/// The user of a conversation: whoever has the key, or a part of theirs. No principal's name has a slash in it, so no part is
/// another principal.
fn conversation(owner: &str, part: Option<&str>) -> String {
    match part {
        Some(part) => format!("{owner}/{part}"),
        None => owner.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_id_never_leads_out_of_the_owners_own() {
        assert_eq!(conversation("ann", None), "ann");
        for part in ["bob", "../bob", "operator", "/bob", "ann"] {
            let user = conversation("ann", Some(part));
            assert!(user.starts_with("ann/") && !mw_core::principal::is_name(&user), "{user}");
        }
    }
}
