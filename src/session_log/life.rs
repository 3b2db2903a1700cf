//! The life of a connection: none, connecting, connected, disconnecting, disconnected (spec 5.2).
//!
//! Pure. [`super::Journey`] takes the steps; what a step comes to is what is written down. A step that does not follow
//! changes nothing, so nothing is written twice.

use crate::protocol::CloseCode;

/// Where a connection is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    /// There is no socket yet.
    None,
    /// Who comes is being found out.
    Connecting,
    /// It has a session.
    Connected,
    /// One side has said that it ends; whether it ever had a session, and why.
    Disconnecting { had_session: bool, reason: Reason },
    /// The socket is closed.
    Disconnected,
}

/// What happens to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A socket was accepted.
    Accepted,
    /// It has a session now.
    Attached,
    /// It is about to end.
    Closing(Reason),
    /// It has ended; why, if nobody has said so before.
    Gone(Reason),
}

/// What is to be written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    Connected,
    Disconnected(Reason),
}

/// Why a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The client said goodbye: the session ended too.
    Goodbye,
    /// The client closed, without that word.
    Left,
    /// The stream broke, or ended without a close.
    Lost,
    /// Nothing was heard for too long.
    Silent,
    /// We closed it.
    Closed(CloseCode),
}

impl Reason {
    /// As it is stored. A row that a crash left open says `crash`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Goodbye => "goodbye",
            Self::Left => "left",
            Self::Lost => "lost",
            Self::Silent => "silent",
            Self::Closed(code) => match code {
                CloseCode::Normal => "closed",
                CloseCode::Abuse => "abuse",
                CloseCode::TooLarge => "too_large",
                CloseCode::Restart => "restart",
                CloseCode::TooSlow => "too_slow",
                CloseCode::Replaced => "replaced",
                CloseCode::AccountEnded => "account_ended",
                CloseCode::Draining => "draining",
            },
        }
    }
}

impl Life {
    /// Takes a step, and says what it comes to.
    pub fn take(&mut self, step: Step) -> Option<Entry> {
        let (next, entry) = match (*self, step) {
            (Self::None, Step::Accepted) => (Self::Connecting, None),
            (Self::Connecting, Step::Attached) => (Self::Connected, Some(Entry::Connected)),
            (Self::Connecting, Step::Closing(reason)) => {
                (Self::Disconnecting { had_session: false, reason }, None)
            }
            (Self::Connected, Step::Closing(reason)) => {
                (Self::Disconnecting { had_session: true, reason }, None)
            }
            (Self::Connected, Step::Gone(reason))
            | (Self::Disconnecting { had_session: true, reason }, Step::Gone(_)) => {
                (Self::Disconnected, Some(Entry::Disconnected(reason)))
            }
            (Self::None | Self::Connecting | Self::Disconnecting { .. }, Step::Gone(_)) => {
                (Self::Disconnected, None)
            }
            (same, _) => (same, None),
        };
        *self = next;
        entry
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SLOW: Reason = Reason::Closed(CloseCode::TooSlow);

    fn entries(steps: &[Step]) -> (Life, Vec<Entry>) {
        let mut life = Life::None;
        let entries = steps.iter().filter_map(|step| life.take(*step)).collect();
        (life, entries)
    }

    #[test]
    fn a_whole_life_is_written_down_with_the_first_reason() {
        let steps = [Step::Accepted, Step::Attached, Step::Closing(SLOW), Step::Gone(Reason::Lost)];
        let expected = vec![Entry::Connected, Entry::Disconnected(SLOW)];
        assert_eq!(entries(&steps), (Life::Disconnected, expected));
        let lost = [Step::Accepted, Step::Attached, Step::Gone(Reason::Lost)];
        assert_eq!(entries(&lost).1, [Entry::Connected, Entry::Disconnected(Reason::Lost)]);
    }

    #[test]
    fn who_never_had_a_session_is_not_written_down() {
        let refused = [Step::Accepted, Step::Closing(SLOW), Step::Gone(Reason::Lost)];
        assert_eq!(entries(&refused), (Life::Disconnected, vec![]));
        assert_eq!(entries(&[Step::Accepted, Step::Gone(Reason::Lost)]), (Life::Disconnected, vec![]));
    }

    proptest! {
        #[test]
        fn however_the_steps_come_it_is_connected_once_and_then_disconnected_once(
            steps in prop::collection::vec(prop_oneof![
                Just(Step::Accepted), Just(Step::Attached), Just(Step::Closing(SLOW)), Just(Step::Gone(Reason::Lost)),
            ], 0..12)
        ) {
            let (life, entries) = entries(&steps);
            let connects = entries.iter().filter(|entry| **entry == Entry::Connected).count();
            prop_assert!(connects <= 1 && entries.len() <= 2);
            prop_assert!(entries.is_empty() || entries[0] == Entry::Connected);
            let open = matches!(life, Life::Connected | Life::Disconnecting { had_session: true, .. });
            prop_assert_eq!(open, entries.len() == 1);
        }
    }
}
