-- A showtime may have a bracket of duels instead of a room: how it is played. NULL: it has none.
ALTER TABLE showtimes ADD COLUMN bracket JSONB
    CONSTRAINT showtimes_room_or_bracket CHECK (bracket IS NULL OR room IS NULL);
