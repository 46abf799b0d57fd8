//! Captures in, what they said out, for commands that judge nothing and write nothing until all is
//! read: a signal simply ends them.

use std::path::PathBuf;
use std::sync::atomic::Ordering;

use super::exit::{self, Failure};
use super::progress::Progress;
use crate::capture::{self, Capture};
use crate::ledger::{self, Ledger, Observation};

/// Reads every capture to its end.
///
/// # Errors
/// A capture cannot be read.
pub fn read(captures: &[PathBuf]) -> Result<Observation, Failure> {
    let unreadable = |fault: capture::CaptureError| Failure::plain(format!("cannot read {fault}"));
    let mut captures = Capture::open(captures, &capture::Options::default()).map_err(unreadable)?;
    captures.notes().iter().for_each(|note| exit::say(&format!("note: {note}")));
    let (read, progress) = (captures.progress(), Progress::new(captures.total_bytes(), false));
    let mut ledger = Ledger::new(ledger::Options::default());
    while let Some(frame) = captures.next().map_err(unreadable)? {
        ledger.observe(&frame);
        if frame.place.number.is_multiple_of(BETWEEN_LOOKS) {
            progress.at(read.load(Ordering::Relaxed));
        }
    }
    drop(progress);
    let (inputs, taps) = captures.finish();
    ledger.set_inputs(inputs, taps);
    Ok(ledger.finish())
}

/// Frames between two moves of the bar.
const BETWEEN_LOOKS: u32 = 4096;
