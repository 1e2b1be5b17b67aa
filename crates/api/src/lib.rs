//! The routes of the API. Each module is a handler that a component names; what several features share is in
//! `mw_operations`.

pub mod bulk;
pub mod channels;
pub mod config_check;
pub mod dead_letters;
pub mod drain;
pub mod gates;
pub mod health;
pub mod metrics;
pub mod not_found;
pub mod operator;
pub mod principals;
pub mod projects;
pub mod runs;
pub mod start;
pub mod sweep;
pub mod verbs;
pub mod webhooks;

#[cfg(test)]
mod testing {
    use mw_edge::component::Handler;
    use mw_edge::config::Config;
    use mw_edge::{Context, Problem, Request};

    /// What a handler has against a request of the operator's, before it asks any database.
    pub(crate) fn refused_by(handle: Handler, method: &str, target: &str, body: &str) -> Problem {
        let mut context = Context::new(Config::of(&[("api_key", "k")]), "r".to_owned());
        handle(&mut Request::in_memory(method, target, &[("x-api-key", "k")], body), &mut context).err().unwrap()
    }
}
