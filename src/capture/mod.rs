//! Files, directories, patterns and pipes in, [`Frame`]s out, in the order of their time stamps.
//! Files are read, not mapped; frames borrow from the block that was read. A file that breaks off
//! keeps what was read before it and says so; nothing that a file claims is believed further than
//! the bytes that are there. Nothing here looks inside a frame.
//!
//! The path of a frame through this floor:
//!
//! ```text
//! inputs     what the user named           -> the files, each once
//! slot       one file                      -> opened when its first packet is due
//! pipe       a pipe or device              -> read on its own thread, so that it can be left
//! source     its bytes                     -> a block, hashed by `digest` on another thread
//! compress   gzip, zstd, xz                -> the bytes inside, through a second block
//! recognise  the first bytes               -> pcap, pcapng, or an error that names what it is
//! reader     pcap.rs, pcapng/              -> one record after the other
//! merge      all inputs                    -> the next packet by time stamp
//! filter     --filter, --from, --to        -> Frame<'_>
//! ```
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_possible_wrap
    )
)]

mod batch;
mod compress;
mod digest;
mod error;
mod filter;
mod heads;
mod inputs;
#[cfg(all(feature = "live", unix))]
pub mod live;
mod merge;
mod pcap;
mod pcapng;
mod pipe;
mod reader;
mod recognise;
mod slot;
mod source;
mod taps;
#[cfg(test)]
mod tests;
mod write;

use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};

pub use batch::Batch;
pub use error::CaptureError;
pub use inputs::{Inputs, Note};
pub use write::Writer;

use self::digest::Digests;
use self::filter::Filter;
use self::inputs::{Door, Listing, Source};
use self::merge::Merge;
use self::slot::Slot;
use crate::ledger::{Input, TapInfo};
use crate::wire::{Frame, LinkType, Timestamp};

/// What to read of the captures.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Whether to compute the SHA-256 of every input.
    pub digests: bool,
    /// Packets before this time are left out.
    pub from: Option<Timestamp>,
    /// Packets at or after this time are left out.
    pub to: Option<Timestamp>,
    /// A BPF expression that packets must pass (feature `live`).
    pub filter: Option<String>,
    /// Once set, a pipe on which nothing comes is left: what was read before it counts.
    pub stop: Arc<AtomicBool>,
}

/// Captures being read: a lending iterator over their frames.
pub struct Capture {
    merge: Merge,
    window: Option<(Timestamp, Timestamp)>,
    filter: Option<Filter>,
    notes: Vec<Note>,
    progress: Arc<AtomicU64>,
    total: Option<u64>,
}

impl Capture {
    /// Opens what `paths` name: files, directories, patterns, and `-` for standard input. Their
    /// order does not matter.
    ///
    /// # Errors
    /// When something named is missing, unreadable or no capture, or the filter does not compile.
    pub fn open<P: AsRef<Path>>(paths: &[P], options: &Options) -> Result<Self, CaptureError> {
        Self::read(&Inputs::find(paths)?, options)
    }

    /// Begins to read `inputs`, also when they were read before.
    ///
    /// # Errors
    /// When one of them is no capture or can no longer be read, or the filter does not compile.
    pub fn read(inputs: &Inputs, options: &Options) -> Result<Self, CaptureError> {
        let listing = inputs.listing.clone();
        let digests = options.digests.then(Digests::start);
        let progress = Arc::new(AtomicU64::new(0));
        let (slots, notes) = open_all(listing, options, &progress, digests.as_ref())?;
        Self::merged(slots, notes, digests, progress, options)
    }

    /// Reads one capture from an open stream, which reports will call `name`.
    ///
    /// # Errors
    /// When the stream is no capture, or the filter does not compile.
    pub fn from_reader(name: &str, bytes: Box<dyn Read + Send>, options: &Options) -> Result<Self, CaptureError> {
        let source = Source {
            named: name.into(),
            path: name.into(),
            door: Door::Stream,
            size: None,
            directory: None,
            held: None,
        };
        let digests = options.digests.then(Digests::start);
        let progress = Arc::new(AtomicU64::new(0));
        let mut slot = Slot::new(source, 0, &options.stop);
        slot.open_from(bytes, &progress, digests.as_ref().map(|digests| digests.sink(0)))?;
        Self::merged(vec![slot], Vec::new(), digests, progress, options)
    }

