//! The entity store in memory: the same guarantees as on SQL, and faults at will.

use crate::{
    actors::bracket::{DuelResult, Results},
    clock::UnixMs,
    cluster::{BracketDoor, EntityStore, RoomIndex, ShowtimeDoor},
    ids::{MatchId, PlayerId, RoomId},
    liveops::{DuelFinished, Fact},
    store::{Activated, AuditEntry, Commit, CommitError, Due, Fence, Listing, NewPass, Row, StoreError},
};
use futures_util::future::BoxFuture;
use serde_json::Value;
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};
use uuid::Uuid;

/// What the next commit meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It certainly fails.
    Fail,
    /// It is written, but nobody learns of it.
    LoseAnswer,
    /// It is neither written nor answered.
    LoseCommit,
    /// It is written, and answered only after so many ms.
    Delay(u64),
    /// It is on its way for so many ms, and only then written and answered: by then the entity may be somebody else's.
    Late(u64),
}

#[derive(Clone, Debug)]
struct Entity {
    epoch: i64,
    version: i64,
    state: Vec<u8>,
    next_wake_at: Option<UnixMs>,
    wake_no: i64,
}

/// A match as the store holds it.
#[derive(Clone, Debug, Default)]
pub struct StoredMatch {
    /// As `Row::MatchStarted` had it.
    pub header: Value,
    /// In order.
    pub entries: Vec<Value>,
    /// As `Row::MatchEnded` had it.
    pub ended: Option<Value>,
}

#[derive(Default)]
struct Tables {
    entities: BTreeMap<(&'static str, Uuid), Entity>,
    seats: BTreeMap<PlayerId, RoomId>,
    /// A showtime's room, and who has paid for a seat of it.
    showtimes: BTreeMap<Uuid, (ShowtimeDoor, Vec<PlayerId>)>,
    /// A showtime's bracket, and who has paid for a seat of it.
    brackets: BTreeMap<Uuid, (BracketDoor, Vec<PlayerId>)>,
    /// What staff have made of duels.
    verdicts: BTreeMap<Uuid, Option<PlayerId>>,
    listings: BTreeMap<RoomId, Listing>,
    matches: BTreeMap<MatchId, StoredMatch>,
    reports: Vec<Value>,
    facts: Vec<Fact>,
    audit: Vec<AuditEntry>,
    admitted: Vec<NewPass>,
    faults: VecDeque<Fault>,
    commits: u64,
}

/// All tables behind one lock; cheap to clone. Outlives the stage, as a database outlives its node.
#[derive(Clone, Default)]
pub struct MemoryStore {
    tables: Arc<Mutex<Tables>>,
    /// The run of the node that has this handle is dead: what it still does reaches nothing.
    dead: Arc<AtomicBool>,
}

impl MemoryStore {
    /// A handle for another node, or for the run after this one.
    pub fn for_another_run(&self) -> Self {
        Self { tables: self.tables.clone(), dead: Arc::default() }
    }

    /// The node with this handle has died: its actors may go on, and change nothing.
    pub fn die(&self) {
        self.dead.store(true, Ordering::Relaxed);
    }

    /// There is a showtime with a room, and these have paid for seats of it.
    pub fn opens_showtime(&self, showtime: Uuid, door: ShowtimeDoor, paid: Vec<PlayerId>) {
        self.lock().showtimes.insert(showtime, (door, paid));
    }

    /// There is a showtime with a bracket, and these have paid for seats of it.
    pub fn opens_bracket(&self, showtime: Uuid, door: BracketDoor, paid: Vec<PlayerId>) {
        self.lock().brackets.insert(showtime, (door, paid));
    }

    /// Staff have looked into this duel; `None`: nobody has won.
    pub fn resolves_duel(&self, duel: Uuid, winner: Option<PlayerId>) {
        self.lock().verdicts.insert(duel, winner);
    }

    fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next commits meet these, one each.
    pub fn inject(&self, faults: impl IntoIterator<Item = Fault>) {
        self.lock().faults.extend(faults);
    }

    /// How many commits were applied.
    pub fn commits(&self) -> u64 {
        self.lock().commits
    }

    /// All matches, oldest first.
    pub fn matches(&self) -> Vec<StoredMatch> {
        self.lock().matches.values().cloned().collect()
    }

    /// The logs that came with reports.
    pub fn reports(&self) -> Vec<Value> {
        self.lock().reports.clone()
    }

    /// The facts that commits made true, in order.
    pub fn facts(&self) -> Vec<Fact> {
        self.lock().facts.clone()
    }

    /// What staff have done, oldest first.
    pub fn audit(&self) -> Vec<AuditEntry> {
        self.lock().audit.clone()
    }

