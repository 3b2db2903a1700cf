//! The OpenAPI 3.1 document, made from the route table and the types it names: it cannot know a route that is not
//! served, nor miss one that is.
//!
//! Served at `/openapi.json`; the page at `/docs` shows it; `scripts/test.sh` holds a running node against it.

use super::{
    describe::{Body, Description},
    guard::Access,
    problem::ProblemShape,
    routes::{Row, table},
};
use actix_web::{HttpResponse, http::StatusCode};
use schemars::{SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};
use std::sync::OnceLock;

/// `GET /openapi.json`
pub(super) async fn document() -> HttpResponse {
    static DOCUMENT: OnceLock<String> = OnceLock::new();
    let text = DOCUMENT.get_or_init(|| openapi(&table()).to_string());
    HttpResponse::Ok().content_type("application/json").body(text.as_str())
}

/// Schemas of what comes in and of what goes out: a field with a default may be left out of the one and is always
/// in the other.
struct Schemas {
    inbound: SchemaGenerator,
    outbound: SchemaGenerator,
}

/// The document of a table.
pub(super) fn openapi(rows: &[Row]) -> Value {
    let settings = || {
        SchemaSettings::draft2020_12().with(|s| {
            s.definitions_path = "/components/schemas".into();
            s.meta_schema = None;
        })
    };
    let mut schemas = Schemas {
        inbound: settings().for_deserialize().with(|s| s.inline_subschemas = true).into_generator(),
        outbound: settings().for_serialize().into_generator(),
    };
    let mut paths: Map<String, Value> = Map::new();
    for row in rows.iter().filter(|row| !row.description.is_page) {
        let operation = operation(row, &mut schemas);
        let path = paths.entry(plain_path(row.path)).or_insert_with(|| json!({}));
        path[row.method.as_str().to_ascii_lowercase()] = operation;
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Playhouse",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "The REST API. Games are played over /ws; see docs/protocol.md.",
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": schemas.outbound.take_definitions(true),
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    })
}

fn operation(row: &Row, schemas: &mut Schemas) -> Value {
    let about = &row.description;
    let mut operation = json!({
        "summary": about.summary,
        "operationId": operation_id(row),
        "tags": [tag(row.path)],
        "responses": responses(row, schemas),
    });
    let parameters = parameters(row, schemas);
    if !parameters.is_empty() {
        operation["parameters"] = parameters.into();
    }
    if let Some(shape) = about.takes {
        let schema = shape(&mut schemas.inbound);
        operation["requestBody"] =
            json!({"required": true, "content": {"application/json": {"schema": schema}}});
    }
    if row.access != Access::Anyone {
        operation["security"] = json!([{"bearer": []}]);
    }
    if let Access::Roles(roles) = row.access {
        let names: Vec<_> = roles.iter().map(|role| role.as_str()).collect();
        operation["description"] = format!("For {}.", names.join(", ")).into();
    }
    operation
}

fn responses(row: &Row, schemas: &mut Schemas) -> Value {
    let mut responses = Map::new();
    for (status, body) in &row.description.answers {
        let response =
            responses.entry(status.to_string()).or_insert_with(|| json!({"description": reason(*status)}));
        // A status may come with one of several media types.
        if let Some((mime, schema)) = content(body, schemas) {
            response["content"][mime] = json!({ "schema": schema });
        }
    }
    for status in refusals(row) {
        let schema = schemas.outbound.subschema_for::<ProblemShape>();
        let content = json!({"application/problem+json": {"schema": schema}});
        responses
            .entry(status.to_string())
            .or_insert_with(|| json!({"description": reason(status), "content": content}));
    }
    responses.into()
}

/// Media type and schema of an answer that carries something.
fn content(body: &Body, schemas: &mut Schemas) -> Option<(&'static str, Value)> {
    match body {
        Body::Json(shape) => Some(("application/json", shape(&mut schemas.outbound).to_value())),
        Body::Named(name, shape) => {
            let field = json!({*name: shape(&mut schemas.outbound)});
            Some(("application/json", json!({"type": "object", "required": [name], "properties": field})))
        }
        Body::Text(mime) => Some((*mime, json!({"type": "string"}))),
        Body::Empty => None,
    }
}

/// What a row may refuse with: its own, and what follows from it.
fn refusals(row: &Row) -> Vec<u16> {
    let Description { takes, queries, refuses, .. } = &row.description;
    let mut statuses = vec![503];
    statuses.extend(refuses);
    if row.access != Access::Anyone {
        statuses.push(401);
    }
    if !matches!(row.access, Access::Anyone | Access::SignedIn) {
        statuses.push(403);
    }
    if row.path.contains('{') {
        statuses.push(404);
    }
    if !queries.is_empty() {
        statuses.push(400);
    }
    if takes.is_some() {
        statuses.extend([400, 413, 415]);
    }
    statuses.sort_unstable();
    statuses.dedup();
    statuses
}

fn parameters(row: &Row, schemas: &mut Schemas) -> Vec<Value> {
    let mut parameters: Vec<Value> = names_in(row.path)
        .map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string", "minLength": 1}}))
        .collect();
    for shape in &row.description.queries {
        let schema = shape(&mut schemas.inbound).to_value();
        let required =
            |name: &str| schema["required"].as_array().is_some_and(|all| all.iter().any(|r| r == name));
        for (name, field) in schema["properties"].as_object().into_iter().flatten() {
            let mut field = field.clone();
            let meaning = field.as_object_mut().and_then(|field| field.remove("description"));
            not_null(&mut field);
            let mut parameter =
                json!({"name": name, "in": "query", "required": required(name), "schema": field});
            if let Some(meaning) = meaning {
                parameter["description"] = meaning;
            }
            parameters.push(parameter);
        }
    }
    for (name, meaning) in &row.description.headers {
        parameters.push(
            json!({"name": name, "in": "header", "description": meaning, "schema": {"type": "string"}}),
        );
    }
    parameters
}

