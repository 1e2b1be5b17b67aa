//! openapi.json, made of the tables: a path for each route of spin.toml, its operations from the lines that serve it, schemas from
//! their types. What follows from a line is not said in it: who has a role can be refused for it, who sends a body can send a
//! wrong one.

#![expect(
    clippy::indexing_slicing,
    reason = "a JSON value answers null for what it does not have; nothing here runs in a component"
)]

use crate::{all, manifest};
use mw_edge::about::{About, FORM, JSON, Place, Tag};
use mw_edge::route::Route;
use mw_edge::{Method, shape};
use mw_kernel::principal::Role;
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde::Serialize;
use serde_json::{Map, Value, json};

const TEXT: &str = "Every error is `application/problem+json` whose `detail` is a stable text. Every answer carries `X-Request-ID`, echoed when the request brought one of 1 to 128 visible ASCII characters. HEAD works wherever GET does; OPTIONS answers 204 with `Allow`; neither ever changes anything. Members of a body that are not named here are dropped. A member that may be left out may be null too, which means the same.";

const TAGS: [(Tag, &str, &str); 8] = [
    (Tag::Chat, "chat", "Brendan"),
    (Tag::Runs, "runs", "Runs and their timelines"),
    (Tag::Gates, "gates", "What waits for a person"),
    (Tag::Projects, "projects", "What runs are made from"),
    (Tag::Webhooks, "webhooks", "What providers call"),
    (Tag::Operations, "operations", "For operators and probes"),
    (Tag::Mcp, "mcp", "The same for agents (docs/mcp.md)"),
    (Tag::Console, "console", "Pages for people"),
];

/// The problems: status, name, what it says.
const PROBLEMS: [(u16, &str, &str); 14] = [
    (400, "BadRequest", "The request could not be read; where its JSON is broken, `detail` says at which place."),
    (401, "Unauthorized", "`Invalid API key`. Answered before anything else is looked at."),
    (
        403,
        "Forbidden",
        "The key's owner has too small a role (`forbidden`), the body names somebody else (`user-not-yours`), `invalid or expired token`, or `invalid signature`.",
    ),
    (
        404,
        "NotFound",
        "`run not found`, `project not found`, `dead letter not found`, `source not found`, or no such route.",
    ),
    (405, "MethodNotAllowed", "The path exists, the method does not; `Allow` lists those that do."),
    (408, "BodyTimeout", "The body did not arrive in time."),
    (409, "Conflict", "The run is elsewhere: it has ended, waits elsewhere, or somebody was faster."),
    (413, "PayloadTooLarge", "The body is over 256 KB (webhooks: 1,000,000 bytes)."),
    (415, "UnsupportedMediaType", "The body's content type is not taken here."),
    (422, "Unprocessable", "The request is not valid; `errors` lists its fields."),
    (
        429,
        "TooManyRequests",
        "`rate limit exceeded`, or, where runs are started, `budget-exhausted` with `used` and `limit`; `Retry-After` says when to come back.",
    ),
    (500, "InternalError", "A fault of ours; the log has it under the request id."),
    (502, "BadGateway", "`failed to resume run`: nothing was recorded, a retry does it."),
    (503, "Unavailable", "The database is away, the configuration is not fit, or the service drains."),
];

/// Names of words that say too little outside their modules.
const RENAMED: [(&str, &str); 3] =
    [("Reason", "DeadLetterReason"), ("Ending", "DeadLetterResult"), ("Kind", "ChannelKind")];

shape! {
    /// An error, as RFC 9457 has it.
    #[schemars(extend("additionalProperties" = true))]
    pub struct Problem {
        /// Names the kind of problem; docs/errors.md explains each.
        #[schemars(url)]
        pub r#type: String,
        pub title: String,
        pub status: u16,
        pub detail: String,
        pub instance: String,
        /// The stable code, also the end of `type`.
        pub code: String,
        pub request_id: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(with = "Vec<FieldProblem>")]
        pub errors: Option<Vec<FieldProblem>>,
    }

    #[schemars(inline)]
    pub struct FieldProblem {
        pub detail: String,
        /// JSON pointer into the body, or `path:`, `query:`, `header:` and a name.
        pub pointer: String,
    }
}

/// Where schemas come from.
struct Types {
    /// What may be left out of a body may be left out here.
    taken: SchemaGenerator,
    /// What is always answered is always there.
    given: SchemaGenerator,
    /// Members of parts, each by itself.
    parts: SchemaGenerator,
}

