//! Who is here. A guest has a good cookie; a visitor also a key that is good by now, which the statement that loads the
//! page, or the one before an action, has found out. From there on [`Context`] knows the caller, as on any other route.

use super::PageRefusal;
use super::form::Form;
use super::session::{self, Session};
use mw_edge::auth::{Caller, by_name, is_one_of, key_hash};
use mw_edge::signing::operator_keys;
use mw_edge::{Context, Request, clock};
use mw_kernel::principal::{Principal, Role};
use mw_store::console::{Shell, Visit};

/// A good cookie.
pub(super) struct Guest {
    session: Session,
    token: String,
}

/// Somebody whose key is good, and the token of their forms.
pub(super) struct Visitor {
    pub(super) principal: Principal,
    pub(super) token: String,
    /// What stands on every page.
    pub(super) shell: Shell,
}

impl Guest {
    /// Whoever has a good cookie; their key's owner needs the role of the route.
    pub(super) fn of(request: &Request, context: &mut Context) -> Result<Guest, PageRefusal> {
        let session = session::of(request, &context.config, clock::now())?.ok_or(PageRefusal::SignIn)?;
        context.caller = if session.is_of_environment() {
            let hashes: Vec<String> = operator_keys(&context.config)?.iter().map(|key| key_hash(key)).collect();
            if !is_one_of(&session.key_hash, &hashes) {
                return Err(PageRefusal::SignIn);
            }
            Caller::Known(Principal::operator())
        } else {
            Caller::Claimed { key_hash: session.key_hash.clone(), needed: context.needed }
        };
        let token = session.form_token(&context.config)?;
        Ok(Guest { session, token })
    }

    /// Whose key is to be looked up; nobody's for the environment's key, which is checked already.
    pub(super) fn visit(&self) -> Visit<'_> {
        let key_hash = (!self.session.is_of_environment()).then_some(self.session.key_hash.as_str());
        Visit { now: clock::now(), key_hash }
    }

    pub(super) fn name(&self) -> &str {
        &self.session.name
    }

    /// The visitor, if the key is still good and the role enough.
    pub(super) fn admit(&self, shell: Shell, context: &mut Context) -> Result<Visitor, PageRefusal> {
        match context.admit(shell.principal.clone()) {
            Ok(()) => {}
            Err(problem) if problem.status == 401 => return Err(PageRefusal::SignIn),
            Err(problem) => return Err(problem.into()),
        }
        let principal = context.principal().filter(|principal| principal.name == self.session.name);
        let principal = principal.cloned().ok_or(PageRefusal::SignIn)?;
        context.log.by(&principal.name);
        Ok(Visitor { principal, token: self.token.clone(), shell })
    }

    /// The same before an action: the form must be of this session.
    pub(super) fn admit_to_act(&self, form: &Form, context: &mut Context) -> Result<Visitor, PageRefusal> {
        if !self.session.owns_form(&context.config, form.text("token"))? {
            return Err(PageRefusal::Foreign);
        }
        let shell = mw_store::console::shell(context.connection()?, self.visit())?;
        self.admit(shell, context)
    }
}

impl Visitor {
    pub(super) fn may(&self, role: Role) -> bool {
        self.principal.role.covers(role)
    }

    /// What limits count by.
    pub(super) fn caller(&self) -> String {
        by_name(&self.principal.name)
    }
}
