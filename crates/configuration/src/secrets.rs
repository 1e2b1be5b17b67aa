//! Every secret of the product, and what is too weak to be one. `Config` reads a secret through this list only: where a deployment
//! is more than somebody's own machine, a weak secret is an unset one, so that what needs it answers 503. A test holds the list
//! against the variables that spin.toml marks as secret.

use crate::config::Config;
use crate::startup::Place;
use mw_integrations::registry::SYSTEMS;
use mw_integrations::system::Needed;

/// One secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Secret {
    /// Its variable in spin.toml.
    pub name: &'static str,
    /// `<name>_previous` is good, too, during a rotation.
    pub rotates: bool,
    kind: Kind,
    /// No deployment beyond a developer's machine does without it; the others are judged where they are set.
    needed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A key to our own doors. Development's may be used with real providers on the developer's machine.
    Ours,
    /// What shows us to a system outside, or that system to us.
    Theirs,
    /// An address with a password in it, which says nothing by its length.
    Address,
}

const fn ours(name: &'static str, needed: bool) -> Secret {
    Secret { name, rotates: true, kind: Kind::Ours, needed }
}

/// Those that no outside system has to do with.
const OWN: [Secret; 5] = [
    ours("api_key", true),
    ours("hitl_secret", true),
    ours("sweep_key", false),
    ours("metrics_key", false),
    Secret { name: "database_url", rotates: false, kind: Kind::Address, needed: false },
];

/// All of them.
pub fn secrets() -> impl Iterator<Item = Secret> {
    OWN.into_iter().chain(SYSTEMS.iter().flat_map(|system| system.secrets).map(Secret::theirs))
}

/// Defaults of the system before this one, which anybody can read; those of outside systems are in their folders.
const KNOWN_VALUES: [&str; 2] = ["dev-local-api-key", "dev-hitl-secret"];

fn is_known(value: &str) -> bool {
    KNOWN_VALUES.contains(&value) || SYSTEMS.iter().any(|system| system.known_secrets.contains(&value))
}
const LENGTH_MIN: usize = 12;
/// What the development stack makes up begins with this.
const DEVELOPMENT_PREFIX: &str = "dev-";
const PREVIOUS: &str = "_previous";

/// What is wrong with a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weakness {
    Default,
    Development,
    Short,
    /// Of a key that many servers do not check, so that people write a word for it.
    ShortWord,
}

impl std::fmt::Display for Weakness {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Weakness::Default => out.write_str("is a development default"),
            Weakness::Development => out.write_str("is a development secret"),
            Weakness::Short => write!(out, "is shorter than {LENGTH_MIN} characters"),
            Weakness::ShortWord => {
                write!(out, "{}; a server that checks none takes a longer one, made up", Weakness::Short)
            }
        }
    }
}

impl Secret {
    fn theirs(secret: &mw_integrations::system::Secret) -> Secret {
        let needed = match secret.needed {
            Needed::Everywhere => true,
            Needed::WhereSet | Needed::WithAddress => false,
        };
        Secret { name: secret.name, rotates: secret.rotates, kind: Kind::Theirs, needed }
    }

    /// Its variables: itself and, where it rotates, the one before.
    pub fn variables(&self) -> impl Iterator<Item = String> + use<> {
        let previous = self.rotates.then(|| previous(self.name));
        std::iter::once(self.name.to_owned()).chain(previous)
    }

    /// Whether a component that holds it must know where it runs.
    pub fn is_judged(&self) -> bool {
        self.kind != Kind::Address
    }

    fn weakness(&self, value: &str, place: Place) -> Option<Weakness> {
        let may_be_made_up = match (place, self.kind) {
            (Place::Local, _) | (_, Kind::Address) => return None,
            (Place::LocalLive, Kind::Ours) => true,
            (Place::LocalLive, Kind::Theirs) | (Place::Deployed, Kind::Ours | Kind::Theirs) => false,
        };
        if is_known(value) {
            Some(Weakness::Default)
        } else if value.starts_with(DEVELOPMENT_PREFIX) && !may_be_made_up {
            Some(Weakness::Development)
        } else {
            let short = if self.name == "openai_api_key" { Weakness::ShortWord } else { Weakness::Short };
            (value.len() < LENGTH_MIN).then_some(short)
        }
    }
}

