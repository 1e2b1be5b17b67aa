//! GET / and the reference of the API at /docs and /redoc, as the original had them: one page, made of openapi.json on the server, whole
//! without a script and without anything from elsewhere.

use crate::health::OPENAPI;
use askama::Template;
use mw_edge::about::{HTML, Nothing, Tag::Operations};
use mw_edge::route::{Route, open_get};
use mw_edge::{Context, Problem, Request, Response, problem, shape};
use mw_operations::gate::layout::{self, SHARED_STYLE};
use serde_json::{Map, Value};

pub const ROUTES: &[Route] = &[
    open_get("/", root)
        .is(Operations, "root", "What this is")
        .gives::<Root>("What this is, and where things are.")
        .gives_as::<Nothing>(303, HTML, "A browser: to the console."),
    open_get("/docs", reference).is(Operations, "docs", "This description, for people").gives_as::<String>(
        200,
        HTML,
        "A page without scripts.",
    ),
    open_get("/redoc", reference).is(Operations, "redoc", "The same page as /docs").gives_as::<String>(
        200,
        HTML,
        "A page without scripts.",
    ),
];

shape! {
    /// Addresses are relative to this one.
    pub struct Root {
        pub service: &'static str,
        pub what: &'static str,
        pub console: &'static str,
        pub docs: &'static str,
        pub openapi: &'static str,
        pub health: &'static str,
        pub mcp: &'static str,
    }
}

const ROOT: Root = Root {
    service: "myloware",
    what: "a self-hosted control plane for AI media runs",
    console: "./console",
    docs: "./docs",
    openapi: "./openapi.json",
    health: "./health",
    mcp: "./mcp",
};

fn root(request: &mut Request, _context: &mut Context) -> Result<Response, Problem> {
    let answer = match request.wants_html() {
        true => Response::empty(303).with_header("location", request.relative("/console")),
        false => Response::ok(&ROOT),
    };
    Ok(answer.with_header("vary", "accept"))
}

fn reference(_request: &mut Request, _context: &mut Context) -> Result<Response, Problem> {
    let document: Value = serde_json::from_str(OPENAPI).map_err(|error| problem::internal().because(error))?;
    let nonce = layout::nonce();
    layout::answer(200, Page::of(&document, &nonce).render(), &nonce)
}

#[derive(Template)]
#[template(path = "reference.html")]
struct Page<'a> {
    title: &'a str,
    version: &'a str,
    summary: &'a str,
    description: &'a str,
    sections: Vec<Section<'a>>,
    schemas: Vec<Schema<'a>>,
    style: &'static str,
    nonce: &'a str,
}

struct Section<'a> {
    name: &'a str,
    description: &'a str,
    operations: Vec<Operation<'a>>,
}

struct Operation<'a> {
    id: &'a str,
    method: String,
    path: &'a str,
    summary: &'a str,
    description: &'a str,
    /// Whether a key is asked for.
    needs: &'static str,
    parameters: Vec<Parameter<'a>>,
    bodies: Vec<Content<'a>>,
    answers: Vec<Answer<'a>>,
}

struct Parameter<'a> {
    place: &'a str,
    name: &'a str,
    required: bool,
    description: &'a str,
    schema: String,
}

struct Answer<'a> {
    status: &'a str,
    description: &'a str,
    bodies: Vec<Content<'a>>,
}

struct Content<'a> {
    media: &'a str,
    /// A type that has an entry of its own, else its schema.
    name: Option<&'a str>,
    text: String,
}

struct Schema<'a> {
    name: &'a str,
    text: String,
}

impl<'a> Page<'a> {
    fn of(document: &'a Value, nonce: &'a str) -> Page<'a> {
        let info = |name: &str| text(document.get("info"), name);
        Page {
            title: info("title"),
            version: info("version"),
            summary: info("summary"),
            description: info("description"),
            sections: list(document.get("tags")).map(|tag| Section::of(document, tag)).collect(),
            schemas: members(document.pointer("/components/schemas"))
                .map(|(name, schema)| Schema { name, text: pretty(schema) })
                .collect(),
            style: SHARED_STYLE,
            nonce,
        }
    }
}

impl<'a> Section<'a> {
    fn of(document: &'a Value, tag: &'a Value) -> Section<'a> {
        let name = text(Some(tag), "name");
        let operations = members(document.get("paths")).flat_map(|(path, methods)| {
            members(Some(methods)).map(move |(method, operation)| (path, method, operation))
        });
        let tagged = operations.filter(|(_, _, operation)| list(operation.get("tags")).any(|tag| tag == name));
        Section {
            name,
            description: text(Some(tag), "description"),
            operations: tagged
                .map(|(path, method, operation)| Operation::of(document, path, method, operation))
                .collect(),
        }
    }
}

