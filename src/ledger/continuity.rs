//! What kept an input from seeing everything, and when: packets lost by the minute, times in which an
//! interface was down, and settings of the clock. Bounded: losses of many minutes are put together.

use std::collections::BTreeMap;

use crate::wire::Timestamp;

/// What was lost between two moments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lost {
    /// Packets for which the kernel had no room.
    pub kernel: u64,
    /// Packets that the interface itself could not take.
    pub interface: u64,
    /// Payload bytes that were acknowledged and never seen.
    pub unseen: u64,
}

impl Lost {
    fn is_nothing(self) -> bool {
        self == Self::default()
    }

    fn add(&mut self, other: Self) {
        self.kernel = self.kernel.saturating_add(other.kernel);
        self.interface = self.interface.saturating_add(other.interface);
        self.unseen = self.unseen.saturating_add(other.unseen);
    }
}

/// Losses by the minute in which they happened. What is only known to lie within several minutes
/// stands under all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Losses {
    /// Minutes of the shortest window.
    width: i64,
    windows: BTreeMap<(i64, i64), Lost>,
}

impl Default for Losses {
    fn default() -> Self {
        Self { width: 1, windows: BTreeMap::new() }
    }
}

impl Losses {
    /// Adds what was lost between two moments.
    pub fn add(&mut self, from: Timestamp, until: Timestamp, lost: Lost) {
        if lost.is_nothing() {
            return;
        }
        let (first, last) = (minute(from.min(until)), minute(from.max(until)));
        self.put(first, last.saturating_add(1), lost);
        while self.windows.len() > MOST_WINDOWS {
            self.width = self.width.saturating_mul(2);
            for ((first, end), lost) in std::mem::take(&mut self.windows) {
                self.put(first, end, lost);
            }
        }
    }

    /// Adds the losses of another input.
    pub fn extend(&mut self, other: &Self) {
        other.windows().for_each(|(from, until, lost)| self.add(from, until.plus(-1), lost));
    }

    /// The windows in order: from, until, and what was lost within.
    pub fn windows(&self) -> impl Iterator<Item = (Timestamp, Timestamp, Lost)> {
        self.windows.iter().map(|((first, end), lost)| (start(*first), start(*end), *lost))
    }

    fn put(&mut self, first: i64, end: i64, lost: Lost) {
        let down = |minute: i64| minute.div_euclid(self.width).saturating_mul(self.width);
        let up = down(end.saturating_add(self.width).saturating_sub(1));
        self.windows.entry((down(first), up)).or_default().add(lost);
    }
}

fn minute(at: Timestamp) -> i64 {
    at.nanoseconds().div_euclid(MINUTE)
}

fn start(minute: i64) -> Timestamp {
    Timestamp::from_nanoseconds(minute.saturating_mul(MINUTE))
}

/// A time in which an interface was down, so that nothing could be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outage {
    /// When it was first seen down.
    pub from: Timestamp,
    /// When it was seen up again; `None` while it is down.
    pub until: Option<Timestamp>,
}

/// The clock of an input went elsewhere: between these two moments its time stamps mean nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClockStep {
    /// What the clock showed before, and had to show next.
    pub before: Timestamp,
    /// What it showed in place of that.
    pub after: Timestamp,
}

impl ClockStep {
    /// Nanoseconds by which it was set forward; negative when backward.
    #[must_use]
    pub const fn by(self) -> i64 {
        self.after.since(self.before)
    }

    /// The times between which nothing can be measured, in order.
    #[must_use]
    pub fn doubtful(self) -> (Timestamp, Timestamp) {
        (self.before.min(self.after), self.before.max(self.after))
    }
}

/// A jump of a clock that is no jitter: cards and processors disagree by less.
pub const CLOCK_SET: i64 = 1_000_000_000;

const MINUTE: i64 = 60_000_000_000;

/// Windows of losses kept; beyond that they become twice as long.
const MOST_WINDOWS: usize = 1440;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_nanoseconds(seconds * 1_000_000_000)
    }

    fn check(adds: &[(i64, i64, u64)], expected: &[(i64, i64, u64)]) {
        let mut losses = Losses::default();
        for (from, until, kernel) in adds {
            losses.add(at(*from), at(*until), Lost { kernel: *kernel, ..Lost::default() });
        }
        let found: Vec<_> = losses
            .windows()
            .map(|(from, until, lost)| {
                (from.nanoseconds() / 1_000_000_000, until.nanoseconds() / 1_000_000_000, lost.kernel)
            })
            .collect();
        assert_eq!(found, expected, "{adds:?}");
        let mut again = Losses::default();
        again.extend(&losses);
        assert_eq!(again, losses);
    }

    #[test]
    fn losses_stand_under_their_minute() {
        check(&[], &[]);
        check(&[(5, 6, 0)], &[]);
        check(&[(5, 6, 3), (59, 59, 4), (60, 61, 5)], &[(0, 60, 7), (60, 120, 5)]);
        check(&[(50, 130, 2), (6, 5, 1)], &[(0, 60, 1), (0, 180, 2)]);
        check(&[(-1, -1, 2)], &[(-60, 0, 2)]);
    }

    #[test]
    fn many_windows_become_longer_ones() {
        let mut losses = Losses::default();
        for minute in 0..10_000 {
            losses.add(at(minute * 60), at(minute * 60 + 1), Lost { interface: 1, ..Lost::default() });
        }
        assert!(losses.windows().count() <= MOST_WINDOWS);
        assert_eq!(losses.windows().map(|(.., lost)| lost.interface).sum::<u64>(), 10_000);
        assert_eq!(losses.windows().next().unwrap().1, at(8 * 60));
    }

    #[test]
    fn steps_are_doubtful_both_ways() {
        let (early, late) = (at(10), at(20));
        let forward = ClockStep { before: early, after: late };
        let back = ClockStep { before: late, after: early };
        assert_eq!((forward.by(), back.by()), (10_000_000_000, -10_000_000_000));
        assert_eq!([forward.doubtful(), back.doubtful()], [(early, late); 2]);
    }
}
