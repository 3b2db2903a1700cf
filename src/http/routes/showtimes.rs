//! Rows of showtimes, seats, reservations and points from staff (spec 3.2).

use super::{MODERATES, REPEATS, Row, STAFF, row};
use crate::{
    http::{
        guard::Access::{Roles, SignedIn},
        idempotency,
        page::Page,
        reservations::{self, ReservationQuery},
        showtimes::{
            self, NewSeats, NewShowtime, SeatQuery, SeatView, ShowtimePatch, ShowtimeQuery, ShowtimeView,
        },
        staff_wallet::{self, TopUp},
        wallet::WalletView,
    },
    liveops::showtimes::ReservationView,
};
use actix_web::http::Method;

const PASS: &str = "The pass of the showtime's queue, if it has one.";
const PAYS_ONCE: &str = "Must be there. A request repeated with the same key is the same payment.";
const TOPS_UP_ONCE: &str = "Must be there. A request repeated with the same key is the same top-up.";

#[rustfmt::skip]
pub(super) fn rows() -> Vec<Row> {
    let (get, post) = (Method::GET, Method::POST);
    vec![
        row(get.clone(), "/api/v1/showtimes", SignedIn, |r| r.to(showtimes::list))
            .is("Showtimes, the soonest first").query::<ShowtimeQuery>().gives_page::<ShowtimeView>(),
        row(post.clone(), "/api/v1/showtimes", Roles(MODERATES), |r| idempotency::optional(r.to(showtimes::create)))
            .is("Makes a showtime").header("Idempotency-Key", REPEATS).takes::<NewShowtime>().gives_one::<ShowtimeView>(201, "showtime").refuses(&[409, 422]),
        row(get.clone(), "/api/v1/showtimes/{id}", SignedIn, |r| r.to(showtimes::one))
            .is("A showtime").gives_one::<ShowtimeView>(200, "showtime"),
        row(Method::PATCH, "/api/v1/showtimes/{id}", Roles(MODERATES), |r| r.to(showtimes::change))
            .is("Changes a showtime").takes::<ShowtimePatch>().gives_one::<ShowtimeView>(200, "showtime").refuses(&[422]),
        row(get.clone(), "/api/v1/showtimes/{id}/seats", SignedIn, |r| r.to(showtimes::seats))
            .is("Its seats, in order").query::<SeatQuery>().gives_page::<SeatView>(),
        row(post.clone(), "/api/v1/showtimes/{id}/seats", Roles(MODERATES), |r| idempotency::optional(r.to(showtimes::add_seats)))
            .is("Adds seats, all of them or none").header("Idempotency-Key", REPEATS).takes::<NewSeats>().gives::<Page<SeatView>>(201).refuses(&[409, 422]),
        row(post.clone(), "/api/v1/showtimes/{id}/seats/{seat}/reservations", SignedIn, |r| idempotency::optional(r.to(reservations::create)))
            .is("Holds a seat for a while").header("Queue-Pass", PASS).header("Idempotency-Key", REPEATS)
            .gives_one::<ReservationView>(201, "reservation").refuses(&[400, 403, 409, 422]),
        row(get.clone(), "/api/v1/me/reservations", SignedIn, |r| r.to(reservations::mine))
            .is("One's reservations, newest first").gives_page::<ReservationView>(),
        row(Method::DELETE, "/api/v1/reservations/{id}", SignedIn, |r| r.to(reservations::give_back))
            .is("Gives a hold back").gives_nothing().refuses(&[409]),
        row(post.clone(), "/api/v1/reservations/{id}/payment", SignedIn, |r| idempotency::required(r.to(reservations::pay)))
            .is("Pays for a held seat with points").header("Idempotency-Key", PAYS_ONCE)
            .gives_one::<ReservationView>(200, "reservation").refuses(&[400, 402, 409, 410, 422]),
        row(get, "/api/v1/admin/reservations", Roles(STAFF), |r| r.to(reservations::list))
            .is("Reservations, newest first").query::<ReservationQuery>().gives_page::<ReservationView>(),
        row(post, "/api/v1/admin/accounts/{id}/wallet/top-ups", Roles(MODERATES), |r| idempotency::required(r.to(staff_wallet::top_up)))
            .is("Gives an account points").header("Idempotency-Key", TOPS_UP_ONCE).takes::<TopUp>()
            .gives::<WalletView>(201).refuses(&[400, 409, 422]),
    ]
}
