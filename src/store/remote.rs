//! The database of a node without the role `db`: questions to the nodes that have it (spec 5.3).
//!
//! Called by [`Store`](super::Store), by the rows of `asked`. It chooses who is asked: of those that live the one with the
//! fewest open questions of this node, and whoever was silent last. So a dead node is left alone at once, long before
//! its lease ends. A question that may be asked twice goes to another node when the first is silent; one that may
//! not is asked again only of those who can tell that they never took it. A node that [leaves](Asks) is asked nothing
//! more, and goes when it has answered what it was asked. It opens no connection and keeps no answer.

use super::{Commit, CommitError, StoreError, batches::Batches};
use crate::{
    cluster::{AskError, Service, pack, unpack},
    config::{Database, DbRole},
    ids::NodeId,
};
use bytes::{BufMut, Bytes, BytesMut};
use futures_util::future::{BoxFuture, FutureExt, ready};
use serde::{Serialize, de::DeserializeOwned};
use std::{
    collections::HashMap,
    future::Future,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{sync::Notify, time::Instant};

/// So many nodes are asked, one after the other, within the time of a question.
const TRIES: usize = 3;

/// The nodes with the role `db`, as a node without it sees them.
pub trait DbNodes: Send + Sync + 'static {
    /// Those that live; those that stop only if none stays.
    fn living(&self) -> Vec<NodeId>;
    /// Asks one. [`AskError::TimedOut`] alone means that it may have been taken.
    fn ask(
        &self,
        node: NodeId,
        question: Bytes,
        within: Duration,
    ) -> BoxFuture<'static, Result<Bytes, AskError>>;
}

/// A question as it goes over the bus: the length of its name, its name, its arguments.
///
/// # Errors
/// It cannot be written.
pub(super) fn question(name: &'static str, args: &impl Serialize) -> Result<Bytes, String> {
    let args = pack(args)?;
    let length = u8::try_from(name.len()).map_err(|error| error.to_string())?;
    let mut question = BytesMut::with_capacity(1 + name.len() + args.len());
    question.put_u8(length);
    question.put_slice(name.as_bytes());
    question.put_slice(&args);
    Ok(question.freeze())
}

