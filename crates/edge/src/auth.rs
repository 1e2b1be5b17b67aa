//! Who asks. The environment's `API_KEY`, compared in constant time over digests, is the operator's and needs no statement;
//! any other key of our making is looked up by its hash, in the first statement of the request, whichever that is.
//!
//! ```text
//! require/identify ─► Known (the environment's key)
//!                  └► Claimed ─► the statement that loads answers whose key it is ─► admit ─► Known, or Refused
//!                             └► any other statement, or the answer: Context::settle asks first ─► admit
//! ```
//!
//! So nothing is read, changed or answered before the caller is known: [`Context::database`] settles that, and so does
//! [`crate::component`] before an answer leaves.

use crate::config::Config;
use crate::context::Context;
use crate::problem::{self, Problem};
use crate::request::Request;
use crate::signing::operator_keys;
use mw_kernel::principal::{OPERATOR, Principal, Role};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Keys that we make begin with this; nothing else is ever looked up.
const KEY_PREFIX: &str = "mw_";
const KEY_BYTES: usize = 32;

/// Who asks, as far as it is known.
#[derive(Debug, Clone)]
pub enum Caller {
    /// Nobody was asked: the route is open, or something else than a key speaks for the caller.
    Unasked,
    /// The hash of a key; whose it is, the first statement tells.
    Claimed {
        key_hash: String,
        needed: Role,
    },
    Known(Principal),
    /// The key is nobody's, or its owner may not do this.
    Refused(Box<Problem>),
}

/// Constant-time equality of two secrets. An empty expectation matches nothing: it means "not configured".
pub fn same_secret(sent: &str, expected: &str) -> bool {
    let equal = Sha256::digest(sent.as_bytes()).ct_eq(&Sha256::digest(expected.as_bytes()));
    bool::from(equal) && !expected.is_empty()
}

/// Whether it is one of the secrets that are valid now: two during a rotation.
pub fn is_one_of(sent: &str, valid: &[String]) -> bool {
    valid.iter().any(|secret| same_secret(sent, secret))
}

/// Whoever asks, comes in.
pub fn let_in(_request: &Request, _context: &mut Context) -> Result<(), Problem> {
    Ok(())
}

/// 401 unless there is a key that may be good; its owner needs the role of the route ([`crate::route`]). Called before anything
/// else is looked at.
pub fn require(request: &Request, context: &mut Context) -> Result<(), Problem> {
    if identify_by(sent_key(request), context)? { Ok(()) } else { Err(problem::invalid_api_key()) }
}

/// The key of a route that asks for one: `x-api-key`, or what many clients can send only, `Authorization: Bearer`.
pub fn sent_key(request: &Request) -> Option<&str> {
    let bearer = || {
        let (scheme, key) = request.header("authorization")?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
    };
    request.header("x-api-key").or_else(bearer)
}

/// The same for whoever has a key, whatever its role.
pub fn require_any(request: &Request, context: &mut Context) -> Result<(), Problem> {
    require(request, context)?;
    if let Caller::Claimed { needed, .. } = &mut context.caller {
        *needed = Role::Viewer;
    }
    Ok(())
}

/// Looks at the key, where there is one: whether there is, or 401 when it cannot be good. Only `x-api-key` counts where a
/// link may speak instead: a proxy's own `Authorization` must not stand in a link's way.
pub fn identify(request: &Request, context: &mut Context) -> Result<bool, Problem> {
    identify_by(request.header("x-api-key"), context)
}

/// Whether an open route may tell more: to whoever has a good key, whatever its role. A key that is none, or that cannot be looked
/// up now, is no reason to be refused what strangers may read.
pub fn holds_a_key(request: &Request, context: &mut Context) -> bool {
    let holds = require_any(request, context).and_then(|()| context.settle()).is_ok();
    if !holds {
        context.caller = Caller::Unasked;
    }
    holds
}

