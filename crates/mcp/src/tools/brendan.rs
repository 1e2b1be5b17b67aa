//! Brendan, as in chat: he plans a run, starts it and explains it. The turn goes to the component `chat` with the caller's own key,
//! and says that a program reads the answer: so no link that decides stands in it.

use crate::tool::{Call, Session, Tool, ToolOutcome};
use mw_edge::Problem;
use mw_edge::body::Fields;
use mw_kernel::principal::Role;
use mw_operations::turn::{self, call};
use serde_json::{Value, json};

pub(crate) const ASK_BRENDAN: Tool = Tool { name: "ask_brendan", role: Role::Approver, call: ask };

/// Leaves room for the name of the key's owner.
const PART_LENGTH_MAX: usize = 30;

fn ask(session: &mut Session<'_>, call: &Call<'_>) -> Result<ToolOutcome, Problem> {
    let mut fields = Fields::new(call.arguments, "#");
    let message = fields.required_text("message", 1, turn::MESSAGE_LENGTH_MAX);
    let part = fields.text("user_id", 1, PART_LENGTH_MAX);
    if part.as_ref().is_some_and(|part| part.chars().any(char::is_control)) {
        fields.fail("user_id", "Input should not contain control characters");
    }
    fields.finish()?;
    let user_id = conversation(&session.principal()?.name, part.as_deref());
    let body = json!({"user_id": user_id, "message": message, "reader": "program"}).to_string();
    let key = session.key.clone();
    let answer = call::send(session.context, body, ("x-api-key", &key))?;
    let text = answer.get("response").and_then(Value::as_str).map(str::to_owned);
    Ok(ToolOutcome::Done { facts: answer, text })
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
    use mw_kernel::principal::{NAME_LENGTH_MAX, is_name};

    #[test]
    fn a_user_id_never_leads_out_of_the_owners_own() {
        assert_eq!(conversation("ann", None), "ann");
        for part in ["bob", "../bob", "operator", "/bob", "ann"] {
            let user = conversation("ann", Some(part));
            assert!(user.starts_with("ann/") && !is_name(&user), "{user}");
        }
        const { assert!(NAME_LENGTH_MAX + 1 + PART_LENGTH_MAX <= turn::USER_ID_LENGTH_MAX) };
    }
}
