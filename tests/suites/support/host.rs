//! One more host on the environment's database, with other settings; gone when dropped.

use super::{Service, eventually, service};
use mw::dev::variables::Mode;
use mw::settings::Settings;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

pub(crate) struct Host {
    process: Child,
    /// Asked with the environment's API key.
    pub(crate) service: Service,
    log: PathBuf,
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_file(&self.log);
    }
}

impl Host {
    /// What it has written so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// Why it is not ready, as it tells whoever has this key.
    #[track_caller]
    pub(crate) fn reasons(&self, key: &str) -> String {
        let ready = self.service.call("GET", "/ready").header("x-api-key", key);
        ready.try_send().unwrap().expect(503).json()["reasons"].to_string()
    }
}

/// Starts it; `settings` win over the environment's.
pub(crate) fn with(settings: &[(&str, &str)]) -> Host {
    let manifest = mw::dev::folder::root().unwrap().join("spin.toml");
    let declared = mw::dev::variables::declared(&std::fs::read_to_string(&manifest).unwrap()).unwrap();
    let ours = service();
    let base =
        [("DATABASE_URL", ours.database_url.as_str()), ("API_KEY", &ours.api_key), ("HITL_SECRET", &ours.hitl_secret)];
    let open = &super::stack::OPEN_LIMITS;
    let fixed = base
        .iter()
        .chain(open)
        .chain(settings)
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let variables = mw::dev::variables::for_host(&declared, &fixed, &Settings::default(), Mode::Mock).unwrap();
    let address = format!("127.0.0.1:{}", mw::dev::ports::free().unwrap());
    let log = std::env::temp_dir().join(super::unique("mw-host"));
    let output = std::fs::File::create(&log).unwrap();
    let process = Command::new(mw::dev::prerequisites::own_program("mw-host").unwrap())
        .args(["--manifest", manifest.to_str().unwrap(), "--listen", &address])
        .envs(variables)
        .stdout(Stdio::from(output.try_clone().unwrap()))
        .stderr(Stdio::from(output))
        .spawn()
        .unwrap();
    let host = Host { process, service: ours.through(&format!("http://{address}")), log };
    eventually("the host answers", || host.service.call("GET", "/health").try_send().ok());
    host
}
