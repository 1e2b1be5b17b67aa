//! One JSON line per event on stderr, where the host collects it. Secrets, tokens and bodies are never logged; a path is
//! logged without its query.

pub use mw_configuration::words::Level;
use serde_json::{Map, Value};

/// The log of one request.
pub struct Log {
    lowest: Level,
    request_id: String,
    run_id: Option<String>,
    principal: Option<String>,
}

impl Log {
    pub fn new(lowest: Level, request_id: &str) -> Log {
        Log { lowest, request_id: request_id.to_owned(), run_id: None, principal: None }
    }

    /// From here on every line names this run.
    pub fn about_run(&mut self, run_id: &str) {
        self.run_id = Some(run_id.to_owned());
    }

    /// The run that the request is about, once that is known.
    pub fn run_id(&self) -> Option<&str> {
        self.run_id.as_deref()
    }

    /// From here on every line names whoever asks.
    pub fn by(&mut self, principal: &str) {
        self.principal = Some(principal.to_owned());
    }

    pub fn write(&self, level: Level, logger: &str, message: &str, fields: &[(&str, Value)]) {
        if level >= self.lowest {
            eprintln!("{}", self.line(level, logger, message, fields));
        }
    }

    fn line(&self, level: Level, logger: &str, message: &str, fields: &[(&str, Value)]) -> String {
        let mut line = Map::new();
        line.insert("time".to_owned(), crate::clock::rfc3339(crate::clock::now()).into());
        line.insert("level".to_owned(), level.name().into());
        line.insert("logger".to_owned(), logger.into());
        line.insert("message".to_owned(), message.into());
        line.insert("request_id".to_owned(), self.request_id.clone().into());
        if let Some(run_id) = &self.run_id {
            line.insert("run_id".to_owned(), run_id.clone().into());
        }
        if let Some(principal) = &self.principal {
            line.insert("principal".to_owned(), principal.clone().into());
        }
        for (name, value) in fields {
            line.insert((*name).to_owned(), value.clone());
        }
        Value::Object(line).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_json_object_on_one_line() {
        let mut log = Log::new(Level::Info, "req-1");
        log.about_run("run-1");
        log.by("ann");
        let line = log.line(Level::Warn, "webhook", "refused\n\"quoted\"", &[("provider", "p".into())]);
        assert!(!line.contains('\n'));
        let value: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["level"], "warn");
        assert_eq!(value["logger"], "webhook");
        assert_eq!((&value["run_id"], &value["principal"]), (&"run-1".into(), &"ann".into()));
        assert_eq!(value["provider"], "p");
    }
}
