//! The line in SQL, of a node that is alone: who waits survives it, when each was last heard of begins anew with it.
//!
//! A look reads and writes nothing. Who was heard of when is kept in memory by the time, so that who has fallen silent
//! is found without looking at the others; it is read from SQL once, when a run of the node first needs it.

use super::{Beat, Entered, Forming, Found, Gone, Line, LineError, Lined, Looked, Take, Taken};
use crate::{
    clock::UnixMs,
    ids::{PlayerId, QueueId},
    store::{Place, Store, StoreError},
};
use futures_util::future::FutureExt;
use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Cheap to clone.
#[derive(Clone)]
pub(crate) struct SqlLine(Arc<Inner>);

struct Inner {
    store: Store,
    heard: Mutex<HashMap<QueueId, Heard>>,
}

/// When those who wait were last heard of.
#[derive(Default)]
struct Heard {
    /// Those who waited before this run are among them.
    complete: bool,
    at: HashMap<Place, UnixMs>,
    by_time: BTreeSet<(UnixMs, Place)>,
    beat: Beat,
}

impl Heard {
    fn now(&mut self, place: Place, now: UnixMs) {
        if let Some(before) = self.at.insert(place, now) {
            self.by_time.remove(&(before, place));
        }
        self.by_time.insert((now, place));
    }

    fn forget(&mut self, place: &Place) {
        if let Some(before) = self.at.remove(place) {
            self.by_time.remove(&(before, *place));
        }
    }
}

impl From<StoreError> for LineError {
    fn from(error: StoreError) -> Self {
        Self::Away(error.to_string())
    }
}

impl SqlLine {
    pub(crate) fn new(store: Store) -> Self {
        Self(Arc::new(Inner { store, heard: Mutex::default() }))
    }
}

impl Inner {
    fn heard(&self) -> MutexGuard<'_, HashMap<QueueId, Heard>> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn of<T>(&self, queue: QueueId, act: impl FnOnce(&mut Heard) -> T) -> T {
        act(self.heard().entry(queue).or_default())
    }

    async fn find(&self, queue: QueueId, place: Place, now: UnixMs) -> Result<Found, LineError> {
        let stood = self.store.line_place(queue, place.account).await?;
        match stood.filter(|stood| stood.number == place.number) {
            Some(stood) if stood.inside => Ok(Found::Inside),
            Some(stood) => {
                self.of(queue, |heard| heard.now(place, now));
                Ok(Found::Waiting { ahead: stood.ahead.max(0) as u64 })
            }
            None if self.store.line_left(queue, place.number).await? => Ok(Found::Left),
            None => Ok(Found::Unknown { may_return: false }),
        }
    }

    /// Those who waited before this run are taken as heard of when it first asked.
    async fn complete(&self, queue: QueueId, now: UnixMs) -> Result<(), LineError> {
        if self.of(queue, |heard| heard.complete) {
            return Ok(());
        }
        let rows = self.store.line_waiting(queue).await?;
        self.of(queue, |heard| {
            for place in rows.iter().map(|row| row.place()) {
                if !heard.at.contains_key(&place) {
                    heard.now(place, now);
                }
            }
            heard.complete = true;
        });
        Ok(())
    }
}

impl Line for SqlLine {
    fn enter(&self, queue: QueueId, account: PlayerId, now: UnixMs) -> Lined<Entered> {
        let this = self.0.clone();
        async move {
            let entered = this.store.line_enter(queue, account).await?;
            let (row, new) = entered.ok_or(LineError::Lost)?;
            let found = this.find(queue, row.place(), now).await?;
            let beat = this.of(queue, |heard| heard.beat);
            Ok(Entered { number: row.number, found, new, beat })
        }
        .boxed()
    }

    fn look(&self, queue: QueueId, places: Vec<Place>, now: UnixMs) -> Lined<Looked> {
        let this = self.0.clone();
        async move {
            let mut found = Vec::with_capacity(places.len());
            for place in places {
                found.push(this.find(queue, place, now).await?);
            }
            Ok(Looked { found, beat: this.of(queue, |heard| heard.beat) })
        }
        .boxed()
    }

    fn number_of(&self, queue: QueueId, account: PlayerId) -> Lined<Option<i64>> {
        let this = self.0.clone();
        async move { Ok(this.store.line_place(queue, account).await?.map(|stood| stood.number)) }.boxed()
    }

    fn come_back(&self, _: QueueId, _: Place, _: UnixMs) -> Lined<Found> {
        async { Ok(Found::Unknown { may_return: false }) }.boxed() // what is in SQL is not lost
    }

