//! The places of the docs that this program writes, so that no figure in them is written by hand: what stands between
//! `<!-- bench: NAME -->` and `<!-- end of bench: NAME -->`.

use anyhow::{Context, Result};
use std::path::Path;

/// Puts a text into a place of a page.
pub(crate) fn write(page: &Path, name: &str, body: &str) -> Result<()> {
    let text = std::fs::read_to_string(page).with_context(|| format!("read {}", page.display()))?;
    let text = replaced(&text, name, body).with_context(|| format!("{} has no place for {name}", page.display()))?;
    std::fs::write(page, text).with_context(|| format!("write {}", page.display()))
}

fn replaced(text: &str, name: &str, body: &str) -> Option<String> {
    let (before, rest) = text.split_once(&format!("<!-- bench: {name} -->\n"))?;
    let end = format!("<!-- end of bench: {name} -->");
    let (_, after) = rest.split_once(&end)?;
    Some(format!("{before}<!-- bench: {name} -->\n{}\n{end}{after}", body.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_place_is_replaced() {
        let text = "a\n<!-- bench: spin -->\nold\n<!-- end of bench: spin -->\nb\n";
        let expected = "a\n<!-- bench: spin -->\nnew\n<!-- end of bench: spin -->\nb\n";
        assert_eq!(replaced(text, "spin", "new\n").as_deref(), Some(expected));
        assert_eq!(replaced(text, "local", "new"), None);
    }

    #[test]
    fn the_pages_have_every_place() {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
        for (page, name) in [
            ("docs/performance.md", "spin"),
            ("docs/performance.md", "spin with a history"),
            ("docs/performance.md", "local"),
            ("docs/performance.md", "local with a history"),
            ("README.md", "spin"),
        ] {
            let text = std::fs::read_to_string(format!("{root}/{page}")).unwrap();
            assert!(replaced(&text, name, "").is_some(), "{page} has no place for {name}");
        }
    }
}
