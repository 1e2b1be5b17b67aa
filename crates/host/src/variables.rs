//! Variables: what a component may ask for by name, and the templates of the manifest.
//!
//! - `Template`: text with `{{ expressions }}`; an expression is the name of one application variable.
//! - `Variables`: every application variable with its value: SPIN_VARIABLE_<NAME> of the environment, else the same
//!   name in `.env`, else the manifest's default. Read once at start; a required one without a value is refused there.
//! - `ComponentVariables`: the values granted to one component, with Spin's error texts.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::bindings::fermyon::spin::variables::Error;
use crate::manifest::VariableDeclaration;

const PREFIX: &str = "SPIN_VARIABLE_";

/// Literal text and expressions, in turn.
#[derive(Debug, PartialEq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, PartialEq)]
enum Part {
    Literal(String),
    Expression(String),
}

impl Template {
    pub fn parse(text: &str) -> Result<Self> {
        let mut parts = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let (literal, tail) = match rest.split_once("{{") {
                None => (rest, None),
                Some((literal, tail)) => (literal, Some(tail)),
            };
            if !literal.is_empty() {
                parts.push(Part::Literal(literal.to_owned()));
            }
            let Some(tail) = tail else { break };
            let Some((expression, after)) = tail.split_once("}}") else {
                bail!("unmatched '{{{{' in template {text:?}");
            };
            parts.push(Part::Expression(expression.trim().to_owned()));
            rest = after;
        }
        Ok(Self { parts })
    }

    pub fn is_literal(&self) -> bool {
        self.parts.iter().all(|part| matches!(part, Part::Literal(_)))
    }
}

/// All variables of the application, resolved. Not Debug: secrets are among them.
#[derive(Default)]
pub struct Variables {
    values: BTreeMap<String, String>,
}

impl Variables {
    /// Reads the environment of this process, as Spin does by default.
    pub fn from_environment(declared: &BTreeMap<String, VariableDeclaration>) -> Result<Self> {
        let file = read_dotenv(Path::new(".env"))?;
        Self::resolve(declared, |name| std::env::var(name).ok().or_else(|| file.get(name).cloned()))
    }

    pub fn resolve(
        declared: &BTreeMap<String, VariableDeclaration>,
        lookup: impl Fn(&str) -> Option<String>,
    ) -> Result<Self> {
        let mut values = BTreeMap::new();
        let mut missing = Vec::new();
        for (name, declaration) in declared {
            let environment_name = format!("{PREFIX}{}", name.to_ascii_uppercase());
            match lookup(&environment_name).or_else(|| declaration.default.clone()) {
                Some(value) => {
                    values.insert(name.clone(), value);
                }
                None => missing.push(environment_name),
            }
        }
        if !missing.is_empty() {
            bail!("required variables have no value: set {} in the environment", missing.join(", "));
        }
        Ok(Self { values })
    }

    pub fn render(&self, template: &Template) -> Result<String> {
        let mut text = String::new();
        for part in &template.parts {
            match part {
                Part::Literal(literal) => text.push_str(literal),
                Part::Expression(name) => {
                    let value = self
                        .values
                        .get(name)
                        .with_context(|| format!("unknown variable {name:?}: declare it under [variables]"))?;
                    text.push_str(value);
                }
            }
        }
        Ok(text)
    }

    /// The values that `[component.<id>.variables]` grants.
    pub fn for_component(&self, id: &str, templates: &BTreeMap<String, String>) -> Result<ComponentVariables> {
        let values = templates
            .iter()
            .map(|(name, text)| {
                let value = Template::parse(text)
                    .and_then(|template| self.render(&template))
                    .with_context(|| format!("[component.{id}.variables] {name}"))?;
                Ok((name.clone(), value))
            })
            .collect::<Result<_>>()?;
        Ok(ComponentVariables { component: id.to_owned(), values })
    }
}

pub struct ComponentVariables {
    component: String,
    values: BTreeMap<String, String>,
}

impl ComponentVariables {
    pub fn get(&self, name: &str) -> Result<String, Error> {
        if let Some(reason) = name_fault(name) {
            return Err(Error::InvalidName(format!("{name:?}: {reason}")));
        }
        let undefined = || Error::Undefined(format!("no variable for {:?}.{name:?}", self.component));
        self.values.get(name).cloned().ok_or_else(undefined)
    }
}

