//! Rows of admission queues (spec 3.1).

use super::{MODERATES, REPEATS, Row, STAFF, row};
use crate::{
    http::{
        guard::Access::{Roles, Service, SignedIn},
        idempotency,
        queues::{self, PassBody, QueueBody, QueueView, ValidPass},
    },
    queue::{Ticket, TicketStatus},
};
use actix_web::http::Method;

/// Of a service's token that verifies and completes passes.
const SCOPE: &str = "queue.verify";

#[rustfmt::skip]
pub(super) fn rows() -> Vec<Row> {
    let (get, post, patch, delete) = (Method::GET, Method::POST, Method::PATCH, Method::DELETE);
    vec![
        row(get.clone(), "/api/v1/queues", Roles(STAFF), |r| r.to(queues::list))
            .is("Admission queues, newest first").gives_page::<QueueView>(),
        row(post.clone(), "/api/v1/queues", Roles(MODERATES), |r| idempotency::optional(r.to(queues::create)))
            .is("Makes a queue").header("Idempotency-Key", REPEATS).takes::<QueueBody>().gives_one::<QueueView>(201, "queue").refuses(&[409, 422]),
        row(get.clone(), "/api/v1/queues/{id}", Roles(STAFF), |r| r.to(queues::one))
            .is("A queue, and what goes on in it").gives_one::<QueueView>(200, "queue"),
        row(patch, "/api/v1/queues/{id}", Roles(MODERATES), |r| r.to(queues::change))
            .is("Changes a queue; in force at once").takes::<QueueBody>().gives_one::<QueueView>(200, "queue").refuses(&[422]),
        row(post.clone(), "/api/v1/queues/{queue}/tickets", SignedIn, |r| r.to(queues::enter))
            .is("One's ticket: the one that one has, else a new one").gives::<Ticket>(201).refuses(&[409]),
        row(get, "/api/v1/queues/{queue}/tickets/{ticket}", SignedIn, |r| r.to(queues::poll))
            .is("Where one's ticket stands").gives::<TicketStatus>(200),
        row(delete, "/api/v1/queues/{queue}/tickets/{ticket}", SignedIn, |r| r.to(queues::leave))
            .is("Leaves the line; a pass that one has got ends").gives_nothing(),
        row(post.clone(), "/api/v1/queues/{queue}/passes/complete", Service(SCOPE), |r| r.to(queues::complete))
            .is("Ends a pass: its holder is done, the next comes in").takes::<PassBody>().gives_nothing().refuses(&[403]),
        row(post, "/api/v1/queues/{queue}/passes/verify", Service(SCOPE), |r| r.to(queues::verify))
            .is("Whose a pass is, if it is good; a use of it").takes::<PassBody>().gives::<ValidPass>(200).refuses(&[403]),
    ]
}
