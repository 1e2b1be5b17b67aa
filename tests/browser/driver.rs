//! A browser with a profile of its own, driven over WebDriver (Debian's chromium and chromium-driver). Nothing sleeps:
//! what a person would wait for is asked for until it is there.

use crate::support::service;
use crate::support::wait::within;
use serde_json::{Value, json};
use std::time::Duration;

/// The key of an element in WebDriver's JSON.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
/// What takes longer does not come. A loaded machine is slow.
const PATIENCE: Duration = Duration::from_secs(15);

/// Whether pages may run scripts: links must work without, the console is nicer with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scripts {
    On,
    Off,
}

/// What a person's system asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    Light,
    Dark,
}

impl Scheme {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Scheme::Light => "light",
            Scheme::Dark => "dark",
        }
    }
}

/// One window; closed when it is dropped.
pub(crate) struct Browser {
    driver: String,
    session: String,
}

impl Browser {
    pub(crate) fn open(scripts: Scripts) -> Browser {
        let driver =
            std::env::var("MW_WEBDRIVER").expect("MW_WEBDRIVER is not set: run these tests as `./dev browser`");
        let mut arguments = vec!["--headless=new", "--disable-dev-shm-usage", "--lang=en", "--window-size=1280,900"];
        // Chromium's sandbox refuses root, whom CI may be.
        if rustix::process::geteuid().is_root() {
            arguments.push("--no-sandbox");
        }
        let javascript = if scripts == Scripts::On { 1 } else { 2 };
        let options = json!({
            "args": arguments,
            "prefs": {"profile.managed_default_content_settings.javascript": javascript},
        });
        let capabilities = json!({"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}});
        let body = json!({"capabilities": {"alwaysMatch": capabilities}});
        let opened = call(&driver, "POST", "/session", &body).expect("the browser starts");
        let session = format!("/session/{}", opened["sessionId"].as_str().expect("a session has an id"));
        Browser { driver, session }
    }

    fn try_command(&self, method: &str, path: &str, body: &Value) -> Result<Value, String> {
        call(&self.driver, method, &format!("{}{path}", self.session), body)
    }

    #[track_caller]
    fn command(&self, method: &str, path: &str, body: &Value) -> Value {
        self.try_command(method, path, body).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// A command of the browser's own protocol, for what WebDriver lacks.
    fn devtools(&self, name: &str, parameters: &Value) -> Value {
        self.command("POST", "/goog/cdp/execute", &json!({"cmd": name, "params": parameters}))
    }

    /// Opens a path of the service.
    pub(crate) fn visit(&self, path: &str) {
        self.visit_foreign(&format!("{}{path}", service().base_url));
    }

    /// Opens any address.
    pub(crate) fn visit_foreign(&self, url: &str) {
        self.command("POST", "/url", &json!({"url": url}));
    }

    /// Path and query of the page that is shown.
    pub(crate) fn path(&self) -> String {
        crate::support::run::path_of(self.command("GET", "/url", &Value::Null).as_str().unwrap())
    }

    /// Back to the page before.
    pub(crate) fn back(&self) {
        self.command("POST", "/back", &json!({}));
    }

    /// Once more; a form that led here is sent again.
    pub(crate) fn reload(&self) {
        self.command("POST", "/refresh", &json!({}));
    }

    /// All that can be read on the page.
    pub(crate) fn text(&self) -> String {
        self.read("body").unwrap_or_default()
    }

    /// The text of the first element of a CSS selector, if there is one.
    pub(crate) fn read(&self, selector: &str) -> Option<String> {
        let element = self.find("css selector", selector)?;
        // It may be gone by now: the page goes on.
        Some(self.try_command("GET", &format!("/element/{element}/text"), &Value::Null).ok()?.as_str()?.to_owned())
    }

    /// Waits until the page says this.
    #[track_caller]
    pub(crate) fn see(&self, text: &str) {
        let seen = within(PATIENCE, || self.text().contains(text).then_some(()));
        assert!(seen.is_some(), "{text:?} does not come; the page says:\n{}", self.text());
    }

    /// Presses a button or follows a link by what is written on it.
    #[track_caller]
    pub(crate) fn click(&self, name: &str) {
        let path = format!("//*[self::button or self::a or self::summary][normalize-space()={name:?}]");
        let pressed = within(PATIENCE, || {
            let element = self.find("xpath", &path)?;
            self.try_command("POST", &format!("/element/{element}/click"), &json!({})).ok()
        });
        assert!(pressed.is_some(), "{name:?} cannot be pressed; the page says:\n{}", self.text());
    }

    /// Whether there is such a button or link.
    pub(crate) fn offers(&self, name: &str) -> bool {
        self.find("xpath", &format!("//*[self::button or self::a][normalize-space()={name:?}]")).is_some()
    }

    /// Writes into the field with this label, instead of what is there.
    #[track_caller]
    pub(crate) fn fill(&self, label: &str, text: &str) {
        let element = self.field(label);
        self.command("POST", &format!("/element/{element}/clear"), &json!({}));
        self.command("POST", &format!("/element/{element}/value"), &json!({"text": text}));
    }

    /// Chooses an option of the field with this label.
    #[track_caller]
    pub(crate) fn choose(&self, label: &str, option: &str) {
        let field = self.field(label);
        let path = format!(".//option[normalize-space()={option:?}]");
        let found =
            self.command("POST", &format!("/element/{field}/element"), &json!({"using": "xpath", "value": path}));
        let element = found[ELEMENT].as_str().unwrap();
        self.command("POST", &format!("/element/{element}/click"), &json!({}));
    }

    /// Says yes to the question that a script asks.
    #[track_caller]
    pub(crate) fn confirm(&self) {
        let confirmed = within(PATIENCE, || self.try_command("POST", "/alert/accept", &json!({})).ok());
        assert!(confirmed.is_some(), "nothing is asked");
    }

    #[track_caller]
    fn field(&self, label: &str) -> String {
        let labelled = format!("//label[starts-with(normalize-space(), {label:?})]");
        let field = "*[self::input or self::textarea or self::select]";
        let path = format!("{labelled}//{field} | //{field}[@id={labelled}/@for]");
        within(PATIENCE, || self.find("xpath", &path)).unwrap_or_else(|| panic!("no field {label:?}: {}", self.text()))
    }

    /// Presses keys where the focus is, as WebDriver writes them (`\u{e004}` is Tab, `\u{e007}` Enter).
    pub(crate) fn press(&self, keys: &str) {
        let strokes: Vec<Value> = keys
            .chars()
            .flat_map(|key| ["keyDown", "keyUp"].map(|kind| json!({"type": kind, "value": key.to_string()})))
            .collect();
        self.command("POST", "/actions", &json!({"actions": [{"type": "key", "id": "keys", "actions": strokes}]}));
    }

    /// Waits until a function body returns true in the page.
    #[track_caller]
    pub(crate) fn wait_until(&self, script: &str) {
        let came = within(PATIENCE, || (self.evaluate(script) == true).then_some(()));
        assert!(came.is_some(), "{script}: not true; the page says:\n{}", self.text());
    }

    /// The text of what has the focus.
    pub(crate) fn focus(&self) -> String {
        let found = self.command("GET", "/element/active", &Value::Null);
        let element = found[ELEMENT].as_str().unwrap_or_default();
        let text = self.command("GET", &format!("/element/{element}/text"), &Value::Null);
        text.as_str().unwrap_or_default().to_owned()
    }

    fn find(&self, using: &str, value: &str) -> Option<String> {
        let found = self.try_command("POST", "/element", &json!({"using": using, "value": value})).ok()?;
        Some(found[ELEMENT].as_str()?.to_owned())
    }

    /// What a function body returns in the page; WebDriver may where the page's own scripts may not.
    #[track_caller]
    pub(crate) fn evaluate(&self, script: &str) -> Value {
        self.command("POST", "/execute/sync", &json!({"script": script, "args": []}))
    }

    /// A window of this width, at least as high as a phone, on a system with this scheme.
    pub(crate) fn look_as(&self, width: u32, scheme: Scheme) {
        let phone = width < 600;
        let size =
            json!({"width": width, "height": if phone { 740 } else { 900 }, "deviceScaleFactor": 1, "mobile": phone});
        self.devtools("Emulation.setDeviceMetricsOverride", &size);
        let feature = json!({"name": "prefers-color-scheme", "value": scheme.name()});
        self.devtools("Emulation.setEmulatedMedia", &json!({"features": [feature]}));
    }

    /// The whole page as a PNG, in base64.
    pub(crate) fn picture(&self) -> String {
        let parameters = json!({"format": "png", "captureBeyondViewport": true});
        self.devtools("Page.captureScreenshot", &parameters)["data"].as_str().unwrap().to_owned()
    }

    /// What the browser complained about since it was last asked: scripts and pictures that the policy forbade, errors.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let log = self.command("POST", "/se/log", &json!({"type": "browser"}));
        // The others are advice.
        let serious = |entry: &&Value| matches!(entry["level"].as_str(), Some("SEVERE" | "WARNING"));
        let messages = log.as_array().into_iter().flatten().filter(serious);
        messages.map(|entry| entry["message"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// What axe-core finds serious or critical.
    #[track_caller]
    pub(crate) fn barriers(&self) -> Vec<String> {
        let path = std::env::var("MW_AXE").expect("MW_AXE is not set: run these tests as `./dev browser`");
        let axe = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        // Preloading would fetch, which the page's policy forbids.
        let script = format!(
            "const done = arguments[0]; {axe};
             axe.run(document, {{preload: false}}).then(found => done(found.violations.map(
               v => `${{v.impact}}: ${{v.help}}: ${{v.nodes.map(n => n.html).join(' ').slice(0, 500)}}`)), e => done([String(e)]))"
        );
        let found = self.command("POST", "/execute/async", &json!({"script": script, "args": []}));
        let found = found.as_array().expect("axe answers with a list").iter().filter_map(Value::as_str);
        found.filter(|one| !one.starts_with("minor") && !one.starts_with("moderate")).map(str::to_owned).collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // A second panic would hide the first.
        let _ = self.try_command("DELETE", "", &Value::Null);
    }
}

fn call(driver: &str, method: &str, path: &str, body: &Value) -> Result<Value, String> {
    let agent = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(PATIENCE)).build();
    let request = ureq::http::Request::builder().method(method).uri(format!("{driver}{path}"));
    let request = request.header("content-type", "application/json");
    // WebDriver wants an object with every POST and nothing with the others.
    let body = if method == "POST" { body.to_string() } else { String::new() };
    let request = request.body(body).map_err(|error| error.to_string())?;
    let mut answer = ureq::Agent::from(agent).run(request).map_err(|error| error.to_string())?;
    let mut said: Value = answer.body_mut().read_json().map_err(|error| error.to_string())?;
    let value = said["value"].take();
    if answer.status() == 200 { Ok(value) } else { Err(format!("{}: {}", value["error"], value["message"])) }
}
