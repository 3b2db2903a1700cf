//! Refusals as RFC 9457 problem documents with a stable `code`: the one table from errors to HTTP (rule 7).

use crate::{
    auth::AuthError, clock::UnixMs, cluster::AskError, liveops::conditions::Fault, protocol::Rejection,
    store::StoreError, trace,
};
use actix_web::{HttpResponse, ResponseError, http::StatusCode, http::header};
use serde::Serialize;
use std::fmt;

/// Milliseconds after which a client may try again when there is no room or the database is away.
const RETRY_UNAVAILABLE_MS: u64 = 1_000;

/// A refusal. The document: `{type, title, status, code, detail, reason?, field?, until?, retry_after_ms?,
/// trace_id?}`.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    reason: Option<&'static str>,
    field: Option<&'static str>,
    until: Option<UnixMs>,
    retry_after_ms: Option<u64>,
}

/// A refusal (RFC 9457), for the OpenAPI document.
#[derive(schemars::JsonSchema)]
#[schemars(rename = "Problem")]
#[allow(dead_code)] // `Document` is what is written
pub(super) struct ProblemShape {
    /// Always `about:blank`: the code says it all.
    r#type: String,
    /// Of the status.
    title: String,
    /// As in the status line.
    status: u16,
    /// Stable: what a program looks at.
    code: String,
    /// For a person.
    detail: String,
    /// What exactly is wrong, where a code has kinds.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// When to try again.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
    /// For whoever looks into the logs.
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<String>,
}

#[derive(Serialize)]
struct Document<'a> {
    /// The code is the type; no page describes it.
    r#type: &'static str,
    title: &'a str,
    status: u16,
    code: &'a str,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<UnixMs>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
    /// For whoever looks into the logs.
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<String>,
}

impl Problem {
    /// A refusal with this status, code and sentence.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            code,
            detail: detail.into(),
            reason: None,
            field: None,
            until: None,
            retry_after_ms: None,
        }
    }

    /// The same, with a time in milliseconds after which to try again.
    pub fn retry_after(self, ms: u64) -> Self {
        Self { retry_after_ms: Some(ms), ..self }
    }

    /// 400: the request cannot be understood.
    pub fn bad_request(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, detail)
    }

    /// 401: nobody we know asks.
    pub fn unauthorized(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", detail)
    }

    /// 403: this may not be asked by him, or from there.
    pub fn forbidden(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, code, detail)
    }

    /// 404: there is no such thing for him.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", detail)
    }

    /// 409: not as things are.
    pub fn conflict(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, detail)
    }

    /// As this one, and when to try again.
    pub(super) fn after_ms(self, retry_after_ms: u64) -> Self {
        Self { retry_after_ms: Some(retry_after_ms), ..self }
    }

    /// 422: this field of the request cannot be so; `reason` is a stable name.
    pub fn invalid(field: &'static str, reason: &'static str) -> Self {
        let detail = format!("{field}: {reason}");
        let problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_field", detail);
        Self { field: Some(field), reason: Some(reason), ..problem }
    }

    /// 422: the request can be understood, but this field of it cannot be.
    pub fn invalid_field(field: &str, what: impl fmt::Display) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_field", format!("{field}: {what}"))
    }

    /// 429: too often; `wait_ms` says when.
    pub fn rate_limited(detail: impl Into<String>, wait_ms: u64) -> Self {
        let problem = Self::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", detail);
        Self { retry_after_ms: Some(wait_ms), ..problem }
    }

    /// 503: try again.
    pub fn unavailable() -> Self {
        let problem =
            Self::new(StatusCode::SERVICE_UNAVAILABLE, "try_again", "the database is away for a moment");
        Self { retry_after_ms: Some(RETRY_UNAVAILABLE_MS), ..problem }
    }

    /// 503: too much of this at once.
    pub fn busy(detail: impl Into<String>) -> Self {
        let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "try_again", detail);
        Self { retry_after_ms: Some(RETRY_UNAVAILABLE_MS), ..problem }
    }

    /// 503: no place for one more socket.
    pub fn full() -> Self {
        let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "try_again", "this node is full");
        Self { retry_after_ms: Some(RETRY_UNAVAILABLE_MS), ..problem }
    }

    /// 503: the node has not the role `gateway`.
    pub fn no_gateway() -> Self {
        let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "try_again", "this node takes no players");
        Self { retry_after_ms: Some(RETRY_UNAVAILABLE_MS), ..problem }
    }

    /// 500, logged here and nowhere else. The client learns nothing of it.
    pub fn bug(error: &dyn fmt::Display) -> Self {
        tracing::error!(%error, "a request failed");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "this is our fault")
    }

    /// What a bare status of the framework means: unknown path, wrong method, too large a body …
    pub fn of_status(status: StatusCode) -> Self {
        let (code, detail) = match status {
            StatusCode::BAD_REQUEST => ("bad_request", "the request cannot be understood"),
            StatusCode::NOT_FOUND => ("not_found", "there is nothing at this address"),
            StatusCode::METHOD_NOT_ALLOWED => {
                ("method_not_allowed", "this address does not take this method")
            }
            StatusCode::PAYLOAD_TOO_LARGE => ("too_large", "the body is too large"),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => ("unsupported_media_type", "send application/json"),
            StatusCode::UNAUTHORIZED => ("unauthorized", "an access token is needed"),
            status if status.is_client_error() => ("bad_request", "the request cannot be served"),
            _ => ("internal", "this is our fault"),
        };
        Self::new(status, code, detail)
    }

    /// The document as bytes of JSON.
    pub(super) fn document(&self) -> Vec<u8> {
        let document = Document {
            r#type: "about:blank",
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            code: self.code,
            detail: &self.detail,
            reason: self.reason,
            field: self.field,
            until: self.until,
            retry_after_ms: self.retry_after_ms,
            trace_id: trace::current().map(|trace| format!("{:032x}", trace.trace_id())),
        };
        serde_json::to_vec(&document).unwrap_or_default()
    }

    /// Its media type.
    pub(super) const CONTENT_TYPE: &'static str = "application/problem+json";
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.status.as_u16(), self.code, self.detail)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        response.content_type(Self::CONTENT_TYPE);
        if let Some(wait_ms) = self.retry_after_ms {
            response.insert_header((header::RETRY_AFTER, wait_ms.div_ceil(1_000).max(1).to_string()));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            response.insert_header((header::WWW_AUTHENTICATE, "Bearer"));
        }
        response.body(self.document())
    }
}

