//! Queues, as showtimes need them: [`QueuePort`] on the handle of the installation's queues.

use super::{QueuePort, gate::PassVerdict};
use crate::{
    ids::QueueId,
    queue::{Completed, Queues, Verdict},
};
use futures_util::future::{BoxFuture, FutureExt};
use uuid::Uuid;

impl QueuePort for Queues {
    fn verify<'a>(&'a self, queue: QueueId, pass: &'a str) -> BoxFuture<'a, PassVerdict> {
        async move {
            match Queues::verify(self, queue, pass).await {
                Verdict::Valid { account, pass_id } => PassVerdict::Valid { account, pass_id },
                Verdict::Invalid => PassVerdict::Invalid,
                Verdict::Unavailable => PassVerdict::Unavailable,
            }
        }
        .boxed()
    }

    fn alive(&self, queue: QueueId) -> BoxFuture<'_, bool> {
        Queues::alive(self, queue).boxed()
    }

    /// One that has ended otherwise has ended all the same.
    fn complete(&self, queue: QueueId, pass: Uuid) -> BoxFuture<'_, bool> {
        self.complete_pass(queue, pass).map(|done| done != Completed::Unavailable).boxed()
    }

    fn sold_out(&self, queue: QueueId) -> BoxFuture<'_, bool> {
        Queues::sold_out(self, queue).boxed()
    }
}
