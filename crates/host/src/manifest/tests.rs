//! A good manifest of each kind, and the refusals.

use super::*;

const HEAD: &str = "spin_manifest_version = 2\n[application]\nname = 'x'\n";
const TRIGGER: &str = "[[trigger.http]]\nroute = '/...'\ncomponent = 'a'\n";
const COMPONENT: &str = "[component.a]\nsource = 'a.wasm'\n";

fn parse(text: &str) -> Result<Manifest> {
    Manifest::parse(text, Path::new("/folder"))
}

#[test]
fn a_plain_manifest_is_read() {
    let text = format!(
        "{HEAD}version = '1.0'\nauthors = ['me']\n[variables]\nk = {{ default = 'v', secret = true }}\n{TRIGGER}\
         [[trigger.http]]\nroute = {{ private = true }}\ncomponent = 'a'\nexecutor = {{ type = 'http' }}\n\
         {COMPONENT}key_value_stores = ['default']\n[component.a.build]\ncommand = 'make'\nwatch = ['src']\n\
         [component.a.variables]\nk = '{{{{ k }}}}'\n"
    );
    let manifest = parse(&text).unwrap();
    let Triggers::Http(triggers) = &manifest.triggers else { panic!("not HTTP") };
    let routes: Vec<_> = triggers.iter().map(|trigger| trigger.route.as_deref()).collect();
    assert_eq!(routes, [Some("/..."), None]);
    assert_eq!(manifest.components["a"].source, Path::new("/folder/a.wasm"));
}

#[test]
fn cron_triggers_are_read() {
    let text = format!("{HEAD}[[trigger.cron]]\ncron_expression = '* * * * * *'\ncomponent = 'a'\n{COMPONENT}");
    assert!(matches!(parse(&text).unwrap().triggers, Triggers::Cron(triggers) if triggers.len() == 1));
}

/// One bad thing inside an otherwise good manifest: before the trigger, instead of it, or in the component.
fn refusal(variables: &str, trigger: &str, component: &str) -> String {
    let error = parse(&format!("{HEAD}{variables}{trigger}{COMPONENT}{component}")).unwrap_err();
    format!("{error:#}")
}

#[test]
fn what_is_not_implemented_is_refused_by_name() {
    let cron = "[[trigger.cron]]\ncron_expression = '* * * * * *'\ncomponent = 'a'\n";
    let both = format!("{TRIGGER}{cron}");
    let cases = [
        ("", "", "", "no triggers"),
        ("", "[[trigger.redis]]\nchannel = 'c'\n", "", "redis"),
        ("", &both, "", "manifest of their own"),
        ("", TRIGGER, "frobnicate = 1", "frobnicate"),
        ("", TRIGGER, "files = ['f']", "files"),
        ("", TRIGGER, "sqlite_databases = ['d']", "sqlite_databases"),
        ("", TRIGGER, "key_value_stores = ['other']", "other"),
        ("", TRIGGER, "[component.b]\nsource = { url = 'u', digest = 'd' }", "local path"),
        ("", TRIGGER, "[component.a_b]\nsource = 's'", "a_b"),
        ("", "[[trigger.http]]\nroute = '/'\nstatic_response = {}\n", "", "static_response"),
        ("", "[[trigger.http]]\nroute = '/'\ncomponent = 'b'\n", "", "[component.b]"),
        ("", "[[trigger.http]]\nroute = '/'\ncomponent = { source = 's' }\n", "", "in place"),
        ("", "[[trigger.http]]\nroute = '/'\ncomponent = 'a'\nexecutor = { type = 'wagi' }\n", "", "wagi"),
        ("", "[[trigger.http]]\nroute = { private = false }\ncomponent = 'a'\n", "", "private = true"),
        ("", "[[trigger.http]]\ncomponent = 'a'\n", "", "route"),
        ("", "[[trigger.cron]]\ncron-expression = 'x'\ncomponent = 'a'\n", "", "cron-expression"),
        ("[application.trigger.http]\nbase = '/b'\n", TRIGGER, "", "application.trigger.http"),
        ("[variables]\nk = {}\n", TRIGGER, "", "`required` OR have a `default`"),
        ("[variables]\nK = { default = '' }\n", TRIGGER, "", "lower case"),
        ("[variables]\nk_1 = { default = '' }\n", TRIGGER, "", "k_1"),
    ];
    for (variables, trigger, component, reason) in cases {
        let error = refusal(variables, trigger, component);
        assert!(error.contains(reason) && !error.contains('\n'), "{reason}: {error}");
    }
}

#[test]
fn other_versions_and_broken_files_are_refused() {
    let cases = [
        ("spin_manifest_version = 1\n[application]\nname = 'x'\n", "only 2 is implemented"),
        ("spin_manifest_version = ", "line 1"),
    ];
    for (text, reason) in cases {
        let error = format!("{:#}", parse(text).unwrap_err());
        assert!(error.contains(reason), "{error}");
    }
}
