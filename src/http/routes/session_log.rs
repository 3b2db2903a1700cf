//! Rows of the table about connections.

use super::{Row, STAFF, row};
use crate::{
    http::{
        guard::Access,
        session_log::{self, SessionLogQuery},
    },
    store::SessionLogRow,
};
use actix_web::http::Method;

#[rustfmt::skip]
pub(super) fn rows() -> Vec<Row> {
    vec![
        row(Method::GET, "/api/v1/admin/session-log", Access::Roles(STAFF), |r| r.to(session_log::list))
            .is("Who was connected when, from where and how it ended, newest first").query::<SessionLogQuery>().gives_page::<SessionLogRow>(),
    ]
}