    /// The passes that queues gave, in order.
    pub fn admitted(&self) -> Vec<NewPass> {
        self.lock().admitted.clone()
    }

    /// Who has a seat where.
    pub fn seats(&self) -> BTreeMap<PlayerId, RoomId> {
        self.lock().seats.clone()
    }
}

impl Tables {
    fn apply(&mut self, commit: Commit) -> Result<(), CommitError> {
        let key = (commit.kind, commit.key);
        match (commit.fence, self.entities.get(&key)) {
            (Fence::Create, Some(_)) => return Err(CommitError::Fenced),
            (Fence::Epoch(epoch), entity) if entity.is_none_or(|e| e.epoch != epoch) => {
                return Err(CommitError::Fenced);
            }
            _ => {}
        }
        self.check(&commit.rows)?;
        match commit.state {
            None => drop(self.entities.remove(&key)),
            Some(state) => {
                let (epoch, version) = self.entities.get(&key).map_or((1, 0), |e| (e.epoch, e.version));
                let (next_wake_at, wake_no) = (commit.next_wake_at, commit.wake_no);
                self.entities
                    .insert(key, Entity { epoch, version: version + 1, state, next_wake_at, wake_no });
            }
        }
        commit.rows.into_iter().for_each(|row| self.write(row));
        self.commits += 1;
        Ok(())
    }

    fn check(&self, rows: &[Row]) -> Result<(), CommitError> {
        for row in rows {
            match row {
                Row::TakeSeat { account, room }
                    if self.seats.get(account).is_some_and(|held| held != room) =>
                {
                    return Err(CommitError::SeatTaken(*account));
                }
                Row::Listing(listing) => {
                    let same_code = |l: &&Listing| l.code == listing.code && l.room_id != listing.room_id;
                    if self.listings.values().any(|l| same_code(&l)) {
                        return Err(CommitError::CodeTaken);
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn write(&mut self, row: Row) {
        match row {
            Row::TakeSeat { account, room } => drop(self.seats.insert(account, room)),
            Row::FreeSeat { account, room } => {
                if self.seats.get(&account) == Some(&room) {
                    self.seats.remove(&account);
                }
            }
            Row::Listing(listing) => drop(self.listings.insert(listing.room_id, listing)),
            Row::Unlist { room } => drop(self.listings.remove(&room)),
            Row::MatchStarted { match_id, header, .. } => {
                self.matches.insert(match_id, StoredMatch { header, ..StoredMatch::default() });
            }
            Row::MatchEntry { match_id, body, .. } => {
                self.matches.entry(match_id).or_default().entries.push(body)
            }
            Row::MatchEnded { match_id, ended, .. } => {
                self.matches.entry(match_id).or_default().ended = Some(ended);
            }
            Row::Fact(fact) => self.facts.push(fact),
            Row::Audit(entry) => self.audit.push(entry),
            Row::Admitted { passes, .. } => self.admitted.extend(passes),
            Row::Report { log, .. } => self.reports.push(log),
        }
    }
}

fn ready<T: Send + 'static>(value: T) -> BoxFuture<'static, T> {
    Box::pin(std::future::ready(value))
}

impl EntityStore for MemoryStore {
    fn activate(
        &self,
        kind: &'static str,
        key: Uuid,
    ) -> BoxFuture<'static, Result<Option<Activated>, StoreError>> {
        if self.is_dead() {
            return ready(Err(StoreError::Unavailable("the node is dead".to_owned())));
        }
        let mut tables = self.lock();
        let activated = tables.entities.get_mut(&(kind, key)).map(|entity| {
            entity.epoch += 1;
            Activated { epoch: entity.epoch, version: entity.version, state: entity.state.clone() }
        });
        ready(Ok(activated))
    }

    fn commit(&self, commit: Commit) -> BoxFuture<'static, Result<(), CommitError>> {
        if self.is_dead() {
            return Box::pin(std::future::pending());
        }
        let mut tables = self.lock();
        match tables.faults.pop_front() {
            None => ready(tables.apply(commit)),
            Some(Fault::Fail) => ready(Err(CommitError::Failed("injected".to_owned()))),
            Some(Fault::LoseCommit) => Box::pin(std::future::pending()),
            Some(Fault::LoseAnswer) => {
                let _ = tables.apply(commit); // nobody learns how it went
                Box::pin(std::future::pending())
            }
            Some(Fault::Late(ms)) => {
                let late = self.tables.clone(); // it comes even if its node has died
                Box::pin(async move {
                    tokio::time::sleep(std::time::Duration::from_millis(ms)).await;
                    late.lock().unwrap_or_else(PoisonError::into_inner).apply(commit)
                })
            }
            Some(Fault::Delay(ms)) => {
                let result = tables.apply(commit);
                Box::pin(async move {
                    tokio::time::sleep(std::time::Duration::from_millis(ms)).await;
                    result
                })
            }
        }
    }

    fn due(
        &self,
        kind: &'static str,
        now: UnixMs,
        limit: u32,
    ) -> BoxFuture<'static, Result<Vec<Due>, StoreError>> {
        let tables = self.lock();
        let overdue = tables
            .entities
            .iter()
            .filter(|((of, _), e)| *of == kind && e.next_wake_at.is_some_and(|at| at <= now));
        let due = overdue.take(limit as usize).map(|((_, key), e)| Due { key: *key, wake_no: e.wake_no });
        ready(Ok(due.collect()))
    }
}

impl RoomIndex for MemoryStore {
    fn seat_of(&self, account: PlayerId) -> BoxFuture<'static, Result<Option<RoomId>, StoreError>> {
        ready(Ok(self.lock().seats.get(&account).copied()))
    }

    fn showtime_door(
        &self,
        showtime: Uuid,
        account: PlayerId,
    ) -> BoxFuture<'static, Result<Option<ShowtimeDoor>, StoreError>> {
        let tables = self.lock();
        let found = tables.showtimes.get(&showtime);
        ready(Ok(found.map(|(door, paid)| ShowtimeDoor { paid: paid.contains(&account), ..door.clone() })))
    }

