//! Who receives whom, as the packets' way asks it.
//!
//! Owns the room's table. Called when the policy changes and when a stream meets a new receiver. Never guesses: what is
//! not listed is not forwarded.

use super::Policy;
use crate::{game::MediaKind, ids::PlayerId};
use std::collections::{HashMap, HashSet};

/// The policy, looked up by stream.
#[derive(Debug, Default)]
pub(super) struct Allowed(HashMap<(PlayerId, MediaKind), HashSet<PlayerId>>);

impl Allowed {
    /// Whether this receiver gets this stream. Nobody gets his own.
    pub(super) fn is(&self, from: PlayerId, kind: MediaKind, to: PlayerId) -> bool {
        from != to && self.0.get(&(from, kind)).is_some_and(|receivers| receivers.contains(&to))
    }
}

impl From<&Policy> for Allowed {
    fn from(policy: &Policy) -> Self {
        let mut allowed = Self::default();
        for stream in &policy.streams {
            allowed.0.entry((stream.from, stream.kind)).or_default().extend(stream.to.iter().copied());
        }
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::Stream;

    #[test]
    fn what_is_not_listed_is_not_allowed() {
        let [a, b, c] = std::array::from_fn(|_| PlayerId::new());
        let stream = |from, kind, to: &[PlayerId]| Stream { from, kind, to: to.to_vec() };
        let policy = Policy {
            streams: vec![stream(a, MediaKind::Audio, &[b]), stream(b, MediaKind::Video, &[a, b, c])],
        };
        let allowed = Allowed::from(&policy);
        let everybody = [a, b, c];
        let listed = everybody.iter().flat_map(|from| everybody.iter().map(move |to| (*from, *to)));
        for (from, to) in listed {
            let (audio, video) =
                (allowed.is(from, MediaKind::Audio, to), allowed.is(from, MediaKind::Video, to));
            assert_eq!(audio, (from, to) == (a, b));
            assert_eq!(video, from == b && to != b, "nobody receives himself");
        }
        assert!(!Allowed::default().is(a, MediaKind::Audio, b));
    }
}
