//! What is written behind connections: whole lives, crashes, a database that is away, deleted accounts.

use super::{Journey, Reason, SessionLog, Transport, sweep::turn};
use crate::{
    clock::{SystemClock, UnixMs},
    config::{Config, SessionLogSection},
    ids::{NodeId, PlayerId, SessionId},
    store::{SessionLogFilter, SessionLogRow, Store, write},
};
use std::{net::IpAddr, sync::Arc, time::Duration};
use uuid::Uuid;

const LONG: Duration = Duration::from_secs(20);

struct Here {
    store: Store,
    log: SessionLog,
    node: NodeId,
    _dir: tempfile::TempDir,
}

async fn here(adjust: impl FnOnce(&mut SessionLogSection)) -> Here {
    let dir = tempfile::tempdir().expect("tempdir");
    let mut config: Config = crate::testkit::test_config(dir.path()).await;
    (config.session_log.linger_ms, config.session_log.retry_ms) = (1, 5);
    adjust(&mut config.session_log);
    let clock = Arc::new(SystemClock);
    let store = Store::open(&config, clock.clone()).await.expect("opens");
    let node = NodeId::new();
    let log = SessionLog::start(store.clone(), &config.session_log, clock, (node, Some("n1".into())));
    Here { store, log, node, _dir: dir }
}

impl Here {
    fn connect(&self, account: PlayerId) -> Box<Journey> {
        let address: IpAddr = "10.1.2.3".parse().expect("an address");
        let mut journey = Journey::begin(&self.log, Transport::Tcp, address);
        journey.attached(SessionId::new(), account);
        journey
    }

    async fn rows(&self, filter: SessionLogFilter) -> Vec<SessionLogRow> {
        self.log.flush(LONG).await;
        self.store.session_log(&filter, 100).await.expect("reads")
    }

    async fn of(&self, account: PlayerId) -> Vec<SessionLogRow> {
        self.rows(SessionLogFilter { account: Some(account.0), ..SessionLogFilter::default() }).await
    }
}

#[actix::test]
async fn a_connection_is_in_the_log_open_and_then_with_its_end() {
    let here = here(|_| {}).await;
    let account = PlayerId::new();
    let mut journey = here.connect(account);
    let open = here.of(account).await.remove(0);
    assert_eq!((open.disconnected_at, open.reason, open.node), (None, None, here.node.0));
    assert_eq!((open.address.as_deref(), open.transport.as_str()), (Some("10.1.2.3"), "tcp"));
    assert_eq!(open.node_name.as_deref(), Some("n1"));
    (journey.traffic.bytes_in, journey.traffic.messages_out) = (10, 3);
    journey.closing(Reason::Silent);
    drop(journey);
    let ended = here.of(account).await;
    assert_eq!(ended.len(), 1);
    assert_eq!(
        (ended[0].reason.as_deref(), ended[0].bytes_in, ended[0].messages_out),
        (Some("silent"), 10, 3)
    );
    assert!(ended[0].disconnected_at >= Some(ended[0].connected_at));
}

#[actix::test]
async fn who_never_had_a_session_is_not_in_the_log() {
    let here = here(|_| {}).await;
    drop(Journey::begin(&here.log, Transport::Ws, "::1".parse().expect("an address")));
    assert_eq!(here.rows(SessionLogFilter::default()).await, []);
}

#[actix::test]
async fn open_and_ended_ones_are_found_by_account_and_transport() {
    let here = here(|_| {}).await;
    let (ann, bob) = (PlayerId::new(), PlayerId::new());
    let (_open, ended) = (here.connect(ann), here.connect(bob));
    drop(ended);
    let of = |open: bool| SessionLogFilter { open: Some(open), ..SessionLogFilter::default() };
    let accounts = |rows: Vec<SessionLogRow>| rows.iter().map(|row| row.account_id).collect::<Vec<_>>();
    assert_eq!(accounts(here.rows(of(true)).await), [ann.0]);
    assert_eq!(accounts(here.rows(of(false)).await), [bob.0]);
    let ws = SessionLogFilter { transport: Some("ws".into()), ..SessionLogFilter::default() };
    assert_eq!(here.rows(ws).await, []);
    let all = accounts(here.rows(SessionLogFilter::default()).await);
    assert_eq!(all, [bob.0, ann.0], "newest first");
}

