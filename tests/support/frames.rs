//! Captures in, owned frames out: the tests read each file once and replay it often.

use std::path::Path;

use flowaudit::capture::{self, Capture};
use flowaudit::wire::Frame;

/// One frame with its bytes.
pub struct Owned {
    frame: Frame<'static>,
    bytes: Vec<u8>,
}

impl Owned {
    /// The frame as it was read.
    pub fn frame(&self) -> Frame<'_> {
        Frame { bytes: &self.bytes, ..self.frame }
    }
}

/// All frames of a file; `None` when it is no capture.
pub fn read(path: &Path) -> Option<Vec<Owned>> {
    let mut capture = Capture::open(&[path], &capture::Options::default()).ok()?;
    let mut frames = Vec::new();
    while let Ok(Some(frame)) = capture.next() {
        frames.push(Owned { frame: frame.without_bytes(), bytes: frame.bytes.to_vec() });
    }
    Some(frames)
}
