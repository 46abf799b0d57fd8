//! Captures in, owned frames out: the tests read each file once and replay it often.

use std::path::Path;

use flowaudit::capture::{self, Capture};
use flowaudit::wire::{Course, Frame, FrameRef, LinkType, Timestamp};

/// One frame with its bytes.
pub struct Owned {
    at: Timestamp,
    link: LinkType,
    tap: u32,
    place: FrameRef,
    bytes: Vec<u8>,
    wire_length: u32,
    course: Course,
    packet_id: Option<u64>,
    dropped: bool,
}

impl Owned {
    /// The frame as it was read.
    pub fn frame(&self) -> Frame<'_> {
        Frame {
            at: self.at,
            link: self.link,
            tap: self.tap,
            place: self.place,
            bytes: &self.bytes,
            wire_length: self.wire_length,
            course: self.course,
            packet_id: self.packet_id,
            dropped: self.dropped,
        }
    }
}

/// All frames of a file; `None` when it is no capture.
pub fn read(path: &Path) -> Option<Vec<Owned>> {
    let mut capture = Capture::open(&[path], &capture::Options::default()).ok()?;
    let mut frames = Vec::new();
    while let Ok(Some(frame)) = capture.next() {
        frames.push(Owned {
            at: frame.at,
            link: frame.link,
            tap: frame.tap,
            place: frame.place,
            bytes: frame.bytes.to_vec(),
            wire_length: frame.wire_length,
            course: frame.course,
            packet_id: frame.packet_id,
            dropped: frame.dropped,
        });
    }
    Some(frames)
}
