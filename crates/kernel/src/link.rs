//! Who gets a link that decides at a gate, asked by every maker of links and again when one is used; everybody else gets the
//! gate's page in the console, where it is asked who comes. The signature is [`crate::token`]'s.

use crate::Timestamp;
use crate::gate_policy::{GatePolicy, Objection};
use crate::principal::{NAME_RULE, Named, OPERATOR, Principal, Role, is_name};
use crate::run::{Body, OpenGate, Run};
use crate::status::GateName;
use crate::token::{self, Claims};

/// Into whose hands a link would come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    /// A principal, as the table knows it at this moment.
    Known(Named),
    /// A name that the table does not know.
    Guest(String),
    /// No one person: a place that many read, or a program.
    Nobody,
}

/// Why somebody gets no link, or theirs is good for nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoLink {
    #[error("{0} is disabled")]
    Disabled(String),
    #[error("{name} has the role {role}; a link needs the role approver")]
    RoleTooSmall { name: String, role: Role },
    #[error("the name of a link is {NAME_RULE}")]
    NoName,
    #[error("{name} may not decide at gate {gate}: {who} may")]
    NotNamed { gate: GateName, name: String, who: String },
    #[error("gate {gate} takes decisions of principals only, and {name} is none")]
    PrincipalsOnly { gate: GateName, name: String },
    #[error("a link is for one person only")]
    Nobody,
}

impl Holder {
    /// Who stands behind a name, by what the table says of it.
    pub fn of(name: &str, found: Option<Named>) -> Holder {
        match found.filter(|found| found.principal.name == name) {
            Some(found) => Holder::Known(found),
            None if name == OPERATOR => Holder::known(Principal::operator()),
            None => Holder::Guest(name.to_owned()),
        }
    }

    /// A principal who has just been found not to be disabled.
    pub fn known(principal: Principal) -> Holder {
        Holder::Known(Named { principal, disabled: false })
    }

    /// Who decides by a link of theirs, as things stand at this moment.
    pub fn decider(self) -> Result<Principal, NoLink> {
        match self {
            Holder::Known(Named { principal, disabled: true }) => Err(NoLink::Disabled(principal.name)),
            Holder::Known(Named { principal, .. }) if !principal.role.covers(Role::Approver) => {
                Err(NoLink::RoleTooSmall { name: principal.name, role: principal.role })
            }
            Holder::Known(Named { principal, .. }) => Ok(principal),
            Holder::Guest(name) if is_name(&name) => Ok(Principal::guest(&name)),
            Holder::Guest(_) => Err(NoLink::NoName),
            Holder::Nobody => Err(NoLink::Nobody),
        }
    }
}

/// An open gate, as far as its links go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    pub run_id: String,
    pub gate: GateName,
    pub opening: u32,
    /// What a link decides about.
    pub subject_sha256: String,
    pub policy: GatePolicy,
    /// Others were called in.
    pub escalated: bool,
}

/// What a link is signed with, and for how long it is good.
#[derive(Debug, Clone, Copy)]
pub struct Signing<'a> {
    pub secret: &'a str,
    pub public_base_url: &'a str,
    pub expiry_hours: u32,
    pub now: Timestamp,
}

/// A link as it is handed out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    pub approver: String,
    pub token: String,
    pub url: String,
}

impl Waiting {
    /// A gate that waits.
    pub fn of<B: Body>(run: &Run<B>, open: &OpenGate) -> Waiting {
        Waiting {
            run_id: run.run_id.clone(),
            gate: open.gate,
            opening: open.opening,
            subject_sha256: open.subject_sha256.clone(),
            policy: open.policy.clone(),
            escalated: open.escalated,
        }
    }

    /// In whose name this holder gets a link: the one rule of all who make links.
    pub fn link_for(&self, holder: Holder) -> Result<String, NoLink> {
        let decider = holder.decider()?;
        let (gate, name) = (self.gate, decider.name.clone());
        match self.policy.objection(&decider, self.escalated) {
            None => Ok(name),
            Some(Objection::NotNamed) => Err(NoLink::NotNamed { gate, name, who: self.policy.who() }),
            Some(Objection::Guest) => Err(NoLink::PrincipalsOnly { gate, name }),
        }
    }

    /// The holder's link; the nonce makes two links for one approver different.
    pub fn link(&self, holder: Holder, nonce: String, with: Signing<'_>) -> Result<Link, NoLink> {
        let approver = self.link_for(holder)?;
        let expires_at = (with.now + time::Duration::hours(i64::from(with.expiry_hours))).unix_timestamp();
        let claims = Claims {
            opening: self.opening,
            subject_sha256: self.subject_sha256.clone(),
            approver: approver.clone(),
            expires_at,
            nonce,
        };
        let token = token::issue(with.secret, &self.run_id, self.gate, &claims);
        let path = token::path(&self.run_id, self.gate, &token);
        Ok(Link { approver, url: format!("{}{path}", with.public_base_url.trim_end_matches('/')), token })
    }
}

