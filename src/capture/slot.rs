//! One input: opened, read packet by packet, accounted for, closed. Unless all were opened at the
//! start, a file is opened only when its first packet is due, so that thousands of rotated files are
//! never open at once. Never decides which input comes next.

use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};

use super::batch::Batch;
use super::digest::Sink;
use super::error::CaptureError;
use super::heads::Heads;
use super::inputs::{Door, Source};
use super::merge::{NEVER, Turn};
use super::pipe::Pipe;
use super::reader::{Fault, Head, Reader, Refusal};
use super::source::{BLOCK, Blocks, Origin, PEEK};
use super::taps::Taps;
use crate::ledger::{Input, InputState};
use crate::wire::{LinkType, Tally, Timestamp, is_snapped};

/// The beginning of packet time.
const EARLIEST: Timestamp = Timestamp::from_nanoseconds(i64::MIN);

/// One input while it is read.
pub(super) struct Slot {
    source: Source,
    /// Ends the reading of a silent pipe.
    stop: Arc<AtomicBool>,
    /// Distinguishes the inputs before their order is known; the digest goes by it.
    pub(super) serial: u32,
    /// Time of the first packet, where it was looked up; decides the order of the inputs.
    pub(super) first: Option<Timestamp>,
    reader: Option<Reader>,
    /// The first packet was read already, when the input was opened.
    primed: bool,
    /// The packets listed last, and which of them was stepped to.
    heads: Heads,
    current: usize,
    /// What the packets of the batch come to that is being put together.
    tally: Tally,
    /// Link type of the first packet, where it was looked up.
    link: Option<LinkType>,
    taps: Vec<u32>,
    /// Time that decides whose packet is next: that of the packet, never going backwards.
    pub(super) due: Timestamp,
    input: Input,
}

impl Slot {
    /// An input that is not open yet.
    pub(super) fn new(source: Source, serial: u32, stop: &Arc<AtomicBool>) -> Self {
        let input = Input { path: source.named.clone(), state: InputState::Stopped, ..Input::default() };
        Self {
            source,
            stop: Arc::clone(stop),
            serial,
            first: None,
            reader: None,
            primed: false,
            heads: Heads::default(),
            current: 0,
            tally: Tally::default(),
            link: None,
            taps: Vec::new(),
            due: EARLIEST,
            input,
        }
    }

    /// What is read.
    pub(super) const fn source(&self) -> &Source {
        &self.source
    }

    /// Whether it is open.
    pub(super) const fn is_open(&self) -> bool {
        self.reader.is_some()
    }

