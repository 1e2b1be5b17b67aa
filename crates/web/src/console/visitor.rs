//! Who is here: a guest has a good cookie, a visitor also a key that is good by now.

use super::Stop;
use super::form::Form;
use super::session::{self, Session};
use crate::context::Context;
use crate::request::Request;
use crate::{auth, clock};
use mw_core::principal::{Principal, Role};
use mw_store::console::{Shell, Visit};

/// A good cookie. Whether its key still is one is said by the statement that loads the page.
pub(super) struct Guest {
    session: Session,
    token: String,
}

/// Somebody whose key is good, and the token of his forms.
pub(super) struct Visitor {
    pub(super) principal: Principal,
    pub(super) token: String,
    /// What stands on every page.
    pub(super) shell: Shell,
    key_hash: String,
}

impl Guest {
    pub(super) fn of(request: &Request, context: &Context) -> Result<Guest, Stop> {
        let session = session::of(request, &context.config, clock::now())?.ok_or(Stop::SignIn)?;
        if session.is_of_environment() {
            let key = context.config.required("api_key")?;
            if !auth::same_secret(&session.key_hash, &session::key_hash(&key)) {
                return Err(Stop::SignIn);
            }
        }
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

    /// The visitor, if the key is still good and still his.
    pub(super) fn admit(&self, shell: Shell) -> Result<Visitor, Stop> {
        let principal = match &shell.principal {
            _ if self.session.is_of_environment() => Principal::operator(),
            Some(principal) if principal.name == self.session.name => principal.clone(),
            Some(_) | None => return Err(Stop::SignIn),
        };
        Ok(Visitor { principal, token: self.token.clone(), shell, key_hash: self.session.key_hash.clone() })
    }

    /// The same before an action: the form must be of this session.
    pub(super) fn admit_to_act(&self, form: &Form, context: &mut Context) -> Result<Visitor, Stop> {
        if !self.session.owns_form(&context.config, form.text("token"))? {
            return Err(Stop::Foreign);
        }
        self.admit(mw_store::console::shell(context.database()?, self.visit())?)
    }
}

impl Visitor {
    pub(super) fn may(&self, role: Role) -> bool {
        self.principal.role.covers(role)
    }

    pub(super) fn must_be(&self, role: Role) -> Result<(), Stop> {
        if self.may(role) { Ok(()) } else { Err(Stop::Forbidden(role)) }
    }

    /// What limits count by: the same as for the key in a header.
    pub(super) fn caller(&self) -> String {
        format!("key:{}", self.key_hash.get(..16).unwrap_or_default())
    }
}
