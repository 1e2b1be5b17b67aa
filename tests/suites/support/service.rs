//! The service under test: where it is, and its secrets.

use super::database::Database;
use super::http::Call;
use std::sync::OnceLock;

/// One deployment: one database, one or more hosts.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    pub(crate) base_url: String,
    pub(crate) api_key: String,
    pub(crate) sweep_key: String,
    /// As who owns the database, to look at it and to change what only time would.
    pub(crate) database_url: String,
    /// As its hosts connect.
    pub(crate) app_database_url: String,
    /// `mock` or `sim`.
    pub(crate) mode: String,
    pub(crate) sim_url: Option<String>,
    pub(crate) hitl_secret: String,
    pub(crate) kieai_secret: String,
    pub(crate) upload_post_secret: String,
}

/// The service that the environment names.
pub(crate) fn service() -> &'static Service {
    static SERVICE: OnceLock<Service> = OnceLock::new();
    SERVICE.get_or_init(|| Service::named_by(&|name| std::env::var(name).ok().filter(|value| !value.is_empty())))
}

impl Service {
    fn named_by(setting: &dyn Fn(&str) -> Option<String>) -> Service {
        let required = |name: &str| {
            setting(name).unwrap_or_else(|| {
                panic!("{name} is not set: run these tests as `mw-stack with -- cargo test -p mw-tests`")
            })
        };
        Service {
            base_url: required("MW_BASE_URL").trim_end_matches('/').to_owned(),
            api_key: required("MW_API_KEY"),
            sweep_key: required("MW_SWEEP_KEY"),
            database_url: required("DATABASE_URL"),
            app_database_url: setting("APP_DATABASE_URL").unwrap_or_else(|| required("DATABASE_URL")),
            mode: required("MW_MODE"),
            sim_url: setting("MW_SIM_URL"),
            hitl_secret: required("HITL_SECRET"),
            kieai_secret: required("KIEAI_SIGNING_SECRET"),
            upload_post_secret: required("UPLOAD_POST_SIGNING_SECRET"),
        }
    }

    pub(crate) fn is_mock(&self) -> bool {
        self.mode == "mock"
    }

    /// Makes a principal of this role, and asks with its key from then on.
    pub(crate) fn introduce(&self, name: &str, role: &str) -> Service {
        let body = serde_json::json!({"name": name, "role": role});
        let made = self.post("/v1/principals").json(&body).send().expect(201).json();
        Service { api_key: made["key"].as_str().unwrap().to_owned(), ..self.clone() }
    }

    /// The same service through another of its hosts.
    pub(crate) fn through(&self, base_url: &str) -> Service {
        Service { base_url: base_url.to_owned(), ..self.clone() }
    }

    pub(crate) fn database(&self) -> Database {
        Database::connect(&self.database_url)
    }

    pub(crate) fn call(&self, method: &str, path: &str) -> Call {
        Call::new(self, method, path)
    }

    /// GET with the API key.
    pub(crate) fn get(&self, path: &str) -> Call {
        self.call("GET", path).key()
    }

    /// POST with the API key.
    pub(crate) fn post(&self, path: &str) -> Call {
        self.call("POST", path).key()
    }

    /// Rings the sweeper, as the schedule does.
    pub(crate) fn sweep(&self) -> serde_json::Value {
        self.call("POST", "/v1/sweep").header("x-sweep-key", &self.sweep_key).send().expect(200).json()
    }
}
