//! Who may use a route, and who does.
//!
//! The table of [`super::routes`] names an [`Access`]; [`Access::protect`] lets nobody else reach the handler,
//! and [`SignedIn`] hands the handler what was found. A node that could hear of no dismissal for a
//! while serves no staff and no service.

use super::{HttpState, Problem};
use crate::auth::{Principal, Role};
use actix_web::{
    Error, FromRequest, HttpMessage as _, HttpRequest, ResponseError as _, Route,
    body::{EitherBody, MessageBody},
    dev::{Payload, ServiceRequest, ServiceResponse},
    http::header::{self, HeaderMap},
    middleware::{Next, from_fn},
    web::Data,
};
use std::future::{Ready, ready};

/// Whom a route is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// Anyone, without a token.
    Anyone,
    /// Whoever brings a good access token.
    SignedIn,
    /// Whoever brings a good access token of one of these roles.
    Roles(&'static [Role]),
    /// Another service, by a token with this scope.
    Service(&'static str),
}

impl Access {
    /// The route, closed to all others.
    pub fn protect(self, route: Route) -> Route {
        match self {
            Self::Anyone => route,
            Self::SignedIn => route.wrap(from_fn(|req, next| require(None, req, next))),
            Self::Roles(roles) => route.wrap(from_fn(move |req, next| require(Some(roles), req, next))),
            Self::Service(scope) => route.wrap(from_fn(move |req, next| require_scope(scope, req, next))),
        }
    }
}

/// The principal of a request on a route that asks for a token.
pub(super) struct SignedIn(pub Principal);

impl FromRequest for SignedIn {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        let principal = req.extensions().get::<Principal>().cloned();
        ready(principal.map(Self).ok_or_else(|| Problem::unauthorized("an access token is needed")))
    }
}

/// Answers by itself rather than with an error: an error would pass by the middlewares that add headers.
async fn require<B: MessageBody>(
    roles: Option<&'static [Role]>,
    req: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    match principal(&req).and_then(|principal| permitted(&req, principal, roles)) {
        Ok(principal) => {
            req.extensions_mut().insert(principal);
            Ok(next.call(req).await?.map_into_left_body())
        }
        Err(problem) => Ok(req.into_response(problem.error_response()).map_into_right_body()),
    }
}

/// As [`require`], for services.
async fn require_scope<B: MessageBody>(
    scope: &'static str,
    req: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    match may_serve(&req, scope).await {
        Ok(()) => Ok(next.call(req).await?.map_into_left_body()),
        Err(problem) => Ok(req.into_response(problem.error_response()).map_into_right_body()),
    }
}

async fn may_serve(req: &ServiceRequest, scope: &'static str) -> Result<(), Problem> {
    let state = state(req)?;
    let token = bearer(req.headers()).ok_or_else(|| Problem::unauthorized("a service token is needed"))?;
    let service = state.identity.verify_service(token).await?;
    if service.scopes.iter().any(|has| has == scope) {
        return Ok(());
    }
    Err(Problem::forbidden("forbidden", format!("the token has not the scope {scope}")))
}

/// Staff are refused while nobody could have told us that they are staff no more.
fn permitted(
    req: &ServiceRequest,
    principal: Principal,
    roles: Option<&'static [Role]>,
) -> Result<Principal, Problem> {
    if principal.role.is_staff() && state(req)?.identity.is_deaf() {
        return Err(Problem::unavailable());
    }
    if roles.is_none_or(|roles| roles.contains(&principal.role)) {
        return Ok(principal);
    }
    Err(Problem::forbidden("forbidden", "your role may not do this"))
}

fn principal(req: &ServiceRequest) -> Result<Principal, Problem> {
    let token = bearer(req.headers()).ok_or_else(|| Problem::unauthorized("an access token is needed"))?;
    Ok(state(req)?.identity.verify_access(token)?)
}

fn state(req: &ServiceRequest) -> Result<&Data<HttpState>, Problem> {
    req.app_data::<Data<HttpState>>().ok_or_else(|| Problem::bug(&"routes without their state"))
}

/// The access token of a request, if it brings one.
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let header = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("Bearer").then(|| token.trim())
}
