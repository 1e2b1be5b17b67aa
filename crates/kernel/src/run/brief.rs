//! What an open gate decides about, as every channel shows it: what every gate has, and what its kind shows beside.

use crate::Timestamp;
use crate::gate_policy::OnExpiry;
use crate::run::kind::Kind;
use crate::run::page::Matter;
use crate::run::state::{DecidedGate, OpenGate, Run};
use crate::status::GateName;
use serde::Serialize;
use serde_json::Value;

/// An open gate, for people and for inboxes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Brief<A> {
    pub run_id: String,
    pub kind: String,
    pub project: String,
    pub title: String,
    pub user_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_by: Option<String>,
    pub gate_id: String,
    pub gate: GateName,
    pub opening: u32,
    /// What a decision is bound to.
    pub subject_sha256: String,
    /// What people are asked.
    pub question: String,
    pub summary: String,
    /// What an approval sets off.
    pub releases: String,
    #[serde(with = "time::serde::rfc3339")]
    pub opened_at: Timestamp,
    #[serde(with = "time::serde::rfc3339")]
    pub deadline: Timestamp,
    /// What happens then.
    pub on_expiry: OnExpiry,
    pub quorum: Quorum,
    /// Whether a rejection needs a reason.
    pub reason_required: bool,
    pub fields: Vec<EditableField>,
    /// Who would work on changes; none when nobody works before the gate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changes_go_to: Option<String>,
    /// What was said at this gate before.
    pub earlier: Vec<DecidedGate>,
    #[serde(flatten)]
    pub about: A,
    /// The same for pages, which draw it whatever the run's kind.
    #[serde(skip)]
    pub matter: Matter,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Quorum {
    pub needed: u32,
    pub approved_by: Vec<String>,
    /// Who may decide.
    pub who: String,
    pub self_approval: bool,
}

/// A text as it stands, or as it would be written if nobody changes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Text {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// It is not written yet.
    pub proposed: bool,
}

/// A text that may be changed while approving.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EditableField {
    pub field: String,
    pub label: String,
    pub text: Text,
    pub chars_max: usize,
}

impl<A: Serialize> Brief<A> {
    /// The same brief, for whoever does not know the run's kind.
    pub fn erase(self) -> Brief<Value> {
        let about = serde_json::to_value(&self.about).unwrap_or_default();
        Brief {
            run_id: self.run_id,
            kind: self.kind,
            project: self.project,
            title: self.title,
            user_id: self.user_id,
            started_by: self.started_by,
            gate_id: self.gate_id,
            gate: self.gate,
            opening: self.opening,
            subject_sha256: self.subject_sha256,
            question: self.question,
            summary: self.summary,
            releases: self.releases,
            opened_at: self.opened_at,
            deadline: self.deadline,
            on_expiry: self.on_expiry,
            quorum: self.quorum,
            reason_required: self.reason_required,
            fields: self.fields,
            changes_go_to: self.changes_go_to,
            earlier: self.earlier,
            about,
            matter: self.matter,
        }
    }
}

impl<B: Kind> Run<B> {
    /// The briefs of the open gates, in the order of their openings.
    pub fn briefs(&self) -> impl Iterator<Item = Brief<B::About>> {
        self.gates.iter().map(|open| self.brief_of(open))
    }

    /// The brief of the open gate of this name; of several, the one that opened first.
    pub fn brief_at(&self, gate: GateName) -> Option<Brief<B::About>> {
        self.open_gate(gate).map(|open| self.brief_of(open))
    }

    /// The brief of an open gate.
    pub fn brief_of(&self, open: &OpenGate) -> Brief<B::About> {
        let policy = &open.policy;
        Brief {
            run_id: self.run_id.clone(),
            kind: self.kind.clone(),
            project: self.definition.key.clone(),
            title: self.title.clone(),
            user_id: self.user_id.clone(),
            started_by: self.started_by.clone(),
            gate_id: open.id.clone(),
            gate: open.gate,
            opening: open.opening,
            subject_sha256: open.subject_sha256.clone(),
            question: B::question(self, open.key()).title,
            summary: open.summary.clone(),
            releases: B::releases(self, open.key()),
            opened_at: open.opened_at,
            deadline: open.deadline,
            on_expiry: policy.on_expiry,
            quorum: Quorum {
                needed: policy.approvals,
                approved_by: open.votes.iter().map(|vote| vote.approver.clone()).collect(),
                who: policy.who(),
                self_approval: policy.self_approval,
            },
            reason_required: policy.reason_required,
            fields: B::fields(self, open),
            changes_go_to: B::changes_go_to(self, open.key()),
            earlier: self.decided.iter().filter(|decided| decided.gate == open.gate).cloned().collect(),
            about: B::about(self, open.key()),
            matter: B::matter(self, open.key()),
        }
    }
}
