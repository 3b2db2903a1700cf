//! Recordings of matches: what `GET /api/v1/matches/{id}` returns and `playhouse replay FILE` reads.
