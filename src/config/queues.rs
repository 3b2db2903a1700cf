//! Who waits for a place or a seat: admission queues, showtimes, brackets. A table alone, see `table`.

use super::table::sections;

sections! {
    /// Showtimes: seats, holds, payment (spec 3.2).
    Showtimes {
        hold_ms: u64 = 300_000, "ms", "how long a seat is held for who has won it (spec 3.2: 5 min)";
        holds: u32 = 16, "seats", "seats that an account may hold at once: nobody keeps a house from all others for nothing";
        expiry_poll_ms: u64 = 1_000, "ms", "how often a node looks for holds whose time is over";
        expiry_batch: u32 = 256, "holds", "holds that are released in one transaction at most";
        title_chars: usize = 120, "characters", "longest title of a showtime";
        label_chars: usize = 24, "characters", "longest label of a seat";
        labels: usize = 500, "seats", "seats that are added in one request at most";
        seats: u32 = 5_000, "seats", "seats of a showtime at most";
        changed_within_ms: u64 = 60_000, "ms", "how far back a list of the seats that have changed goes at most";
        doors_ms: u64 = 900_000, "ms", "how long before its start the room of a showtime opens to those who have paid";
        queue_retry_ms: u64 = 2_000, "ms", "what Retry-After says when a queue did not answer";
        queue_give_up_ms: u64 = 3_600_000, "ms", "a queue that does not answer for so long is not told any more that a seat is paid: its pass has ended by itself";
        top_up_points: i64 = 1_000_000, "points", "points that staff may give an account at once at most";
    }
    /// Brackets of showtimes: duels of all who have a paid seat.
    Brackets {
        players: usize = 64, "players", "players of a bracket at most: six rounds; more are refused with room_full";
        waiting: usize = 256, "joins", "joins that wait for a bracket's commit; more are told to try again";
        look_ms: u64 = 1_000, "ms", "how often a bracket looks how its matches go; much shorter than duel.ended_ms, within which a match says how it ended";
        show_ms: u64 = 120_000, "ms", "a match that a player did not come to is made again until then; after it he has lost it";
        round_ms: u64 = 1_800_000, "ms", "longest round: a match that has no winner by then is the better seed's";
        verdict_ms: u64 = 600_000, "ms", "how long a result that its players do not agree on waits for staff before the match is played again";
        missing_ms: u64 = 30_000, "ms", "a match that is gone, and of whose result nobody has heard for so long, has none";
        revive_ms: u64 = 15_000, "ms", "a bracket that runs is looked for by all nodes after this: its own may have died; longer than cluster.lease_ms";
        retry_ms: u64 = 500, "ms", "wait before a commit or a look-up that failed is tried again";
        keep_ms: u64 = 86_400_000, "ms", "how long it is known how a bracket ended";
    }
    /// Admission queues (spec 3.1).
    Queue {
        tick_ms: u64 = 1_000, "ms", "how often a queue looks for passes that are over and places that are free, besides at every release";
        verify_ms: u64 = 500, "ms", "how long a pass may take to be verified; then the queue is unavailable (spec 3.3)";
        ping_ms: u64 = 300, "ms", "how long a queue may take to answer the health ping; then it is down (spec 3.3)";
        look_places: usize = 256, "tickets", "tickets of a queue that are looked for in one question to its line at most; the others wait for the next";
        ask_ms: u64 = 2_000, "ms", "how long a ticket or a poll may take on the way through a node without the role queue";
        block: i64 = 1_000, "numbers", "numbers that a line in Redis may give out before SQL is told of more";
        poll_least_ms: u64 = 1_000, "ms", "poll_after_ms of those who are next";
        poll_most_ms: u64 = 10_000, "ms", "and of those far away; after a loss of the line nobody is admitted for twice as long";
        poll_share: u64 = 10, "parts", "poll_after_ms is this part of the expected wait";
        poll_ahead_us: u64 = 2_000, "µs", "and, while no rate is measured, so much for each who is ahead";
        pace_ms: u64 = 60_000, "ms", "the rate of admissions is measured over so long: a change counts for two thirds after it";
        settings_ms: u64 = 1_000, "ms", "how long a node goes by settings that it has read, if it does not hear that they have changed";
        drop_batch: usize = 1_000, "players", "who has abandoned the line is dropped in batches of so many";
        admit_batch: usize = 500, "players", "players admitted in one commit at most";
        idle_ms: u64 = 60_000, "ms", "a queue in which nobody waits is put away after this";
        stale_ms: u64 = 3_000, "ms", "a line in which nobody was admitted or looked after for so long has lost its actor: a poll wakes it";
        left_ms: u64 = 600_000, "ms", "how long who has left is told so; later his ticket has expired";
        keep_ended_ms: u64 = 86_400_000, "ms", "how long an ended pass stays in SQL";
        sweep_ms: u64 = 600_000, "ms", "how often what is too old is deleted";
        push_ms: u64 = 1_000, "ms", "how often a node looks after the players who wait on its sockets";
        push_batch: usize = 500, "players", "of whom one question to the line names so many at most";
        push_most: usize = 5_000, "players", "and so many are looked after at once at most; the others a moment later";
        name_chars: usize = 120, "characters", "longest name of a queue";
        capacity: i64 = 100, "places", "capacity of a queue that names none";
        capacity_most: i64 = 100_000, "places", "largest capacity";
        rate_most: f64 = 100_000.0, "players/s", "largest rate";
        claim_ttl_ms: i64 = 60_000, "ms", "claim_ttl of a queue that names none: within it a pass must be used first";
        pass_ttl_ms: i64 = 600_000, "ms", "pass_ttl of a queue that names none: so long a pass is good after its first use";
        abandon_after_ms: i64 = 60_000, "ms", "abandon_after of a queue that names none: who was not heard of for so long is dropped";
        ttl_most_ms: i64 = 86_400_000, "ms", "the longest of these times";
    }
}
