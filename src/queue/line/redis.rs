//! The line in Redis: what it promises is promised by the scripts. A wipe loses all of it, which is noticed by the missing
//! hash; a fail-over or a crash may lose the last writes, which is noticed by a ticket with a higher number than the line has
//! given out. Those who wait bring their places back.

use super::{
    Beat, Entered, Forming, Found, Gone, Line, LineError, Lined, Looked, Take, Taken,
    scripts::{
        COME_BACK, DISMISS, DROP, ENTER, FIGURES, FORM, HOLD, LEAVE, LOOK, MORE, NUMBER, PUT_BACK, RELEASE,
        SEAT, TAKE,
    },
};
use crate::{
    clock::UnixMs,
    cluster::on_redis::{self, Line as Connection},
    config::Config,
    ids::{PlayerId, QueueId},
    store::Place,
};
use futures_util::future::FutureExt;
use redis::{FromRedisValue, RedisResult, Script, Value};
use std::{
    collections::HashMap,
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::time::timeout;
use uuid::Uuid;

/// Cheap to clone.
#[derive(Clone)]
pub(crate) struct RedisLine {
    redis: Connection,
    prefix: String,
    longest: Duration,
    left_ms: u64,
    /// The highest number of each queue that this node knows to have been given out: by the tickets that it has seen.
    known: Arc<Mutex<HashMap<QueueId, i64>>>,
}

/// Arguments of a script.
type Args = Vec<Vec<u8>>;

fn text(value: impl ToString) -> Vec<u8> {
    value.to_string().into_bytes()
}

fn name(account: PlayerId) -> Vec<u8> {
    account.0.as_bytes().to_vec()
}

fn with_places(mut args: Args, places: &[Place]) -> Args {
    for place in places {
        args.extend([name(place.account), text(place.number)]);
    }
    args
}

impl RedisLine {
    /// Connects.
    ///
    /// # Errors
    /// The URL is wrong, or Redis is not there.
    pub(crate) async fn open(url: &str, config: &Config) -> RedisResult<Self> {
        Ok(Self {
            redis: on_redis::connect(url, &config.redis).await?,
            prefix: config.redis.prefix.clone(),
            longest: Duration::from_millis(config.redis.timeout_ms),
            left_ms: config.queue.left_ms,
            known: Arc::default(),
        })
    }

    /// This number has been given out. The highest that has, as far as this node knows.
    fn learn(&self, queue: QueueId, number: i64) -> i64 {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let highest = known.entry(queue).or_default();
        *highest = number.max(*highest);
        *highest
    }

    /// The hash tag keeps the keys of a queue in one slot of a Redis Cluster.
    pub(crate) fn keys(&self, queue: QueueId) -> [String; 5] {
        ["meta", "line", "seen", "inside", "gone"]
            .map(|key| format!("{}:queue:{{{queue}}}:{key}", self.prefix))
    }

    fn run(
        &self,
        script: &'static Script,
        queue: QueueId,
        args: Args,
    ) -> impl Future<Output = Result<Reader, LineError>> + Send + use<> {
        let (mut redis, keys, longest) = (self.redis.clone(), self.keys(queue), self.longest);
        async move {
            let mut call = script.prepare_invoke();
            for key in keys {
                call.key(key);
            }
            for arg in args {
                call.arg(arg);
            }
            let answered = timeout(longest, call.invoke_async::<Vec<Value>>(&mut redis)).await;
            let answered = answered.map_err(|_| LineError::Away("Redis does not answer".to_owned()))?;
            let values = answered.map_err(|error| LineError::Away(error.to_string()))?;
            let mut reader = Reader(values.into_iter());
            match reader.int()? {
                0 => Ok(reader),
                -1 => Err(LineError::Lost),
                -2 => Err(LineError::NoNumbers),
                _ => Err(LineError::Fenced),
            }
        }
    }

    fn done(&self, script: &'static Script, queue: QueueId, args: Args) -> Lined<()> {
        self.run(script, queue, args).map(|answer| answer.map(drop)).boxed()
    }

    fn count(&self, script: &'static Script, queue: QueueId, args: Args) -> Lined<u64> {
        let run = self.run(script, queue, args);
        async move { run.await?.number() }.boxed()
    }
}

/// Reads an answer from its front.
struct Reader(std::vec::IntoIter<Value>);

impl Reader {
    fn next<T: FromRedisValue>(&mut self) -> Result<T, LineError> {
        let value = self.0.next().ok_or_else(|| LineError::Away("a script said too little".to_owned()))?;
        T::from_redis_value(value).map_err(|error| LineError::Away(error.to_string()))
    }

    fn int(&mut self) -> Result<i64, LineError> {
        self.next()
    }

    fn number(&mut self) -> Result<u64, LineError> {
        self.next()
    }

    fn beat(&mut self) -> Result<Beat, LineError> {
        let (pace, admitted_per_s) = (self.next()?, self.next()?);
        let (turned_at, quiet_until) = (UnixMs(self.int()?), UnixMs(self.int()?));
        Ok(Beat { pace, admitted_per_s, turned_at, quiet_until })
    }

    fn found(&mut self) -> Result<Found, LineError> {
        let (found, ahead) = (self.int()?, self.number()?);
        Ok(match found {
            0 => Found::Waiting { ahead },
            1 => Found::Inside,
            2 => Found::Left,
            other => Found::Unknown { may_return: other == 4 },
        })
    }

    /// A list of accounts and numbers.
    fn places(&mut self) -> Result<Vec<Place>, LineError> {
        let mut inner = Reader(self.next::<Vec<Value>>()?.into_iter());
        let mut places = Vec::with_capacity(inner.0.len() / 2);
        while inner.0.len() > 0 {
            let account: Vec<u8> = inner.next()?;
            let account = Uuid::from_slice(&account).map_err(|error| LineError::Away(error.to_string()))?;
            places.push(Place { account: PlayerId(account), number: inner.int()? });
        }
        Ok(places)
    }
}

impl Line for RedisLine {
    fn enter(&self, queue: QueueId, account: PlayerId, now: UnixMs) -> Lined<Entered> {
        let run = self.run(&ENTER, queue, vec![name(account), text(now.0), text(self.known(queue))]);
        let this = self.clone();
        async move {
            let mut answer = run.await?;
            let (inside, number, ahead) = (answer.int()? == 1, answer.int()?, answer.number()?);
            this.learn(queue, number);
            let (new, beat) = (answer.int()? == 1, answer.beat()?);
            let found = if inside { Found::Inside } else { Found::Waiting { ahead } };
            Ok(Entered { number, found, new, beat })
        }
        .boxed()
    }

    fn look(&self, queue: QueueId, places: Vec<Place>, now: UnixMs) -> Lined<Looked> {
        let known = self.learn(queue, places.iter().map(|place| place.number).max().unwrap_or_default());
        let run = self.run(&LOOK, queue, with_places(vec![text(now.0), text(known)], &places));
        async move {
            let mut answer = run.await?;
            let beat = answer.beat()?;
            let found = places.iter().map(|_| answer.found()).collect::<Result<_, _>>()?;
            Ok(Looked { found, beat })
        }
        .boxed()
    }

    fn number_of(&self, queue: QueueId, account: PlayerId) -> Lined<Option<i64>> {
        let run = self.run(&NUMBER, queue, vec![name(account)]);
        async move {
            let mut answer = run.await?;
            if answer.0.len() == 0 { Ok(None) } else { answer.next() }
        }
        .boxed()
    }

    fn come_back(&self, queue: QueueId, place: Place, now: UnixMs) -> Lined<Found> {
        let run = self.run(&COME_BACK, queue, vec![name(place.account), text(place.number), text(now.0)]);
        async move { run.await?.found() }.boxed()
    }

    fn leave(&self, queue: QueueId, place: Place, now: UnixMs) -> Lined<Gone> {
        let until = now + self.left_ms;
        let args = vec![name(place.account), text(place.number), text(now.0), text(until.0)];
        let run = self.run(&LEAVE, queue, args);
        async move {
            Ok(match run.await?.int()? {
                1 => Gone::Waited,
                2 => Gone::Inside,
                _ => Gone::NotThere,
            })
        }
        .boxed()
    }

    fn hold(&self, queue: QueueId, epoch: i64) -> Lined<Vec<Place>> {
        let run = self.run(&HOLD, queue, vec![text(epoch)]);
        async move { run.await?.places() }.boxed()
    }

    fn take(&self, queue: QueueId, take: Take) -> Lined<Taken> {
        let Take { epoch, most, pace, admitted_per_s, now, known } = take;
        let known = self.learn(queue, known);
        let args = vec![text(epoch), text(most), text(pace), text(admitted_per_s), text(now.0), text(known)];
        let (run, this) = (self.run(&TAKE, queue, args), self.clone());
        async move {
            let mut answer = run.await?;
            let (waiting, inside) = (answer.number()?, answer.number()?);
            let (quiet_until, open_until) = (UnixMs(answer.int()?), UnixMs(answer.int()?));
            let (first, given) = (answer.int()?, answer.int()?);
            this.learn(queue, given);
            let first = (first >= 0).then_some(first);
            let places = answer.places()?;
            Ok(Taken { places, waiting, inside, quiet_until, open_until, first, given })
        }
        .boxed()
    }

    fn put_back(&self, queue: QueueId, epoch: i64, now: UnixMs, places: Vec<Place>) -> Lined<()> {
        self.done(&PUT_BACK, queue, with_places(vec![text(epoch), text(now.0)], &places))
    }

    fn seat(&self, queue: QueueId, places: Vec<Place>) -> Lined<()> {
        self.done(&SEAT, queue, with_places(Vec::new(), &places))
    }

    fn release(&self, queue: QueueId, places: Vec<Place>) -> Lined<()> {
        self.done(&RELEASE, queue, with_places(Vec::new(), &places))
    }

    fn drop_silent(&self, queue: QueueId, _: UnixMs, before: UnixMs, most: usize) -> Lined<u64> {
        self.count(&DROP, queue, vec![text(before.0), text(most)])
    }

    fn dismiss(&self, queue: QueueId) -> Lined<u64> {
        self.count(&DISMISS, queue, Vec::new())
    }

    fn form(&self, queue: QueueId, forming: Forming) -> Lined<()> {
        let Forming { numbers: (from, to), through, inside, quiet_until, open_until } = forming;
        let (quiet, open, known) = (text(quiet_until.0), text(open_until.0), text(self.known(queue)));
        let args = vec![text(from), text(to), quiet, open, known, text(through)];
        self.done(&FORM, queue, with_places(args, &inside))
    }

    fn more(&self, queue: QueueId, (from, to): (i64, i64)) -> Lined<()> {
        self.done(&MORE, queue, vec![text(from), text(to)])
    }

    fn figures(&self, queue: QueueId) -> Lined<(u64, Beat)> {
        let run = self.run(&FIGURES, queue, vec![text(self.known(queue))]);
        async move {
            let mut answer = run.await?;
            Ok((answer.number()?, answer.beat()?))
        }
        .boxed()
    }

    fn known(&self, queue: QueueId) -> i64 {
        self.learn(queue, 0)
    }

    fn ping(&self) -> Lined<()> {
        let (mut redis, longest) = (self.redis.clone(), self.longest);
        async move {
            let ping = redis::cmd("PING");
            match timeout(longest, ping.query_async::<Value>(&mut redis)).await {
                Ok(Ok(_)) => Ok(()),
                Ok(Err(error)) => Err(LineError::Away(error.to_string())),
                Err(_) => Err(LineError::Away("Redis does not answer".to_owned())),
            }
        }
        .boxed()
    }
}