/// A parameter is left out, never null.
fn not_null(schema: &mut Value) {
    if let Some(kinds) = schema.get_mut("type").and_then(Value::as_array_mut) {
        kinds.retain(|kind| kind != "null");
        if let [one] = kinds.as_slice() {
            schema["type"] = one.clone();
        }
    }
    if let Some(values) = schema.get_mut("enum").and_then(Value::as_array_mut) {
        values.retain(|value| !value.is_null());
    }
    let choices = schema.get_mut("anyOf").and_then(Value::as_array_mut).map(std::mem::take);
    if let Some(mut choices) = choices {
        choices.retain(|choice| choice["type"] != "null");
        match <[Value; 1]>::try_from(choices) {
            Ok([one]) => *schema = one,
            Err(choices) => schema["anyOf"] = choices.into(),
        }
    }
}

/// The names in braces of a path.
fn names_in(path: &str) -> impl Iterator<Item = &str> {
    let inside = path.split('{').skip(1).filter_map(|rest| rest.split('}').next());
    inside.filter_map(|name| name.split(':').next())
}

/// A path without the patterns of its names.
fn plain_path(path: &str) -> String {
    names_in(path).fold(path.to_owned(), |path, name| {
        let Some((before, rest)) = path.split_once(&format!("{{{name}:")) else { return path };
        let after = rest.split_once('}').map_or("", |(_, after)| after);
        format!("{before}{{{name}}}{after}")
    })
}

fn tag(path: &str) -> &str {
    let path = path.strip_prefix("/api/v1/").unwrap_or("about the API");
    path.split('/').next().unwrap_or(path)
}

/// `get_admin_rooms_id`
fn operation_id(row: &Row) -> String {
    let path = row.path.strip_prefix("/api/v1").unwrap_or(row.path);
    let words = path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let words: Vec<_> = std::iter::once(row.method.as_str()).chain(words).collect();
    words.join("_").to_ascii_lowercase()
}

fn reason(status: u16) -> &'static str {
    StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or("Answer")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_route_is_described() {
        for row in table() {
            let about = &row.description;
            assert!(!about.summary.is_empty(), "{} {} has no .is(\"…\")", row.method, row.path);
            assert!(about.is_page || !about.answers.is_empty(), "{} {} gives nothing", row.method, row.path);
        }
    }

    #[test]
    fn every_reference_leads_somewhere_and_every_operation_has_its_own_id() {
        let document = openapi(&table());
        let text = document.to_string();
        let references: BTreeSet<&str> =
            text.split("\"$ref\":\"#").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        assert!(references.contains("/components/schemas/Problem"));
        for reference in references {
            assert!(document.pointer(reference).is_some(), "{reference}");
        }
        let operations =
            document["paths"].as_object().into_iter().flatten().flat_map(|(_, path)| path.as_object());
        let ids: Vec<_> =
            operations.flatten().map(|(_, operation)| operation["operationId"].clone()).collect();
        let different: BTreeSet<String> = ids.iter().map(Value::to_string).collect();
        assert_eq!(ids.len(), different.len(), "{ids:?}");
        assert!(ids.len() > 10);
    }

    #[test]
    fn a_parameter_is_what_its_type_says() {
        let document = openapi(&table());
        let of = |pointer: &str| document.pointer(pointer).unwrap_or_else(|| panic!("no {pointer}"));
        let audit = of("/paths/~1api~1v1~1admin~1audit/get/parameters");
        let named = |name: &str| audit.as_array().and_then(|all| all.iter().find(|p| p["name"] == name));
        assert_eq!(named("actor").expect("a filter")["schema"], json!({"type": "string", "format": "uuid"}));
        assert_eq!(named("limit").expect("a page")["required"], json!(false));
        let path = of("/paths/~1api~1v1~1matches~1{id}/get/parameters/0");
        assert_eq!((&path["in"], &path["required"]), (&json!("path"), &json!(true)));
    }

    #[test]
    fn a_list_that_is_a_file_too_says_so_and_a_closed_set_of_values_is_named() {
        let document = openapi(&table());
        let claims = document.pointer("/paths/~1api~1v1~1admin~1claims/get").expect("a route");
        let content = claims["responses"]["200"]["content"].as_object().expect("content");
        let kinds: Vec<_> = content.keys().map(String::as_str).collect();
        assert_eq!(kinds, ["application/json", "text/csv"]);
        assert_eq!(content["text/csv"]["schema"]["type"], "string");
        let named = |name: &str| {
            let found =
                claims["parameters"].as_array().and_then(|all| all.iter().find(|p| p["name"] == name));
            found.unwrap_or_else(|| panic!("no {name}"))["schema"].to_string()
        };
        for status in ["requested", "checked", "reserved", "granting", "granted", "rejected", "compensated"] {
            assert!(named("status").contains(&format!("\"{status}\"")), "{}", named("status"));
        }
        assert!(named("format").contains("csv") && !named("format").contains("null"), "{}", named("format"));
    }

    #[test]
    fn patterns_are_not_part_of_a_path() {
        assert_eq!(plain_path("/assets/{path:.*}"), "/assets/{path}");
        assert_eq!(plain_path("/a/{b}/c/{d}"), "/a/{b}/c/{d}");
    }
}