fn identify_by(sent: Option<&str>, context: &mut Context) -> Result<bool, Problem> {
    let Some(sent) = sent else {
        return Ok(false);
    };
    let Some(caller) = claim(sent, &context.config, context.needed)? else {
        return Err(problem::invalid_api_key());
    };
    context.caller = caller;
    if let Caller::Known(principal) = &context.caller {
        context.log.by(&principal.name);
    }
    Ok(true)
}

/// Who a key says that its holder is; `None` for one that we never made.
fn claim(sent: &str, config: &Config, needed: Role) -> Result<Option<Caller>, Problem> {
    if is_one_of(sent, &operator_keys(config)?) {
        return Ok(Some(Caller::Known(Principal::operator())));
    }
    let digits = sent.strip_prefix(KEY_PREFIX).unwrap_or_default();
    let ours = digits.len() == 2 * KEY_BYTES && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    Ok(ours.then(|| Caller::Claimed { key_hash: key_hash(sent), needed }))
}

/// What the database knows a key by: its SHA-256 in hex. A key is as random as its hash, so that needs no salt.
pub fn key_hash(key: &str) -> String {
    hex(&Sha256::digest(key.as_bytes()))
}

/// A key of 256 random bits.
pub fn new_key() -> Result<String, Problem> {
    let mut bytes = [0; KEY_BYTES];
    getrandom::fill(&mut bytes).map_err(|error| problem::internal().because(error))?;
    Ok(format!("{KEY_PREFIX}{}", hex(&bytes)))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Caller {
    /// What a statement found out about a claimed key.
    pub fn admitted(&self, found: Option<Principal>) -> Caller {
        match (self, found) {
            (Caller::Claimed { .. }, None) => Caller::Refused(Box::new(problem::invalid_api_key())),
            (Caller::Claimed { needed, .. }, Some(principal)) if !principal.role.covers(*needed) => {
                Caller::Refused(Box::new(problem::forbidden(&principal, *needed)))
            }
            (Caller::Claimed { .. }, Some(principal)) => Caller::Known(principal),
            (Caller::Unasked | Caller::Known(_) | Caller::Refused(_), _) => self.clone(),
        }
    }
}

/// What the limiter counts by: whoever is known; a digest of the key (never the key itself) where several people share it or
/// where its owner is still to be found out, when the statement puts the owner's name in its place; else the client's address.
pub fn limiter_subject(request: &Request, context: &Context) -> String {
    match (&context.caller, sent_key(request)) {
        (Caller::Known(principal), sent) if sent.is_none() || principal.name != OPERATOR => by_name(&principal.name),
        (Caller::Known(_) | Caller::Claimed { .. }, Some(sent)) => {
            let digest = key_hash(sent);
            format!("key:{}", digest.get(..16).unwrap_or_default())
        }
        (Caller::Unasked | Caller::Refused(_) | Caller::Claimed { .. } | Caller::Known(_), _) => {
            format!("ip:{}", request.client_address().unwrap_or_else(|| "unknown".to_owned()))
        }
    }
}

/// What the limiter counts a principal by, on every way in; `caller_admit` in SQL says the same.
pub fn by_name(principal: &str) -> String {
    format!("principal:{principal}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(key: &str) -> Context {
        Context::new(Config::of(&[("api_key", key)]), "r".to_owned())
    }

    fn asked(method: &str, target: &str, key: &str) -> (Request, Context) {
        (
            Request::in_memory(method, target, &[("x-api-key", key), ("spin-client-addr", "10.1.1.1:9")], ""),
            context("the-key"),
        )
    }

    fn person(role: Role) -> Principal {
        Principal::known("ann", role, Vec::new())
    }

    #[test]
    fn only_the_right_key_and_keys_of_our_making_come_further() {
        let ours = new_key().unwrap();
        let short = ours.get(..ours.len() - 1).unwrap().to_owned();
        for (sent, comes_in) in [("the-key", true), (ours.as_str(), true)] {
            let (request, mut context) = asked("GET", "/v1/runs", sent);
            assert_eq!(require(&request, &mut context).is_ok(), comes_in, "{sent}");
        }
        for sent in ["", "the", "the-key ", "The-key", "mw_", &short, &format!("{short}g"), &ours.replace("mw_", "MW_")]
        {
            let (request, mut context) = asked("GET", "/v1/runs", sent);
            let refused = require(&request, &mut context).unwrap_err();
            assert_eq!((refused.status, refused.detail.as_str()), (401, "Invalid API key"), "{sent}");
        }
        let stranger = Request::in_memory("GET", "/", &[], "");
        assert_eq!(require(&stranger, &mut context("the-key")).unwrap_err().status, 401);
    }

    #[test]
    fn a_bearer_is_a_key_but_not_beside_a_link() {
        for (sent, comes_in) in [("Bearer the-key", true), ("bearer the-key", true), ("Basic the-key", false)] {
            let bearer = Request::in_memory("GET", "/v1/runs", &[("authorization", sent)], "");
            assert_eq!(require(&bearer, &mut context("the-key")).is_ok(), comes_in, "{sent}");
            assert!(!identify(&bearer, &mut context("the-key")).unwrap());
        }
        let both = Request::in_memory("GET", "/", &[("authorization", "Bearer the-key"), ("x-api-key", "wrong")], "");
        assert!(require(&both, &mut context("the-key")).is_err());
    }

    #[test]
    fn two_keys_of_the_environment_are_good_during_a_rotation() {
        for (sent, comes_in) in [("the-key", true), ("the-old-key", true), ("", false)] {
            let keys = [("api_key", "the-key"), ("api_key_previous", "the-old-key")];
            let asked = Request::in_memory("GET", "/v1/runs", &[("x-api-key", sent)], "");
            assert_eq!(
                require(&asked, &mut Context::new(Config::of(&keys), "r".to_owned())).is_ok(),
                comes_in,
                "{sent}"
            );
        }
        let asked = Request::in_memory("GET", "/v1/runs", &[("x-api-key", "the-old-key")], "");
        let alone = Config::of(&[("api_key_previous", "the-old-key")]);
        assert_eq!(require(&asked, &mut Context::new(alone, "r".to_owned())).unwrap_err().status, 503);
    }

    #[test]
    fn without_a_configured_key_nobody_gets_in() {
        let asked = Request::in_memory("GET", "/", &[("x-api-key", "")], "");
        assert!(require(&asked, &mut context("")).is_err());
        assert!(!same_secret("", ""));
    }

    #[test]
    fn a_key_is_long_random_and_never_the_same() {
        let (one, two) = (new_key().unwrap(), new_key().unwrap());
        assert_eq!((one.len(), one == two, one.starts_with("mw_")), (67, false, true));
        assert_eq!(key_hash("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn a_key_whose_owner_lacks_the_role_is_refused_for_good() {
        let claimed = Caller::Claimed { key_hash: "h".into(), needed: Role::Approver };
        assert!(matches!(claimed.admitted(Some(person(Role::Operator))), Caller::Known(_)));
        let refused = claimed.admitted(Some(person(Role::Viewer)));
        let Caller::Refused(problem) = &refused else { panic!("{refused:?}") };
        assert_eq!((problem.status, problem.code), (403, "forbidden"));
        assert_eq!(problem.detail, "ann has the role viewer; this needs the role approver");
        assert!(matches!(refused.admitted(Some(person(Role::Operator))), Caller::Refused(_)));
        let Caller::Refused(problem) = claimed.admitted(None) else { panic!() };
        assert_eq!(problem.status, 401);
        assert!(matches!(Caller::Unasked.admitted(Some(person(Role::Operator))), Caller::Unasked));
    }

    #[test]
    fn limits_count_by_person_or_address_and_show_no_key() {
        let (request, mut context) = asked("GET", "/v1/runs", "the-key");
        assert_eq!(limiter_subject(&request, &context), "ip:10.1.1.1");
        require(&request, &mut context).unwrap();
        let by_key = limiter_subject(&request, &context);
        assert!(by_key.starts_with("key:") && !by_key.contains("the-key"));
        context.caller = Caller::Known(person(Role::Operator));
        assert_eq!(limiter_subject(&request, &context), "principal:ann");
    }
}
