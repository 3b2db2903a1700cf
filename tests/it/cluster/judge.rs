//! What must be true of a history of calls and answers, whatever has happened to the servers meanwhile.
//!
//! Every value belongs to one client, who writes it with rising numbers, one after another. A write is done once it
//! was acknowledged; what was begun and not acknowledged may be done at any time, once, or never. So whoever reads a
//! value must find
//!
//! - nothing older than what was acknowledged before he asked (nothing acknowledged is lost),
//! - nothing newer than what was begun before he was answered (nothing is made up, or applied twice), and
//! - nothing older than what anybody was shown before he asked (nothing is taken back).
//!
//! Messages may be lost with a node, but nobody hears one twice, or hears one that was acknowledged after a later one.
//!
//! Of records, which are only ever added, each that was acknowledged must be stored once at the end, and none that
//! was not begun.
//!
//! While a node sleeps and just after, it may show what it knew when it fell asleep: it does not know better. Reads that
//! it answered then are counted, and judged by the second rule alone. No other node has such an excuse.

use std::collections::{BTreeSet, HashMap, HashSet};

/// Microseconds since the beginning.
pub type Micros = u64;

/// A value of a room, which one client writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Field {
    /// The number that a setting was given.
    Setting,
    /// How many bots were added.
    Bots,
    /// The member in this place is ready, if the number is odd. Settings and a lost socket end that, so that only
    /// who is shown to be ready says something.
    Ready(usize),
    /// A record kept by the member in this place, which nobody is shown.
    Report(usize),
}

/// What was done or seen.
#[derive(Clone, Debug)]
pub enum What {
    /// The `n`th write of the field was sent for the first time.
    Began(Field, u64),
    /// It was acknowledged.
    Done(Field, u64),
    /// The fields as this node showed them to somebody who asked at this time.
    Read { asked: Micros, node: usize, values: Vec<(Field, u64)> },
    /// The `n`th message of the member in this place was acknowledged to him.
    Said(usize, u64),
    /// A message of the member in this place was heard by the one in the other.
    Heard { from: usize, by: usize, n: u64 },
    /// What was found at the end of all records kept by the member in this place.
    Stored { by: usize, numbers: Vec<u64> },
    /// From now on what this node shows may be old, until the time.
    Asleep { node: usize, until: Micros },
}

/// One entry of the history. Entries are in the order of their times.
#[derive(Clone, Debug)]
pub struct Event {
    pub at: Micros,
    pub room: usize,
    pub what: What,
}

/// What a history shows.
#[derive(Debug, Default)]
pub struct Verdict {
    pub writes: usize,
    pub reads: usize,
    pub old_reads: usize,
    pub heard: usize,
    /// What must not have happened.
    pub violations: Vec<String>,
}

/// A field's writes so far, and what was shown of it, each with its time.
#[derive(Default)]
struct Known {
    begun: Vec<(Micros, u64)>,
    done: Vec<(Micros, u64)>,
    shown: Vec<(Micros, u64)>,
}

/// The last number that was entered before this time.
fn before(entries: &[(Micros, u64)], at: Micros) -> u64 {
    let later = entries.partition_point(|(entered, _)| *entered < at);
    later.checked_sub(1).map_or(0, |last| entries[last].1)
}