/// The page of a gate in the console: nothing that decides, so anybody may read it.
pub fn page(public_base_url: &str, run_id: &str, gate: GateName) -> String {
    format!("{}/console/runs/{}/gates/{gate}", public_base_url.trim_end_matches('/'), token::percent_encode(run_id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate_policy::Escalation;
    use crate::run::testing::gate;
    use time::macros::datetime;

    const NOW: Timestamp = datetime!(2026-01-02 03:04:05 UTC);

    fn waiting(policy: GatePolicy) -> Waiting {
        Waiting {
            run_id: "run 1".into(),
            gate: gate("ideate"),
            opening: 2,
            subject_sha256: "5".repeat(64),
            policy,
            escalated: false,
        }
    }

    fn named(name: &str, role: Role, disabled: bool) -> Holder {
        Holder::Known(Named { principal: Principal::known(name, role, vec!["editors".into()]), disabled })
    }

    /// Every policy that tells people apart in another way.
    fn policies() -> Vec<GatePolicy> {
        let mut policies = Vec::new();
        for approvals in [1, 2] {
            for self_approval in [true, false] {
                for (approvers, groups) in [(vec![], vec![]), (vec!["ann"], vec![]), (vec![], vec!["editors"])] {
                    let texts = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect();
                    let (approvers, groups) = (texts(approvers), texts(groups));
                    policies.push(GatePolicy { approvers, groups, approvals, self_approval, ..GatePolicy::default() });
                }
            }
        }
        policies
    }

    #[test]
    fn viewers_and_disabled_people_get_no_link_of_any_gate() {
        for policy in policies() {
            for role in Role::ALL {
                let disabled = waiting(policy.clone()).link_for(named("ann", *role, true));
                assert_eq!(disabled, Err(NoLink::Disabled("ann".into())), "{role} {policy:?}");
            }
            let viewer = waiting(policy.clone()).link_for(named("ann", Role::Viewer, false));
            assert!(matches!(viewer, Err(NoLink::RoleTooSmall { .. })), "{policy:?}");
        }
    }

    #[test]
    fn a_place_that_many_read_gets_no_link_of_any_gate() {
        for policy in policies() {
            assert_eq!(waiting(policy).link_for(Holder::Nobody), Err(NoLink::Nobody));
        }
    }

    #[test]
    fn an_approver_gets_a_link_where_the_policy_names_them() {
        for policy in policies() {
            for role in [Role::Approver, Role::Operator] {
                assert_eq!(waiting(policy.clone()).link_for(named("ann", role, false)), Ok("ann".into()), "{policy:?}");
                let bob = waiting(policy.clone()).link_for(named("bob", role, false));
                assert_eq!(bob.is_ok(), policy.approvers.is_empty(), "{policy:?}");
            }
            let operator = waiting(policy.clone()).link_for(Holder::of(OPERATOR, None));
            assert_eq!(operator.is_ok(), policy.approvers.is_empty() && policy.groups.is_empty(), "{policy:?}");
        }
    }

    #[test]
    fn a_guest_gets_a_link_only_where_anybody_alone_may_decide() {
        for policy in policies() {
            let alone = policy.approvals == 1 && policy.self_approval && policy.groups.is_empty();
            let ann = waiting(policy.clone()).link_for(Holder::of("ann", None));
            assert_eq!(ann.is_ok(), alone, "{policy:?}");
            let bob = waiting(policy.clone()).link_for(Holder::of("bob", None));
            assert_eq!(bob.is_ok(), alone && policy.approvers.is_empty(), "{policy:?}");
        }
    }

    #[test]
    fn no_link_bears_a_name_that_could_be_mistaken() {
        for name in ["telegram_5", "telegram:-100", "slack_U1", "Ann", "ann ", "\u{430}nn", "", "ann/part"] {
            let refused = waiting(GatePolicy::default()).link_for(Holder::of(name, None));
            assert_eq!(refused, Err(NoLink::NoName), "{name:?}");
        }
    }

    #[test]
    fn whoever_was_called_in_gets_a_link_from_then_on() {
        let escalate = Some(Escalation { after_seconds: 1, approvers: vec!["bob".into()], groups: Vec::new() });
        let before = waiting(GatePolicy { approvers: vec!["ann".into()], escalate, ..GatePolicy::default() });
        assert!(before.link_for(named("bob", Role::Approver, false)).is_err());
        let after = Waiting { escalated: true, ..before };
        assert_eq!(after.link_for(named("bob", Role::Approver, false)), Ok("bob".into()));
    }

    #[test]
    fn what_the_table_says_of_another_name_is_not_believed() {
        let Holder::Known(found) = named("ann", Role::Operator, false) else { panic!() };
        assert_eq!(Holder::of("bob", Some(found)), Holder::Guest("bob".into()));
    }

    #[test]
    fn a_link_opens_its_gate_and_survives_a_base_url_with_a_slash() {
        let with = Signing { secret: "s3cret", public_base_url: "https://x.example/", expiry_hours: 24, now: NOW };
        let link = waiting(GatePolicy::default()).link(Holder::of("ann", None), "n".into(), with).unwrap();
        assert!(link.url.starts_with("https://x.example/v1/hitl/approve/run%201/ideate?token="), "{}", link.url);
        let claims = token::verify(&["s3cret"], "run 1", gate("ideate"), &link.token, NOW).unwrap();
        assert_eq!((claims.opening, claims.approver.as_str()), (2, "ann"));
        assert_eq!(claims.expires_at, NOW.unix_timestamp() + 24 * 3600);
        assert_eq!(
            page("https://x.example/", "run 1", gate("ideate")),
            "https://x.example/console/runs/run%201/gates/ideate"
        );
    }
}
