//! Who is who: what each role may do, how keys live and die, and whose name a decision bears.

mod keys;
mod names;
mod page;
mod roles;

use crate::support::{Service, service, unique};
use serde_json::{Value, json};

/// Somebody with a key; `service` asks with it.
pub(crate) struct Person {
    pub(crate) name: String,
    pub(crate) service: Service,
}

impl Person {
    pub(crate) fn with_role(role: &str) -> Person {
        let name = unique(role);
        let body = json!({"name": name, "role": role, "groups": ["editors"]});
        let made = service().post("/v1/principals").json(&body).send().expect(201).json();
        Person { service: asking(&made), name }
    }

    fn path(&self, what: &str) -> String {
        format!("/v1/principals/{}{what}", self.name)
    }

    /// Another key for the same person; the older ones end after so many hours.
    fn rotated(&self, expire_old_after_hours: Option<u32>) -> Service {
        let body = json!({"expire_old_after_hours": expire_old_after_hours});
        asking(&service().post(&self.path("/keys")).json(&body).send().expect(201).json())
    }
}

/// The service, asked with a key that was just made.
fn asking(made: &Value) -> Service {
    Service { api_key: made["key"].as_str().unwrap().to_owned(), ..service().clone() }
}

/// The service, asked with a key like ours that nobody has.
fn stranger() -> Service {
    let digits = uuid::Uuid::new_v4().simple().to_string().repeat(2);
    Service { api_key: format!("mw_{digits}"), ..service().clone() }
}