/// Judges a whole history.
pub fn judge(history: &[Event]) -> Verdict {
    let mut verdict = Verdict::default();
    let mut known: HashMap<(usize, Field), Known> = HashMap::new();
    let mut heard: HashMap<(usize, usize, usize), BTreeSet<u64>> = HashMap::new();
    let mut said: HashSet<(usize, usize, u64)> = HashSet::new();
    let asleep: Vec<Sleep> = history.iter().filter_map(sleep).collect();
    for Event { at, room, what } in history {
        match what {
            What::Began(field, n) => known.entry((*room, *field)).or_default().begun.push((*at, *n)),
            What::Done(field, n) => {
                verdict.writes += 1;
                known.entry((*room, *field)).or_default().done.push((*at, *n));
            }
            What::Read { asked, node, values } => {
                verdict.reads += 1;
                let excused = asleep.iter().any(|sleep| sleep.excuses(*node, *asked, *at));
                for (field, shown) in values {
                    let known = known.entry((*room, *field)).or_default();
                    match known.agrees(*field, *asked, *at, *shown) {
                        Agrees::Yes => {}
                        Agrees::Old if excused => verdict.old_reads += 1,
                        disagrees => verdict.violations.push(format!(
                            "room {room}: {field:?} is shown by node {node} as {shown} at {at} ({disagrees:?}): {} done, {} begun",
                            before(&known.done, *asked),
                            before(&known.begun, *at),
                        )),
                    }
                }
            }
            What::Said(by, n) => drop(said.insert((*room, *by, *n))),
            What::Heard { from, by, n } => {
                verdict.heard += 1;
                let heard = heard.entry((*room, *from, *by)).or_default();
                let last = heard.last().copied().unwrap_or_default();
                let late = *n < last && said.contains(&(*room, *from, *n));
                if !heard.insert(*n) || late {
                    verdict.violations.push(format!("room {room}: {by} heard {from} say {n} after {last}"));
                }
            }
            What::Stored { by, numbers } => {
                let known = known.entry((*room, Field::Report(*by))).or_default();
                verdict
                    .violations
                    .extend(known.stored(numbers).map(|fault| format!("room {room}: {by}: {fault}")));
            }
            What::Asleep { .. } => {}
        }
    }
    verdict
}

/// When a node slept.
struct Sleep {
    node: usize,
    from: Micros,
    until: Micros,
}

impl Sleep {
    /// Whether this node may have answered from its sleep.
    fn excuses(&self, node: usize, asked: Micros, answered: Micros) -> bool {
        node == self.node && self.from <= answered && asked <= self.until
    }
}

fn sleep(event: &Event) -> Option<Sleep> {
    let What::Asleep { node, until } = event.what else { return None };
    Some(Sleep { node, from: event.at, until })
}

#[derive(Debug, PartialEq)]
enum Agrees {
    Yes,
    Old,
    Never,
}

impl Known {
    fn agrees(&mut self, field: Field, asked: Micros, answered: Micros, shown: u64) -> Agrees {
        let newest = before(&self.begun, answered + 1);
        let done = before(&self.done, asked);
        if let Field::Ready(_) = field {
            let may_be = |from: u64| (from..=newest).any(|n| n % 2 == 1);
            return match (shown == 0 || may_be(done), may_be(0)) {
                (true, _) => Agrees::Yes,
                (false, true) => Agrees::Old,
                (false, false) => Agrees::Never,
            };
        }
        if shown > newest {
            return Agrees::Never;
        }
        let oldest = done.max(before(&self.shown, asked));
        if shown < oldest {
            return Agrees::Old;
        }
        let last = self.shown.last().map_or(0, |(_, n)| *n);
        self.shown.push((answered, shown.max(last)));
        Agrees::Yes
    }

    /// What is wrong with these as the records of this field.
    fn stored(&self, numbers: &[u64]) -> impl Iterator<Item = String> {
        let copies = |n: u64| numbers.iter().filter(|stored| **stored == n).count();
        let lost =
            self.done.iter().filter(move |(_, n)| copies(*n) == 0).map(|(_, n)| format!("{n} is lost"));
        let twice = numbers.iter().filter(move |n| copies(**n) > 1).map(|n| format!("{n} is stored twice"));
        let begun = |n: u64| self.begun.iter().any(|(_, begun)| *begun == n);
        let strange = numbers.iter().filter(move |n| !begun(**n)).map(|n| format!("{n} was never begun"));
        lost.chain(twice).chain(strange)
    }
}