/// The variable of the secret before.
pub(crate) fn previous(name: &str) -> String {
    format!("{name}{PREVIOUS}")
}

/// What is wrong with the value of a variable; nothing, where the variable is no secret. The place is only asked for where it matters.
pub(crate) fn weakness(variable: &str, value: &str, place: impl FnOnce() -> Place) -> Option<Weakness> {
    let secret = secrets().find(|secret| {
        variable.strip_prefix(secret.name).is_some_and(|rest| rest.is_empty() || (secret.rotates && rest == PREVIOUS))
    })?;
    if secret.is_judged() { secret.weakness(value, place()) } else { None }
}

/// Which secrets must not be as they are. Names variables, never values.
pub(crate) fn reasons(config: &Config) -> Vec<String> {
    let is_deployed = config.place() != Place::Local;
    let of_secret = |secret: Secret| {
        let (name, is_needed) = (secret.name, secret.name == "api_key" || (is_deployed && secret.needed));
        let missing = (is_needed && !config.is_set(name)).then(|| format!("{} is not set", name.to_ascii_uppercase()));
        // One before that is still believed is as good as the one of now.
        let weak: Vec<String> = secret
            .variables()
            .filter_map(|name| Some(format!("{} {}", name.to_ascii_uppercase(), config.weakness(&name)?)))
            .collect();
        missing.into_iter().chain(weak)
    };
    secrets().flat_map(of_secret).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weak_secret_is_unset_wherever_it_matters() {
        let strong = "a-long-enough-secret";
        for secret in secrets().filter(Secret::is_judged) {
            for name in secret.variables() {
                let read = |more: (&str, &str), value: &str| Config::of(&[more, (&name, value)]).optional(&name);
                for place in [
                    ("environment", "prod"),
                    ("environment", "staging"),
                    ("environment", "qa"),
                    ("fly_app_name", "x-prod"),
                ] {
                    for weak in ["dev-0123456789abcdef", "dev-local-api-key", SYSTEMS[0].known_secrets[0], "short"] {
                        assert_eq!(read(place, weak), None, "{name} {place:?} {weak}");
                    }
                    assert_eq!(read(place, strong).as_deref(), Some(strong), "{name}");
                }
                let live = ("providers_mode", "live");
                assert_eq!(read(live, "short"), None, "{name}");
                let made_up = read(live, "dev-0123456789abcdef");
                assert_eq!(made_up.is_some(), secret.kind == Kind::Ours, "{name}");
                for local in [("environment", "local"), ("providers_mode", "sim"), ("log_level", "info")] {
                    assert!(read(local, "short").is_some(), "{name} {local:?}");
                }
            }
        }
    }

    #[test]
    fn what_is_no_secret_is_read_as_it_is() {
        let config =
            Config::of(&[("environment", "prod"), ("llm_model", "dev-x"), ("database_url", "x"), ("api_keys", "y")]);
        for name in ["environment", "llm_model", "database_url", "api_keys"] {
            assert!(config.optional(name).is_some(), "{name}");
        }
    }

    #[test]
    fn a_word_for_a_key_that_nobody_checks_is_answered_with_a_way() {
        let found = reasons(&Config::of(&[("providers_mode", "live"), ("openai_api_key", "lm-studio")]));
        let said =
            "OPENAI_API_KEY is shorter than 12 characters; a server that checks none takes a longer one, made up";
        assert!(found.contains(&said.to_owned()), "{found:?}");
    }

    #[test]
    fn reasons_name_every_weak_secret_and_show_none() {
        for secret in secrets().filter(Secret::is_judged) {
            for name in secret.variables() {
                let found = reasons(&Config::of(&[("environment", "prod"), (&name, "dev-hunter2-hunter2")]));
                let expected = format!("{} is a development secret", name.to_ascii_uppercase());
                assert!(found.contains(&expected), "{found:?}");
                assert!(!found.join("").contains("hunter2"));
            }
        }
    }
}
