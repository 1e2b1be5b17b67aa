//! Who comes over Telegram: strangers, and people of every role; and where they come from.

use crate::channels::number;
use crate::support::run::path_of;
use crate::support::simulator::Simulator;
use crate::support::{Answer, Run, Service, unique};
use serde_json::{Value, json};

pub(super) const KINDS: [&str; 5] = ["stranger", "viewer", "approver", "operator", "disabled"];

/// Whether somebody of this kind may start runs and decide gates.
pub(super) fn acts(kind: &str) -> bool {
    ["approver", "operator"].contains(&kind)
}

pub(super) struct Person {
    pub(super) name: String,
    /// Telegram's; and the id of their own chat.
    pub(super) id: String,
    /// Asked with their key; a stranger's is nobody's.
    pub(super) service: Service,
}

impl Person {
    pub(super) fn new(service: &Service, kind: &'static str) -> Person {
        let (name, id) = (unique(kind), number().to_string());
        if kind == "stranger" {
            return Person { name, id, service: Service { api_key: "none".into(), ..service.clone() } };
        }
        let role = if kind == "disabled" { "approver" } else { kind };
        let person = Person { service: service.introduce(&name, role), name, id };
        let path = format!("/v1/principals/{}/identities", person.name);
        service.post(&path).json(&json!({"telegram": person.id})).send().expect(200);
        if kind == "disabled" {
            person.disable(service);
        }
        person
    }

    pub(super) fn disable(&self, service: &Service) {
        service.post(&format!("/v1/principals/{}/disable", self.name)).json(&json!({})).send().expect(200);
    }

    /// What Brendan answers; `None` when he does not.
    pub(super) fn says(&self, simulator: &Simulator, chat: &str, text: &str) -> Option<String> {
        let id = |text: &str| text.parse::<i64>().unwrap();
        let words = json!({"chat_id": id(chat), "from": id(&self.id), "text": text, "update_id": number()});
        let answer = simulator.say(&words);
        assert_eq!(answer["status"], 200, "{answer}");
        answer["body"]["brendan_response"].as_str().map(str::to_owned)
    }

    pub(super) fn presses(&self, simulator: &Simulator, chat: &str, button: &str) {
        let press = json!({"provider": "telegram", "address": chat, "button": button, "from": self.id});
        assert_eq!(simulator.press(&press)["status"], 200);
    }
}

/// A group's chat. It is taken off the list when it is dropped.
pub(super) struct Group {
    service: Service,
    pub(super) chat: String,
    listed_as: Option<String>,
}

impl Group {
    pub(super) fn unlisted(service: &Service) -> Group {
        Group { service: service.clone(), chat: format!("-{}", number()), listed_as: None }
    }

    /// Listed for a project without runs, so that nobody else's run is announced there.
    pub(super) fn listed(service: &Service) -> Group {
        let mut group = Group::unlisted(service);
        let body = json!({"kind": "telegram", "address": group.chat, "project": "general"});
        let added = service.post("/v1/channels").json(&body).send().expect(200).json();
        group.listed_as = added["id"].as_str().map(str::to_owned);
        group
    }

    pub(super) fn unlist(&mut self) {
        if let Some(id) = self.listed_as.take() {
            self.service.post(&format!("/v1/channels/{id}/remove")).json(&json!({})).send();
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.unlist();
    }
}

/// The runs that a chat has started.
pub(super) fn runs_of(service: &Service, chat: &str) -> Vec<Run> {
    let user = format!("telegram_{chat}");
    let sql = "SELECT run_id FROM runs WHERE user_id = $1 ORDER BY created_at";
    let rows = service.database().rows(sql, &[&user]);
    let run = |row: &Value| row["run_id"].as_str().unwrap().to_owned();
    rows.iter().map(|row| Run { service: service.clone(), id: run(row), user: user.clone() }).collect()
}

/// The link in a text that decides, path and query only.
pub(super) fn link_in(text: &str) -> Option<String> {
    let url = text.split(['"', ' ', '\n']).find(|word| word.contains("?token="))?;
    Some(path_of(&url.replace("&amp;", "&")))
}

/// An operator asks for somebody's link of the run's first gate.
pub(super) fn gate_link(run: &Run, name: &str) -> Answer {
    let encoded: String = name.bytes().map(|byte| format!("%{byte:02X}")).collect();
    run.service.get(&format!("/v1/hitl/link/{}/workflow?approver={encoded}", run.id)).send()
}
