//! Who was connected when, for staff (spec 5.2).

use super::{
    HttpState, Problem,
    accounts::Answer,
    page::{Page, PageQuery},
};
use crate::store::{SessionLogFilter, SessionLogRow};
use actix_web::{
    HttpResponse,
    web::{Data, Query},
};
use serde::Deserialize;
use uuid::Uuid;

/// `?account=&open=&transport=`
#[derive(Deserialize, schemars::JsonSchema)]
pub(super) struct SessionLogQuery {
    account: Option<Uuid>,
    /// Only those that are open, or only those that have ended.
    open: Option<bool>,
    transport: Option<LoggedTransport>,
}

/// By what somebody was connected.
#[derive(Clone, Copy, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
enum LoggedTransport {
    Ws,
    Signal,
    Tcp,
}

/// `GET /admin/session-log?account=&open=&transport=` → a page of connections, newest first.
pub(super) async fn list(
    state: Data<HttpState>,
    query: Query<SessionLogQuery>,
    page: Query<PageQuery>,
) -> Answer {
    let SessionLogQuery { account, open, transport } = query.into_inner();
    let transport = transport.map(|transport| match transport {
        LoggedTransport::Ws => "ws".to_owned(),
        LoggedTransport::Signal => "signal".to_owned(),
        LoggedTransport::Tcp => "tcp".to_owned(),
    });
    let (limit, before) = (page.limit(), page.after()?);
    let filter = SessionLogFilter { account, transport, open, before };
    let rows = state.store.session_log(&filter, limit + 1).await.map_err(Problem::from)?;
    Ok(HttpResponse::Ok().json(Page::of(rows, limit, |row: &SessionLogRow| row.id)))
}
