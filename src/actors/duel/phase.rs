//! Where a match is, and which steps the spec's diagram has (4.3). Read by `state` and `rules`; knows no player and no clock.

use serde::{Deserialize, Serialize};

/// Where a match is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Asked, not answered.
    Requested,
    /// Accepted; no offer yet.
    Accepted,
    /// The offer is out.
    Connecting,
    /// Both have reported `connected`.
    Connected,
    /// Over: the request was declined.
    Declined,
    /// Over: it was taken back.
    Cancelled,
    /// Over: it was not answered in time.
    Expired,
    /// Over: there was no connection.
    Failed,
    /// Over: it was played.
    Ended,
}

impl Phase {
    /// As in the spec and in refusals.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Accepted => "accepted",
            Self::Connecting => "connecting",
            Self::Connected => "connected",
            Self::Declined => "declined",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
            Self::Failed => "failed",
            Self::Ended => "ended",
        }
    }

    /// Nothing comes after it.
    pub fn is_over(self) -> bool {
        self > Self::Connected
    }

    /// Both players are in the match, and in no other.
    pub fn holds(self) -> bool {
        matches!(self, Self::Accepted | Self::Connecting | Self::Connected)
    }

    /// Accepted, not connected.
    pub fn is_between(self) -> bool {
        matches!(self, Self::Accepted | Self::Connecting)
    }

    /// Whether the spec's diagram has this arrow.
    pub fn may_become(self, next: Self) -> bool {
        use Phase::{
            Accepted, Cancelled, Connected, Connecting, Declined, Ended, Expired, Failed, Requested,
        };
        matches!(
            (self, next),
            (Requested, Accepted | Declined | Cancelled | Expired | Failed)
                | (Accepted, Connecting | Failed)
                | (Connecting, Connected | Failed)
                | (Connected, Ended)
        )
    }
}
