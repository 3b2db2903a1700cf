//! What clients of a queue have seen, held against what a queue promises: never more inside than its capacity, nobody before
//! whoever came earlier and still waits, one pass for one number. For tests and `playhouse-load`; knows nothing but
//! what it was told from outside.

use std::collections::{BTreeMap, HashMap};

/// Milliseconds of any clock that all observers share.
pub type At = u64;

/// What was seen, in any order.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// When the last question was sent that was answered with `waiting`.
    waited: HashMap<i64, At>,
    admitted: Vec<Seen>,
    by_number: HashMap<i64, String>,
    by_pass: HashMap<String, i64>,
    /// When it was first asked to end, or known to be over.
    ended: HashMap<String, At>,
    odd: Vec<String>,
}

#[derive(Clone, Debug)]
struct Seen {
    number: i64,
    pass: String,
    at: At,
}

/// What a history shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// Different numbers that were let in.
    pub admitted: usize,
    /// Passes at once, at least, at the fullest moment.
    pub most_inside: usize,
    /// What must not be; empty is good.
    pub faults: Vec<String>,
}

impl History {
    /// A question that was sent at that time was answered: still waiting.
    pub fn waiting(&mut self, number: i64, sent: At) {
        let last = self.waited.entry(number).or_default();
        *last = sent.max(*last);
    }

    /// An answer that came at that time: let in, with this pass. May be seen again.
    pub fn admitted(&mut self, number: i64, pass: &str, seen: At) {
        match self.by_number.get(&number) {
            Some(known) if known == pass => return,
            Some(_) => return self.odd.push(format!("number {number} has got two passes")),
            None => {}
        }
        if let Some(other) = self.by_pass.insert(pass.to_owned(), number) {
            self.odd.push(format!("numbers {other} and {number} have the same pass"));
        }
        self.by_number.insert(number, pass.to_owned());
        self.admitted.push(Seen { number, pass: pass.to_owned(), at: seen });
    }

    /// From then on the pass may have ended: it was sent to be completed, or has run out.
    pub fn ended(&mut self, pass: &str, sent: At) {
        let first = self.ended.entry(pass.to_owned()).or_insert(sent);
        *first = sent.min(*first);
    }

    /// Held against a queue of this capacity, the largest that it had.
    pub fn judge(&self, capacity: usize) -> Shown {
        let most_inside = self.most_inside();
        let mut faults = self.odd.clone();
        faults.extend(self.overtaken());
        if most_inside > capacity {
            faults.push(format!("{most_inside} were inside at once, and there are {capacity} places"));
        }
        Shown { admitted: self.admitted.len(), most_inside, faults }
    }

    /// Who was told to wait after he knew, or could know, of one with a higher number who was in.
    fn overtaken(&self) -> Vec<String> {
        let mut highest: BTreeMap<At, i64> = BTreeMap::new();
        let mut seen: Vec<&Seen> = self.admitted.iter().collect();
        seen.sort_by_key(|seen| seen.at);
        let mut top = i64::MIN;
        for one in seen {
            top = top.max(one.number);
            highest.insert(one.at, top);
        }
        let over = |(number, sent): (&i64, &At)| {
            let (at, top) = highest.range(..*sent).next_back()?;
            (top > number).then(|| format!("number {number} waited at {sent}; number {top} was in at {at}"))
        };
        self.waited.iter().filter_map(over).collect()
    }

    /// Each surely had his pass from when he saw it until it was sent to be ended.
    fn most_inside(&self) -> usize {
        let mut steps: Vec<(At, i64)> = Vec::new();
        for seen in &self.admitted {
            let end = self.ended.get(&seen.pass).copied().unwrap_or(At::MAX);
            if end > seen.at {
                steps.extend([(seen.at, 1), (end, -1)]);
            }
        }
        steps.sort(); // at the same time an end comes first
        let mut inside = 0;
        steps
            .iter()
            .map(|(_, by)| {
                inside += by;
                inside
            })
            .max()
            .unwrap_or(0)
            .try_into()
            .unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_order_shows_nothing_odd() {
        let mut history = History::default();
        history.waiting(2, 5);
        history.admitted(1, "a", 10);
        history.ended("a", 20);
        history.admitted(2, "b", 20);
        history.admitted(2, "b", 30);
        let shown = history.judge(1);
        assert_eq!(shown, Shown { admitted: 2, most_inside: 1, faults: Vec::new() });
    }

    #[test]
    fn each_fault_is_seen() {
        let mut history = History::default();
        history.admitted(3, "a", 10);
        history.waiting(2, 11);
        history.admitted(4, "a", 12);
        history.admitted(3, "c", 13);
        let faults = history.judge(1).faults;
        assert_eq!(faults.len(), 4, "{faults:?}");
        for (n, says) in
            ["numbers 3 and 4", "two passes", "number 2 waited at 11", "2 were inside"].iter().enumerate()
        {
            assert!(faults[n].contains(says), "{says}: {faults:?}");
        }
    }
}