impl<'a> Operation<'a> {
    fn of(document: &'a Value, path: &'a str, method: &str, operation: &'a Value) -> Operation<'a> {
        let member = |name| text(Some(operation), name);
        Operation {
            id: member("operationId"),
            method: method.to_ascii_uppercase(),
            path,
            summary: member("summary"),
            description: member("description"),
            needs: match operation.get("security").and_then(Value::as_array) {
                None => "Asks for a key.",
                Some(ways) if ways.is_empty() => "Asks for no key of yours.",
                Some(_) => "Asks for a key, or another right: see below.",
            },
            parameters: list(operation.get("parameters")).map(Parameter::of).collect(),
            bodies: contents(operation.get("requestBody")),
            answers: members(operation.get("responses"))
                .map(|(status, answer)| Answer::of(document, status, answer))
                .collect(),
        }
    }
}

impl<'a> Parameter<'a> {
    fn of(parameter: &'a Value) -> Parameter<'a> {
        let member = |name| text(Some(parameter), name);
        Parameter {
            place: member("in"),
            name: member("name"),
            required: parameter.get("required").and_then(Value::as_bool).unwrap_or_default(),
            description: member("description"),
            schema: parameter.get("schema").map(Value::to_string).unwrap_or_default(),
        }
    }
}

impl<'a> Answer<'a> {
    /// What several answers have in common stands in one place of the document.
    fn of(document: &'a Value, status: &'a str, answer: &'a Value) -> Answer<'a> {
        let shared =
            answer.get("$ref").and_then(Value::as_str).and_then(|place| document.pointer(place.strip_prefix('#')?));
        let answer = shared.unwrap_or(answer);
        Answer { status, description: text(Some(answer), "description"), bodies: contents(Some(answer)) }
    }
}

fn contents(holder: Option<&Value>) -> Vec<Content<'_>> {
    members(holder.and_then(|holder| holder.get("content")))
        .map(|(media, content)| {
            let schema = content.get("schema");
            let name = schema.and_then(|schema| schema.get("$ref")?.as_str()?.strip_prefix("#/components/schemas/"));
            Content { media, name, text: schema.map(pretty).unwrap_or_default() }
        })
        .collect()
}

fn text<'a>(holder: Option<&'a Value>, name: &str) -> &'a str {
    holder.and_then(|holder| holder.get(name)?.as_str()).unwrap_or_default()
}

fn list(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    value.and_then(Value::as_array).into_iter().flatten()
}

fn members(value: Option<&Value>) -> impl Iterator<Item = (&str, &Value)> {
    let members: Option<&Map<String, Value>> = value.and_then(Value::as_object);
    members.into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use mw_edge::config::Config;
    use mw_edge::route::answer;

    fn asked(path: &str, accept: &str) -> Response {
        let mut context = Context::new(Config::of(&[]), "r".to_owned());
        let mut request = Request::in_memory("GET", path, &[("accept", accept)], "");
        answer(&[ROUTES], &mut request, &mut context).ok().unwrap()
    }

    #[test]
    fn the_reference_shows_every_operation_and_type() {
        let document: Value = serde_json::from_str(OPENAPI).unwrap();
        let operations: Vec<&str> = members(document.get("paths"))
            .flat_map(|(_, methods)| members(Some(methods)))
            .map(|(_, operation)| text(Some(operation), "operationId"))
            .collect();
        for path in ["/docs", "/redoc"] {
            let page = String::from_utf8(asked(path, "text/html").body).unwrap();
            assert!(
                operations.len() > 40 && operations.iter().all(|id| page.contains(&format!("<details id=\"{id}\">")))
            );
            for (name, _) in members(document.pointer("/components/schemas")) {
                assert!(page.contains(&format!("id=\"type-{name}\"")), "{name}");
            }
        }
    }

    #[test]
    fn the_reference_needs_no_script_and_nothing_from_elsewhere() {
        let response = asked("/docs", "*/*");
        let policy = response.headers.iter().find(|(name, _)| *name == "content-security-policy").unwrap();
        assert!(policy.1.starts_with("default-src 'none'; style-src 'nonce-"), "{}", policy.1);
        let page = String::from_utf8(response.body).unwrap();
        for part in ["<script", "src=", "href=\"http", "href=\"/", "@import", "url("] {
            assert!(!page.contains(part), "{part}");
        }
    }

    #[test]
    fn the_root_leads_people_to_the_console_and_tells_programs() {
        let browser = asked("/", "text/html,application/xhtml+xml,*/*;q=0.8");
        assert_eq!(browser.status, 303);
        assert!(browser.headers.contains(&("location", "./console".to_owned())));
        let program = asked("/", "*/*");
        let told: Value = serde_json::from_slice(&program.body).unwrap();
        assert_eq!((program.status, &told["service"], &told["docs"]), (200, &"myloware".into(), &"./docs".into()));
        assert!(program.headers.contains(&("vary", "accept".to_owned())));
    }
}
