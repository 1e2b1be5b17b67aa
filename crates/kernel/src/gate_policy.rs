//! The policy of a gate, as a project's definition states it. Every channel's decision is held against it in one place
//! (`run/gate.rs`). What is shipped: one approval by anybody who may approve, whoever started the run; nobody is escalated
//! to; it expires when nobody decides.

use crate::principal::{Principal, Role};
use serde::{Deserialize, Serialize};

/// More names than this in one list are refused: bounds a run's state.
const NAMES_MAX: usize = 50;
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GatePolicy {
    /// Principals who may decide, by name; with `groups` empty too, every approver and operator may.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub approvers: Vec<String>,
    /// Groups whose members may decide.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// How many different people must approve.
    pub approvals: u32,
    /// Whether whoever started the run may approve it.
    pub self_approval: bool,
    /// Whether a rejection needs a reason.
    #[serde(skip_serializing_if = "is_false")]
    pub reason_required: bool,
    /// Groups of texts that an approver may change while approving, by the names that the run's kind gives them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub edits: Vec<String>,
    /// Seconds after the opening at which those who may decide are reminded; four fifths of the gate's time by default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warn_after_seconds: Option<u32>,
    /// Whom to call in, when nobody has decided for some time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub escalate: Option<Escalation>,
    pub on_expiry: OnExpiry,
}

/// Others are called in: told, and allowed to decide from then on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Escalation {
    pub after_seconds: u32,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approvers: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
}

crate::words! {
    /// What happens when nobody decided in time.
    OnExpiry {
        /// The run ends as `expired`.
        Expire = "expire",
        /// The run ends as `rejected`.
        Reject = "reject",
        /// The gate gets its time once more, then the run expires.
        ExtendOnce = "extend_once",
    }
}

/// What a policy has against somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Objection {
    /// It names others, or the role is too small.
    NotNamed,
    /// It tells people apart, and only a link says who a guest is.
    Guest,
}

fn is_false(value: &bool) -> bool {
    !value
}

impl Default for GatePolicy {
    fn default() -> Self {
        GatePolicy {
            approvers: Vec::new(),
            groups: Vec::new(),
            approvals: 1,
            self_approval: true,
            reason_required: false,
            edits: Vec::new(),
            warn_after_seconds: None,
            escalate: None,
            on_expiry: OnExpiry::Expire,
        }
    }
}

impl GatePolicy {
    /// Whether it says nothing but what is shipped.
    pub fn is_shipped(&self) -> bool {
        *self == GatePolicy::default()
    }

    /// Whether this principal may decide; `escalated` once others were called in.
    pub fn admits(&self, principal: &Principal, escalated: bool) -> bool {
        self.objection(principal, escalated).is_none()
    }

    /// What the policy has against this principal.
    pub fn objection(&self, principal: &Principal, escalated: bool) -> Option<Objection> {
        if !self.names(principal, escalated) {
            return Some(Objection::NotNamed);
        }
        // Somebody with a link beside a name of their own would be two people, or another one than the starter of the run.
        let anybody_alone_may = self.approvals == 1 && self.self_approval;
        (principal.is_guest() && !anybody_alone_may).then_some(Objection::Guest)
    }

    fn names(&self, principal: &Principal, escalated: bool) -> bool {
        let listed = |names: &[String], groups: &[String]| {
            names.contains(&principal.name) || principal.groups.iter().any(|group| groups.contains(group))
        };
        let open_to_all = self.approvers.is_empty() && self.groups.is_empty();
        let called_in = self.escalate.as_ref().filter(|_| escalated);
        principal.role.covers(Role::Approver)
            && (open_to_all
                || listed(&self.approvers, &self.groups)
                || called_in.is_some_and(|escalation| listed(&escalation.approvers, &escalation.groups)))
    }

    /// Who may decide, for people.
    pub fn who(&self) -> String {
        let names = self.approvers.iter().cloned().chain(self.groups.iter().map(|group| format!("group {group}")));
        let names: Vec<String> = names.collect();
        if names.is_empty() { "any approver".to_owned() } else { names.join(", ") }
    }

    /// Every rule of a policy; the text says what to change.
    pub fn validate(&self, expires_after_seconds: u32) -> Result<(), String> {
        let lists = [Some(&self.approvers), Some(&self.groups)].into_iter().flatten();
        let escalation = self.escalate.iter().flat_map(|escalation| [&escalation.approvers, &escalation.groups]);
        for names in lists.chain(escalation) {
            if names.len() > NAMES_MAX || names.iter().any(|name| !is_name(name)) {
                return Err(format!("at most {NAMES_MAX} names of 1 to 100 printable characters in a list"));
            }
        }
        if !(1..=10).contains(&self.approvals) {
            return Err("approvals is 1 to 10".to_owned());
        }
        if self.groups.is_empty() && !self.approvers.is_empty() && (self.approvers.len() as u32) < self.approvals {
            return Err(format!("{} approvals need at least as many approvers", self.approvals));
        }
        if self.warn_after_seconds.is_some_and(|after| after == 0 || after >= expires_after_seconds) {
            return Err("warn_after_seconds lies between the opening and the expiry".to_owned());
        }
        self.validate_escalation(expires_after_seconds)?;
        Ok(())
    }