impl From<Rejection> for Problem {
    /// A room's refusal, under the same code as over `/ws`.
    fn from(rejection: Rejection) -> Self {
        let status = StatusCode::from_u16(rejection.code.http_status());
        let problem =
            Self::new(status.unwrap_or(StatusCode::BAD_REQUEST), rejection.code.wire(), rejection.message);
        Self { retry_after_ms: rejection.retry_after_ms, ..problem }
    }
}

impl From<AskError> for Problem {
    fn from(error: AskError) -> Self {
        match error {
            AskError::NotFound => Self::not_found("there is no such room"),
            AskError::TimedOut => {
                let detail = "no answer in time: it may have been done";
                let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "try_again", detail);
                Self { retry_after_ms: Some(RETRY_UNAVAILABLE_MS), ..problem }
            }
            AskError::Unavailable | AskError::Moved | AskError::Unknown => {
                let detail = "the room cannot be reached now";
                let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "try_again", detail);
                Self { retry_after_ms: Some(RETRY_UNAVAILABLE_MS), ..problem }
            }
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(error) => {
                tracing::warn!(%error, "the database is away");
                Self::unavailable()
            }
            StoreError::Bug(error) => Self::bug(&error),
        }
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        Self::invalid_field(&fault.field, fault.what)
    }
}

impl From<AuthError> for Problem {
    fn from(error: AuthError) -> Self {
        let detail = error.to_string();
        match error {
            AuthError::InvalidToken => Self::new(StatusCode::UNAUTHORIZED, "invalid_token", detail),
            AuthError::ExpiredToken => Self::new(StatusCode::UNAUTHORIZED, "expired_token", detail),
            AuthError::InvalidNickname(fault) => {
                let problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_nickname", detail);
                Self { reason: Some(fault.reason()), field: Some("nickname"), ..problem }
            }
            AuthError::Invalid { field, reason } => Self::invalid(field, reason),
            AuthError::UsernameTaken => Self::new(StatusCode::CONFLICT, "username_taken", detail),
            AuthError::WrongCredentials => Self::new(StatusCode::UNAUTHORIZED, "wrong_credentials", detail),
            AuthError::LogInBlocked { wait_ms } => Self::rate_limited(detail, wait_ms),
            AuthError::Busy => Self::busy(detail),
            AuthError::Banned { until, .. } => Self { until, ..Self::forbidden("account_banned", detail) },
            AuthError::ProviderAway => {
                let problem = Self::new(StatusCode::BAD_GATEWAY, "provider_away", detail);
                Self { retry_after_ms: Some(RETRY_UNAVAILABLE_MS), ..problem }
            }
            AuthError::NotFound(_) => Self::not_found(detail),
            AuthError::Conflict(code) => Self::new(StatusCode::CONFLICT, code, detail),
            AuthError::NicknameTaken => Self::new(StatusCode::CONFLICT, "nickname_taken", detail),
            AuthError::Store(error) => error.into(),
            AuthError::Bug(error) => Self::bug(&error),
        }
    }
}
