//! Counters of lost packets in, how many were lost since the interface was opened out. The kernel's
//! counters are 32 bits wide and wrap; those of an interface may start anew with its driver.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Packets that never reached the audit, since the interface was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loss {
    /// Name of the interface.
    pub interface: String,
    /// Packets that the kernel counted for this capture: those handed over and those dropped.
    pub received: u64,
    /// Packets for which the ring had no room.
    pub kernel: u64,
    /// Packets that the interface itself could not take.
    pub missed: u64,
}

/// A counter of 32 bits that wraps.
#[derive(Debug, Default)]
pub(super) struct Wrapping {
    last: u32,
    sum: u64,
}

impl Wrapping {
    /// The sum after the counter stands at `now`. Read more often than it can wrap, it loses nothing.
    pub(super) fn at(&mut self, now: u32) -> u64 {
        self.sum = self.sum.saturating_add(u64::from(now.wrapping_sub(self.last)));
        self.last = now;
        self.sum
    }
}

/// The counters that an interface keeps of what it could not take. `rx_dropped` is not among them:
/// it also counts packets that were captured and then found no receiver.
#[derive(Debug)]
pub(super) struct Statistics {
    counters: Vec<(File, u64)>,
    sum: u64,
}

impl Statistics {
    /// Those of `interface`, from now on; `None` where the system has none, as for `any`.
    pub(super) fn open(interface: &str) -> Option<Self> {
        let directory = Path::new("/sys/class/net").join(interface).join("statistics");
        let open = |name: &&str| {
            let file = File::open(directory.join(name)).ok()?;
            let start = number(&file)?;
            Some((file, start))
        };
        let counters = COUNTERS.iter().map(open).collect::<Option<Vec<_>>>()?;
        Some(Self { counters, sum: 0 })
    }

    /// Packets lost since it was opened. A counter that cannot be read any more stays as it was.
    pub(super) fn now(&mut self) -> u64 {
        for (file, last) in &mut self.counters {
            let Some(now) = number(file) else { continue };
            self.sum = self.sum.saturating_add(since(*last, now));
            *last = now;
        }
        self.sum
    }
}

/// What was added between two readings. A counter that stands lower has started anew.
const fn since(last: u64, now: u64) -> u64 {
    match now.checked_sub(last) {
        Some(added) => added,
        None => now,
    }
}

/// The file stays open: once privileges are dropped it could not be opened again.
pub(super) fn number(file: &File) -> Option<u64> {
    let mut text = [0; 24];
    let length = file.read_at(&mut text, 0).ok()?;
    std::str::from_utf8(text.get(..length)?).ok()?.trim().parse().ok()
}

const COUNTERS: [&str; 2] = ["rx_missed_errors", "rx_fifo_errors"];

#[cfg(test)]
mod tests {
    use super::*;

    fn check(readings: &[u32], expected: u64) {
        let mut counter = Wrapping::default();
        let mut found = 0;
        for reading in readings {
            found = counter.at(*reading);
        }
        assert_eq!(found, expected, "{readings:?}");
    }

    #[test]
    fn counters_wrap() {
        check(&[], 0);
        check(&[0, 7, 7, 9], 9);
        check(&[u32::MAX, 0], 1 << 32);
        check(&[u32::MAX - 1, 3, u32::MAX, 2], (1 << 33) + 2);
    }

    #[test]
    fn counters_start_anew() {
        assert_eq!([since(5, 9), since(5, 5), since(5, 2)], [4, 0, 2]);
        assert!(Statistics::open("no-such-interface").is_none());
    }
}
