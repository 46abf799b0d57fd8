//! The wall clock, which anybody may set, beside one that only goes on, in; whether it was set out.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::ledger::ClockStep;
use crate::wire::Timestamp;

/// Both clocks, as they stood at the last look.
#[derive(Debug)]
pub(super) struct WallClock {
    last: (Instant, Timestamp),
}

impl WallClock {
    /// Begins to look.
    pub(super) fn new() -> Self {
        Self { last: (Instant::now(), wall()) }
    }

    /// The time now, and the step if the clock was set since the last look. A machine that slept looks
    /// the same, and to a capture it is.
    pub(super) fn look(&mut self) -> (Timestamp, Option<ClockStep>) {
        let before = Instant::now();
        let at = wall();
        // Who is held up between the two clocks cannot compare them.
        if before.elapsed() > SAME_MOMENT {
            return (at, None);
        }
        let (then, shown) = std::mem::replace(&mut self.last, (before, at));
        (at, step(before.saturating_duration_since(then), shown, at))
    }
}

/// What the clock shows `passed` after it showed `then`, against what it should.
fn step(passed: Duration, then: Timestamp, now: Timestamp) -> Option<ClockStep> {
    let expected = then.plus(i64::try_from(passed.as_nanos()).unwrap_or(i64::MAX));
    let step = ClockStep { before: expected, after: now };
    (step.by().saturating_abs() >= STEP).then_some(step)
}

fn wall() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_nanoseconds(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

/// A step that counts: time servers move a clock more gently.
const STEP: i64 = 500_000_000;

/// Longest time between readings of two clocks that count as one moment.
const SAME_MOMENT: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests {
    use super::*;

    fn check(passed: u64, then: i64, now: i64, expected: Option<i64>) {
        let stamp = |milliseconds: i64| Timestamp::from_nanoseconds(milliseconds * 1_000_000);
        let found = step(Duration::from_millis(passed), stamp(then), stamp(now));
        assert_eq!(found.map(|step| step.by() / 1_000_000), expected, "{passed} ms from {then} to {now}");
    }

    #[test]
    fn steps_are_told_from_the_passing_of_time() {
        check(100, 1000, 1100, None);
        check(100, 1000, 1101, None);
        check(100_000, 1000, 101_000, None);
        check(100, 1000, 3_601_100, Some(3_600_000));
        check(100, 10_000, 1100, Some(-9000));
        check(100, 10_000, 9700, None);
    }

    #[test]
    fn a_clock_that_nobody_sets_has_no_steps() {
        let mut clock = WallClock::new();
        std::thread::sleep(Duration::from_millis(20));
        assert_eq!(clock.look().1, None);
    }
}