    /// The next frame that passes, or `None` at the end of all inputs.
    ///
    /// # Errors
    /// When the filter does not compile for the link type of a frame. Faults of a file are not
    /// errors: they end that file and stand in its [`Input`].
    #[expect(clippy::should_implement_trait, reason = "a frame borrows from the capture, which Iterator cannot say")]
    #[inline]
    pub fn next(&mut self) -> Result<Option<Frame<'_>>, CaptureError> {
        loop {
            if !self.merge.advance() {
                return Ok(None);
            }
            if (self.window.is_none() && self.filter.is_none()) || self.passes()? {
                return Ok(self.merge.frame());
            }
        }
    }

    /// Steps to the next frames that pass, as many as lie in memory together and no other input comes
    /// between; `None` at the end of all inputs.
    ///
    /// # Errors
    /// The filter cannot be compiled for a link type that only now came up.
    #[inline]
    pub fn batch(&mut self) -> Result<Option<Batch<'_>>, CaptureError> {
        let chooses = self.window.is_some() || self.filter.is_some();
        loop {
            if !self.merge.advance() {
                return Ok(None);
            }
            if !chooses {
                return Ok(self.merge.batch());
            }
            if self.passes()? {
                return Ok(self.merge.single());
            }
        }
    }

    /// What the user should know about the inputs: files named twice, files skipped.
    #[must_use]
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// Bytes read from the files so far (of compressed files: compressed bytes), for progress.
    #[must_use]
    pub fn progress(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.progress)
    }

    /// Bytes that there are to read, where all inputs are files.
    #[must_use]
    pub const fn total_bytes(&self) -> Option<u64> {
        self.total
    }

    /// Ends reading: the inputs in order of their first packets, and the taps by number. Inputs
    /// that were not read to their end are [`crate::ledger::InputState::Stopped`].
    #[must_use]
    pub fn finish(self) -> (Vec<Input>, Vec<TapInfo>) {
        self.merge.finish()
    }

    fn merged(
        slots: Vec<Slot>,
        notes: Vec<Note>,
        digests: Option<Digests>,
        progress: Arc<AtomicU64>,
        options: &Options,
    ) -> Result<Self, CaptureError> {
        let mut filter = options.filter.as_deref().map(Filter::new);
        if let Some(filter) = &mut filter {
            // An expression that is wrong should be said before anything is read; Ethernet stands
            // in where no link type is known yet.
            let mut links = slots.iter().flat_map(Slot::links).collect::<Vec<_>>();
            if links.is_empty() {
                links.push(LinkType::ETHERNET);
            }
            links.into_iter().try_for_each(|link| filter.prepare(link))?;
        }
        let window = (options.from.is_some() || options.to.is_some()).then(|| {
            let edge = |nanoseconds| Timestamp::from_nanoseconds(nanoseconds);
            (options.from.unwrap_or(edge(i64::MIN)), options.to.unwrap_or(edge(i64::MAX)))
        });
        let total = slots.iter().map(|slot| slot.source().size).try_fold(0_u64, |sum, size| sum.checked_add(size?));
        let merge = Merge::new(slots, Arc::clone(&progress), digests);
        Ok(Self { merge, window, filter, notes, progress, total })
    }

    fn passes(&mut self) -> Result<bool, CaptureError> {
        let Some(frame) = self.merge.frame() else { return Ok(false) };
        if let Some((from, to)) = self.window
            && !(from..to).contains(&frame.at)
        {
            return Ok(false);
        }
        match &mut self.filter {
            Some(filter) => filter.passes(&frame),
            None => Ok(true),
        }
    }
}

/// Opens the inputs and puts them in order. A single one is opened for good; of several, files are
/// only looked into for their first packet, while pipes stay open.
fn open_all(
    mut listing: Listing,
    options: &Options,
    progress: &Arc<AtomicU64>,
    digests: Option<&Digests>,
) -> Result<(Vec<Slot>, Vec<Note>), CaptureError> {
    let sources = std::mem::take(&mut listing.sources);
    let (single, look) = (sources.len() == 1, options.filter.is_some());
    let mut slots = Vec::with_capacity(sources.len());
    for (serial, source) in sources.into_iter().enumerate() {
        let mut slot = Slot::new(source, u32::try_from(serial).unwrap_or(u32::MAX), &options.stop);
        let mut open = || {
            if single || slot.source().door != Door::File {
                slot.open(progress, digests.map(|digests| digests.sink(slot.serial)))?;
            }
            if look || !single { slot.look() } else { Ok(()) }
        };
        match (open(), slot.source().directory) {
            // A file of a directory that breaks off at once may be the one that is still written; it is
            // cut, not missing, when its turn comes.
            (Ok(()) | Err(CaptureError::Read { .. }), directory @ Some(_)) | (Ok(()), directory @ None) => {
                listing.found(directory);
                slots.push(slot);
            }
            (Err(error @ (CaptureError::NotACapture { .. } | CaptureError::Empty { .. })), Some(directory)) => {
                listing.skipped(directory, &slot.source().named, &error);
            }
            (Err(error), _) => return Err(error),
        }
    }
    listing.check()?;
    slots.sort_by(|a, b| a.order().cmp(&b.order()));
    Ok((slots, listing.notes))
}
