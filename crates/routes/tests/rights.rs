//! docs/principals.md shows who may do what, as the tables of routes say it.

use mw_edge::Method;
use mw_kernel::principal::Role;
use mw_routes::all;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/principals.md");
const BEGIN: &str = "<!-- generated: rights -->\n";
const END: &str = "<!-- end -->";

fn table() -> String {
    let mut text = String::from("| Route | Role | Limit |\n|---|---|---|\n");
    for line in all() {
        let method = match line.method {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Delete => "DELETE",
            Method::Head | Method::Options | Method::Other => "",
        };
        let role = line.role.map_or("open", Role::as_str);
        let limit = line.limiter.map(|limiter| limiter.variable.trim_end_matches("_per_minute")).unwrap_or_default();
        text.push_str(&format!("| `{method} {}` | {role} | {limit} |\n", line.template));
    }
    text
}

#[test]
fn the_page_of_principals_shows_every_right() {
    let page = std::fs::read_to_string(PAGE).unwrap();
    let (head, rest) = page.split_once(BEGIN).unwrap();
    let (_, tail) = rest.split_once(END).unwrap();
    let expected = format!("{head}{BEGIN}{}{END}{tail}", table());
    if std::env::var("UPDATE_DOCS").is_ok() {
        std::fs::write(PAGE, expected).unwrap();
    } else {
        assert_eq!(page, expected, "docs/principals.md is stale: UPDATE_DOCS=1 cargo test -p mw-routes");
    }
}

#[test]
fn what_changes_something_is_not_for_viewers() {
    // Talking to MCP is for viewers, since each tool names its own role; a conversation is its owner's.
    let others = ["/mcp", "/mcp/tools/list", "/mcp/tools/call", "/v1/chat/conversations/{user_id}", "/console/logout"];
    for line in all().iter().filter(|line| line.method != Method::Get && !others.contains(&line.template)) {
        assert_ne!(line.role, Some(Role::Viewer), "{}", line.template);
    }
}
