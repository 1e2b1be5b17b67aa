//! The routes of spin.toml, in the words of the tables.

use mw_edge::route::Route;

/// The public routes of a manifest: `{name}` for `:name`, without wildcards and second spellings with a slash at the end.
pub fn routes(manifest: &str) -> Vec<String> {
    let manifest: toml::Table = manifest.parse().unwrap_or_default();
    let triggers = manifest.get("trigger").and_then(|trigger| trigger.get("http")).and_then(toml::Value::as_array);
    let routes = triggers.into_iter().flatten().filter_map(|trigger| trigger.get("route")?.as_str());
    let routes = routes.filter(|route| !route.ends_with("/...") && (*route == "/" || !route.ends_with('/')));
    routes
        .map(|route| {
            let segments = route.split('/').map(|segment| match segment.strip_prefix(':') {
                Some(name) => format!("{{{name}}}"),
                None => segment.to_owned(),
            });
            segments.collect::<Vec<_>>().join("/")
        })
        .collect()
}

/// Whether a route of the manifest is this line's: the same, or one of its names filled in.
pub fn is_served(route: &str, line: &Route<()>) -> bool {
    let mut template = line.template.split('/');
    let same =
        |wanted: &str, segment: &str| wanted == segment || (wanted.starts_with('{') && !segment.starts_with('{'));
    route.split('/').all(|segment| template.next().is_some_and(|wanted| same(wanted, segment)))
        && template.next().is_none()
}
