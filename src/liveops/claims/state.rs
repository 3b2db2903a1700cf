//! The state machine of a claim (spec 2.2): `requested → checked → reserved → granting → granted`, or `rejected`,
//! or `compensated`. Pure: it says what is to be done next and what a step's outcome makes of the claim; the saga
//! does it, and the store lets a change happen from the status before it alone.

use serde::{Deserialize, Serialize};

/// Where a claim is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    /// It is written down.
    Requested,
    /// The event is on and its condition met.
    Checked,
    /// One of the stock and of the account's limit is its own.
    Reserved,
    /// The grant is under way: from now on only the row of the grant knows whether it has happened.
    Granting,
    /// The player has it.
    Granted,
    /// Nothing was taken.
    Rejected,
    /// What was taken is given back.
    Compensated,
}

/// Why a claim was rejected or compensated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, schemars::JsonSchema, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reason {
    /// The event was not active, or not at that time.
    EventNotActive,
    /// The player has not done what it asks for.
    ConditionNotMet,
    /// He has as many as an account may have.
    LimitReached,
    /// There are no more.
    OutOfStock,
    /// The account was banned or deleted meanwhile.
    AccountClosed,
    /// His wallet or inventory can hold no more.
    WalletFull,
    /// It was tried too often.
    GrantFailed,
    /// It took too long.
    TimedOut,
}

macro_rules! named {
    ($Type:ident: $($Variant:ident = $name:literal),* $(,)?) => {
        impl $Type {
            /// All of them.
            pub(crate) const ALL: &'static [Self] = &[$(Self::$Variant),*];

            /// Its name in the store and on the wire.
            pub(crate) fn as_str(self) -> &'static str {
                match self { $(Self::$Variant => $name),* }
            }

            /// By its name.
            pub(crate) fn named(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.as_str() == name)
            }
        }
    };
}

named!(Status: Requested = "requested", Checked = "checked", Reserved = "reserved", Granting = "granting",
       Granted = "granted", Rejected = "rejected", Compensated = "compensated");
named!(Reason: EventNotActive = "event_not_active", ConditionNotMet = "condition_not_met",
       LimitReached = "limit_reached", OutOfStock = "out_of_stock", AccountClosed = "account_closed",
       WalletFull = "wallet_full", GrantFailed = "grant_failed", TimedOut = "timed_out");

impl Status {
    /// Nothing happens to it any more.
    pub(crate) fn is_final(self) -> bool {
        matches!(self, Self::Granted | Self::Rejected | Self::Compensated)
    }

    /// Whether a piece of the stock is its own.
    #[cfg(test)]
    pub(crate) fn holds_stock(self) -> bool {
        matches!(self, Self::Reserved | Self::Granting | Self::Granted)
    }
}

/// What is to be done next with a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Todo {
    /// Look whether the event is on and its condition met.
    Check,
    /// Take one of the stock and of the limit.
    Reserve,
    /// Write down that the grant begins.
    Send,
    /// Have it granted, again if need be.
    Grant,
    /// End it without having taken anything.
    Reject(Reason),
    /// End it and give back what was taken, unless it turns out to be granted.
    Compensate(Reason),
    /// It is over.
    Nothing,
}

/// What of a claim and its surroundings decides.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    /// Where it is.
    pub status: Status,
    /// It is to end, and why.
    pub cancel: Option<Reason>,
    /// Its time is over.
    pub late: bool,
    /// The grant failed as often as it may.
    pub worn_out: bool,
}

/// See [`Todo`].
pub(crate) fn todo(seen: Seen) -> Todo {
    let Seen { status, cancel, late, worn_out } = seen;
    let end = cancel.or(late.then_some(Reason::TimedOut)).or(worn_out.then_some(Reason::GrantFailed));
    match (status, end) {
        (Status::Requested | Status::Checked, Some(reason)) => Todo::Reject(reason),
        (Status::Reserved | Status::Granting, Some(reason)) => Todo::Compensate(reason),
        (Status::Requested, None) => Todo::Check,
        (Status::Checked, None) => Todo::Reserve,
        (Status::Reserved, None) => Todo::Send,
        (Status::Granting, None) => Todo::Grant,
        (Status::Granted | Status::Rejected | Status::Compensated, _) => Todo::Nothing,
    }
}

/// What became of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Done as it was to be done.
    Done,
    /// It cannot be done.
    Refused(Reason),
    /// Of [`Todo::Compensate`]: the grant had happened already.
    WasGranted,
}

