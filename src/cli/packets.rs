//! A judged audit and its captures in, a pcapng of the packets behind its findings out. Reads the
//! captures again, once to find the packets and once to write them, and refuses when they are not
//! the bytes that were audited. Never copies decryption secrets.

use std::io::{self, Write};
use std::path::PathBuf;

use super::exit::Failure;
use super::report::is_dash;
use crate::audit::Judged;
use crate::capture::{Capture, Inputs, Options, Writer};
use crate::ledger::{Input, InputState, Locator, Observation};
use crate::report::packets;

/// The captures of an audit, as they are opened again.
pub struct Again<'audit> {
    /// What was read.
    pub inputs: &'audit Inputs,
    /// How they are read.
    pub options: &'audit Options,
}

/// Refuses what cannot be read a second time.
///
/// # Errors
/// A capture is standard input, a pipe or a device.
pub fn check_files(captures: &[PathBuf], option: &str) -> Result<(), Failure> {
    let once = |path: &&PathBuf| {
        let found = std::fs::metadata(path);
        is_dash(path) || found.is_ok_and(|found| !found.is_file() && !found.is_dir())
    };
    match captures.iter().find(once) {
        Some(path) => Err(Failure::plain(format!(
            "{option} reads the captures a second time, and {} can be read only once: save it as a file first",
            path.display()
        ))),
        None => Ok(()),
    }
}

/// Refuses an audit that a signal cut short: a second reading would see more than it did.
///
/// # Errors
/// The reading was stopped.
pub fn check_whole(seen: &Observation, option: &str) -> Result<(), Failure> {
    if seen.inputs.iter().any(|input| input.state == InputState::Stopped) {
        return Err(Failure::plain(format!("{option}: nothing was written, because the reading was stopped")));
    }
    Ok(())
}

/// Writes the packets behind the findings, in the order in which they were read.
///
/// # Errors
/// The captures cannot be read again, are no longer what was audited, or `out` fails.
pub fn write(out: &mut dyn Write, again: &Again<'_>, seen: &Observation, judged: &Judged) -> io::Result<()> {
    let mut captures = again.open()?;
    let mut locator = Locator::new(seen, &packets::flows(judged, None));
    while let Some(frame) = captures.next().map_err(io::Error::other)? {
        locator.observe(&frame);
    }
    same(seen, &captures.finish().0)?;
    let comments = packets::comments(seen, judged, &locator.finish(), None);
    let mut captures = again.open()?;
    let mut writer = Writer::new(out, PROGRAM, &seen.taps)?;
    while let Some(frame) = captures.next().map_err(io::Error::other)? {
        if let Some(comments) = comments.get(&frame.place) {
            writer.packet(&frame, comments)?;
        }
    }
    same(seen, &captures.finish().0)?;
    writer.finish()
}

impl Again<'_> {
    fn open(&self) -> io::Result<Capture> {
        Capture::read(self.inputs, self.options).map_err(io::Error::other)
    }
}

fn same(seen: &Observation, again: &[Input]) -> io::Result<()> {
    let bytes = |input: &Input| (input.path.clone(), input.sha256.clone());
    if seen.inputs.iter().map(bytes).eq(again.iter().map(bytes)) {
        return Ok(());
    }
    Err(io::Error::other("a capture changed while it was read; audit it when nobody writes to it"))
}

/// What such a file says wrote it.
pub(super) const PROGRAM: &str = concat!("flowaudit ", env!("CARGO_PKG_VERSION"));
