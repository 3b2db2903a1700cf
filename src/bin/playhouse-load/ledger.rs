//! The books of one receiver: what came, what is missing, what came twice or out of turn.
//!
//! Two independent numbers are checked: the session's `seq` (by the server, on every push) and the
//! sender's own number (by us, in the text). The first proves the connection, the second the room.

/// Seats of a measured room.
pub const ROOM_SEATS: usize = 8;

const SEQ_FIRST: &[u8] = br#"{"seq":"#;
const HASH_PRIME: u64 = 0x0000_0100_0000_01B3;

/// What went wrong on the way. All zero is the only good value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Integrity {
    /// Numbers of a sender that never came.
    pub lost: u64,
    /// Numbers of a sender that came again.
    pub doubled: u64,
    /// Numbers of a sender that came after a later one.
    pub reordered: u64,
    /// `seq` values that were jumped over.
    pub seq_gaps: u64,
    /// `seq` values that came again or late.
    pub seq_repeats: u64,
    /// Rooms whose members did not all see one order.
    pub diverged: u64,
    /// Sockets that the server closed.
    pub closed: u64,
    /// Error answers.
    pub errors: u64,
}

impl Integrity {
    /// Adds another account to this one.
    pub fn add(&mut self, other: &Self) {
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.reordered += other.reordered;
        self.seq_gaps += other.seq_gaps;
        self.seq_repeats += other.seq_repeats;
        self.diverged += other.diverged;
        self.closed += other.closed;
        self.errors += other.errors;
    }

    /// Name and count of everything that is not zero.
    pub fn faults(&self) -> Vec<String> {
        self.counts().into_iter().filter(|(_, n)| *n > 0).map(|(name, n)| format!("{n} {name}")).collect()
    }

    /// Every count with its name, for the table.
    pub fn counts(&self) -> [(&'static str, u64); 8] {
        [
            ("messages lost", self.lost),
            ("messages doubled", self.doubled),
            ("messages reordered", self.reordered),
            ("seq gaps", self.seq_gaps),
            ("seq repeats", self.seq_repeats),
            ("rooms with diverging order", self.diverged),
            ("sockets closed by the server", self.closed),
            ("error answers", self.errors),
        ]
    }
}

/// One receiver's books.
#[derive(Debug, Default)]
pub struct Ledger {
    next_seq: Option<u64>,
    next: [u32; ROOM_SEATS],
    missing: Vec<(u8, u32)>,
    /// Folds the order of all messages into one number, to be compared between the members.
    order: u64,
    /// Messages received.
    pub received: u64,
    /// Why the server closed the socket, if it did.
    pub closed: Option<u16>,
    counts: Integrity,
}

impl Ledger {
    /// `next_seq` is what the next push must carry; none for frames without envelope.
    pub fn new(next_seq: Option<u64>) -> Self {
        Self { next_seq, ..Self::default() }
    }

    /// Checks the envelope of a frame by its first bytes alone.
    pub fn envelope(&mut self, frame: &[u8]) {
        let Some(expected) = self.next_seq else { return };
        let Some(seq) = leading_seq(frame) else {
            self.counts.errors += u64::from(is_error(frame));
            return;
        };
        if seq < expected {
            self.counts.seq_repeats += 1;
        } else {
            self.counts.seq_gaps += seq - expected;
            self.next_seq = Some(seq + 1);
        }
    }

    /// Enters message `number` of the sender at `slot`.
    pub fn message(&mut self, slot: u8, number: u32) {
        self.received += 1;
        self.order = (self.order ^ (u64::from(slot) << 32 | u64::from(number))).wrapping_mul(HASH_PRIME);
        let Some(next) = self.next.get_mut(usize::from(slot)) else { return };
        if number == *next {
            *next += 1;
        } else if number > *next {
            self.missing.extend((*next..number).map(|number| (slot, number)));
            *next = number + 1;
        } else {
            self.late(slot, number);
        }
    }

    fn late(&mut self, slot: u8, number: u32) {
        match self.missing.iter().position(|entry| *entry == (slot, number)) {
            Some(at) => {
                self.missing.swap_remove(at);
                self.counts.reordered += 1;
            }
            None => self.counts.doubled += 1,
        }
    }

    /// Enters the end of the socket.
    pub fn close(&mut self, code: u16) {
        self.closed.get_or_insert(code);
    }

    /// The account so far, when each sender has sent `sent` messages. A receiver that was closed
    /// has lost nothing by it: that the server closed him is the fault.
    pub fn settle(&self, sent: &[u32; ROOM_SEATS]) -> Integrity {
        let unseen: u64 = sent.iter().zip(&self.next).map(|(s, n)| u64::from(s.saturating_sub(*n))).sum();
        let lost = if self.closed.is_some() { 0 } else { unseen + self.missing.len() as u64 };
        Integrity { lost, closed: u64::from(self.closed.is_some()), ..self.counts }
    }

    /// How many messages of the sender at `slot` have been heard or passed over.
    pub fn heard(&self, slot: usize) -> u32 {
        self.next[slot]
    }

    /// `seq` of the last push.
    pub fn last_seq(&self) -> Option<u64> {
        self.next_seq.map(|next| next - 1)
    }

    /// Equal for two members exactly if they saw the same messages in the same order.
    pub fn order(&self) -> u64 {
        self.order
    }
}

/// `seq` stands first in a push: the server puts it before what it has encoded once for all.
fn leading_seq(frame: &[u8]) -> Option<u64> {
    let digits = frame.strip_prefix(SEQ_FIRST)?;
    let value = digits
        .iter()
        .map_while(|byte| byte.is_ascii_digit().then(|| u64::from(byte - b'0')))
        .fold(0_u64, |value, digit| value.wrapping_mul(10).wrapping_add(digit));
    Some(value)
}

fn is_error(frame: &[u8]) -> bool {
    const ERROR: &[u8] = br#""type":"error""#;
    frame.windows(ERROR.len()).any(|window| window == ERROR)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(slot: usize, n: u32) -> [u32; ROOM_SEATS] {
        let mut sent = [0; ROOM_SEATS];
        sent[slot] = n;
        sent
    }

    #[test]
    fn a_full_row_is_clean() {
        let mut ledger = Ledger::new(None);
        (0..5).for_each(|n| ledger.message(3, n));
        assert_eq!(ledger.settle(&sent(3, 5)), Integrity::default());
    }

    #[test]
    fn lost_doubled_and_reordered_are_told_apart() {
        let mut ledger = Ledger::new(None);
        for number in [0, 2, 1, 2, 4] {
            ledger.message(0, number);
        }
        let account = ledger.settle(&sent(0, 7));
        assert_eq!((account.lost, account.doubled, account.reordered), (3, 1, 1));
    }

    #[test]
    fn seq_gaps_and_repeats_are_counted() {
        let mut ledger = Ledger::new(Some(5));
        for seq in [5, 6, 9, 9] {
            ledger.envelope(format!(r#"{{"seq":{seq},"type":"x"}}"#).as_bytes());
        }
        ledger.envelope(br#"{"re":4,"type":"error","payload":{"code":"muted"}}"#);
        let account = ledger.settle(&[0; ROOM_SEATS]);
        assert_eq!((account.seq_gaps, account.seq_repeats, account.errors), (2, 1, 1));
    }

    #[test]
    fn who_was_closed_lost_nothing_else() {
        let mut ledger = Ledger::new(None);
        ledger.close(1013);
        let account = ledger.settle(&sent(0, 9));
        assert_eq!((account.lost, account.closed), (0, 1));
    }
}
