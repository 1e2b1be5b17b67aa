//! One more host on the environment's database, with other settings; gone when dropped.

use super::{Service, eventually, service};
use mw::mode::Mode;
use mw::settings::Settings;
use mw_stack::host;
use mw_stack::manifest::Manifest;
use mw_stack::process::Process;
use std::path::PathBuf;

pub(crate) struct Host {
    process: Process,
    /// Asked with the environment's API key.
    pub(crate) service: Service,
    folder: PathBuf,
}

impl Drop for Host {
    fn drop(&mut self) {
        self.process.kill();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Host {
    /// What it has written so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.process.log()).unwrap()
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
    let root = mw::folder::root().unwrap();
    let declared = Manifest::read(&root.join("spin.toml")).unwrap().variables();
    let ours = service();
    let base = [
        ("DATABASE_URL", ours.app_database_url.as_str()),
        ("API_KEY", &ours.api_key),
        ("HITL_SECRET", &ours.hitl_secret),
    ];
    let open = &super::stack::OPEN_LIMITS;
    let fixed = base
        .iter()
        .chain(open)
        .chain(settings)
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let variables = mw_stack::variables::for_host(&declared, &fixed, &Settings::default(), Mode::Mock).unwrap();
    let port = mw_stack::ports::free().unwrap();
    let folder = std::env::temp_dir().join(super::unique("host"));
    std::fs::create_dir(&folder).unwrap();
    let manifest = host::Service { name: "host", root: &root, manifest: "spin.toml", port: Some(port), log: &folder };
    let launch = host::Host::choose(None).unwrap().launch(&manifest, variables).unwrap();
    let process = Process::start(launch).unwrap();
    let host = Host { process, service: ours.through(&format!("http://127.0.0.1:{port}")), folder };
    eventually("the host answers", || host.service.call("GET", "/health").try_send().ok());
    host
}
