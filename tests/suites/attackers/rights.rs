//! Whoever comes over a messenger, wherever they write, starts and decides what their role lets them, and no more.

use super::people::{Group, KINDS, Person, acts, link_in, runs_of};
use crate::channels::{answered, decisions, number, run_of_chat, told};
use crate::support::simulator::{Simulator, calm};
use crate::support::{Run, eventually, service};
use serde_json::json;

const WISH: &str = "Make a Test Video Gen run about candles";

fn simulator() -> Simulator {
    Simulator::of(service())
}

/// Everything that was sent to a chat.
fn said_to(simulator: &Simulator, chat: &str) -> String {
    simulator.messages(Some(chat)).iter().map(|message| format!("{}\n", message["body"])).collect()
}

/// Waits until each notice of a run was sent, or was not to be.
fn all_told(run: &Run) {
    eventually("everybody is told", || {
        let sql = "SELECT FROM outbox WHERE run_id = $1 AND kind = 'notify' AND state <> 'done'";
        (service().database().count(sql, &[&run.id]) == 0).then_some(())
    });
}

#[test]
#[ignore = "needs simulated providers"]
fn in_a_chat_of_their_own_only_approvers_start_runs() {
    let _calm = calm();
    let simulator = simulator();
    for kind in KINDS {
        let person = Person::new(service(), kind);
        let answer = person.says(&simulator, &person.id, WISH);
        let runs = runs_of(service(), &person.id);
        assert_eq!((answer.is_some(), runs.len()), (acts(kind), usize::from(acts(kind))), "{kind}");
        let link = link_in(answer.as_deref().unwrap_or_default());
        assert_eq!(link.is_some(), acts(kind), "{kind}");
        if let (Some(link), Some(run)) = (link, runs.first()) {
            service().call("POST", &link).send().expect(200);
            assert_eq!(decisions(run)[0].1, person.name, "a link is in the own name");
        }
    }
}

#[test]
#[ignore = "needs simulated providers"]
fn a_listed_group_starts_runs_and_gets_no_link() {
    let _calm = calm();
    let simulator = simulator();
    for kind in KINDS {
        let (group, person) = (Group::listed(service()), Person::new(service(), kind));
        let may_talk = acts(kind) || kind == "stranger";
        let answer = person.says(&simulator, &group.chat, WISH);
        let runs = runs_of(service(), &group.chat);
        assert_eq!((answer.is_some(), runs.len()), (may_talk, usize::from(may_talk)), "{kind}");
        if let Some(run) = runs.first() {
            let page = format!("/console/runs/{}/gates/workflow", run.id);
            assert!(answer.unwrap().ends_with(&page), "{kind}");
            let again = person.says(&simulator, &group.chat, "send me the approve link").unwrap();
            assert!(again.contains(&page), "{again}");
            told(&simulator, &group.chat, "sendMessage", "inline_keyboard");
            all_told(run);
        }
        let said = said_to(&simulator, &group.chat);
        assert!(!said.contains("token="), "{kind}: {said}");
        assert_eq!(said.contains("Sorry"), !may_talk, "{kind}: {said}");
    }
}

#[test]
#[ignore = "needs simulated providers"]
fn posts_in_the_name_of_a_group_start_nothing() {
    let _calm = calm();
    let _ = simulator();
    let (group, viewer) = (Group::listed(service()), Person::new(service(), "viewer"));
    let (chat, person) = (group.chat.parse::<i64>().unwrap(), viewer.id.parse::<i64>().unwrap());
    for (from, sender) in [(136_817_688, -5), (1_087_968_824, chat), (777_000, -5), (person, -5), (1_087_968_824, 0)] {
        let mut message = json!({"message_id": 1, "chat": {"id": chat}, "from": {"id": from}, "text": WISH});
        if sender != 0 {
            message["sender_chat"] = json!({"id": sender, "type": "channel"});
        }
        let call = service().call("POST", "/v1/telegram/webhook");
        let call = call.json(&json!({"update_id": number(), "message": message}));
        let secret = crate::channels::page::setting("TELEGRAM_WEBHOOK_SECRET");
        let answer = call.header("x-telegram-bot-api-secret-token", secret).send().expect(200).json();
        assert_eq!(answer, json!({"ok": true}), "{from}");
    }
    assert_eq!(runs_of(service(), &group.chat).len(), 0);
}

#[test]
#[ignore = "needs simulated providers"]
fn an_unlisted_group_starts_nothing_whoever_writes() {
    let _calm = calm();
    let simulator = simulator();
    for kind in KINDS {
        let (group, person) = (Group::unlisted(service()), Person::new(service(), kind));
        for _ in 0..2 {
            assert_eq!(person.says(&simulator, &group.chat, WISH), None, "{kind}");
        }
        assert_eq!(runs_of(service(), &group.chat).len(), 0, "{kind}");
        told(&simulator, &group.chat, "sendMessage", "Sorry");
        assert_eq!(simulator.messages(Some(&group.chat)).len(), 1, "{kind}: refused once");
    }
}

#[test]
#[ignore = "needs simulated providers"]
fn a_notice_carries_a_link_only_into_an_approvers_own_chat() {
    let _calm = calm();
    let simulator = simulator();
    for kind in KINDS {
        let person = Person::new(service(), kind);
        let run = run_of_chat(service(), &person.id);
        all_told(&run);
        let said = said_to(&simulator, &person.id);
        assert_eq!(said.contains(&run.id), acts(kind) || kind == "viewer", "{kind}: {said}");
        assert_eq!(said.contains("token="), acts(kind), "{kind}: {said}");
        assert_eq!(said.contains("inline_keyboard"), acts(kind), "{kind}: {said}");
    }
}

#[test]
#[ignore = "needs simulated providers"]
fn a_group_that_is_no_longer_listed_hears_nothing() {
    let _calm = calm();
    let simulator = simulator();
    let mut group = Group::listed(service());
    let run = run_of_chat(service(), &group.chat);
    told(&simulator, &group.chat, "sendMessage", &run.id);
    group.unlist();
    let before = simulator.messages(Some(&group.chat)).len();
    let run = run.approved("workflow");
    run.wait_for("awaiting_ideate");
    all_told(&run);
    assert_eq!(simulator.messages(Some(&group.chat)).len(), before);
    let sql = "SELECT last_error FROM outbox WHERE run_id = $1 AND kind = 'notify' ORDER BY effect_id DESC LIMIT 1";
    let row = service().database().row(sql, &[&run.id]);
    assert!(row["last_error"].as_str().unwrap().contains("not listed"), "{row}");
}

#[test]
#[ignore = "needs simulated providers"]
fn a_button_obeys_approvers_only() {
    let _calm = calm();
    let simulator = simulator();
    let group = Group::listed(service());
    let run = run_of_chat(service(), &group.chat);
    told(&simulator, &group.chat, "sendMessage", "inline_keyboard");
    for kind in ["stranger", "disabled", "viewer"] {
        let person = Person::new(service(), kind);
        person.presses(&simulator, &group.chat, "Approve");
        let refusal = match kind {
            "viewer" => format!("{} may not decide", person.name),
            _ => format!("add your id: {}", person.id),
        };
        answered(&simulator, &refusal);
        assert_eq!(decisions(&run), [], "{kind}");
    }
    let ann = Person::new(service(), "approver");
    ann.presses(&simulator, &group.chat, "Approve");
    run.wait_for("awaiting_ideate");
    assert_eq!(decisions(&run)[0].1, ann.name);
}
