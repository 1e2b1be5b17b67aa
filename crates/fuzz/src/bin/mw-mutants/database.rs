//! Copies of the migrated database that `DATABASE_URL` names: one for each mutant, in a few hundredths of a second.

use mw_store::native::Client;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

pub(crate) struct Server {
    /// Address up to the database's name, and what follows it.
    address: (String, String),
    template: String,
    made: AtomicU32,
    /// One copy is made at a time: the server refuses a template that is in use.
    copying: Mutex<()>,
}

impl Server {
    pub(crate) fn of_environment() -> Server {
        let url = std::env::var("DATABASE_URL").expect("DATABASE_URL: run this with `mw-stack db --fast -- …`");
        let (place, query) =
            url.split_once('?').map_or((url.as_str(), String::new()), |(place, query)| (place, format!("?{query}")));
        let (server, template) = place.rsplit_once('/').expect("DATABASE_URL names a database");
        Server {
            address: (server.to_owned(), query),
            template: template.to_owned(),
            made: AtomicU32::new(0),
            copying: Mutex::new(()),
        }
    }

    fn url(&self, name: &str) -> String {
        format!("{}/{name}{}", self.address.0, self.address.1)
    }

    fn execute(&self, sql: &str) -> Result<(), String> {
        let mut client = Client::connect(&self.url("postgres")).map_err(|error| error.to_string())?;
        client.driver().batch_execute(sql).map_err(|error| error.to_string())
    }

    pub(crate) fn copy(&self) -> Copy<'_> {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}_mutant_{number}", self.template);
        let _alone = self.copying.lock().unwrap();
        self.execute(&format!("CREATE DATABASE {name} TEMPLATE {}", self.template)).unwrap();
        Copy { server: self, url: self.url(&name), name }
    }
}

/// A database that is dropped with this value. One that is still being vacuumed stays: `mw dev` clears up after the dead.
pub(crate) struct Copy<'a> {
    server: &'a Server,
    url: String,
    name: String,
}

impl Copy<'_> {
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Puts the mutant in the place of its function.
    pub(crate) fn apply(&self, text: &str) -> Result<(), String> {
        let mut client = Client::connect(&self.url).unwrap();
        client.driver().batch_execute(text).map_err(|error| error.to_string())
    }
}

impl Drop for Copy<'_> {
    fn drop(&mut self) {
        let _ = self.server.execute(&format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
    }
}
