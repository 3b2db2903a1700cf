//! Questions of one kind that come while the last is on its way, asked together: a crowd pays one round trip for all who
//! came during the one before.
//!
//! Owns those who wait. Called by the store for what each arrival looks up, and by the desk of queues for polls. A question
//! is asked after it came, so its answer knows all that was acknowledged before; one that comes alone waits for
//! nobody. Keeps no answer. Bounded by those who ask: each waits for his own.

use std::{
    collections::VecDeque,
    future::Future,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::oneshot;

/// See the module. `Q` is a question, `A` its answer.
pub(crate) struct Gather<Q, A> {
    waiting: Mutex<Waiting<Q, A>>,
    most: usize,
    size: fn(&Q) -> usize,
}

struct Waiting<Q, A> {
    asked: VecDeque<(Q, oneshot::Sender<A>)>,
    /// Somebody asks for them.
    running: bool,
}

/// Questions that are asked together, and who waits for each.
type Batch<Q, A> = (Vec<Q>, Vec<oneshot::Sender<A>>);

impl<Q, A> Gather<Q, A> {
    /// So much is asked at once at most, unless one question alone is more; `size` says what each comes to.
    pub fn new(most: usize, size: fn(&Q) -> usize) -> Self {
        Self { waiting: Mutex::new(Waiting { asked: VecDeque::new(), running: false }), most, size }
    }

    /// Joins. True: nobody asks, so the caller has to, until [`Running::next`] has nobody more.
    fn join(&self, question: Q) -> (oneshot::Receiver<A>, bool) {
        let (tell, told) = oneshot::channel();
        let mut waiting = self.lock();
        waiting.asked.push_back((question, tell));
        let asks = !std::mem::replace(&mut waiting.running, true);
        (told, asks)
    }

    fn lock(&self) -> MutexGuard<'_, Waiting<Q, A>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<Q: Send + 'static, A: Send + 'static> Gather<Q, A> {
    /// The answer to this question. `answer` answers many at once, in their order. `None`: whoever asked for all has
    /// ended before that.
    pub async fn ask<F, L>(self: &Arc<Self>, question: Q, answer: F) -> Option<A>
    where
        F: Fn(Vec<Q>) -> L + Send + 'static,
        L: Future<Output = Vec<A>> + Send + 'static,
    {
        let (told, asks) = self.join(question);
        if asks {
            tokio::spawn(Running::new(self.clone()).run(answer)); // not here: he who asks may give up
        }
        told.await.ok()
    }
}

/// Asks for all until nobody waits. Gone otherwise, those who wait hear of it, and the next one begins anew.
struct Running<Q, A> {
    gather: Arc<Gather<Q, A>>,
    done: bool,
}

impl<Q, A> Running<Q, A> {
    fn new(gather: Arc<Gather<Q, A>>) -> Self {
        Self { gather, done: false }
    }

    async fn run<L: Future<Output = Vec<A>>>(mut self, answer: impl Fn(Vec<Q>) -> L) {
        while let Some((questions, tellers)) = self.next() {
            for (tell, answer) in tellers.into_iter().zip(answer(questions).await) {
                let _ = tell.send(answer); // he may have given up
            }
        }
    }

    /// What is asked next; whoever has given up is left out. With nobody left the next who comes begins anew, and that is
    /// settled before the lock is let go.
    fn next(&mut self) -> Option<Batch<Q, A>> {
        let Gather { most, size, .. } = *self.gather;
        let mut waiting = self.gather.lock();
        waiting.asked.retain(|(_, tell)| !tell.is_closed());
        let mut left = most;
        let fits = |(question, _): &(Q, _)| {
            let all = left == most;
            let fits = left.checked_sub(size(question));
            left = fits.unwrap_or(0);
            fits.is_some() || all
        };
        let count = waiting.asked.iter().map(fits).take_while(|fits| *fits).count();
        self.done = count == 0;
        waiting.running = !self.done;
        (!self.done).then(|| waiting.asked.drain(..count).unzip())
    }
}

impl<Q, A> Drop for Running<Q, A> {
    fn drop(&mut self) {
        if !self.done {
            let mut waiting = self.gather.lock();
            waiting.running = false;
            waiting.asked.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gather(most: usize) -> Arc<Gather<Vec<u32>, u32>> {
        Arc::new(Gather::new(most, Vec::len))
    }

    #[test]
    fn one_asks_for_all_who_come_meanwhile() {
        let gather = gather(10);
        let (mut first, asks) = gather.join(vec![1]);
        assert!(asks);
        let mut running = Running::new(gather.clone());
        let (questions, tellers) = running.next().expect("he is there");
        let (mut second, asks) = gather.join(vec![2, 3]);
        let (_third, also) = gather.join(vec![4]);
        assert!(!asks && !also, "somebody asks already");
        assert_eq!((questions, tellers.len()), (vec![vec![1]], 1));
        tellers.into_iter().for_each(|tell| assert_eq!(tell.send(7), Ok(())));
        assert_eq!(first.try_recv(), Ok(7));
        let (questions, tellers) = running.next().expect("two came meanwhile");
        assert_eq!(questions, [vec![2, 3], vec![4]]);
        tellers.into_iter().zip([20, 40]).for_each(|(tell, answer)| assert_eq!(tell.send(answer), Ok(())));
        assert_eq!(second.try_recv(), Ok(20));
        assert!(running.next().is_none());
        assert!(gather.join(vec![5]).1, "the next one asks for himself");
        drop(running);
        assert!(!gather.join(vec![6]).1, "and who has ended in order takes nothing from him");
    }

    #[test]
    fn a_question_is_bounded_and_a_long_one_goes_alone() {
        let gather = gather(3);
        let _told: Vec<_> = [1, 2, 1, 9, 1].iter().map(|n| gather.join(vec![0; *n])).collect();
        let mut running = Running::new(gather);
        let batches = std::iter::from_fn(|| running.next());
        let sizes: Vec<_> = batches.map(|(questions, _)| questions.concat().len()).collect();
        assert_eq!(sizes, [3, 1, 9, 1]);
    }

    #[test]
    fn who_has_given_up_is_not_asked_for() {
        let gather = gather(10);
        let (gone, _) = gather.join(vec![1]);
        let (_stays, _) = gather.join(vec![2]);
        drop(gone);
        assert_eq!(Running::new(gather).next().expect("one has stayed").0, [vec![2]]);
    }

    #[test]
    fn when_nobody_asks_any_more_who_waits_hears_it_and_another_may() {
        let gather = gather(10);
        let (mut waits, _) = gather.join(vec![1]);
        drop(Running::new(gather.clone()));
        assert!(waits.try_recv().is_err());
        assert!(gather.join(vec![1]).1);
    }
}