    fn validate_escalation(&self, expires_after_seconds: u32) -> Result<(), String> {
        let Some(escalation) = &self.escalate else { return Ok(()) };
        if escalation.approvers.is_empty() && escalation.groups.is_empty() {
            return Err("escalate names whom to call in: approvers or groups".to_owned());
        }
        if escalation.after_seconds == 0 || escalation.after_seconds >= expires_after_seconds {
            return Err("escalate.after_seconds lies between the opening and the expiry".to_owned());
        }
        Ok(())
    }
}

fn is_name(name: &str) -> bool {
    (1..=100).contains(&name.chars().count()) && !name.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn principal(name: &str, role: Role, groups: &[&str]) -> Principal {
        Principal::known(name, role, groups.iter().map(|group| (*group).to_owned()).collect())
    }

    #[test]
    fn without_names_every_approver_and_operator_may_decide_and_no_viewer() {
        for role in Role::ALL {
            let admitted = GatePolicy::default().admits(&principal("x", *role, &[]), false);
            assert_eq!(admitted, *role != Role::Viewer, "{role}");
        }
    }

    #[test]
    fn with_names_nobody_else_may_not_even_an_operator_until_called_in() {
        let escalate = Escalation { after_seconds: 10, approvers: vec!["boss".into()], groups: vec!["night".into()] };
        let policy = GatePolicy {
            approvers: vec!["ann".into()],
            groups: vec!["legal".into()],
            escalate: Some(escalate),
            ..GatePolicy::default()
        };
        let cases = [
            (principal("ann", Role::Approver, &[]), true, true),
            (principal("ann", Role::Viewer, &[]), false, false),
            (principal("bob", Role::Approver, &["legal"]), true, true),
            (principal("operator", Role::Operator, &[]), false, false),
            (principal("boss", Role::Approver, &[]), false, true),
            (principal("eve", Role::Approver, &["night"]), false, true),
        ];
        for (principal, before, after) in cases {
            assert_eq!(policy.admits(&principal, false), before, "{principal:?}");
            assert_eq!(policy.admits(&principal, true), after, "{principal:?}");
        }
    }

    #[test]
    fn guests_decide_only_where_anybody_alone_may() {
        for (approvals, self_approval, objection) in [
            (1, true, None),
            (1, false, Some(Objection::Guest)),
            (2, true, Some(Objection::Guest)),
            (2, false, Some(Objection::Guest)),
        ] {
            let policy = GatePolicy { approvals, self_approval, ..GatePolicy::default() };
            assert_eq!(policy.objection(&Principal::guest("ann"), false), objection, "{policy:?}");
            assert_eq!(policy.objection(&principal("ann", Role::Approver, &[]), false), None, "{policy:?}");
            assert_eq!(policy.objection(&Principal::operator(), false), None, "{policy:?}");
        }
    }

    #[test]
    fn a_policy_that_cannot_work_is_refused_with_what_to_change() {
        let shipped = GatePolicy::default;
        let escalate = |after_seconds, names: &[&str]| {
            let approvers = names.iter().map(|name| (*name).to_owned()).collect();
            Some(Escalation { after_seconds, approvers, groups: Vec::new() })
        };
        let cases = [
            (GatePolicy { approvals: 0, ..shipped() }, "1 to 10"),
            (GatePolicy { approvals: 2, approvers: vec!["ann".into()], ..shipped() }, "at least as many"),
            (GatePolicy { approvers: vec![String::new()], ..shipped() }, "printable"),
            (GatePolicy { warn_after_seconds: Some(100), ..shipped() }, "warn_after_seconds"),
            (GatePolicy { escalate: escalate(10, &[]), ..shipped() }, "whom to call in"),
            (GatePolicy { escalate: escalate(100, &["boss"]), ..shipped() }, "escalate.after_seconds"),
        ];
        for (policy, expected) in cases {
            let error = policy.validate(100).unwrap_err();
            assert!(error.contains(expected), "{expected}: {error}");
        }
    }

    #[test]
    fn what_is_shipped_is_not_written_down() {
        assert_eq!(serde_json::from_str::<GatePolicy>("{}").unwrap(), GatePolicy::default());
        assert!(serde_json::from_str::<GatePolicy>(r#"{"quorum": 2}"#).is_err());
    }
}
