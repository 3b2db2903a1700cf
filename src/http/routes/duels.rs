//! Routes of duels: ratings, leaderboards, results in dispute, ICE servers (spec 4.5, 4.6).

use super::{
    super::{
        duels::{self, DuelQuery, DuelResolution},
        guard::Access::{Roles, SignedIn},
        ice::{self, IceServersAnswer},
        ratings::{self, Ranked, RatingView},
    },
    MODERATES, Row, STAFF, row,
};
use crate::store::DuelRow;
use actix_web::http::Method;

#[rustfmt::skip]
pub(super) fn rows() -> Vec<Row> {
    let get = || Method::GET;
    vec![
        row(get(), "/api/v1/ice-servers", SignedIn, |r| r.to(ice::servers))
            .is("STUN and TURN servers, with credentials of one's own, for whoever is in a room, lobby or match").gives::<IceServersAnswer>(200).refuses(&[409, 429]),
        row(get(), "/api/v1/leaderboards/{mode}", SignedIn, |r| r.to(ratings::leaderboard))
            .is("The best of a mode (duel, mafia), by rating - 2 * deviation").gives_page::<Ranked>(),
        row(get(), "/api/v1/me/ratings", SignedIn, |r| r.to(ratings::mine))
            .is("One's ratings (Glicko-2), by mode").gives_one::<Vec<RatingView>>(200, "ratings"),
        row(get(), "/api/v1/players/{id}/ratings", SignedIn, |r| r.to(ratings::of_player))
            .is("A player's ratings, by mode").gives_one::<Vec<RatingView>>(200, "ratings"),
        row(get(), "/api/v1/admin/duels", Roles(STAFF), |r| r.to(duels::list))
            .is("Duels that are over, newest first").query::<DuelQuery>().gives_page::<DuelRow>(),
        row(get(), "/api/v1/admin/duels/{id}", Roles(STAFF), |r| r.to(duels::one))
            .is("A duel and what its players report").gives_one::<DuelRow>(200, "duel"),
        row(Method::POST, "/api/v1/admin/duels/{id}/resolve", Roles(MODERATES), |r| r.to(duels::resolve))
            .is("Decides a duel whose players do not agree; it is rated then").takes::<DuelResolution>().gives_nothing().refuses(&[422]),
    ]
}