    fn leave(&self, queue: QueueId, place: Place, now: UnixMs) -> Lined<Gone> {
        let this = self.0.clone();
        async move {
            let left = this.store.line_leave(queue, place, now).await?;
            this.of(queue, |heard| heard.forget(&place));
            Ok(match left {
                None => Gone::NotThere,
                Some(row) if row.inside => Gone::Inside,
                Some(_) => Gone::Waited,
            })
        }
        .boxed()
    }

    fn hold(&self, queue: QueueId, epoch: i64) -> Lined<Vec<Place>> {
        let this = self.0.clone();
        async move {
            let rows = this.store.line_hold(queue, epoch).await?.ok_or(LineError::Fenced)?;
            Ok(rows.iter().map(|row| row.place()).collect())
        }
        .boxed()
    }

    fn take(&self, queue: QueueId, take: Take) -> Lined<Taken> {
        let this = self.0.clone();
        async move {
            let most = i64::try_from(take.most).unwrap_or(i64::MAX);
            let taken = this.store.line_take(queue, take.epoch, most).await?.ok_or(LineError::Fenced)?;
            this.of(queue, |heard| {
                taken.places.iter().for_each(|place| heard.forget(place));
                let Take { pace, admitted_per_s, now, .. } = take;
                heard.beat = Beat { pace, admitted_per_s, turned_at: now, ..Beat::default() };
            });
            Ok(Taken {
                places: taken.places,
                waiting: taken.waiting.max(0) as u64,
                inside: taken.inside.max(0) as u64,
                quiet_until: UnixMs::default(),
                open_until: UnixMs::default(),
                first: taken.first,
                given: taken.given,
            })
        }
        .boxed()
    }

    fn put_back(&self, queue: QueueId, epoch: i64, now: UnixMs, places: Vec<Place>) -> Lined<()> {
        let this = self.0.clone();
        async move {
            if !this.store.line_put_back(queue, epoch, &places).await? {
                return Err(LineError::Fenced);
            }
            this.of(queue, |heard| places.iter().for_each(|place| heard.now(*place, now)));
            Ok(())
        }
        .boxed()
    }

    fn seat(&self, queue: QueueId, places: Vec<Place>) -> Lined<()> {
        let this = self.0.clone();
        async move { Ok(this.store.line_seat(queue, &places).await?) }.boxed()
    }

    fn release(&self, queue: QueueId, places: Vec<Place>) -> Lined<()> {
        let this = self.0.clone();
        async move { Ok(this.store.line_release(queue, &places).await?) }.boxed()
    }

    fn drop_silent(&self, queue: QueueId, now: UnixMs, before: UnixMs, most: usize) -> Lined<u64> {
        let this = self.0.clone();
        async move {
            this.complete(queue, now).await?;
            let silent: Vec<Place> = this.of(queue, |heard| {
                let silent = heard.by_time.iter().take_while(|(at, _)| *at <= before);
                silent.take(most).map(|(_, place)| *place).collect()
            });
            if silent.is_empty() {
                return Ok(0);
            }
            let dropped = this.store.line_drop(queue, &silent).await?;
            this.of(queue, |heard| silent.iter().for_each(|place| heard.forget(place)));
            Ok(dropped)
        }
        .boxed()
    }

    fn dismiss(&self, queue: QueueId) -> Lined<u64> {
        let this = self.0.clone();
        async move {
            let dismissed = this.store.line_dismiss(queue).await?;
            this.of(queue, |heard| (heard.at, heard.by_time) = Default::default());
            Ok(dismissed)
        }
        .boxed()
    }

    fn form(&self, _: QueueId, _: Forming) -> Lined<()> {
        async { Ok(()) }.boxed()
    }

    fn more(&self, _: QueueId, _: (i64, i64)) -> Lined<()> {
        async { Ok(()) }.boxed() // each is taken from SQL when it is given out
    }

    fn figures(&self, queue: QueueId) -> Lined<(u64, Beat)> {
        let this = self.0.clone();
        async move {
            let waiting = this.store.line_length(queue).await?.max(0) as u64;
            Ok((waiting, this.of(queue, |heard| heard.beat)))
        }
        .boxed()
    }

    fn known(&self, _: QueueId) -> i64 {
        0 // what it has given out it knows itself
    }

    fn ping(&self) -> Lined<()> {
        let this = self.0.clone();
        async move { Ok(this.store.ping().await?) }.boxed()
    }
}