    fn bracket_door(
        &self,
        showtime: Uuid,
        account: PlayerId,
    ) -> BoxFuture<'static, Result<Option<BracketDoor>, StoreError>> {
        let tables = self.lock();
        let found = tables.brackets.get(&showtime);
        ready(Ok(found.map(|(door, paid)| BracketDoor { paid: paid.contains(&account), ..door.clone() })))
    }

    fn room_by_code(&self, code: String) -> BoxFuture<'static, Result<Option<RoomId>, StoreError>> {
        let tables = self.lock();
        ready(Ok(tables.listings.values().find(|l| l.code == code).map(|l| l.room_id)))
    }

    fn list_rooms(
        &self,
        status: Option<&'static str>,
        cursor: Option<String>,
        limit: u32,
    ) -> BoxFuture<'static, Result<(Vec<Listing>, Option<String>), StoreError>> {
        let tables = self.lock();
        let public = tables.listings.values().rev().filter(|l| l.visibility == "public");
        let wanted = public.filter(|l| status.is_none_or(|status| l.status == status));
        let after = wanted.filter(|l| cursor.as_ref().is_none_or(|cursor| l.room_id.to_string() < *cursor));
        let page: Vec<Listing> = after.take(limit as usize).cloned().collect();
        let full = page.len() == limit as usize;
        let next = page.last().filter(|_| full).map(|l| l.room_id.to_string());
        ready(Ok((page, next)))
    }

    fn fullest_waiting(&self, game: String) -> BoxFuture<'static, Result<Vec<RoomId>, StoreError>> {
        const MOST: usize = 5;
        let tables = self.lock();
        let open = |l: &&Listing| {
            l.visibility == "public" && l.status == "waiting" && l.members < l.capacity && l.game == game
        };
        let mut rooms: Vec<&Listing> = tables.listings.values().filter(open).collect();
        rooms.sort_by_key(|l| std::cmp::Reverse(l.members));
        ready(Ok(rooms.iter().take(MOST).map(|l| l.room_id).collect()))
    }
}

/// As the consumer of `duel_finished` keeps them.
impl Results for MemoryStore {
    fn result_of(&self, duel: Uuid) -> BoxFuture<'static, Result<Option<DuelResult>, StoreError>> {
        let tables = self.lock();
        let mut finished = tables.facts.iter().filter_map(DuelFinished::read);
        let result = finished.find(|finished| finished.session_id == duel).map(|it| {
            let verdict = tables.verdicts.get(&duel);
            let winner = verdict.copied().flatten().or(it.winner);
            DuelResult::of(it.outcome, winner, !it.reports.is_empty(), verdict.is_some())
        });
        ready(Ok(result))
    }
}

/// Nobody has seen anybody play.
impl crate::actors::matchmaker::Ratings for MemoryStore {
    fn rating(
        &self,
        _: PlayerId,
        _: crate::protocol::matchmaking::MatchMode,
    ) -> BoxFuture<'static, Result<crate::game::rating::Rating, StoreError>> {
        let settings = crate::config::RatingSection::default();
        let rating = crate::game::rating::Rating {
            rating: settings.start,
            deviation: settings.start_deviation,
            volatility: settings.start_volatility,
        };
        Box::pin(async move { Ok(rating) })
    }
}
