//! The routes of the API. Each module has a table of routes, which a component names, and their handlers; what several features
//! share is in `mw_operations`.

pub mod bulk;
pub mod channels;
pub mod config_check;
pub mod dead_letters;
pub mod drain;
pub mod gates;
pub mod health;
pub mod metrics;
pub mod principals;
pub mod projects;
pub mod reference;
pub mod runs;
pub mod start;
pub mod sweep;
pub mod verbs;
pub mod webhooks;

#[cfg(test)]
mod testing {
    use mw_edge::config::Config;
    use mw_edge::route::{Route, answer};
    use mw_edge::{Context, Problem, Request};

    /// What a table's routes have against a request of the operator's, before they ask any database.
    pub(crate) fn refused_by(routes: &'static [Route], method: &str, target: &str, body: &str) -> Problem {
        let mut context = Context::new(Config::of(&[("api_key", "k")]), "r".to_owned());
        let mut request = Request::in_memory(method, target, &[("x-api-key", "k")], body);
        answer(&[routes], &mut request, &mut context).err().unwrap()
    }
}