    /// The order of inputs: by first packet, then by name; those without packets come last.
    pub(super) fn order(&self) -> impl Ord + use<'_> {
        (self.first.is_none(), self.first, &self.source.named, &self.source.path)
    }

    /// Opens the input from its path.
    pub(super) fn open(&mut self, counter: &Arc<AtomicU64>, digest: Option<Sink>) -> Result<(), CaptureError> {
        let bytes = self.bytes()?;
        self.open_from(bytes, counter, digest)
    }

    /// Opens the input from an open stream.
    pub(super) fn open_from(
        &mut self,
        bytes: Box<dyn Read + Send>,
        counter: &Arc<AtomicU64>,
        digest: Option<Sink>,
    ) -> Result<(), CaptureError> {
        let blocks = Blocks::new(Origin::Plain(bytes), BLOCK, Arc::clone(counter), digest);
        self.reader = Some(self.recognise(blocks, BLOCK)?);
        Ok(())
    }

    /// Looks up the time of the first packet. A file is closed again; a pipe stays open.
    pub(super) fn look(&mut self) -> Result<(), CaptureError> {
        if self.reader.is_some() {
            self.prime();
            return Ok(());
        }
        let uncounted = Arc::new(AtomicU64::new(0));
        let blocks = Blocks::new(Origin::Plain(self.bytes()?), PEEK, uncounted, None);
        let mut reader = self.recognise(blocks, PEEK)?;
        // A fault before the first packet shows again, and is told, when the file is read.
        if reader.list(&mut self.heads).unwrap_or(false)
            && let Some(head) = self.heads.first()
        {
            (self.first, self.link) = (Some(head.at), Some(head.link));
        }
        self.heads = Heads::default();
        Ok(())
    }

    /// Steps to the next packet; false when the input has ended.
    #[inline]
    pub(super) fn advance(&mut self, place: u32, taps: &mut Taps) -> bool {
        if self.primed {
            self.primed = false;
        } else if !self.step() {
            self.register(place, taps);
            self.release(taps);
            return false;
        }
        if self.reader.as_ref().is_some_and(|reader| reader.interfaces().len() != self.taps.len()) {
            self.register(place, taps);
        }
        true
    }

    /// Whether its packet comes before the turn of another input.
    #[inline]
    pub(super) fn precedes(&self, own: usize, (due, other): Turn) -> bool {
        self.due < due || (self.due == due && own <= other)
    }

    /// Steps on over packets that lie in memory, as long as they come before the turn of another input.
    /// The packets from the current one to the one stepped to are then a batch.
    pub(super) fn run_on(&mut self, own: usize, limit: Turn) -> Range<usize> {
        let first = self.current;
        let rest = self.heads.get(first.saturating_add(1)..).unwrap_or_default();
        let mut due = self.due;
        let comes = |head: &&Head| {
            due = due.max(head.at);
            (due, own) <= limit
        };
        let more = if limit == NEVER { rest.len() } else { rest.iter().take_while(comes).count() };
        let behind = first.saturating_add(1).saturating_add(more);
        let further = self.account(first.saturating_add(1)..behind);
        self.tally.join(&further);
        self.current = behind.saturating_sub(1);
        first..behind
    }

    /// The packet stepped to last, as a batch of one.
    pub(super) const fn at_hand(&self) -> Range<usize> {
        self.current..self.current.saturating_add(1)
    }

    /// The listed packets of `range`.
    #[inline]
    pub(super) fn batch(&self, place: u32, range: Range<usize>, accompanied: bool) -> Option<Batch<'_>> {
        let (reader, heads) = (self.reader.as_ref()?, self.heads.get(range)?);
        let (alike, tally) = (self.heads.are_alike(), self.tally);
        Some(Batch { reader, heads, alike, tally, taps: &self.taps, place, accompanied })
    }

    /// Says that the input could not be opened again when its turn came.
    pub(super) fn lost(&mut self, error: &CaptureError) {
        self.input.state = InputState::Cut(format!("it could not be opened when its turn came: {error}"));
    }

    /// Ends reading: what is known about the input, without its digest.
    pub(super) fn finish(mut self) -> (u32, Input) {
        if let Some(mut reader) = self.reader.take() {
            self.input.bytes = reader.bytes_read();
            reader.tell_losses(&mut self.input);
        }
        (self.serial, self.input)
    }

    fn prime(&mut self) {
        self.primed = self.step();
        self.first = if self.primed { self.heads.first().map(|head| head.at) } else { None };
        // A pipe that ended before its first packet is closed when its turn comes.
    }

    #[inline]
    fn step(&mut self) -> bool {
        self.current = self.current.saturating_add(1);
        if self.current < self.heads.len() {
            self.tally = self.account(self.at_hand());
            return true;
        }
        self.list()
    }

    /// Lists the next packets and steps to the first of them.
    fn list(&mut self) -> bool {
        let Some(reader) = &mut self.reader else { return false };
        self.current = 0;
        match reader.list(&mut self.heads) {
            Ok(true) => {
                self.tally = self.account(self.at_hand());
                true
            }
            Ok(false) => {
                self.input.state = InputState::Whole;
                false
            }
            Err(fault) => {
                self.cut(&fault);
                false
            }
        }
    }

    /// Accounts for the listed packets of `range`, and says what they come to.
    #[inline]
    fn account(&mut self, range: Range<usize>) -> Tally {
        let stepped = self.heads.get(range).unwrap_or_default();
        let (mut tally, mut timed) = (Tally::default(), true);
        for head in stepped {
            let snapped = is_snapped(head.link, head.length, head.wire_length);
            tally.add(head.at, head.length, snapped, head.dropped);
            timed &= head.timed;
        }
        self.input.packets = self.input.packets.wrapping_add(tally.frames);
        let Some((earliest, latest)) = tally.span() else { return tally };
        self.due = self.due.max(latest);
        if timed {
            self.input.widen(earliest, latest);
        } else {
            // Of packets without a time there is no span.
            stepped.iter().filter(|head| head.timed).for_each(|head| self.input.widen(head.at, head.at));
        }
        tally
    }

    #[cold]
    fn cut(&mut self, fault: &Fault) {
        let Some(reader) = &mut self.reader else { return };
        let stream = if reader.is_packed() { " of the unpacked data" } else { "" };
        self.input.state = InputState::Cut(format!("byte {}{stream}: {}", fault.offset, fault.reason));
        // The digest is that of the whole file; a pipe may go on for ever and is left.
        if self.source.door == Door::File {
            reader.drain();
        }
    }

    /// Gives a tap number to every interface that has none yet.
    #[cold]
    fn register(&mut self, place: u32, taps: &mut Taps) {
        let Some(reader) = &self.reader else { return };
        for (index, interface) in reader.interfaces().iter().enumerate().skip(self.taps.len()) {
            self.taps.push(taps.take(place, index, interface));
        }
    }

    /// Closes the input and lets later ones continue its taps.
    #[cold]
    fn release(&mut self, taps: &mut Taps) {
        let Some(mut reader) = self.reader.take() else { return };
        taps.release(&self.taps, reader.interfaces());
        if self.source.door == Door::File {
            reader.drain();
        }
        self.input.bytes = reader.bytes_read();
        reader.tell_losses(&mut self.input);
    }

    fn bytes(&self) -> Result<Box<dyn Read + Send>, CaptureError> {
        match (&self.source.held, self.source.door) {
            (Some(file), Door::File) => return Ok(Box::new(Whole { file: Arc::clone(file), at: 0 })),
            (Some(file), Door::Stream) => return Ok(Box::new(Pipe::held(Arc::clone(file), Arc::clone(&self.stop)))),
            (Some(_), Door::Stdin) | (None, _) => {}
        }
        match self.source.door {
            Door::Stdin => Ok(Box::new(Pipe::stdin(Arc::clone(&self.stop)))),
            Door::Stream => Ok(Box::new(Pipe::open(self.source.path.clone(), Arc::clone(&self.stop)))),
            Door::File => match File::open(&self.source.path) {
                Ok(file) => Ok(Box::new(file)),
                Err(error) => Err(CaptureError::from_io(&self.source.named, 0, error)),
            },
        }
    }

    fn recognise(&self, blocks: Blocks, size: usize) -> Result<Reader, CaptureError> {
        let path = self.source.named.clone();
        Reader::open(blocks, &self.source.named, size).map_err(|refusal| match refusal {
            Refusal::Empty => CaptureError::Empty { path },
            Refusal::Unreadable(fault) => {
                CaptureError::Read { path, offset: fault.offset, source: io::Error::other(fault.reason) }
            }
            Refusal::Other(fault, advice) => {
                CaptureError::NotACapture { path, offset: fault.offset, found: fault.reason, advice }
            }
        })
    }

    /// Link types that the input has named so far; of a file, that of its first packet.
    pub(super) fn links(&self) -> Vec<LinkType> {
        match &self.reader {
            Some(reader) => reader.interfaces().iter().map(|interface| LinkType(interface.link)).collect(),
            None => self.link.into_iter().collect(),
        }
    }
}

/// A file that others may be reading too, from its beginning.
struct Whole {
    file: Arc<File>,
    at: u64,
}

impl Read for Whole {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        #[cfg(unix)]
        let count = std::os::unix::fs::FileExt::read_at(&*self.file, buffer, self.at)?;
        #[cfg(windows)]
        let count = std::os::windows::fs::FileExt::seek_read(&*self.file, buffer, self.at)?;
        self.at = self.at.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
        Ok(count)
    }
}
