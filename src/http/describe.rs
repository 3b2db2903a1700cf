//! What the route table says of each row for the OpenAPI document: one chained line a row.
//!
//! `row(…).is("What it does").query::<Filter>().takes::<Body>().gives::<Answer>(201).refuses(&[409])`. What follows
//! from the row itself is added by [`super::openapi`]: 401 and 403 from its access, 404 from a name in its path,
//! 400, 413 and 415 from its body.

use super::{page::Page, routes::Row};
use schemars::{JsonSchema, Schema, SchemaGenerator};

/// How a type describes itself.
pub(super) type Shape = fn(&mut SchemaGenerator) -> Schema;

/// What an answer carries.
pub(super) enum Body {
    /// JSON of this shape.
    Json(Shape),
    /// JSON with one field of this shape.
    Named(&'static str, Shape),
    /// Nothing.
    Empty,
    /// Something else of this media type.
    Text(&'static str),
}

/// See the module.
#[derive(Default)]
pub(super) struct Description {
    /// In a few words; empty is not described, and a test fails.
    pub summary: &'static str,
    /// Body of the request.
    pub takes: Option<Shape>,
    /// Types whose fields are parameters of the query.
    pub queries: Vec<Shape>,
    /// Headers that it reads: name and meaning.
    pub headers: Vec<(&'static str, &'static str)>,
    /// What it answers when it does what was asked.
    pub answers: Vec<(u16, Body)>,
    /// Statuses of its own refusals, each a problem document.
    pub refuses: Vec<u16>,
    /// A page or a file: not part of the API.
    pub is_page: bool,
}

impl Row {
    /// What it does, in a few words.
    pub fn is(mut self, summary: &'static str) -> Self {
        self.description.summary = summary;
        self
    }

    /// A page or a file for browsers.
    pub fn page(mut self, summary: &'static str) -> Self {
        self.description.is_page = true;
        self.is(summary)
    }

    /// Reads a JSON body of this type.
    pub fn takes<T: JsonSchema>(mut self) -> Self {
        self.description.takes = Some(T::json_schema);
        self
    }

    /// Reads the fields of this type from the query.
    pub fn query<T: JsonSchema>(mut self) -> Self {
        self.description.queries.push(T::json_schema);
        self
    }

    /// Reads a header.
    pub fn header(mut self, name: &'static str, meaning: &'static str) -> Self {
        self.description.headers.push((name, meaning));
        self
    }

    /// Answers with this type.
    pub fn gives<T: JsonSchema>(self, status: u16) -> Self {
        self.answers(status, Body::Json(|schemas| schemas.subschema_for::<T>()))
    }

    /// Answers with one field of this type: `{name: T}`.
    pub fn gives_one<T: JsonSchema>(self, status: u16, name: &'static str) -> Self {
        self.answers(status, Body::Named(name, |schemas| schemas.subschema_for::<T>()))
    }

    /// Answers with a page of these, and reads `cursor` and `limit`.
    pub fn gives_page<T: JsonSchema>(self) -> Self {
        self.query::<super::page::PageQuery>().gives::<Page<T>>(200)
    }

    /// Answers with 204 and nothing.
    pub fn gives_nothing(self) -> Self {
        self.answers(204, Body::Empty)
    }

    /// Answers with text of this media type, if it is asked for.
    pub fn gives_text(self, mime: &'static str) -> Self {
        self.answers(200, Body::Text(mime))
    }

    fn answers(mut self, status: u16, body: Body) -> Self {
        self.description.answers.push((status, body));
        self
    }

    /// Refuses with these statuses, besides those that follow from the row.
    pub fn refuses(mut self, statuses: &[u16]) -> Self {
        self.description.refuses.extend(statuses);
        self
    }
}
