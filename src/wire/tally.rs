//! Frames in, what is counted of each of them out: sums, first and last time, and whether time only rose.
//! Never looks at a byte of a frame.

use super::{Frame, Timestamp};

/// What a run of frames comes to. Empty until frames are added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally {
    /// Frames.
    pub frames: u64,
    /// Captured bytes.
    pub bytes: u64,
    /// Frames that the capture cut.
    pub truncated: u64,
    /// Frames that the capturing host says it dropped.
    pub dropped: u64,
    earliest: Timestamp,
    latest: Timestamp,
    /// All are of one input, and none lies before the one in front of it.
    rises: bool,
}

impl Default for Tally {
    fn default() -> Self {
        let (earliest, latest) = (Timestamp::from_nanoseconds(i64::MAX), Timestamp::from_nanoseconds(i64::MIN));
        Self { frames: 0, bytes: 0, truncated: 0, dropped: 0, earliest, latest, rises: true }
    }
}

impl Tally {
    /// What `frames` come to, in their order.
    pub fn of<'block>(frames: impl Iterator<Item = Frame<'block>>) -> Self {
        let (mut tally, mut input) = (Self::default(), None);
        for frame in frames {
            tally.rises &= *input.get_or_insert(frame.place.input) == frame.place.input;
            tally.add(frame.at, frame.bytes.len(), frame.is_snapped(), frame.dropped);
        }
        tally
    }

    /// Adds a frame of the same input. Sums of what fits into memory do not overflow.
    #[inline(always)]
    pub fn add(&mut self, at: Timestamp, captured: usize, snapped: bool, dropped: bool) {
        self.frames = self.frames.wrapping_add(1);
        self.bytes = self.bytes.wrapping_add(captured as u64);
        self.truncated = self.truncated.wrapping_add(u64::from(snapped));
        self.dropped = self.dropped.wrapping_add(u64::from(dropped));
        self.rises &= at >= self.latest;
        self.earliest = self.earliest.min(at);
        self.latest = self.latest.max(at);
    }

    /// Adds what the frames behind come to, which are of the same input.
    pub fn join(&mut self, behind: &Self) {
        self.frames = self.frames.wrapping_add(behind.frames);
        self.bytes = self.bytes.wrapping_add(behind.bytes);
        self.truncated = self.truncated.wrapping_add(behind.truncated);
        self.dropped = self.dropped.wrapping_add(behind.dropped);
        self.rises &= behind.rises && self.latest <= behind.earliest;
        self.earliest = self.earliest.min(behind.earliest);
        self.latest = self.latest.max(behind.latest);
    }

    /// Earliest and latest stamp.
    #[must_use]
    pub const fn span(&self) -> Option<(Timestamp, Timestamp)> {
        if self.frames == 0 { None } else { Some((self.earliest, self.latest)) }
    }

    /// The same where all frames are of one input and none lies before the one in front of it: then these are
    /// the first and the last of them.
    #[must_use]
    pub const fn rising(&self) -> Option<(Timestamp, Timestamp)> {
        if self.rises { self.span() } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::super::FrameRef;
    use super::*;

    fn frame(input: u32, at: i64, length: u32) -> Frame<'static> {
        Frame {
            at: Timestamp::from_nanoseconds(at),
            place: FrameRef { input, number: 1 },
            wire_length: length,
            bytes: &[0; 60],
            dropped: at == 9,
            ..super::super::sample::frame(1, &[])
        }
    }

    /// Wherever frames are split, both halves together come to the same.
    #[test]
    fn halves_join() {
        let frames = [frame(0, 3, 60), frame(0, 3, 70), frame(0, 9, 60), frame(0, 7, 61), frame(0, 8, 60)];
        for (from, to) in (0..=frames.len()).flat_map(|to| (0..=to).map(move |from| (from, to))) {
            let whole = Tally::of(frames[from..to].iter().copied());
            for cut in from..=to {
                let mut joined = Tally::of(frames[from..cut].iter().copied());
                joined.join(&Tally::of(frames[cut..to].iter().copied()));
                assert_eq!(joined, whole, "{from} {cut} {to}");
            }
            assert_eq!(whole.frames, (to - from) as u64);
            assert_eq!(whole.rising().is_some(), to > from && !(from < 3 && to > 3), "{from} {to}");
        }
        let all = Tally::of(frames.into_iter());
        let nanoseconds = all.span().map(|(first, last)| (first.nanoseconds(), last.nanoseconds()));
        assert_eq!((nanoseconds, all.bytes, all.truncated, all.dropped), (Some((3, 9)), 300, 2, 1));
    }

    #[test]
    fn two_inputs_do_not_rise() {
        let tally = Tally::of([frame(0, 3, 60), frame(1, 4, 60)].into_iter());
        assert_eq!((tally.rising(), tally.span().is_some()), (None, true));
        assert_eq!((Tally::default().span(), Tally::default().rising()), (None, None));
    }
}
