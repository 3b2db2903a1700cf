//! The statements of seats: an account has one at most, in one room.
//!
//! A macro, as those of `statements` are, which alone uses it: the same text for both databases.

/// `take_seats` and `free_seats` of one database.
macro_rules! seat_statements {
    ($Connection:ty) => {
        /// Whether all could be taken, each of another account. One that the account has in that room already is taken; if one
        /// is not, some of them may have been.
        async fn take_seats(db: &mut $Connection, seats: &[Seat]) -> sqlx::Result<bool> {
            for some in cut(seats) {
                let mut sql = QueryBuilder::<Database>::new("INSERT INTO seats (account_id, room_id) ");
                sql.push_values(some, |mut row, (account, room)| {
                    row.push_bind(account.0).push_bind(room.0);
                });
                sql.push(
                    " ON CONFLICT (account_id) DO UPDATE SET room_id = excluded.room_id
                     WHERE seats.room_id = excluded.room_id",
                );
                let done = sql.build().execute(&mut *db).await?;
                if done.rows_affected() < some.len() as u64 {
                    return Ok(false);
                }
            }
            Ok(true)
        }

        /// Frees those that are taken, in these rooms.
        async fn free_seats(db: &mut $Connection, seats: &[Seat]) -> sqlx::Result<()> {
            for some in cut(seats) {
                let mut sql =
                    QueryBuilder::<Database>::new("DELETE FROM seats WHERE (account_id, room_id) IN (");
                sql.push_values(some, |mut row, (account, room)| {
                    row.push_bind(account.0).push_bind(room.0);
                });
                sql.push(")").build().execute(&mut *db).await?;
            }
            Ok(())
        }
    };
}
pub(super) use seat_statements;
