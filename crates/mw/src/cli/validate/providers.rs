//! The providers of jobs, and the language model where there is a key for one: where they are, and one harmless question to each.

use super::{Context, dialect};
use crate::{
    api::{Answer, Api, Call, text},
    error::{Error, Result},
    mode::{self, Mode, is_provider_secret},
    settings::{Settings, origin},
};
use mw_configuration::machine::{is_this_machine, told};
use mw_integrations::registry::SYSTEMS;
use mw_integrations::system::Probe;
use serde_json::{Value, json};

/// Those that matter: who makes jobs, and a model only with a key.
fn probes(settings: &Settings) -> impl Iterator<Item = &'static Probe> {
    let all = SYSTEMS.iter().flat_map(|system| system.probes);
    all.filter(|probe| !probe.optional || settings.get(&setting(probe.key)).is_some())
}

/// The setting of a variable.
fn setting(variable: &str) -> String {
    variable.to_ascii_uppercase()
}

/// Where the settings lead to.
#[derive(Debug, Clone, Copy)]
pub(super) enum Of {
    /// What `./dev up` would start.
    Stack(Mode),
    /// A host with these variables, and no others.
    Host,
}

/// Where a probe's system is asked.
fn base_url(probe: &Probe, settings: &Settings, of: Of) -> String {
    match of {
        Of::Stack(mode) => mode::address(&probe.address, settings, mode),
        Of::Host => settings.get(&setting(probe.address.variable)).unwrap_or(probe.address.default).to_owned(),
    }
}

/// The hosts by provider, as both `config` and `env` show them.
pub(super) fn hosts(settings: &Settings, of: Of) -> Result<Value> {
    let host = |probe: &Probe| origin(&setting(probe.address.variable), &base_url(probe, settings, of));
    let hosts = probes(settings).map(|probe| Ok((probe.name.to_owned(), host(probe)?.into())));
    hosts.collect::<Result<serde_json::Map<String, Value>>>().map(Value::Object)
}

/// Who of the systems is asked elsewhere than on this machine, though only live mode asks others.
pub(super) fn real_in_sim(settings: &Settings) -> Vec<String> {
    let is_real = |probe: &&Probe| !is_this_machine(&base_url(probe, settings, Of::Host));
    let of_jobs = probes(settings).filter(|probe| !probe.optional).filter(is_real);
    let said = |probe: &Probe| {
        let name = setting(probe.address.variable);
        format!("the mode is sim, but {name} is the address of the real {}: set it to the simulator's", probe.name)
    };
    of_jobs.map(said).collect()
}

/// The key that is shown: outside live mode a development stack's own, never the person's real one.
fn key<'a>(probe: &Probe, settings: &'a Settings, mode: Mode) -> Result<&'a str> {
    let name = setting(probe.key);
    let given = settings.given(&name);
    let found = match mode {
        Mode::Mock | Mode::Sim if is_provider_secret(&name) => settings.development(&name).or(given),
        Mode::Mock | Mode::Sim => settings.get(&name),
        Mode::Live => given,
    };
    found.ok_or_else(|| {
        Error::misuse(format!("{name} is not set: export {name}=…, or run ./dev up for the simulator's"))
    })
}

pub(super) fn run(context: &Context, dry_run: bool) -> Result<u8> {
    let settings = &context.settings;
    let mode = Mode::choose(None, settings)?;
    let is_asked = !dry_run && mode != Mode::Mock;
    let mut answers = Vec::new();
    for probe in probes(settings) {
        let base_url = base_url(probe, settings, Of::Stack(mode));
        let host = origin(&setting(probe.address.variable), &base_url)?;
        let url = probe.url(&base_url);
        let verdict = if is_asked {
            let key = key(probe, settings, mode)?;
            dialect::add(ask(probe, &url, key), probe, &base_url, key, settings)
        } else {
            Value::Null
        };
        answers.push(
            json!({ "provider": probe.name, "host": host, "asks": format!("GET {}", told(&url)), "answer": verdict }),
        );
    }
    let is_fine = |answer: &Value| answer.pointer("/answer/ok") != Some(&Value::Bool(false));
    let ok = answers.iter().all(is_fine);
    let report = json!({ "mode": mode.name(), "asked": is_asked, "providers": answers, "ok": ok });
    context.print(&report, |_| {
        println!("providers   {}{}", mode.name(), if mode == Mode::Mock { ": nobody is asked" } else { "" });
        for answer in &answers {
            let verdict = answer.pointer("/answer/detail").and_then(Value::as_str).unwrap_or("not asked");
            println!("  {:<12} {:<36} {verdict}", text(answer, "provider"), text(answer, "host"));
            println!("  {:<12} {}", "", text(answer, "asks"));
        }
    })?;
    Ok(u8::from(!ok))
}

fn ask(probe: &Probe, url: &str, key: &str) -> Value {
    let mut headers = vec![(probe.header.0, format!("{}{key}", probe.header.1))];
    headers.extend(probe.more_headers.iter().map(|(name, value)| (*name, (*value).to_owned())));
    let (ok, detail) = match Api::at("", "").send(url, &Call { post: None, headers }) {
        Ok(answer) => verdict(&answer),
        Err(_) => (false, "does not answer".to_owned()),
    };
    json!({ "ok": ok, "detail": detail })
}

/// That there is no such task is a good answer: the key was taken. Some say what is wrong in the body's `code` only.
fn verdict(answer: &Answer) -> (bool, String) {
    let code = answer.body.get("code").and_then(Value::as_u64).unwrap_or_default();
    match (answer.status, code) {
        (401 | 403, _) | (_, 401 | 403) => (false, "refuses the key".to_owned()),
        (402, _) | (_, 402) => (false, "has no credits left".to_owned()),
        (429 | 500.., _) | (_, 429 | 455 | 500..) => (false, format!("is unhealthy: {} {code}", answer.status)),
        (status, _) => (true, format!("reachable, takes the key ({status})")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mw_integrations::registry;

    #[test]
    fn a_model_is_among_the_providers_only_with_a_key() {
        let names = |given: &str| -> Vec<&str> {
            let settings = Settings::of(mw_dotenv::parse_lines(given).unwrap());
            probes(&settings).map(|probe| probe.name).collect()
        };
        assert_eq!(names("").len(), registry::job_providers().count());
        let with_key = names("ANTHROPIC_API_KEY=k");
        assert_eq!((with_key.len(), with_key.last()), (names("").len() + 1, Some(&"anthropic")));
    }

    #[test]
    fn a_missing_task_is_fine_and_a_refused_key_is_not() {
        let verdict = |status: u16, body: Value| verdict(&Answer::of(status, body)).0;
        assert!(verdict(404, json!({"success": false})) && verdict(200, json!({"code": 422, "msg": "no task"})));
        assert!(!verdict(401, json!({})) && !verdict(200, json!({"code": 401})) && !verdict(200, json!({"code": 402})));
        assert!(!verdict(503, Value::Null) && !verdict(200, json!({"code": 455})));
    }
}
