//! Time stamps of one input in, how often time ran backwards out. A piece that others precede keeps
//! its rising stamps, so that a merge can count those which an earlier piece had already passed.

use crate::wire::Timestamp;

/// Rising stamps kept: time that runs backwards further than that is counted from here on only.
const KEPT: usize = 4096;

/// The time of one input.
#[derive(Clone, Debug, Default)]
pub(super) struct Inversions {
    latest: Option<Timestamp>,
    /// Each new maximum and the frames that stood at it.
    rising: Vec<(Timestamp, u64)>,
    /// Frames that lie before a frame already read.
    pub(super) count: u64,
}

impl Inversions {
    /// Takes the next stamp.
    pub(super) fn observe(&mut self, at: Timestamp, keep: bool) {
        if self.latest.is_some_and(|latest| at < latest) {
            self.count = self.count.saturating_add(1);
            return;
        }
        self.latest = Some(at);
        if keep {
            self.rise(at, 1);
        }
    }

    fn rise(&mut self, at: Timestamp, frames: u64) {
        if let Some((_, known)) = self.rising.last_mut().filter(|(last, _)| *last == at) {
            *known = known.saturating_add(frames);
        } else if self.rising.len() < KEPT {
            self.rising.push((at, frames));
        }
    }

    /// Adds the time of the following piece.
    pub(super) fn merge(&mut self, later: Self, keep: bool) {
        let Some(latest) = self.latest else {
            *self = later;
            return;
        };
        let passed = later.rising.iter().filter(|(at, _)| *at < latest).map(|(_, frames)| *frames);
        self.count = passed.fold(self.count, u64::saturating_add).saturating_add(later.count);
        if keep {
            for (at, frames) in later.rising.into_iter().filter(|(at, _)| *at >= latest) {
                self.rise(at, frames);
            }
        }
        self.latest = self.latest.max(later.latest);
    }
}
