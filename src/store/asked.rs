//! What the store can be asked, one row a question: the one interface of all SQL, here and from other nodes (spec 5.3).
//!
//! Each row is a method of [`Store`]. On a node with the role `db` it calls the method of the same name on [`Sql`], next door;
//! on a node without, it goes to one that has the role, by its name and its arguments in order. So a row is also the wire
//! format: a question that changes its arguments gets a new name, so that nodes of two versions can share a cluster.
//!
//! `again`: nothing is changed, or asking twice changes no more than asking once; who gets no answer asks another node.
//! `once`: who gets no answer does not know whether it was done, and is told so.

use super::{
    lend::Lend,
    outbox::Lag,
    queue_line::{LineRow, LineTaken, Stood},
    remote::question,
    wire::Unread,
    *,
};
use crate::{
    clock::UnixMs,
    cluster::{pack, unpack},
    config::Activity,
    game::rating::Rating,
    ids::{MatchId, PlayerId, QueueId, RoomId},
    liveops::{
        DuelFinished, Fact, MatchFinished,
        claims::state::{Reason, Status},
        counters::Counters,
    },
};
use futures_util::future::BoxFuture;
use serde_json::{Value, value::RawValue};
use uuid::Uuid;

/// The answer to a question of another node, written.
type Answering = BoxFuture<'static, Result<Vec<u8>, String>>;

