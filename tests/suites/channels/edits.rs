//! Messages that somebody changes: the same message is the same request; a changed one amends what it had started.

use super::{Person, number};
use crate::support::simulator::{Simulator, calm};
use crate::support::{Run, service};
use serde_json::{Value, json};

struct Chat {
    simulator: Simulator,
    ann: Person,
    message_id: u64,
}

fn chat() -> Chat {
    Chat { simulator: Simulator::of(service()), ann: Person::known(service(), "telegram"), message_id: number() }
}

impl Chat {
    fn send(&self, text: &str, edit_date: Option<u64>) -> Value {
        let id: i64 = self.ann.id.parse().unwrap();
        let mut words = json!({"chat_id": id, "from": id, "text": text, "message_id": self.message_id});
        if let Some(edit_date) = edit_date {
            words["edit_date"] = json!(edit_date);
        }
        self.simulator.say(&words)["body"].clone()
    }

    #[track_caller]
    fn edit(&self, text: &str, at: u64) -> String {
        let answer = self.send(text, Some(at));
        answer["brendan_response"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    /// Its runs, oldest first: id and status.
    fn runs(&self) -> Vec<(String, String)> {
        let sql = "SELECT run_id, status FROM runs WHERE user_id = $1 ORDER BY created_at";
        let rows = service().database().rows(sql, &[&format!("telegram_{}", self.ann.id)]);
        let text = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
        rows.iter().map(|row| (text(row, "run_id"), text(row, "status"))).collect()
    }
}

const CANDLES: &str = "Make a Test Video Gen run about candles";
const LANTERNS: &str = "Make a Test Video Gen run about lanterns";
const DUPLICATE: bool = true;

#[test]
#[ignore = "needs simulated providers"]
fn a_message_without_another_text_is_the_same_request() {
    let _calm = calm();
    let chat = chat();
    chat.send(CANDLES, None);
    // A link's preview, a reaction or a bold letter makes an edit, too.
    assert_eq!(chat.send(CANDLES, Some(10))["duplicate"], DUPLICATE);
    assert_eq!(chat.runs().len(), 1);
}

#[test]
#[ignore = "needs simulated providers"]
fn a_changed_message_amends_the_open_proposal() {
    let _calm = calm();
    let chat = chat();
    chat.send(CANDLES, None);
    let first = chat.runs().remove(0).0;
    let answer = chat.edit(LANTERNS, 10);
    assert!(answer.starts_with(&format!("You changed your message, so run {first} is withdrawn.")), "{answer}");
    let runs = chat.runs();
    assert_eq!(runs.iter().map(|(_, status)| status.as_str()).collect::<Vec<_>>(), ["cancelled", "pending_workflow"]);
    // Once more, and the change before it comes late.
    chat.edit(CANDLES, 20);
    assert_eq!(chat.send("Make a Test Video Gen run about the sea", Some(15))["duplicate"], DUPLICATE);
    let open = chat.runs().into_iter().filter(|(_, status)| status == "pending_workflow").count();
    assert_eq!((chat.runs().len(), open), (3, 1));
}

#[test]
#[ignore = "needs simulated providers"]
fn a_change_after_the_decision_changes_nothing() {
    let _calm = calm();
    let chat = chat();
    chat.send(CANDLES, None);
    let (id, _) = chat.runs().remove(0);
    let run = Run { service: service().clone(), id, user: String::new() }.approved("workflow");
    let answer = chat.edit(LANTERNS, 10);
    assert!(answer.contains(&run.id) && answer.contains("changes nothing any more"), "{answer}");
    assert_eq!(chat.runs().len(), 1);
    run.wait_for("awaiting_ideate");
}

#[test]
#[ignore = "needs simulated providers"]
fn a_change_whose_message_never_came_is_a_request() {
    let _calm = calm();
    let chat = chat();
    chat.edit(CANDLES, 10);
    assert_eq!(chat.send("Make a Test Video Gen run about the sea", None)["duplicate"], DUPLICATE, "it is older");
    assert_eq!(chat.runs().len(), 1);
}

#[test]
#[ignore = "needs simulated providers"]
fn an_old_message_that_somebody_reacts_to_starts_nothing() {
    let _calm = calm();
    let chat = chat();
    let id: i64 = chat.ann.id.parse().unwrap();
    let words = json!({"chat_id": id, "from": id, "text": CANDLES, "message_id": chat.message_id, "date": 1_700_000_000, "edit_date": 1_700_000_001});
    assert_eq!(chat.simulator.say(&words)["body"], json!({"ok": true}));
    assert_eq!(chat.runs().len(), 0);
}