/// Where a step leads, and why, if not where it should. `None`: this outcome does not belong to the step.
pub(crate) fn after(step: Todo, outcome: Outcome) -> Option<(Status, Option<Reason>)> {
    use {Outcome as O, Status as S};
    Some(match (step, outcome) {
        (Todo::Check, O::Done) => (S::Checked, None),
        (Todo::Reserve, O::Done) => (S::Reserved, None),
        (Todo::Check | Todo::Reserve, O::Refused(reason)) => (S::Rejected, Some(reason)),
        (Todo::Send, O::Done) => (S::Granting, None),
        (Todo::Grant, O::Done) | (Todo::Compensate(_), O::WasGranted) => (S::Granted, None),
        (Todo::Grant, O::Refused(reason)) | (Todo::Compensate(reason), O::Done) => {
            (S::Compensated, Some(reason))
        }
        (Todo::Reject(reason), O::Done) => (S::Rejected, Some(reason)),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_read_back() {
        for status in Status::ALL {
            assert_eq!(Status::named(status.as_str()), Some(*status));
            assert_eq!(serde_json::to_value(status).expect("json"), status.as_str());
        }
        for reason in Reason::ALL {
            assert_eq!(Reason::named(reason.as_str()), Some(*reason));
            assert_eq!(serde_json::to_value(reason).expect("json"), reason.as_str());
        }
    }

    #[test]
    fn the_happy_way_is_the_spec_s() {
        let mut way = vec![Status::Requested];
        loop {
            let status = way[way.len() - 1];
            let step = todo(Seen { status, cancel: None, late: false, worn_out: false });
            let Some((next, None)) = after(step, Outcome::Done) else { break };
            way.push(next);
        }
        use Status::{Checked, Granted, Granting, Requested, Reserved};
        assert_eq!(way, [Requested, Checked, Reserved, Granting, Granted]);
    }

    /// What may happen to one of many claims.
    #[derive(Clone, Debug)]
    enum Happening {
        /// A worker takes its next step; the answer may be lost, so that the step is decided on anew.
        Step {
            refused: bool,
            lost: bool,
        },
        Cancel,
        Late,
        WornOut,
    }

    fn happenings() -> impl Strategy<Value = Vec<(usize, Happening)>> {
        let happening = prop_oneof![
            8 => (any::<bool>(), any::<bool>()).prop_map(|(refused, lost)| Happening::Step { refused, lost }),
            1 => Just(Happening::Cancel),
            1 => Just(Happening::Late),
            1 => Just(Happening::WornOut),
        ];
        proptest::collection::vec((0..CLAIMS, happening), 0..200)
    }

    const CLAIMS: usize = 6;
    const STOCK: usize = 3;

    /// The world that the steps act on, as the store's constraints keep it.
    #[derive(Default)]
    struct World {
        taken: usize,
        /// Of each claim: whether its grant happened, once it was decided.
        grants: [Option<bool>; CLAIMS],
    }

    impl World {
        fn perform(&mut self, claim: usize, step: Todo, refused: bool) -> Outcome {
            match step {
                Todo::Check if refused => Outcome::Refused(Reason::ConditionNotMet),
                Todo::Reserve if self.taken == STOCK => Outcome::Refused(Reason::OutOfStock),
                Todo::Reserve => {
                    self.taken += 1;
                    Outcome::Done
                }
                Todo::Grant => match *self.grants[claim].get_or_insert(!refused) {
                    true => Outcome::Done,
                    false => Outcome::Refused(Reason::WalletFull),
                },
                Todo::Compensate(_) if self.grants[claim] == Some(true) => Outcome::WasGranted,
                Todo::Compensate(_) => {
                    self.grants[claim] = Some(false);
                    Outcome::Done
                }
                _ => Outcome::Done,
            }
        }
    }

    proptest! {
        /// Whatever happens in whatever order: stock is exact, nothing is granted twice or lost, what is over stays so.
        #[test]
        fn a_claim_never_loses_stock_nor_a_grant(happenings in happenings()) {
            let fresh = Seen { status: Status::Requested, cancel: None, late: false, worn_out: false };
            let (mut claims, mut world) = ([fresh; CLAIMS], World::default());
            for (n, happening) in happenings {
                let before = claims[n].status;
                match happening {
                    Happening::Cancel => claims[n].cancel = Some(Reason::AccountClosed),
                    Happening::Late => claims[n].late = true,
                    Happening::WornOut => claims[n].worn_out = true,
                    Happening::Step { refused, lost } => {
                        let step = todo(claims[n]);
                        if step == Todo::Nothing {
                            continue;
                        }
                        // A grant is a transaction of its own: its effect may be there and the claim not know of it.
                        if lost && step == Todo::Grant {
                            world.perform(n, step, refused);
                            continue;
                        }
                        let outcome = world.perform(n, step, refused);
                        let (status, reason) = after(step, outcome).expect("every outcome leads somewhere");
                        prop_assert_eq!(
                            reason.is_some(),
                            matches!(status, Status::Rejected | Status::Compensated)
                        );
                        if status == Status::Compensated {
                            world.taken -= 1;
                        }
                        claims[n].status = status;
                    }
                }
                prop_assert!(!before.is_final() || claims[n].status == before);
                let holding = claims.iter().filter(|claim| claim.status.holds_stock()).count();
                prop_assert_eq!(world.taken, holding);
                prop_assert!(world.taken <= STOCK);
                for (claim, grant) in claims.iter().zip(world.grants) {
                    match claim.status {
                        Status::Granted => prop_assert_eq!(grant, Some(true)),
                        Status::Compensated => prop_assert_eq!(grant, Some(false)),
                        Status::Granting => {}
                        _ => prop_assert_eq!(grant, None),
                    }
                }
            }
        }

        /// Left alone, every claim comes to its end in five steps at most.
        #[test]
        fn every_claim_comes_to_its_end(cancel in any::<bool>(), late in any::<bool>(), worn_out in any::<bool>(),
                                        start in 0..4_usize) {
            let status = Status::ALL[start];
            let mut seen = Seen { status, cancel: cancel.then_some(Reason::AccountClosed), late, worn_out };
            for _ in 0..5 {
                let step = todo(seen);
                if step != Todo::Nothing {
                    seen.status = after(step, Outcome::Done).expect("leads somewhere").0;
                }
            }
            prop_assert!(seen.status.is_final());
        }
    }
}
