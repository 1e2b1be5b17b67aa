//! Which deployment a command talks to, where it may be another than the one of the settings.

use crate::{
    api::{Api, Call, text},
    error::{Error, Result},
    settings::Settings,
};
use clap::{Args, ValueEnum};

#[derive(Debug, Default, Args)]
pub(crate) struct Target {
    /// Where the API is; API_BASE_URL unless given.
    #[arg(long)]
    pub(crate) api_base: Option<String>,
    /// What the deployment must say that it is; CLI_API_ENV unless given. Staging has the key STAGING_API_KEY, where that is set.
    #[arg(long, value_enum, ignore_case = true)]
    pub(crate) env: Option<Environment>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Environment {
    /// Whatever it is.
    Auto,
    Local,
    Staging,
    Prod,
}

impl Environment {
    fn of(settings: &Settings) -> Result<Self> {
        let Some(word) = settings.get("CLI_API_ENV") else { return Ok(Self::Auto) };
        Self::from_str(word, true)
            .map_err(|_| Error::misuse(format!("CLI_API_ENV is {word}: it must be auto, local, staging or prod")))
    }

    /// As `/version` says it.
    fn name(self) -> Option<&'static str> {
        match self {
            Self::Auto => None,
            Self::Local => Some("local"),
            Self::Staging => Some("staging"),
            Self::Prod => Some("prod"),
        }
    }
}

impl Target {
    /// The deployment with its key. One that says that it is another environment is refused, before anything is asked of it.
    pub(crate) fn api(&self, settings: &Settings) -> Result<Api> {
        let environment = self.env.map_or_else(|| Environment::of(settings), Ok)?;
        let base_url = self.api_base.clone().unwrap_or_else(|| settings.api_base_url());
        let staging = settings.get("STAGING_API_KEY").filter(|_| environment == Environment::Staging);
        let api = Api::of_host(base_url.trim_end_matches('/'), settings, staging)?;
        if let Some(expected) = environment.name() {
            let call = Call { post: None, headers: vec![api.key_header()] };
            let version = api.send("/version", &call)?.accepted("/version")?;
            let found = text(&version, "environment");
            if found != expected {
                return Err(Error::misuse(format!(
                    "{base_url} is {found}, not {expected}: name another with --api-base"
                )));
            }
        }
        Ok(api)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str) -> Settings {
        Settings::of(mw_dotenv::parse_lines(text).unwrap())
    }

    #[test]
    fn the_key_is_that_of_the_environment() {
        let both = settings("API_KEY=local\nSTAGING_API_KEY=staging\nCLI_API_ENV=auto");
        let api = Target::default().api(&both).unwrap();
        assert_eq!(api.key_header().1, "local");
        assert_eq!(Environment::of(&settings("CLI_API_ENV=STAGING")).unwrap(), Environment::Staging);
        assert_eq!(Target::default().api(&settings("API_KEY=k\nCLI_API_ENV=qa")).err().unwrap().exit_code(), 2);
    }
}
