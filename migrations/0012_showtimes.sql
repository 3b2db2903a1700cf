-- Showtimes, their numbered seats, and who holds or has bought them (spec 3.2). What must never happen is a constraint
-- here: a seat that two people have.

CREATE TABLE showtimes (
    showtime_id   UUID   NOT NULL PRIMARY KEY, -- by time
    title         TEXT   NOT NULL,
    starts_at     BIGINT NOT NULL,
    queue         UUID,                        -- NULL: nobody waits
    price_points  BIGINT NOT NULL,
    on_queue_down TEXT   NOT NULL,
    room          JSONB,                       -- what its room is like; NULL: it has none
    room_id       UUID   UNIQUE,               -- with it; chosen once
    created_at    BIGINT NOT NULL,
    updated_at    BIGINT NOT NULL,
    CONSTRAINT showtimes_price CHECK (price_points >= 0 AND price_points <= 9007199254740991),
    CONSTRAINT showtimes_on_queue_down CHECK (on_queue_down IN ('bypass', 'refuse'))
);
CREATE INDEX showtimes_starts ON showtimes (starts_at, showtime_id);

CREATE TABLE showtime_seats (
    seat_id     UUID   NOT NULL PRIMARY KEY, -- in order
    showtime_id UUID   NOT NULL,
    label       TEXT   NOT NULL,
    created_at  BIGINT NOT NULL,
    CONSTRAINT showtime_seats_label UNIQUE (showtime_id, label)
);
CREATE INDEX showtime_seats_order ON showtime_seats (showtime_id, seat_id);

-- A seat's status follows from its reservations: held or paid is at most one of them.
CREATE TABLE reservations (
    reservation_id  UUID   NOT NULL PRIMARY KEY, -- by time
    account_id      UUID   NOT NULL,
    showtime_id     UUID   NOT NULL,
    seat_id         UUID   NOT NULL,
    status          TEXT   NOT NULL,
    price_points    BIGINT NOT NULL,             -- the showtime's when the hold was won
    hold_expires_at BIGINT NOT NULL,
    queue           UUID,                        -- whose pass it was won under
    pass_id         UUID,
    payment_id      UUID,                        -- the operation that paid
    created_at      BIGINT NOT NULL,
    updated_at      BIGINT NOT NULL,
    CONSTRAINT reservations_status CHECK (status IN ('held', 'paid', 'expired', 'cancelled')),
    CONSTRAINT reservations_payment CHECK ((payment_id IS NOT NULL) = (status = 'paid'))
);
CREATE UNIQUE INDEX reservations_one_of_a_seat ON reservations (seat_id) WHERE status IN ('held', 'paid');
CREATE INDEX reservations_account ON reservations (account_id, reservation_id);
CREATE INDEX reservations_changed ON reservations (showtime_id, updated_at);
CREATE INDEX reservations_holds ON reservations (hold_expires_at) WHERE status = 'held';