#[actix::test]
async fn a_database_that_is_away_holds_nobody_up_and_the_full_queue_drops() {
    if std::env::var_os("PLAYHOUSE_TEST_POSTGRES").is_some() {
        return; // the one writer is SQLite's
    }
    let here = here(|settings| settings.queue = 8).await;
    let (held, account) = (PlayerId::new(), PlayerId::new());
    {
        let writer = match here.store.db() {
            crate::store::Db::Sqlite { w, .. } => w.acquire().await.expect("the writer"),
            crate::store::Db::Postgres { .. } => unreachable!("not asked for"),
        };
        let began = std::time::Instant::now();
        drop(here.connect(held));
        tokio::time::sleep(Duration::from_millis(20)).await; // the task has taken these, and waits
        let many: Vec<_> = (0..1_000).map(|_| here.connect(account)).collect();
        assert!(began.elapsed() < Duration::from_secs(1), "nobody waits: {:?}", began.elapsed());
        drop(many);
        drop(writer);
    }
    here.log.flush(LONG).await;
    assert_eq!(here.of(held).await.len(), 1, "what was taken is written in the end");
    let kept = here.of(account).await.len();
    assert!((1..=8).contains(&kept), "{kept} rows of a queue of 8");
}

#[actix::test]
async fn what_a_crash_left_open_is_closed_and_the_living_are_not() {
    let here = here(|_| {}).await;
    let account = PlayerId::new();
    let open = here.connect(account);
    let dead = NodeId::new();
    let row = |row: &SessionLogRow| SessionLogRow { id: Uuid::now_v7(), node: dead.0, ..row.clone() };
    let left = row(&here.of(account).await[0]);
    here.store.log_sessions(std::slice::from_ref(&left)).await.expect("written");
    let (living, grace) = ([here.node.0], 0);
    let soon = UnixMs(left.connected_at + 1);
    turn(&here.store, None, soon, (grace, i64::MAX)).await.expect("looks");
    turn(&here.store, Some(&living), soon, (1_000, i64::MAX)).await.expect("looks");
    assert!(here.of(account).await.iter().all(|row| row.reason.is_none()), "not known, or too young to say");
    turn(&here.store, Some(&living), soon, (grace, i64::MAX)).await.expect("looks");
    let rows = here.of(account).await;
    let swept: Vec<_> = rows.iter().filter(|row| row.reason.as_deref() == Some("crash")).collect();
    assert_eq!((swept.len(), swept[0].id, swept[0].disconnected_at), (1, left.id, Some(soon.0)));
    drop(open);
    assert!(here.of(account).await.iter().any(|row| row.reason.as_deref() == Some("lost")));
}

#[actix::test]
async fn what_is_too_old_is_forgotten_but_not_while_it_is_open() {
    let here = here(|_| {}).await;
    let (ended, open) = (PlayerId::new(), PlayerId::new());
    drop(here.connect(ended));
    let _open = here.connect(open);
    let now = UnixMs(here.of(open).await[0].connected_at + 10_000);
    turn(&here.store, None, now, (0, 60_000)).await.expect("looks");
    assert_eq!(here.of(ended).await.len(), 1, "young enough");
    turn(&here.store, None, now, (0, 5_000)).await.expect("looks");
    assert_eq!((here.of(ended).await.len(), here.of(open).await.len()), (0, 1));
}

#[actix::test]
async fn a_deleted_account_leaves_no_address_behind() {
    let here = here(|_| {}).await;
    let account = PlayerId::new();
    let add = "INSERT INTO accounts (account_id, nickname, nickname_key, nickname_look, guest, role, epoch, created_at)
               VALUES ($1, 'Ann', 'ann', 'ann', $2, 'USER', 0, 0)";
    write!(here.store.db(), pool => {
        sqlx::query(add).bind(account.0).bind(true).execute(pool).await.expect("an account");
    });
    let open = here.connect(account);
    assert!(here.of(account).await[0].address.is_some());
    here.store.delete_account(account.0, UnixMs(1)).await.expect("deleted");
    drop(here.connect(account)); // was on its way
    drop(open);
    let rows = here.of(account).await;
    assert_eq!(rows.len(), 2);
    assert!(rows.iter().all(|row| row.address.is_none() && row.disconnected_at.is_some()), "{rows:?}");
}
