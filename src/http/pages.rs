//! The player's page and the client package, embedded in the binary (in a debug build read from the folders).
//!
//! Every file is asked for anew (`no-cache`) and answered with 304 while its ETag, its hash, is the same: a page
//! and its modules never come from two versions of the server.

use super::Problem;
use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{self, EntityTag, Header as _, IfNoneMatch},
    web::Path,
};
use rust_embed::{EmbeddedFile, RustEmbed};
use std::fmt::Write as _;

/// `web/`, at `/assets/`.
#[derive(RustEmbed)]
#[folder = "web/"]
#[allow_missing = true]
#[exclude = "test/*"]
#[exclude = "*/test/*"]
#[exclude = "*.md"]
#[exclude = "package.json"]
struct Web;

/// `clients/js/`, at `/assets/client/`.
#[derive(RustEmbed)]
#[folder = "clients/js/"]
#[allow_missing = true]
#[exclude = "test/*"]
#[exclude = "*/test/*"]
#[exclude = "*.md"]
#[exclude = "package.json"]
struct Client;

/// `/` and every room's link: one page, which reads its own address.
pub(super) async fn index(req: HttpRequest) -> Result<HttpResponse, Problem> {
    serve(&req, "index.html", Web::get("index.html"))
}

/// `/admin`
pub(super) async fn console(req: HttpRequest) -> Result<HttpResponse, Problem> {
    serve(&req, "index.html", Web::get("admin/index.html"))
}

/// `/queue` and every queue's link: one page, which reads its own address.
pub(super) async fn queue(req: HttpRequest) -> Result<HttpResponse, Problem> {
    serve(&req, "index.html", Web::get("queue/index.html"))
}

/// `/duel`
pub(super) async fn duel(req: HttpRequest) -> Result<HttpResponse, Problem> {
    serve(&req, "index.html", Web::get("duel/index.html"))
}

/// `/docs`
pub(super) async fn docs(req: HttpRequest) -> Result<HttpResponse, Problem> {
    serve(&req, "index.html", Web::get("docs/index.html"))
}

/// `/favicon.ico`, which browsers ask for by themselves.
pub(super) async fn icon(req: HttpRequest) -> Result<HttpResponse, Problem> {
    serve(&req, "icon.svg", Web::get("icon.svg"))
}

/// `/assets/…`
pub(super) async fn asset(req: HttpRequest, path: Path<String>) -> Result<HttpResponse, Problem> {
    serve(&req, &path, Web::get(&path))
}

/// `/assets/client/…`
pub(super) async fn client(req: HttpRequest, path: Path<String>) -> Result<HttpResponse, Problem> {
    serve(&req, &path, Client::get(&path))
}

fn serve(req: &HttpRequest, path: &str, file: Option<EmbeddedFile>) -> Result<HttpResponse, Problem> {
    let file = file.ok_or_else(|| Problem::not_found("there is no such file"))?;
    let etag = EntityTag::new_strong(hex(&file.metadata.sha256_hash()[..16]));
    let known = match IfNoneMatch::parse(req) {
        Ok(IfNoneMatch::Any) => true,
        Ok(IfNoneMatch::Items(tags)) => tags.iter().any(|tag| tag.weak_eq(&etag)),
        Err(_) => false,
    };
    let mut response = if known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response.insert_header(header::ETag(etag)).insert_header((header::CACHE_CONTROL, "no-cache"));
    if known {
        return Ok(response.finish());
    }
    Ok(response.content_type(content_type(path)).body(file.data.into_owned()))
}

fn content_type(path: &str) -> String {
    let mime = mime_guess::from_path(path).first_or_octet_stream();
    let text =
        mime.type_() == mime_guess::mime::TEXT || matches!(mime.subtype().as_str(), "javascript" | "json");
    if text { format!("{mime}; charset=utf-8") } else { mime.to_string() }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // a String takes everything
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_have_the_types_that_browsers_insist_on() {
        assert_eq!(content_type("index.html"), "text/html; charset=utf-8");
        assert_eq!(content_type("lib/dom.js"), "text/javascript; charset=utf-8");
        assert_eq!(content_type("style.css"), "text/css; charset=utf-8");
        assert_eq!(content_type("icon.svg"), "image/svg+xml");
        assert_eq!(content_type("sound.ogg"), "audio/ogg");
    }

    #[test]
    fn tests_are_not_embedded() {
        let served = Web::iter().chain(Client::iter());
        let odd: Vec<_> = served.filter(|path| path.contains("test/") || path.ends_with(".md")).collect();
        assert!(odd.is_empty(), "{odd:?}");
    }
}
