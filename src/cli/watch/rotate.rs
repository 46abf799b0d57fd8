//! `--rotate` and `--keep` in, when the reports are written anew and under which names out. Names carry
//! the time in UTC, so that they sort and that nothing is overwritten.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::args::duration;
use crate::report::atomic;

/// When reports and flow logs are written anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Every so often, counted from midnight UTC where it divides a day.
    Every(Duration),
    /// When the flow log has about so many bytes.
    Size(u64),
}

/// `1h` or `100MiB`.
pub(super) fn when(text: &str) -> Result<When, String> {
    let units = [("KiB", 10), ("MiB", 20), ("GiB", 30)];
    for (unit, shift) in units {
        if let Some(number) = text.strip_suffix(unit) {
            let number: Option<u64> = number.trim().parse().ok().filter(|number| (1..1 << 24).contains(number));
            return number.map(|number| When::Size(number << shift)).ok_or_else(|| REFUSED.to_owned());
        }
    }
    duration(text).ok().filter(|every| *every >= SHORTEST).map(When::Every).ok_or_else(|| REFUSED.to_owned())
}

const REFUSED: &str = "write it as a time of at least a second (1h) or as a size (100MiB)";
const SHORTEST: Duration = Duration::from_secs(1);
/// How often what is over goes to a flow log whose size counts.
const SWEEP: Duration = Duration::from_secs(10);

/// The next time that reports are due.
pub(super) struct Rotation {
    when: When,
    keep: Option<usize>,
    due: Instant,
    swept: Instant,
}

impl Rotation {
    /// Begins to count.
    pub(super) fn new(when: When, keep: Option<usize>) -> Self {
        let now = Instant::now();
        let mut rotation = Self { when, keep, due: now, swept: now };
        rotation.begin();
        rotation
    }

    /// Whether it is time, for a flow log of `size` bytes.
    pub(super) fn is_due(&self, size: u64) -> bool {
        match self.when {
            When::Every(_) => Instant::now() >= self.due,
            When::Size(most) => size >= most,
        }
    }

    /// Whether what is over should go to the flow log now, since its size counts.
    pub(super) fn sweeps(&mut self) -> bool {
        let sweeps = matches!(self.when, When::Size(_)) && self.swept.elapsed() >= SWEEP;
        if sweeps {
            self.swept = Instant::now();
        }
        sweeps
    }

    /// Begins to count anew; the stamp of what is written now.
    pub(super) fn begin(&mut self) -> String {
        let now = Timestamp::now();
        if let When::Every(every) = self.when {
            let every = every.as_nanos().max(1);
            let since = now.as_nanosecond().unsigned_abs() % every;
            let wait = u64::try_from(every.saturating_sub(since)).unwrap_or(u64::MAX);
            self.due = Instant::now() + Duration::from_nanos(wait);
        }
        stamp(now)
    }

    /// Removes the oldest of the files that were written for `path`, until as many are left as are to be kept.
    pub(super) fn prune(&self, path: &Path) {
        let Some(keep) = self.keep else { return };
        let directory = atomic::directory_of(path);
        let names = fs::read_dir(&directory).into_iter().flatten().flatten().map(|entry| entry.file_name());
        let mut stamped: Vec<OsString> = names.filter(|name| is_stamped(name.to_str(), path)).collect();
        stamped.sort();
        let excess = stamped.len().saturating_sub(keep);
        for name in stamped.into_iter().take(excess) {
            // What cannot be removed is tried again with the next one.
            let _ = fs::remove_file(directory.join(name));
        }
    }
}

/// `20261127T090000Z`.
pub(super) fn stamp(at: Timestamp) -> String {
    at.strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// `audit.json` and a stamp make `audit-20261127T090000Z.json`.
pub(super) fn stamped(path: &Path, stamp: &str) -> PathBuf {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let name = match path.extension() {
        Some(end) => format!("{stem}-{stamp}.{}", end.to_string_lossy()),
        None => format!("{stem}-{stamp}"),
    };
    path.with_file_name(name)
}

fn is_stamped(name: Option<&str>, path: &Path) -> bool {
    let model = stamped(path, "00000000T000000Z");
    let Some((name, model)) = name.zip(model.file_name().and_then(|model| model.to_str())) else { return false };
    let head = path.file_stem().unwrap_or_default().len().saturating_add(1);
    let same = |(place, (one, other)): (usize, (u8, u8))| {
        let stamp = (head..head.saturating_add(16)).contains(&place);
        if stamp && other == b'0' { one.is_ascii_digit() } else { one == other }
    };
    name.len() == model.len() && name.bytes().zip(model.bytes()).enumerate().all(same)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes() {
        assert_eq!(when("1h"), Ok(When::Every(Duration::from_secs(3600))));
        assert_eq!(when("100MiB"), Ok(When::Size(100 << 20)));
        assert_eq!(when("4 KiB"), Ok(When::Size(4096)));
        for wrong in ["", "0s", "10ms", "100", "MiB", "0KiB", "99999999999GiB", "-1MiB"] {
            assert!(when(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn names_with_stamps() {
        let path = Path::new("out/audit-x.json");
        let found = stamped(path, "20261127T090000Z");
        assert_eq!(found, Path::new("out/audit-x-20261127T090000Z.json"));
        assert!(is_stamped(found.file_name().unwrap().to_str(), path));
        for other in [
            "audit-x.json",
            "audit-x-20261127T09000Z.json",
            "audit-y-20261127T090000Z.json",
            "audit-x-20261127T09000aZ.json",
        ] {
            assert!(!is_stamped(Some(other), path), "{other}");
        }
    }

    #[test]
    fn the_oldest_goes() {
        let room = tempfile::tempdir().unwrap();
        let path = room.path().join("flows.csv");
        let stamps = ["20261127T070000Z", "20261127T080000Z", "20261127T090000Z"];
        stamps.iter().for_each(|stamp| fs::write(stamped(&path, stamp), "x").unwrap());
        fs::write(&path, "mine").unwrap();
        Rotation::new(When::Size(1), Some(2)).prune(&path);
        let left = [stamps[0], stamps[1], stamps[2]].map(|stamp| stamped(&path, stamp).exists());
        assert_eq!((left, path.exists()), ([false, true, true], true));
    }
}