/// The document.
pub fn document(spin_manifest: &str) -> Value {
    let settings = || SchemaSettings::draft2020_12().with(|settings| settings.meta_schema = None);
    let named = || settings().with(|settings| settings.definitions_path = "/components/schemas".into());
    let mut types = Types {
        taken: named().into_generator(),
        given: named().for_serialize().into_generator(),
        parts: settings().with(|settings| settings.inline_subschemas = true).into_generator(),
    };
    let lines = all();
    let mut paths = Map::new();
    for route in manifest::routes(spin_manifest) {
        let served = lines.iter().filter(|line| manifest::is_served(&route, line));
        // A filled-in name has a line of its own, or is described as an instance of its template.
        let own = lines.iter().any(|line| line.template == route);
        let operations: Map<String, Value> = served
            .filter(|line| !line.about.id.is_empty() && (!own || line.template == route))
            .map(|line| (word(line.method).to_owned(), operation(&route, line, &mut types)))
            .collect();
        if !operations.is_empty() {
            paths.insert(route, Value::Object(operations));
        }
    }
    let problem = types.given.subschema_for::<Problem>();
    let schemas = types.taken.take_definitions(true).into_iter().chain(types.given.take_definitions(true));
    let schemas: Map<String, Value> = schemas.collect();
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "MyloWare", "version": env!("CARGO_PKG_VERSION"), "description": TEXT,
            "summary": "A self-hosted control plane for AI media runs",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        // Where this document is served: a proxy may have put us below a path.
        "servers": [{"url": "."}],
        "security": [{"apiKey": []}],
        "tags": TAGS.map(|(_, name, text)| json!({"name": name, "description": text})),
        "paths": paths,
        "components": {
            "securitySchemes": security_schemes(),
            "headers": {
                "XRequestId": header("The request's id."),
                "RateLimit": header("`\"name\";r=remaining;t=seconds`."),
                "RateLimitPolicy": header("`\"name\";q=quota;w=seconds`."),
            },
            "responses": PROBLEMS.iter().map(|row| problem_response(row, &problem)).collect::<Map<_, _>>(),
            "schemas": schemas,
        },
    });
    name_statuses(&mut document);
    tidy(&mut document);
    document
}

