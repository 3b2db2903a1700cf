//! The REST API under `/api/v1`, the player's pages, and the operators' listener.
//!
//! Handlers are thin: they read a request, ask identity or the store, and write an answer; every rule is
//! elsewhere. One table in `routes` says which path is for whom and what the OpenAPI document says of it; every
//! refusal is a [`Problem`] (RFC 9457).
//! Called by [`crate::node`], which puts `/ws` beside it. Reaches a room through the cluster alone.

#[cfg(test)]
mod access_tests;
mod accounts;
#[cfg(test)]
mod accounts_tests;
mod activity;
mod admin;
mod audit;
mod claims;
mod dead_letters;
mod describe;
mod duels;
mod events;
mod guard;
mod headers;
mod ice;
mod idempotency;
mod matches;
mod moderation;
#[cfg(test)]
mod oidc_tests;
mod openapi;
mod page;
mod pages;
mod problem;
mod queues;
mod ratings;
mod reservations;
mod rewards;
mod routes;
mod service_tokens;
mod session_log;
mod sessions;
mod shapes;
mod showtime_places;
mod showtimes;
mod staff;
mod staff_accounts;
#[cfg(test)]
mod staff_accounts_tests;
#[cfg(test)]
mod staff_tests;
mod staff_wallet;
mod state;
#[cfg(test)]
mod tests;
mod traced;
mod wallet;

pub use admin::configure_admin;
pub use guard::bearer;
pub use headers::{client_address, errors, secure, security_headers};
pub use problem::Problem;
pub use routes::configure;
pub use state::HttpState;
pub use traced::{begin, finish, traced};
