//! Templates: texts of a definition with named places in braces, `A shot of {subject}.`, which a run's values fill. A part
//! in brackets, `[ Theme: {theme}.]`, is written once for each value of its place: not at all where there is none.

use serde::{Deserialize, Serialize};

/// A template as the definition has it; [`Template::fault`] says whether it can be filled.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Template(String);

/// A part of a template: in brackets, or between two such parts.
struct Part<'a> {
    text: &'a str,
    is_repeated: bool,
}

impl Template {
    /// What is wrong with it, where only these places have values.
    pub(super) fn fault(&self, places: &[&str]) -> Option<String> {
        if self.0.trim().is_empty() {
            return Some("write a text".to_owned());
        }
        for part in parts(&self.0) {
            if part.text.contains(['[', ']']) {
                return Some("close every [ with a ], and put no brackets into brackets".to_owned());
            }
            let names = names(part.text);
            let braces = part.text.matches(['{', '}']).count();
            if braces != 2 * names.len() || names.iter().any(|name| name.contains('{')) {
                return Some("close every { with a }, and put only the name of a place between them".to_owned());
            }
            if let Some(name) = names.iter().find(|name| !places.contains(name)) {
                return Some(format!("there is no place {{{name}}} here; there are {}", places.join(", ")));
            }
            if part.is_repeated && names.len() != 1 {
                return Some(format!("put exactly one place into [{}]", part.text));
            }
        }
        None
    }

    /// Puts the values into their places; several values of a place outside brackets are one text.
    pub(crate) fn fill(&self, values: impl Fn(&str) -> Vec<String>) -> String {
        let fill_part = |part: Part<'_>| match (part.is_repeated, names(part.text).first()) {
            (true, Some(place)) => values(place).iter().map(|value| replace(part.text, &|_| value.clone())).collect(),
            (true, None) | (false, _) => replace(part.text, &|name| values(name).join(" ")),
        };
        parts(&self.0).into_iter().map(fill_part).collect()
    }
}

/// The parts in order. A bracket without its partner stays in the text.
fn parts(template: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = template;
    while let Some((before, (inside, after))) =
        rest.split_once('[').and_then(|(before, after)| Some((before, after.split_once(']')?)))
    {
        parts.push(Part { text: before, is_repeated: false });
        parts.push(Part { text: inside, is_repeated: true });
        rest = after;
    }
    parts.push(Part { text: rest, is_repeated: false });
    parts
}

/// The names between braces, in order.
fn names(text: &str) -> Vec<&str> {
    text.split('{').skip(1).filter_map(|after| Some(after.split_once('}')?.0)).collect()
}

/// Every place replaced, in one pass: braces in a value are text.
fn replace(text: &str, value: &dyn Fn(&str) -> String) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, (name, after))) =
        rest.split_once('{').and_then(|(before, after)| Some((before, after.split_once('}')?)))
    {
        filled.push_str(before);
        filled.push_str(&value(name));
        rest = after;
    }
    filled + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACES: [&str; 2] = ["subject", "change"];

    fn filled(template: &str, changes: &[&str]) -> String {
        Template(template.to_owned()).fill(|place| match place {
            "subject" => vec!["a {change} [moon]".to_owned()],
            _ => changes.iter().map(|change| (*change).to_owned()).collect(),
        })
    }

    #[test]
    fn values_are_put_into_their_places() {
        let template = "A shot of {subject}.[ Change: {change}.] End.";
        assert_eq!(filled(template, &[]), "A shot of a {change} [moon]. End.");
        assert_eq!(filled(template, &["red"]), "A shot of a {change} [moon]. Change: red. End.");
        assert_eq!(filled(template, &["red", "{x}"]), "A shot of a {change} [moon]. Change: red. Change: {x}. End.");
        assert_eq!(filled("Changes: {change}", &["red", "blue"]), "Changes: red blue");
    }

    #[test]
    fn a_template_that_cannot_be_filled_is_refused() {
        for (template, expected) in [
            (" ", "write a text"),
            ("a {moon}", "no place {moon} here; there are subject, change"),
            ("a {subject", "close every {"),
            ("a subject}", "close every {"),
            ("a {{subject}}", "close every {"),
            ("a [{subject}", "close every ["),
            ("a ]", "close every ["),
            ("[a [{subject}]]", "close every ["),
            ("[no place]", "exactly one place"),
            ("[{subject} {change}]", "exactly one place"),
        ] {
            let fault = Template(template.to_owned()).fault(&PLACES).expect(template);
            assert!(fault.contains(expected), "{template}: {fault}");
        }
        assert_eq!(Template("[ of {subject}] and {change}".to_owned()).fault(&PLACES), None);
    }

    proptest::proptest! {
        #[test]
        fn any_template_can_be_filled(template in "[a-c\\[\\]{} ]{0,30}") {
            let template = Template(template);
            let filled = template.fill(|_| vec!["x".to_owned()]);
            // What the check passes has no mark left.
            let is_whole = !filled.contains(['[', ']', '{', '}']);
            proptest::prop_assert!(template.fault(&["a", "b"]).is_some() || is_whole);
        }
    }
}