/// Name and arguments of a question.
pub(super) fn parts(question: &[u8]) -> Option<(&str, &[u8])> {
    let (length, rest) = question.split_first()?;
    let (name, args) = rest.split_at_checked(usize::from(*length))?;
    Some((std::str::from_utf8(name).ok()?, args))
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoAnswer {
    /// Certainly not done.
    #[error("no node with the role db is in reach")]
    Nobody,
    /// Certainly not done.
    #[error("the nodes with the role db take no more questions now")]
    Full,
    /// Certainly not done.
    #[error("too many questions of this node wait for those with the role db")]
    TooMany,
    /// It may have been done.
    #[error("no node with the role db has answered; it may have been done")]
    InDoubt,
}

/// The way to the nodes that have the database; cheap to clone.
#[derive(Clone)]
pub(crate) struct Remote {
    asker: Arc<Asker>,
    batches: Arc<Batches>,
}

/// Asks; see the module.
pub(super) struct Asker {
    nodes: OnceLock<Arc<dyn DbNodes>>,
    settings: DbRole,
    open: AtomicUsize,
    known: Mutex<HashMap<NodeId, Known>>,
    /// Told of each question that is over.
    over: Notify,
}

/// What this node knows of another.
#[derive(Clone, Copy, Default)]
struct Known {
    open: usize,
    silent_since: Option<Instant>,
    /// It stops. Kept for good: a node that starts again has a new id.
    leaves: bool,
}

impl Remote {
    pub(super) fn new(settings: &DbRole, database: &Database, facts: Arc<Notify>) -> Self {
        let asker = Arc::new(Asker {
            nodes: OnceLock::new(),
            settings: settings.clone(),
            open: AtomicUsize::new(0),
            known: Mutex::default(),
            over: Notify::new(),
        });
        let batches = Arc::new(Batches::start(asker.clone(), settings, database, facts));
        Self { asker, batches }
    }

    pub(super) fn reach(&self, nodes: Arc<dyn DbNodes>) {
        if self.asker.nodes.set(nodes).is_err() {
            tracing::error!("the store was told twice whom it asks");
        }
    }

    /// To be offered to the db nodes.
    pub(super) fn asks(&self) -> Asks {
        Asks(self.asker.clone())
    }

    /// How many live.
    pub(super) fn nodes(&self) -> usize {
        self.asker.nodes.get().map_or(0, |nodes| nodes.living().len())
    }

    /// Asks what may be asked twice.
    pub(super) async fn again<T: DeserializeOwned>(
        &self,
        name: &'static str,
        question: Result<Bytes, String>,
    ) -> Result<T, StoreError> {
        read(name, self.asker.ask(name, question?, true).await)
    }

    /// Asks what must not be done twice.
    pub(super) async fn once<T: DeserializeOwned>(
        &self,
        name: &'static str,
        question: Result<Bytes, String>,
    ) -> Result<T, StoreError> {
        read(name, self.asker.ask(name, question?, false).await)
    }

    pub(super) fn commit(
        &self,
        commit: Commit,
    ) -> impl Future<Output = Result<(), CommitError>> + Send + use<> {
        self.batches.commit(commit)
    }

    pub(super) async fn close(&self) {
        self.batches.close().await;
    }
}

/// What could not be written or read is ours to mend.
impl From<String> for StoreError {
    fn from(error: String) -> Self {
        Self::Bug(error)
    }
}

fn read<T: DeserializeOwned>(name: &'static str, answer: Result<Bytes, NoAnswer>) -> Result<T, StoreError> {
    let answer = answer.map_err(|error| StoreError::Unavailable(error.to_string()))?;
    unpack::<Result<T, StoreError>>(&answer).map_err(|error| {
        tracing::error!(error, question = name, "an answer of a db node could not be read");
        StoreError::Bug(error)
    })?
}

impl Asker {
    fn known(&self) -> MutexGuard<'_, HashMap<NodeId, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn ask(&self, name: &'static str, question: Bytes, again: bool) -> Result<Bytes, NoAnswer> {
        if question.len() > self.settings.message_bytes {
            tracing::error!(
                question = name,
                bytes = question.len(),
                "a question is longer than db.message_bytes"
            );
            return Err(NoAnswer::TooMany);
        }
        self.ask_within(question, again, Duration::from_millis(self.settings.ask_timeout_ms)).await
    }

    /// The answer of any of them.
    pub(super) async fn ask_within(
        &self,
        question: Bytes,
        again: bool,
        within: Duration,
    ) -> Result<Bytes, NoAnswer> {
        let began = Instant::now();
        let open = self.open.fetch_add(1, Ordering::Relaxed);
        let _open = Closing(&self.open);
        metrics::gauge!("playhouse_db_asks_open").set(open as f64 + 1.0);
        let answer = if open < self.settings.asks {
            self.ask_in_turn(question, again, began + within).await
        } else {
            Err(NoAnswer::TooMany)
        };
        let outcome = match &answer {
            Ok(_) => "answered",
            Err(NoAnswer::Nobody) => "nobody",
            Err(NoAnswer::Full) => "full",
            Err(NoAnswer::TooMany) => "too_many",
            Err(NoAnswer::InDoubt) => "in_doubt",
        };
        metrics::histogram!("playhouse_db_ask_seconds", "outcome" => outcome)
            .record(began.elapsed().as_secs_f64());
        answer
    }

    async fn ask_in_turn(&self, question: Bytes, again: bool, until: Instant) -> Result<Bytes, NoAnswer> {
        let mut asked = Vec::with_capacity(TRIES);
        let mut last = NoAnswer::Nobody;
        while asked.len() < TRIES {
            let Some((nodes, at, has_others)) = self.next(&asked) else { break };
            let node = at.node;
            asked.push(node);
            let left = until.saturating_duration_since(Instant::now());
            let patience = Duration::from_millis(self.settings.again_ms);
            let share = if again && has_others { left.min(patience) } else { left };
            let reply = nodes.ask(node, question.clone(), share).await;
            self.replied(node, &reply);
            match reply {
                Ok(answer) => return Ok(answer),
                Err(AskError::TimedOut) if !again => return Err(NoAnswer::InDoubt),
                Err(AskError::TimedOut) => last = NoAnswer::InDoubt,
                Err(_) => last = NoAnswer::Full,
            }
        }
        Err(last)
    }

    /// Who is asked next, and whether there is yet another.
    fn next(&self, asked: &[NodeId]) -> Option<(Arc<dyn DbNodes>, At<'_>, bool)> {
        let nodes = self.nodes.get()?.clone();
        let mut living = nodes.living();
        let mut known = self.known();
        known.retain(|node, known| known.open > 0 || known.leaves || living.contains(node));
        living.retain(|node| !asked.contains(node) && known.get(node).is_none_or(|known| !known.leaves));
        let first = crate::chance::bits() as usize;
        let count = living.len();
        let silence = Duration::from_millis(self.settings.silent_ms);
        let rank = |node: &NodeId| {
            let known = known.get(node).copied().unwrap_or_default();
            (known.silent_since.is_some_and(|since| since.elapsed() < silence), known.open)
        };
        let in_turn = (0..count).map(|n| living[first.wrapping_add(n) % count]);
        let node = in_turn.min_by_key(rank)?;
        known.entry(node).or_default().open += 1;
        Some((nodes, At { asker: self, node }, count > 1))
    }

    fn replied(&self, node: NodeId, reply: &Result<Bytes, AskError>) {
        let mut known = self.known();
        let Some(known) = known.get_mut(&node) else { return };
        let silent = matches!(reply, Err(AskError::TimedOut));
        known.silent_since = silent.then(Instant::now);
    }

    /// The node is asked nothing more. Resolves when nothing that it was asked is open.
    async fn leaves(&self, node: NodeId) {
        self.known().entry(node).or_default().leaves = true;
        loop {
            let over = self.over.notified();
            tokio::pin!(over);
            over.as_mut().enable(); // before the look: what ends after it is heard
            if self.known().get(&node).is_none_or(|known| known.open == 0) {
                return;
            }
            over.await;
        }
    }
}