/// Spin's rules for the name a guest asks with.
fn name_fault(name: &str) -> Option<String> {
    let is_allowed = |c: &char| c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '_';
    if name.is_empty() {
        return Some("must not be empty".into());
    }
    if let Some(bad) = name.chars().find(|c| !is_allowed(c)) {
        return Some(format!(
            "invalid character {bad:?}. Variable names may contain only lower-case letters, numbers, and underscores."
        ));
    }
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        return Some("must start with a lowercase ASCII letter".into());
    }
    if !name.ends_with(|c: char| c.is_ascii_alphanumeric()) {
        return Some("must end with a lowercase ASCII letter or digit".into());
    }
    name.contains("__").then(|| "must not contain multiple consecutive underscores".into())
}

/// Spin also looks into `.env` of the folder it is started in; only its SPIN_VARIABLE_ lines matter.
fn read_dotenv(path: &Path) -> Result<BTreeMap<String, String>> {
    let values = mw_dotenv::read(path).with_context(|| path.display().to_string())?;
    Ok(values.into_iter().filter(|(name, _)| name.starts_with(PREFIX)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(toml: &str, environment: &[(&str, &str)]) -> Result<Variables> {
        let lookup = |name: &str| environment.iter().find(|(n, _)| *n == name).map(|(_, value)| value.to_string());
        Variables::resolve(&toml::from_str(toml).unwrap(), lookup)
    }

    fn render(variables: &Variables, text: &str) -> Result<String> {
        variables.render(&Template::parse(text)?)
    }

    #[test]
    fn templates_are_filled_in() {
        let variables = resolved("a = { default = '1' }\nb_c = { default = '' }", &[]).unwrap();
        let cases = [("", ""), ("plain", "plain"), ("{{a}}", "1"), ("x{{ a }}y{{b_c}}z", "x1yz"), ("}} {", "}} {")];
        for (text, expected) in cases {
            assert_eq!(render(&variables, text).unwrap(), expected, "{text}");
        }
        assert!(Template::parse("{{ a").is_err());
        assert!(render(&variables, "{{ nobody }}").unwrap_err().to_string().contains("nobody"));
    }

    #[test]
    fn the_environment_overrides_the_default() {
        let toml = "a = { default = '1' }\nb = { required = true, secret = true }";
        let variables = resolved(toml, &[("SPIN_VARIABLE_A", "2"), ("SPIN_VARIABLE_B", "")]).unwrap();
        assert_eq!(render(&variables, "{{a}}{{b}}").unwrap(), "2");
    }

    #[test]
    fn all_missing_variables_are_named() {
        let error = resolved("a = { required = true }\nb = { required = true }", &[]).err().unwrap().to_string();
        assert!(error.contains("SPIN_VARIABLE_A, SPIN_VARIABLE_B"), "{error}");
    }

    #[test]
    fn a_component_gets_what_it_was_granted() {
        let variables = resolved("a = { default = '1' }", &[]).unwrap();
        let granted = [("x".to_owned(), "<{{ a }}>".to_owned())].into();
        let component = variables.for_component("c", &granted).unwrap();
        assert_eq!(component.get("x").unwrap(), "<1>");
        assert!(matches!(component.get("a"), Err(Error::Undefined(text)) if text == r#"no variable for "c"."a""#));
        for bad in ["", "A", "1a", "a_", "a__b", "a-b"] {
            assert!(matches!(component.get(bad), Err(Error::InvalidName(_))), "{bad}");
        }
    }

    #[test]
    fn dotenv_lines_are_read() {
        let file = std::env::temp_dir().join(format!("mw-host-dotenv-{}", std::process::id()));
        std::fs::write(&file, "OTHER=1\nexport SPIN_VARIABLE_A=\"two words\"\nSPIN_VARIABLE_B='x' # y\n# no\n")
            .unwrap();
        let values = read_dotenv(&file).unwrap();
        std::fs::remove_file(&file).unwrap();
        let expected = [("SPIN_VARIABLE_A", "two words"), ("SPIN_VARIABLE_B", "x")];
        assert_eq!(values, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
    }
}