#[cfg(test)]
mod tests {
    use super::{Field::*, What::*, *};

    /// What node 0 showed.
    fn read(asked: Micros, field: Field, n: u64) -> What {
        Read { asked, node: 0, values: vec![(field, n)] }
    }

    fn violations(history: &[(Micros, What)]) -> usize {
        let events = history.iter().map(|(at, what)| Event { at: *at, room: 0, what: what.clone() });
        judge(&events.collect::<Vec<_>>()).violations.len()
    }

    #[test]
    fn what_was_acknowledged_must_be_shown() {
        let written = [(1, Began(Setting, 1)), (2, Done(Setting, 1))];
        let shown = |n| [written[0].clone(), written[1].clone(), (4, read(3, Setting, n))];
        assert_eq!(violations(&shown(1)), 0);
        assert_eq!(violations(&shown(0)), 1, "lost");
        assert_eq!(violations(&shown(2)), 1, "made up");
    }

    #[test]
    fn what_is_in_doubt_may_be_shown_or_not_but_not_be_taken_back() {
        let begun = (1, Began(Bots, 1));
        assert_eq!(violations(&[begun.clone(), (3, read(2, Bots, 0))]), 0);
        assert_eq!(violations(&[begun.clone(), (3, read(2, Bots, 1))]), 0);
        let back = [begun.clone(), (3, read(2, Bots, 1)), (5, read(4, Bots, 0))];
        assert_eq!(violations(&back), 1);
        assert_eq!(violations(&[begun, (3, read(2, Bots, 2))]), 1, "applied twice");
    }

    #[test]
    fn nobody_is_ready_who_has_taken_it_back() {
        let shown = (6, read(5, Ready(0), 1));
        let ready = [(1, Began(Ready(0), 1)), (2, Done(Ready(0), 1))];
        assert_eq!(violations(&[&ready[..], std::slice::from_ref(&shown)].concat()), 0);
        let taken_back = [(3, Began(Ready(0), 2)), (4, Done(Ready(0), 2))];
        assert_eq!(violations(&[&ready[..], &taken_back[..], &[shown]].concat()), 1);
    }

    #[test]
    fn each_acknowledged_record_is_stored_once_and_no_other() {
        let kept = [(1, Began(Report(0), 1)), (2, Done(Report(0), 1)), (3, Began(Report(0), 2))];
        let stored = |numbers: &[u64]| {
            let stored = (4, Stored { by: 0, numbers: numbers.to_vec() });
            violations(&[&kept[..], &[stored]].concat())
        };
        assert_eq!((stored(&[1]), stored(&[1, 2])), (0, 0), "what is in doubt may be there or not");
        assert_eq!((stored(&[2]), stored(&[1, 3])), (1, 1), "lost, and made up");
        assert!(stored(&[1, 1]) > 0, "twice");
    }

    #[test]
    fn a_sleeper_may_show_what_is_old_and_nothing_that_never_was() {
        let while_asleep = |node, n| {
            let written = [(1, Began(Setting, 1)), (2, Done(Setting, 1))];
            let asleep = [(3, Asleep { node, until: 10 }), (5, read(4, Setting, n))];
            violations(&[written, asleep].concat())
        };
        assert_eq!(while_asleep(0, 0), 0);
        assert_eq!(while_asleep(0, 2), 1);
        assert_eq!(while_asleep(1, 0), 1, "it was another node that slept");
    }

    #[test]
    fn nobody_hears_a_message_twice_or_out_of_order() {
        let heard = |n| (n, Heard { from: 0, by: 1, n });
        assert_eq!(violations(&[heard(1), heard(3)]), 0);
        assert_eq!(violations(&[heard(2), heard(2)]), 1);
        assert_eq!(violations(&[heard(2), heard(1)]), 0, "it was in doubt, and late");
        assert_eq!(violations(&[(1, Said(0, 1)), heard(2), heard(1)]), 1);
    }
}
