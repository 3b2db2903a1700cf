//! Queues as the rest of the node meets them, on a database of the test's own.

use crate::store::QueueRow;
use uuid::Uuid;

/// A queue with the settings that one gets who names none.
pub(crate) fn row() -> QueueRow {
    QueueRow {
        queue_id: Uuid::now_v7(),
        name: "A queue".to_owned(),
        state: "open".to_owned(),
        capacity: 2,
        rate_per_s: None,
        claim_ttl_ms: 60_000,
        pass_ttl_ms: 600_000,
        abandon_after_ms: 60_000,
        sold_out: "keep".to_owned(),
        sold_out_at: None,
        dismissed_through: 0,
        numbers_to: 0,
        admitted_through: 0,
        admitted: 0,
        no_shows: 0,
        expiries: 0,
        abandoned: 0,
        created_at: 0,
        updated_at: 0,
    }
}
