//! Work that takes its time in, the same beside which packets are read on out: what comes while another
//! thread settles, judges and folds waits in memory and is observed afterwards, so that long work costs no
//! packets. What does not fit stays with the kernel, which counts what it then has to drop.

use std::panic::resume_unwind;
use std::thread::{self, Builder};
use std::time::Duration;

use super::{Watch, take};
use crate::capture::live::Live;
use crate::wire::Frame;

/// Frames that came during such work, in the order in which they were read.
#[derive(Default)]
pub(super) struct Backlog {
    frames: Vec<(Frame<'static>, usize)>,
    bytes: Vec<u8>,
    /// Whether nothing more is to be read.
    pub(super) closed: bool,
}

impl Backlog {
    fn is_full(&self) -> bool {
        self.closed || self.bytes.len() >= MOST_BYTES || self.frames.len() >= MOST_FRAMES
    }

    fn keep(&mut self, frame: &Frame<'_>) {
        self.frames.push((frame.without_bytes(), frame.bytes.len()));
        self.bytes.extend_from_slice(frame.bytes);
    }

    /// Hands over everything; says how many frames it was.
    fn release(&mut self, mut sink: impl FnMut(&Frame<'_>)) -> usize {
        let mut rest = self.bytes.as_slice();
        for (frame, length) in &self.frames {
            let (bytes, others) = rest.split_at_checked(*length).unwrap_or_default();
            sink(&Frame { bytes, ..*frame });
            rest = others;
        }
        let number = self.frames.len();
        self.frames.clear();
        self.bytes.clear();
        self.bytes.shrink_to(KEPT);
        number
    }
}

/// Does `work`, once, in another thread and keeps what comes meanwhile in `backlog`.
pub(super) fn beside<T: Send>(live: &mut Live, backlog: &mut Backlog, mut work: impl FnMut() -> T + Send) -> T {
    if backlog.closed {
        return work();
    }
    let job = &mut work;
    let done = thread::scope(move |scope| {
        let working = Builder::new().spawn_scoped(scope, job).ok()?;
        while !working.is_finished() {
            if backlog.is_full() || live.wait(BETWEEN, None).is_err() {
                thread::sleep(BETWEEN);
            } else {
                live.read(&mut |frame| backlog.keep(frame));
            }
        }
        Some(working.join().unwrap_or_else(|fault| resume_unwind(fault)))
    });
    // Without a thread it takes as long, and the ring of the kernel has to do.
    done.unwrap_or_else(work)
}

impl Watch<'_> {
    /// Observes what came during such work; whether anything did.
    pub(super) fn catch_up(&mut self) -> bool {
        let Self { ledger, saves, backlog, .. } = self;
        backlog.release(|frame| take(ledger, saves, frame)) > 0
    }
}

/// Bytes and frames that wait at most: a second and more of a busy link.
const MOST_BYTES: usize = 64 << 20;
const MOST_FRAMES: usize = 1 << 18;

/// Bytes of memory that are kept for the next time.
const KEPT: usize = 1 << 20;

/// How long finished work may wait for a packet.
const BETWEEN: Duration = Duration::from_millis(2);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Course, FrameRef, LinkType, Timestamp};

    fn frame(number: u32, bytes: &[u8]) -> Frame<'_> {
        Frame {
            at: Timestamp::from_nanoseconds(i64::from(number)),
            link: LinkType(1),
            tap: 0,
            place: FrameRef { input: 0, number },
            bytes,
            wire_length: 100,
            course: Course::Unknown,
            packet_id: None,
            dropped: false,
        }
    }

    #[test]
    fn frames_come_back_as_they_were() {
        let mut backlog = Backlog::default();
        let contents: Vec<Vec<u8>> = (0u8..50).map(|number| vec![number; usize::from(number)]).collect();
        for _ in 0..2 {
            for (bytes, number) in contents.iter().zip(0..) {
                backlog.keep(&frame(number, bytes));
            }
            let mut back = Vec::new();
            let number = backlog.release(|frame| {
                back.push(frame.bytes.to_vec());
                assert_eq!(frame.place.number as usize + 1, back.len());
            });
            assert_eq!((number, &back), (50, &contents));
            assert_eq!(backlog.release(|_| ()), 0);
        }
    }

    #[test]
    fn it_is_full_by_bytes_and_by_frames() {
        let mut backlog = Backlog::default();
        let large = vec![0; MOST_BYTES / 2];
        backlog.keep(&frame(1, &large));
        assert!(!backlog.is_full());
        backlog.keep(&frame(2, &large));
        assert!(backlog.is_full());
        backlog.release(|_| ());
        assert!(!backlog.is_full() && backlog.bytes.capacity() <= KEPT);
        (0..MOST_FRAMES).for_each(|_| backlog.keep(&frame(1, &[])));
        assert!(backlog.is_full());
    }
}