/// The name under which [`Asks`] is offered.
pub(crate) const ASKS: &str = "db.asks";

/// What a db node that stops is answered with by a node that asks it: an empty answer, once nothing of this node is on
/// its way to it and nothing will be. So it need not guess how long the others' questions take to stop coming.
pub struct Asks(Arc<Asker>);

impl Service for Asks {
    /// `request` is the id of the node that stops, packed.
    fn serve(&self, request: Bytes) -> BoxFuture<'static, Result<Bytes, AskError>> {
        let Ok(node) = unpack::<NodeId>(&request) else { return ready(Err(AskError::Unknown)).boxed() };
        let asker = self.0.clone();
        async move {
            asker.leaves(node).await;
            Ok(Bytes::new())
        }
        .boxed()
    }
}

/// A question at a node, until it is answered or whoever asked has gone.
struct At<'a> {
    asker: &'a Asker,
    node: NodeId,
}

impl Drop for At<'_> {
    fn drop(&mut self) {
        if let Some(known) = self.asker.known().get_mut(&self.node) {
            known.open = known.open.saturating_sub(1);
        }
        self.asker.over.notify_waiters();
    }
}

/// Counts a question as over.
struct Closing<'a>(&'a AtomicUsize);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        let open = self.0.fetch_sub(1, Ordering::Relaxed);
        metrics::gauge!("playhouse_db_asks_open").set(open as f64 - 1.0);
    }
}
