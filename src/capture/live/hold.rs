//! Frames of several interfaces in, the same frames by time stamp out. An interface hands its frames
//! over in blocks, so each frame waits until those of the others that came before it must be there.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::wire::{Course, Frame, FrameRef, LinkType, Timestamp};

/// Frames that wait.
#[derive(Debug, Default)]
pub(super) struct Hold {
    frames: BTreeMap<(Timestamp, FrameRef), Held>,
}

/// A frame with its bytes.
#[derive(Debug)]
struct Held {
    since: Instant,
    link: LinkType,
    tap: u32,
    bytes: Box<[u8]>,
    wire_length: u32,
}

impl Hold {
    /// Keeps a copy of a frame that came at `now`.
    pub(super) fn keep(&mut self, frame: &Frame<'_>, now: Instant) {
        let held = Held {
            since: now,
            link: frame.link,
            tap: frame.tap,
            bytes: frame.bytes.into(),
            wire_length: frame.wire_length,
        };
        self.frames.insert((frame.at, frame.place), held);
    }

    /// Hands over, by time stamp, what has waited long enough at `now`, and whatever is too much.
    pub(super) fn release(&mut self, now: Instant, sink: &mut dyn FnMut(&Frame<'_>)) {
        while let Some(first) = self.frames.first_entry() {
            let waited = now.saturating_duration_since(first.get().since) >= WAIT;
            if !waited && self.frames.len() <= MOST {
                return;
            }
            self.pop(sink);
        }
    }

    /// Hands over everything.
    pub(super) fn flush(&mut self, sink: &mut dyn FnMut(&Frame<'_>)) {
        while !self.frames.is_empty() {
            self.pop(sink);
        }
    }

    fn pop(&mut self, sink: &mut dyn FnMut(&Frame<'_>)) {
        let Some(((at, place), held)) = self.frames.pop_first() else { return };
        sink(&Frame {
            at,
            link: held.link,
            tap: held.tap,
            place,
            bytes: &held.bytes,
            wire_length: held.wire_length,
            course: Course::Unknown,
            packet_id: None,
            dropped: false,
        });
    }
}

/// Three times what a block may wait in the kernel.
const WAIT: Duration = Duration::from_millis(3 * super::READ_TIMEOUT as u64);

/// Frames held at most; beyond that order yields to memory.
const MOST: usize = 65_536;

#[cfg(test)]
mod tests {
    use super::*;

    /// Frames as (milliseconds at which they came, input, time stamp); looked at after `look`.
    fn check(frames: &[(u64, u32, i64)], look: u64, expected: &[i64]) {
        let start = Instant::now();
        let mut hold = Hold::default();
        for (number, (came, input, at)) in (1..).zip(frames) {
            let frame = Frame {
                at: Timestamp::from_nanoseconds(*at),
                link: LinkType(1),
                tap: *input,
                place: FrameRef { input: *input, number },
                bytes: &[],
                wire_length: 0,
                course: Course::Unknown,
                packet_id: None,
                dropped: false,
            };
            hold.keep(&frame, start + Duration::from_millis(*came));
        }
        let mut found = Vec::new();
        hold.release(start + Duration::from_millis(look), &mut |frame| found.push(frame.at.nanoseconds()));
        assert_eq!(found, expected, "{frames:?} after {look}");
        hold.flush(&mut |frame| found.push(frame.at.nanoseconds()));
        assert_eq!(found.len(), frames.len());
        assert!(found.is_sorted(), "{found:?}");
    }

    #[test]
    fn frames_come_by_time_stamp() {
        check(&[], 1000, &[]);
        check(&[(0, 0, 5), (50, 1, 3)], 100, &[]);
        check(&[(0, 0, 5), (50, 1, 3)], 349, &[]);
        check(&[(0, 0, 5), (50, 1, 3)], 350, &[3, 5]);
        check(&[(0, 0, 5), (200, 1, 9)], 300, &[5]);
        check(&[(0, 0, 5), (0, 1, 5), (0, 0, 5)], 300, &[5, 5, 5]);
    }
}