/// Puts the words of all kinds where a schema says that it is a run's status.
fn name_statuses(value: &mut Value) {
    match value {
        Value::Object(members) => {
            if members.get("format").and_then(Value::as_str) == Some("run-status") {
                members.remove("format");
                members.insert("enum".to_owned(), json!(mw_kinds::KINDS.statuses()));
            }
            members.values_mut().for_each(name_statuses);
        }
        Value::Array(items) => items.iter_mut().for_each(name_statuses),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn security_schemes() -> Value {
    json!({
        "apiKey": {"type": "apiKey", "in": "header", "name": "x-api-key", "description":
            "The environment's `API_KEY`, or a principal's key (`mw_…`), whose role must cover the route: reading viewer; chat, run start, gates approver; all else operator."},
        "sweepKey": {"type": "apiKey", "in": "header", "name": "x-sweep-key"},
        "metricsKey": {"type": "apiKey", "in": "header", "name": "x-api-key", "description": "`METRICS_KEY`, where it is set."},
        "linkToken": {"type": "apiKey", "in": "query", "name": "token"},
    })
}

fn header(text: &str) -> Value {
    json!({"description": text, "schema": {"type": "string"}})
}

fn problem_response((status, name, says): &(u16, &str, &str), problem: &schemars::Schema) -> (String, Value) {
    let mut headers = Map::from_iter([("X-Request-ID".to_owned(), reference("headers", "XRequestId"))]);
    if *status == 405 {
        headers.insert("Allow".to_owned(), json!({"schema": {"type": "string"}}));
    }
    if matches!(status, 429 | 502 | 503) {
        let wait = json!({"description": "Whole seconds.", "schema": {"type": "integer", "minimum": 1}});
        headers.insert("Retry-After".to_owned(), wait);
    }
    let content = json!({"application/problem+json": {"schema": problem}});
    ((*name).to_owned(), json!({"description": says, "headers": headers, "content": content}))
}

fn reference(what: &str, name: &str) -> Value {
    json!({"$ref": format!("#/components/{what}/{name}")})
}

pub fn word(method: Method) -> &'static str {
    match method {
        Method::Get => "get",
        Method::Head => "head",
        Method::Post => "post",
        Method::Delete => "delete",
        Method::Options => "options",
        Method::Other => "trace",
    }
}

fn operation(route: &str, line: &Route<()>, types: &mut Types) -> Value {
    let about = &line.about;
    let tag = TAGS.iter().find(|(tag, ..)| *tag == about.tag).map_or("", |(_, name, _)| name);
    let mut operation = Map::from_iter([
        ("operationId".to_owned(), operation_id(route, line).into()),
        ("summary".to_owned(), about.summary.into()),
        ("tags".to_owned(), json!([tag])),
        ("responses".to_owned(), responses(line, types)),
    ]);
    if !about.text.is_empty() {
        operation.insert("description".to_owned(), about.text.into());
    }
    let parameters = parameters(route, about, &mut types.parts);
    if !parameters.is_empty() {
        operation.insert("parameters".to_owned(), parameters.into());
    }
    let bodies: Vec<_> = about.takes.iter().flatten().collect();
    if let Some(first) = bodies.first() {
        let content: Map<String, Value> = bodies
            .iter()
            .map(|taken| {
                let schema = match taken.media_type {
                    FORM => form((taken.of)(&mut types.parts)),
                    _ => json!((taken.of)(&mut types.taken)),
                };
                (taken.media_type.to_owned(), json!({"schema": schema}))
            })
            .collect();
        operation.insert("requestBody".to_owned(), json!({"required": first.required, "content": content}));
    }
    if let Some(security) = security(line) {
        operation.insert("security".to_owned(), security);
    }
    Value::Object(operation)
}

/// An instance of a template has the name that it fills in at the end of its id.
fn operation_id(route: &str, line: &Route<()>) -> String {
    let filled = route.split('/').zip(line.template.split('/')).filter(|(segment, wanted)| segment != wanted);
    filled.fold(line.about.id.to_owned(), |id, (segment, _)| format!("{id}_{}", segment.replace('-', "_")))
}

/// `None` for what is said for all: a key.
fn security(line: &Route<()>) -> Option<Value> {
    let by_key = line.role.is_some() && line.about.tag != Tag::Console;
    let mut ways = Vec::new();
    match (by_key, line.about.also_by) {
        (true, "") => return None,
        (true, _) => ways.push(json!({"apiKey": []})),
        (false, "") => {}
        // For everybody, unless a key of its own is configured.
        (false, _) => ways.push(json!({})),
    }
    if !line.about.also_by.is_empty() {
        ways.push(Value::Object(Map::from_iter([(line.about.also_by.to_owned(), json!([]))])));
    }
    Some(ways.into())
}

/// The members of the line's parts.
fn parameters(route: &str, about: &About, parts: &mut SchemaGenerator) -> Vec<Value> {
    let mut parameters = Vec::new();
    for part in about.parts.iter().flatten() {
        let place = match part.place {
            Place::Path => "path",
            Place::Query => "query",
            Place::Header => "header",
            Place::Answer => continue,
        };
        for (name, description, schema, required) in members((part.of)(parts)) {
            if part.place == Place::Path && !route.contains(&format!("{{{name}}}")) {
                continue;
            }
            parameters.push(json!({
                "name": name, "in": place, "required": required, "description": description, "schema": schema,
            }));
        }
    }
    parameters
}

/// Name, description, schema and whether it must be there, of each member of a struct.
fn members(schema: Option<schemars::Schema>) -> Vec<(String, Value, Value, bool)> {
    let schema = schema.map(Value::from).unwrap_or_default();
    let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let properties = schema["properties"].as_object().cloned().unwrap_or_default();
    let members = properties.into_iter().map(|(name, mut schema)| {
        let description = schema.as_object_mut().and_then(|schema| schema.remove("description")).unwrap_or_default();
        let required = required.contains(&name.as_str());
        without_null(&mut schema);
        (name, description, schema, required)
    });
    members.collect()
}

/// Fields of a form are there or not, as parameters are.
fn form(schema: Option<schemars::Schema>) -> Value {
    let mut schema = schema.map(Value::from).unwrap_or_default();
    for property in schema["properties"].as_object_mut().into_iter().flat_map(Map::values_mut) {
        without_null(property);
    }
    schema
}

/// A parameter is there or not; none is null.
fn without_null(schema: &mut Value) {
    if let Some(types) = schema.get_mut("type").filter(|types| types.is_array()) {
        let others: Vec<Value> =
            types.as_array().into_iter().flatten().filter(|word| *word != "null").cloned().collect();
        *types = match <[Value; 1]>::try_from(others) {
            Ok([one]) => one,
            Err(several) => several.into(),
        };
    }
    if let Some(words) = schema.get_mut("enum").and_then(Value::as_array_mut) {
        words.retain(|word| !word.is_null());
    }
}

fn responses(line: &Route<()>, types: &mut Types) -> Value {
    let mut responses = Map::new();
    for (status, name, _) in PROBLEMS.iter().filter(|(status, ..)| can_refuse(line, *status)) {
        responses.insert(status.to_string(), reference("responses", name));
    }
    for given in line.about.gives.iter().flatten() {
        let refused = line.about.refuses.contains(&given.status);
        let response = responses.entry(given.status.to_string());
        let response = response.and_modify(|response| {
            if response.get("$ref").is_some() {
                *response = json!({});
            }
        });
        let response = response.or_insert_with(|| json!({}));
        response["description"] = given.says.into();
        response["headers"] = headers(line, &mut types.parts);
        if let Some(schema) = (given.of)(&mut types.given) {
            response["content"][given.media_type] = json!({"schema": schema});
        }
        if refused {
            response["content"]["application/problem+json"] = json!({"schema": reference("schemas", "Problem")});
        }
    }
    Value::Object(responses)
}

/// Those of good answers.
fn headers(line: &Route<()>, parts: &mut SchemaGenerator) -> Value {
    let mut headers = Map::from_iter([("X-Request-ID".to_owned(), reference("headers", "XRequestId"))]);
    if line.limiter.is_some() {
        headers.insert("RateLimit".to_owned(), reference("headers", "RateLimit"));
        headers.insert("RateLimit-Policy".to_owned(), reference("headers", "RateLimitPolicy"));
    }
    for part in line.about.parts.iter().flatten().filter(|part| part.place == Place::Answer) {
        for (name, description, schema, _) in members((part.of)(parts)) {
            headers.insert(name, json!({"description": description, "schema": schema}));
        }
    }
    Value::Object(headers)
}

/// Whether a problem of this status can be the answer: what follows from the line, or what it names.
fn can_refuse(line: &Route<()>, status: u16) -> bool {
    let about = &line.about;
    // Its refusals are pages.
    if about.tag == Tag::Console {
        return false;
    }
    let has = |place| about.parts.iter().flatten().any(|part| part.place == place);
    let takes = about.takes.iter().flatten().next().is_some();
    let takes_json = about.takes.iter().flatten().any(|taken| taken.media_type == JSON);
    about.refuses.contains(&status)
        || match status {
            401 => line.role.is_some(),
            403 => line.role.is_some_and(|role| role > Role::Viewer),
            404 => has(Place::Path),
            405 => true,
            408 | 413 => takes,
            400 | 415 => takes_json,
            422 => takes_json || has(Place::Query),
            429 => line.limiter.is_some(),
            503 => line.role.is_some() || takes,
            _ => false,
        }
}

/// Takes away what Rust knows and JSON does not (sizes of numbers, ends of lines), and gives words their public names.
fn tidy(value: &mut Value) {
    match value {
        Value::Object(map) => {
            let is_number =
                |format: &str| format.starts_with("int") || format.starts_with("uint") || format == "double";
            if map.get("format").and_then(Value::as_str).is_some_and(is_number) {
                map.remove("format");
            }
            for (name, renamed) in RENAMED {
                if let Some(schema) = map.remove(name) {
                    map.insert(renamed.to_owned(), schema);
                }
                if map.get("$ref").is_some_and(|to| to == &format!("#/components/schemas/{name}")) {
                    map.insert("$ref".to_owned(), format!("#/components/schemas/{renamed}").into());
                }
            }
            if let Some(Value::String(text)) = map.get_mut("description") {
                *text = text.replace('\n', " ");
            }
            map.values_mut().for_each(tidy);
        }
        Value::Array(items) => items.iter_mut().for_each(tidy),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The text of the document, the same for the same tables: members in the order of their names.
pub fn text(document: &Value) -> String {
    fn sorted(value: &Value) -> Value {
        match value {
            Value::Object(map) => {
                let members: std::collections::BTreeMap<_, _> = map.iter().collect();
                members.into_iter().map(|(name, value)| (name.clone(), sorted(value))).collect::<Map<_, _>>().into()
            }
            Value::Array(items) => items.iter().map(sorted).collect(),
            other => other.clone(),
        }
    }
    // The component `health` carries it, so that each blank counts.
    let mut text = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(b" ");
    let written = sorted(document).serialize(&mut serde_json::Serializer::with_formatter(&mut text, formatter));
    written.ok().and_then(|()| String::from_utf8(text).ok()).unwrap_or_default() + "\n"
}
