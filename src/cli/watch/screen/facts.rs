//! What the screen shows beside the audit: how long, how fast, how much was lost. Counters and the
//! time that has passed in, figures out; never reads a clock itself.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::audit::RowResult;
use crate::matrix::Matrix;

/// What stays as it is during a watch.
#[derive(Clone, Debug, Default)]
pub struct Setting {
    /// Names of the interfaces.
    pub interfaces: String,
    /// When the watch ends by itself.
    pub limit: Option<Duration>,
    /// Whether it waits until every required row is confirmed.
    pub gate: bool,
    /// How long silence means nothing, by pack and row, in seconds.
    pub windows: BTreeMap<(String, String), u64>,
}

impl Setting {
    /// The windows of the rows of `matrix`.
    pub fn windows(matrix: &Matrix) -> BTreeMap<(String, String), u64> {
        let window = |window: i64| u64::try_from(window.div_euclid(1_000_000_000)).unwrap_or(0);
        let pack = |place: usize| matrix.packs.get(place).map(|pack| pack.id.clone()).unwrap_or_default();
        matrix.rows.iter().map(|row| ((pack(row.pack), row.id.clone()), window(row.window))).collect()
    }

    /// The window of a row, in seconds.
    pub fn window(&self, row: &RowResult) -> Option<u64> {
        self.windows.get(&(row.pack.clone(), row.id.clone())).copied()
    }
}

/// Counters as they stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Packets read.
    pub packets: u64,
    /// Their captured bytes.
    pub bytes: u64,
    /// Packets for which the kernel had no room.
    pub kernel: u64,
    /// Packets that the interface could not take.
    pub missed: u64,
}

/// Figures of one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Since the watch began.
    pub elapsed: Duration,
    /// Counters as they stand.
    pub counters: Counters,
    /// Packets in the last second.
    pub packets_per_second: u64,
    /// Bytes in the last second.
    pub bytes_per_second: u64,
    since: Duration,
    before: Counters,
}

impl Facts {
    /// Takes new counters at `elapsed`; the rate is that of the last second or so.
    pub fn at(&mut self, elapsed: Duration, counters: Counters) {
        self.elapsed = elapsed;
        self.counters = counters;
        let passed = elapsed.saturating_sub(self.since);
        if passed < Duration::from_secs(1) {
            return;
        }
        let rate = |now: u64, before: u64| {
            let added = u128::from(now.saturating_sub(before)).saturating_mul(1000);
            added.checked_div(passed.as_millis()).and_then(|rate| u64::try_from(rate).ok()).unwrap_or(0)
        };
        self.packets_per_second = rate(counters.packets, self.before.packets);
        self.bytes_per_second = rate(counters.bytes, self.before.bytes);
        (self.since, self.before) = (elapsed, counters);
    }
}

/// `0:07`, `12:34`, `1:02:03`, `3 d 04:05:06`.
pub fn clock(elapsed: Duration) -> String {
    let seconds = elapsed.as_secs();
    let (days, hours) = (seconds / 86_400, seconds / 3600 % 24);
    let (minutes, seconds) = (seconds / 60 % 60, seconds % 60);
    match (days, hours) {
        (0, 0) => format!("{minutes}:{seconds:02}"),
        (0, _) => format!("{hours}:{minutes:02}:{seconds:02}"),
        (_, _) => format!("{days} d {hours:02}:{minutes:02}:{seconds:02}"),
    }
}

/// How much of a window is over: `5/30 s`, `2/15 min`, `1/24 h`.
pub fn progress(seconds: u64, window: u64) -> String {
    let (unit, name) = match window {
        0..=119 => (1, "s"),
        120..=10_799 => (60, "min"),
        10_800..=259_199 => (3600, "h"),
        _ => (86_400, "d"),
    };
    format!("{}/{} {name}", seconds / unit, window / unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(found: impl AsRef<str>, expected: &str) {
        assert_eq!(found.as_ref(), expected);
    }

    #[test]
    fn times_are_short() {
        check(clock(Duration::from_secs(7)), "0:07");
        check(clock(Duration::from_secs(3723)), "1:02:03");
        check(clock(Duration::from_secs(3 * 86_400 + 61)), "3 d 00:01:01");
        check(progress(5, 30), "5/30 s");
        check(progress(130, 900), "2/15 min");
        check(progress(4000, 86_400), "1/24 h");
        check(progress(90_000, 604_800), "1/7 d");
        check(progress(3, 0), "3/0 s");
    }

    #[test]
    fn rates_are_those_of_the_last_second() {
        let mut facts = Facts::default();
        let mut check = |milliseconds: u64, packets: u64, expected: u64| {
            facts.at(Duration::from_millis(milliseconds), Counters { packets, ..Counters::default() });
            assert_eq!((facts.packets_per_second, facts.counters.packets), (expected, packets));
        };
        check(500, 1000, 0);
        check(1000, 2000, 2000);
        check(1250, 9000, 2000);
        check(3000, 4000, 1000);
        check(4000, 4000, 0);
    }
}