macro_rules! asked {
    ($($(#[$meta:meta])* $vis:vis $may:ident $name:ident($($arg:ident: $ty:ty),* $(,)?) -> $out:ty;)*) => {
        #[allow(clippy::too_many_arguments)]
        impl Store {
            $(
                $(#[$meta])*
                $vis async fn $name(&self, $($arg: $ty),*) -> Result<$out, StoreError> {
                    match &self.way {
                        Way::Here(sql) => sql.$name($($arg),*).await,
                        Way::There(remote) => {
                            let question = question(stringify!($name), &($(&$arg,)*));
                            remote.$may(stringify!($name), question).await
                        }
                    }
                }
            )*
        }

        /// Answers a question of another node.
        ///
        /// # Errors
        /// Nobody here knows the question, or its arguments: it was not answered.
        pub(super) fn answer(sql: Sql, name: &str, args: &[u8]) -> Result<Answering, Unread> {
            match name {
                $(
                    stringify!($name) => {
                        let owned: ($(<$ty as Lend<'_>>::Owned,)*) = unpack(args).map_err(Unread)?;
                        Ok(Box::pin(async move {
                            #[allow(clippy::let_unit_value)]
                            let ($($arg,)*) = &owned;
                            let answered: Result<$out, StoreError> =
                                sql.$name($(<$ty as Lend<'_>>::lend($arg)),*).await;
                            pack(&answered)
                        }))
                    }
                )*
                _ => Err(Unread("there is no such question".to_owned())),
            }
        }
    };
}

asked! {
    /// Whether the database answers.
    pub again ping() -> ();
    /// The database's own clock.
    pub(crate) again database_now() -> UnixMs;
    // audit
    pub(crate) once audit(entry: &AuditEntry) -> ();
    pub(crate) again audit_entries(filter: &AuditFilter, limit: u32) -> Vec<AuditEntry>;
    // claims
    pub(crate) once create_claim(
        id: Uuid, account: PlayerId, event_reward: (Uuid, Uuid), now: UnixMs,
    ) -> Option<ClaimRow>;
    pub(crate) again claims_running() -> (i64, Option<i64>);
    pub(crate) again claims_by_time(from: i64, step_ms: i64, event: Option<Uuid>) -> Vec<(i64, String, i64)>;
    pub(crate) again claim(id: Uuid) -> Option<ClaimRow>;
    pub(crate) once lease_claims(now: UnixMs, until: UnixMs, batch: u32) -> Vec<ClaimRow>;
    pub(crate) once send_grant(id: Uuid, due: UnixMs, now: UnixMs) -> Option<ClaimRow>;
    pub(crate) once grants_have_results(facts: &[(Uuid, Option<Uuid>)], now: UnixMs) -> ();
    pub(crate) once advance_claim(
        id: Uuid, from_to: (Status, Status), reason: Option<Reason>, due: Option<UnixMs>, now: UnixMs,
    ) -> Option<ClaimRow>;
    pub(crate) once reserve_claim(claim: &ClaimRow, due: UnixMs, now: UnixMs) -> Reserved;
    pub(crate) once claim_failed(id: Uuid, due: UnixMs, now: UnixMs) -> ();
    pub(crate) once close_accounts(facts: &[(Uuid, Option<PlayerId>)], now: UnixMs) -> u64;
    pub(crate) again claims(filter: &ClaimFilter, limit: u32) -> Vec<ClaimRow>;
    pub(crate) again more_claims_than(filter: &ClaimFilter, rows: u32) -> bool;
    // counters
    pub(crate) once count_facts(facts: &[Fact], now: UnixMs) -> u64;
    pub(crate) again activity(account: PlayerId, from: Option<UnixMs>, to: Option<UnixMs>) -> Counters;
    // credentials
    pub(crate) once create_full_account(
        account: &AccountRow, keys: NicknameKeys<'_>, credentials: &CredentialsRow, sign_in: &NewSignIn,
        entry: Option<&AuditEntry>,
    ) -> Added;
    pub(crate) once upgrade_guest(credentials: &CredentialsRow, now: UnixMs) -> Added;
    pub(crate) again credentials(username_key: &str) -> Option<CredentialsRow>;
    pub(crate) again credentials_of(account: Uuid) -> Option<CredentialsRow>;
    pub(crate) once add_sign_in(account: Uuid, sign_in: &NewSignIn) -> ();
    pub(crate) once set_email(account: Uuid, email: Option<&str>) -> ();
    pub(crate) once change_password(
        account: Uuid, before_hash: (&str, &str), keep: Uuid, now: UnixMs,
    ) -> Option<Vec<EpochChange>>;
    pub(crate) once begin_log_in(who: &[(Vec<u8>, BackOff)], now: UnixMs) -> Result<(), i64>;
    pub(crate) once log_in_succeeded(name: &[u8], address: &[u8]) -> ();
    pub(crate) once sweep_accounts(deleted: UnixMs, failed: UnixMs, changed: UnixMs) -> ();
    // dead_letters
    pub(crate) again dead_letters(filter: &DeadLetterFilter, limit: u32) -> Vec<DeadLetter>;
    pub(crate) again dead_letter(id: Uuid) -> Option<DeadLetter>;
    pub(crate) once retry_dead_letter(id: Uuid, by: &AuditEntry) -> bool;
    pub(crate) once drop_dead_letter(id: Uuid, by: &AuditEntry) -> bool;
    // duels
    pub(crate) once duel_finished(
        duel: &DuelFinished, fact_at: (Uuid, UnixMs), rules: &RatingRules, now: UnixMs,
    ) -> ();
    pub(crate) once resolve_duel(
        id: Uuid, verdict_winner_note: (Verdict, Option<PlayerId>, &str), by: PlayerId, rules: &RatingRules,
        entry: &AuditEntry,
    ) -> Resolved;
    pub(crate) again duels(filter: DuelFilter, limit: u32) -> Vec<DuelRow>;
    pub(crate) again duel(id: Uuid) -> Option<DuelRow>;
    // entities
    /// Raises the epoch and reads the state in one statement, which fences every earlier owner for good.
    pub again activate(kind: &str, key: Uuid) -> Option<Activated>;
    /// Entities whose `next_wake_at` has passed, longest overdue first.
    pub again due(kind: &str, now: UnixMs, limit: u32) -> Vec<Due>;
    // epochs
    pub(crate) again epoch_changes(since: UnixMs) -> Vec<EpochChange>;
    pub(crate) once end_sign_in(sign_in: Uuid, now: UnixMs) -> Option<EpochChange>;
    pub(crate) once end_all_sign_ins(account: Uuid, now: UnixMs) -> Option<EpochChange>;
    pub(crate) once delete_account(account: Uuid, now: UnixMs) -> Option<EpochChange>;
    // events
    pub(crate) once create_event(event: &EventRow, entry: &AuditEntry) -> Saved<EventRow>;
    pub(crate) once change_event(id: Uuid, change: &EventChange, now: UnixMs, entry: &AuditEntry) -> Saved<EventRow>;
    pub(crate) once move_event(id: Uuid, from_to: (&str, &str), now: UnixMs, entry: &AuditEntry) -> Saved<EventRow>;
    pub(crate) again event(id: Uuid) -> Option<EventRow>;
    pub(crate) again events(status: Option<&str>, before: Option<Uuid>, limit: u32) -> Vec<EventRow<Box<RawValue>>>;
    pub(crate) again active_accounts(from: UnixMs, to: UnixMs, limit: u32) -> Vec<Uuid>;
    // grants
    pub(crate) once grant(command: &GrantRewardCommand, code: &str, now: UnixMs) -> ();
    pub(crate) once grant_outcome(claim: Uuid, late: bool, now: UnixMs) -> Option<GrantResult>;
    pub(crate) once compensate_claim(claim: &ClaimRow, reason: Reason, now: UnixMs) -> Undone;
    // idempotency
    pub(crate) again idempotency(of: &KeyOf) -> Option<IdempotencyRow>;
    pub(crate) once begin_request(
        of: &KeyOf, hash: &[u8], worker: Uuid, now_leased_until_expires_at: (UnixMs, UnixMs, UnixMs),
    ) -> Option<Uuid>;
    pub(crate) once finish_request(of: &KeyOf, worker: Uuid, answer: &StoredAnswer) -> bool;
    pub(crate) once give_up_request(of: &KeyOf, worker: Uuid) -> ();
    pub(crate) once sweep_requests(of: Option<&KeyOf>, now: UnixMs) -> ();
    // identity
    pub(crate) again account(id: PlayerId) -> Option<AccountRow>;
    pub(crate) once create_account(account: &AccountRow, keys: NicknameKeys<'_>, sign_in: &NewSignIn) -> bool;
    pub(crate) again is_nickname_taken(keys: NicknameKeys<'_>) -> bool;
    pub(crate) once rename(id: PlayerId, nickname: &str, keys: NicknameKeys<'_>) -> bool;
    pub(crate) once rotate(it: &Rotate) -> Rotated;
    pub(crate) once put_ticket(hash: &[u8], ticket: &TicketRow, epoch: i64) -> bool;
    pub(crate) once take_ticket(hash: &[u8]) -> Option<TicketRow>;
    pub(crate) once sweep_identity(now: UnixMs) -> ();
    // keys
    pub(crate) again secret(name: &str, candidate: &[u8]) -> Vec<u8>;
    pub(crate) once reseal_secret(name: &str, before: &[u8], sealed: &[u8]) -> ();
    pub(crate) once add_first_signing_key(kid: &str, seed: &[u8], now: UnixMs) -> ();
    pub(crate) again signing_keys() -> Vec<SigningKeyRow>;
    pub(crate) once add_signing_key(kid: &str, seed: &[u8], now: UnixMs, entry: &AuditEntry) -> ();
    pub(crate) once reseal_key(n: i64, before: &[u8], sealed: &[u8]) -> ();
    pub(crate) once drop_signing_keys(below: i64) -> ();
    pub(crate) once add_service_token(token: &ServiceTokenRow, hash: &[u8], entry: &AuditEntry) -> ();
    pub(crate) again service_token(hash: &[u8]) -> Option<ServiceTokenRow>;
    pub(crate) again service_tokens(before: Option<Uuid>, limit: u32) -> Vec<ServiceTokenRow>;
    pub(crate) once revoke_service_token(id: Uuid, now: UnixMs, entry: &AuditEntry) -> bool;
    // matches
    /// A match with its whole log.
    pub again match_record(id: MatchId) -> Option<MatchRecord>;
    pub(crate) again newest_entries(id: MatchId, limit: u32) -> Vec<Value>;
    /// The ended matches of an account that began before this one, newest first.
    pub again matches_of(account: PlayerId, before: Option<Uuid>, limit: u32) -> Vec<MatchRow>;
    // moderation
    pub(crate) again reports(filter: ReportFilter, limit: u32) -> Vec<Report>;
    pub(crate) again report(id: Uuid) -> Option<(Report, Value)>;
    pub(crate) once resolve_report(id: Uuid, note: &str, by: Uuid, entry: &AuditEntry) -> bool;
    pub(crate) again open_reports() -> i64;
    pub(crate) once mute(mute: &MuteRow, entry: &AuditEntry) -> bool;
    pub(crate) once unmute(account: Uuid, entry: &AuditEntry) -> bool;
    pub(crate) again mutes(now: UnixMs, of: Option<Uuid>) -> Vec<MuteRow>;
    pub(crate) again muted(now: UnixMs, after: Option<(i64, Uuid)>, limit: u32) -> Vec<MutedRow>;
    pub(crate) again players(search: &str, before: Option<Uuid>, limit: u32) -> Vec<PlayerRow>;
    // oidc
    pub(crate) once begin_oidc(attempt_hash: &[u8], attempt: &OidcAttempt, now: UnixMs) -> ();
    pub(crate) once take_oidc(attempt_hash: &[u8]) -> Option<OidcAttempt>;
    pub(crate) again oidc_account(issuer: &str, subject: &str) -> Option<Uuid>;
    pub(crate) once create_oidc_account(
        account: &AccountRow, keys: NicknameKeys<'_>, issuer_subject: (&str, &str), sign_in: &NewSignIn,
    ) -> bool;
    // outbox
    pub(crate) once add_facts(facts: &[Fact]) -> ();
    pub(crate) again facts_are_due(now: UnixMs) -> bool;
    pub(crate) once claim_facts(now: UnixMs, until: UnixMs, most: usize) -> Vec<DueFact>;
    pub(crate) once put_back(facts: &[DueFact], at: UnixMs) -> ();
    pub(crate) once fact_failed(group_id: (&str, Uuid), error: &str, now: UnixMs, policy: &Activity) -> Failed;
    pub(crate) again activity_lag() -> (Vec<Lag>, i64);
    pub(crate) once sweep_activity(handled: UnixMs, counted: UnixMs) -> ();
    // passes
    pub(crate) once use_pass(queue: QueueId, pass: Uuid, now: UnixMs) -> Option<PassRow>;
    pub(crate) again pass(queue: QueueId, pass: Uuid) -> Option<PassRow>;
    pub(crate) again passes_of(queue: QueueId, numbers: &[i64]) -> Vec<PassRow>;
    pub(crate) again live_passes(queue: QueueId) -> Vec<PassRow>;
    pub(crate) again count_live_passes(queue: QueueId) -> i64;
    pub(crate) once end_pass(queue: QueueId, pass: Uuid, outcome: &str, now: UnixMs) -> Option<Place>;
    pub(crate) once end_overdue_passes(queue: QueueId, now: UnixMs) -> Vec<Place>;
    pub(crate) once sweep_queues(ended: UnixMs, left: UnixMs) -> ();
    // queue_line
    pub(crate) once line_enter(queue: QueueId, account: PlayerId) -> Option<(LineRow, bool)>;
    pub(crate) again line_place(queue: QueueId, account: PlayerId) -> Option<Stood>;
    pub(crate) again line_left(queue: QueueId, number: i64) -> bool;
    pub(crate) once line_leave(queue: QueueId, place: Place, now: UnixMs) -> Option<LineRow>;
    pub(crate) once line_hold(queue: QueueId, epoch: i64) -> Option<Vec<LineRow>>;
    pub(crate) once line_take(queue: QueueId, epoch: i64, most: i64) -> Option<LineTaken>;
    pub(crate) once line_put_back(queue: QueueId, epoch: i64, places: &[Place]) -> bool;
    pub(crate) once line_seat(queue: QueueId, places: &[Place]) -> ();
    pub(crate) once line_release(queue: QueueId, places: &[Place]) -> ();
    pub(crate) once line_drop(queue: QueueId, places: &[Place]) -> u64;
    pub(crate) once line_dismiss(queue: QueueId) -> u64;
    pub(crate) again line_waiting(queue: QueueId) -> Vec<LineRow>;
    pub(crate) again line_length(queue: QueueId) -> i64;
    // queues
    pub(crate) once create_queue(queue: &QueueRow, entry: &AuditEntry) -> Saved<QueueRow>;
    pub(crate) once change_queue(
        id: QueueId, change: &QueueChange, now: UnixMs, entry: &AuditEntry,
    ) -> Saved<QueueRow>;
    pub(crate) again queue(id: QueueId) -> Option<QueueRow>;
    pub(crate) again queues(before: Option<Uuid>, limit: u32) -> Vec<QueueRow>;
    pub(crate) once more_numbers(id: QueueId, n: i64) -> Option<(i64, i64)>;
    pub(crate) once queue_sold_out(id: QueueId, now: UnixMs) -> Option<QueueRow>;
    pub(crate) once queue_abandoned(id: QueueId, n: i64) -> ();
    // ratings
    pub(crate) once match_finished(
        finished: &MatchFinished, fact_at: (Uuid, UnixMs), rules: &RatingRules, now: UnixMs,
    ) -> ();
    pub(crate) again ratings_of(account: PlayerId) -> Vec<RatingRow>;
    pub(crate) again rating_now(account_mode: (PlayerId, &str), rules: &RatingRules, now: UnixMs) -> Rating;
    pub(crate) again leaderboard(mode: &str, after: Option<(i64, Uuid)>, limit: u32) -> Vec<BoardRow>;
    // reservations
    pub(crate) once hold_seat(hold: &NewHold) -> Held;
    pub(crate) once pay_reservation(id: Uuid, account: PlayerId, payment: Uuid, now: UnixMs) -> Paid;
    pub(crate) once give_back_hold(id: Uuid, account: PlayerId, now: UnixMs) -> GivenBack;
    pub(crate) once expire_holds(now: UnixMs, most: u32) -> Vec<ReservationRow>;
    pub(crate) again holds_are_due(now: UnixMs) -> bool;
    pub(crate) once release_closed_accounts(facts: &[(Uuid, Option<PlayerId>)], now: UnixMs) -> u64;
    pub(crate) once confirm_paid_seats(facts: &[Uuid], now: UnixMs) -> ();
    pub(crate) again reservation(id: Uuid) -> Option<ReservationRow>;
    pub(crate) again reservations(filter: &ReservationFilter, limit: u32) -> Vec<ReservationRow>;
    pub(crate) again has_paid_seat(account: PlayerId, showtime: Uuid) -> bool;
    pub(crate) again may_play(account: PlayerId, showtime: Uuid, now: UnixMs) -> bool;
    // rewards
    pub(crate) once create_reward(reward: &RewardRow, entry: &AuditEntry) -> Saved<RewardRow>;
    pub(crate) once change_reward(
        id: Uuid, change: &RewardChange, now: UnixMs, entry: &AuditEntry,
    ) -> Saved<RewardRow>;
    pub(crate) again reward(id: Uuid) -> Option<RewardRow>;
    pub(crate) again rewards(event: Uuid, after: Option<Uuid>, limit: u32) -> Vec<RewardRow>;
    // rooms
    pub(crate) again all_rooms(filter: &RoomFilter, limit: u32) -> Vec<Listing>;
    pub(crate) again room_figures() -> (i64, i64, i64);
    /// The room in which this account has its seat.
    pub again seat_of(account: PlayerId) -> Option<RoomId>;
    /// The room with this code.
    pub again room_by_code(code: &str) -> Option<RoomId>;
    /// Public rooms, newest first, and the cursor of the next page. A cursor of no page begins anew.
    pub again list_rooms(status: Option<&str>, cursor: Option<&str>, limit: u32) -> (Vec<Listing>, Option<String>);
    /// Public waiting rooms with a free seat, fullest first.
    pub again fullest_waiting(game: &str) -> Vec<RoomId>;
    // session_log
    pub(crate) once log_sessions(rows: &[SessionLogRow]) -> ();
    pub(crate) again session_log(filter: &SessionLogFilter, limit: u32) -> Vec<SessionLogRow>;
    pub(crate) again nodes_with_open_sessions(before: UnixMs) -> Vec<Uuid>;
    pub(crate) once close_sessions_of(node: Uuid, now: UnixMs) -> u64;
    pub(crate) once forget_sessions(before: UnixMs) -> ();
    // showtimes
    pub(crate) once create_showtime(row: &ShowtimeRow, entry: &AuditEntry) -> Saved<ShowtimeRow>;
    pub(crate) once change_showtime(
        id: Uuid, change: &ShowtimeChange, now: UnixMs, entry: &AuditEntry,
    ) -> Saved<ShowtimeRow>;
    pub(crate) again showtime(id: Uuid) -> Option<ShowtimeRow>;
    pub(crate) again showtimes(from: Option<i64>, after: Option<(i64, Uuid)>, limit: u32) -> Vec<ShowtimeRow>;
    pub(crate) once add_seats(
        showtime: Uuid, seats: &[(Uuid, String)], most: i64, now: UnixMs, entry: &AuditEntry,
    ) -> SeatsAdded;
    pub(crate) again seats(showtime: Uuid, since: Option<UnixMs>, after: Option<Uuid>, limit: u32) -> Vec<SeatRow>;
    pub(crate) again queue_without_seats(showtime: Uuid, now: UnixMs) -> Option<Uuid>;
    // staff_accounts
    pub(crate) again find_accounts(query: &AccountQuery, limit: u32) -> Vec<StaffAccountRow>;
    pub(crate) again sign_ins_of(account: Uuid, limit: u32) -> Vec<SignInRow>;
    pub(crate) again bans_of(account: Uuid, limit: u32) -> Vec<BanRow>;
    pub(crate) once ban(account: Uuid, ban: &BanRow, entry: &AuditEntry) -> Option<EpochChange>;
    pub(crate) once unban(account: Uuid, now: UnixMs, entry: &AuditEntry) -> bool;
    pub(crate) once set_role(account: Uuid, role: &str, now: UnixMs, entry: &AuditEntry) -> Option<EpochChange>;
    // wallet
    /// Moves points. Nothing happens unless it is [`Transferred::Done`].
    ///
    /// # Errors
    /// The database is away; if its answer to the COMMIT is what was lost, a repetition says `Repeated`.
    pub once transfer(it: &Transfer) -> Transferred;
    pub(crate) once top_up(account: PlayerId, amount: i64, reference: Uuid, entry: &AuditEntry) -> Transferred;
    /// Points of an account.
    pub again balance(account: PlayerId) -> i64;
    pub(crate) again ledger(account: PlayerId, before: Option<Uuid>, limit: u32) -> Vec<LedgerRow>;
    pub(crate) again inventory(
        account: PlayerId, after: Option<(String, String, String)>, limit: u32,
    ) -> Vec<InventoryRow>;
}
