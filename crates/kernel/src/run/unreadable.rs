//! The end of a run that this version cannot read: one of a later version, or a damaged one. No run is beyond reach, so its end
//! is decided on what can be known: its row, and each member of its state that still can be read. The body stays as it is, for
//! whoever can read it.

use crate::Timestamp;
use crate::run::any::{AnyRun, Transition, Written};
use crate::run::event::Recorded;
use crate::run::rows::Rows;
use crate::run::state::RunError;
use crate::run::{Refusal, rfc3339, terminate};
use crate::status::ProvidersMode;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// What is known of a run whose state cannot be read: its row.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Remains {
    pub run_id: String,
    pub kind: String,
    pub project: String,
    pub user_id: String,
    pub version: u64,
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: Timestamp,
    pub has_ended: bool,
    pub state: Value,
    pub result: Value,
}

impl Remains {
    /// Ends the run with this error.
    pub fn end(&self, error: RunError, actor: &str, now: Timestamp) -> Result<Transition, Refusal> {
        let unreadable =
            |error: serde_json::Error| Refusal::Unreadable { run_id: self.run_id.clone(), reason: error.to_string() };
        let mut run = self.envelope().map_err(unreadable)?;
        let mut result = match &self.result {
            Value::Object(result) => result.clone(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Map::new(),
        };
        let (error_type, error_message) = (&error.error_type, &error.error_message);
        let told = json!({"error_type": error_type, "error_message": error_message, "project": self.project});
        result.insert("error".to_owned(), told);
        let event = terminate::failed(error);
        run.version += 1;
        run.evolve_common(&event, now);
        run.settle();
        let (seq, name, actor, rows) =
            (run.version, event.name().as_str(), actor.to_owned(), Rows::of_end(&run, &event, now));
        let recorded = Recorded { seq, at: now, actor: actor.clone(), event };
        let body = serde_json::to_string(&recorded).map_err(unreadable)?;
        Ok(Transition {
            expected_version: self.version,
            rows,
            events: vec![Written { seq, name, at: now, actor, body }],
            run,
            result: Value::Object(result),
            payload: None,
        })
    }

    /// The run with each member of its state that can be read, over what its row says. What is not known of its mode counts as
    /// live.
    fn envelope(&self) -> Result<AnyRun, serde_json::Error> {
        let mut known = Map::new();
        let at = rfc3339(self.created_at);
        let definition = json!({"key": self.project, "version": "", "digest": ""});
        for (name, value) in [
            ("definition", definition),
            ("title", json!("")),
            ("mode", json!(ProvidersMode::Live)),
            ("started_at", json!(at)),
            ("body", Value::Null),
        ] {
            known.insert(name.to_owned(), value);
        }
        self.insert_row(&mut known);
        for (name, member) in self.state.as_object().into_iter().flatten() {
            let before = known.insert(name.clone(), member.clone());
            if read(&known).is_err() {
                match before {
                    Some(before) => known.insert(name.clone(), before),
                    None => known.remove(name),
                };
            }
        }
        // The row is what the commit is guarded by, and it says that the run has not ended.
        self.insert_row(&mut known);
        known.remove("end");
        known.remove("finished_at");
        read(&known)
    }

    fn insert_row(&self, known: &mut Map<String, Value>) {
        for (name, value) in [
            ("run_id", json!(self.run_id)),
            ("kind", json!(self.kind)),
            ("version", json!(self.version)),
            ("user_id", json!(self.user_id)),
            ("status", json!("")),
        ] {
            known.insert(name.to_owned(), value);
        }
    }
}

fn read(known: &Map<String, Value>) -> Result<AnyRun, serde_json::Error> {
    serde_json::from_str(&serde_json::to_string(known)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notification::Occasion;
    use crate::status::End;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn remains(state: Value) -> Remains {
        Remains {
            run_id: "r1".to_owned(),
            kind: "later".to_owned(),
            project: "p".to_owned(),
            user_id: "ann".to_owned(),
            version: 7,
            created_at: NOW,
            has_ended: false,
            state,
            result: json!({"videos": 2}),
        }
    }

    fn ended(state: Value) -> Transition {
        remains(state).end(terminate::terminated("odd", "ann"), "ann", NOW).unwrap()
    }

    #[test]
    fn whatever_the_state_is_the_run_ends() {
        for state in
            [json!(null), json!([1]), json!({}), json!({"version": "x", "mode": 7, "gates": {}, "end": "done"})]
        {
            let ended = ended(state);
            assert_eq!((ended.expected_version, ended.run.version, ended.run.end), (7, 8, Some(End::Failed)));
            assert_eq!((ended.run.status.as_str(), ended.run.deadline), ("failed", None));
            assert_eq!((ended.run.definition.key.as_str(), ended.run.user_id.as_str()), ("p", "ann"));
            let made: Vec<&str> = ended.rows.artifacts.iter().map(|made| made.artifact_type.as_str()).collect();
            assert_eq!(made, ["run.failed", "notification"]);
            assert!(ended.rows.artifacts.iter().all(|made| made.metadata["providersMode"] == "live"));
            assert_eq!(ended.rows.notifications[0].occasion, Occasion::RunEnded { end: End::Failed });
            assert_eq!(ended.result["error"]["error_message"], "terminated by ann: odd");
            assert_eq!((&ended.result["videos"], ended.events.len()), (&json!(2), 1));
        }
    }

    #[test]
    fn members_that_can_be_read_are_kept() {
        let state = json!({"title": "T", "mode": "sim", "decided": 7, "kind": "x", "body": {"of": [1, 2]}});
        let run = ended(state).run;
        assert_eq!((run.title.as_str(), run.mode, run.kind.as_str()), ("T", ProvidersMode::Sim, "later"));
        assert_eq!(serde_json::to_value(&run).unwrap()["body"], json!({"of": [1, 2]}));
    }
}
