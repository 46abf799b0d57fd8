//! A byte stream in, blocks of it out. Reads into one block that is used again and again: what is
//! not yet consumed moves to its front, and it grows only as far as bytes really arrive. Frames
//! borrow from the block. Never maps a file, never believes a length, never parses.

use std::io::{self, BufRead, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::compress::Unpacker;
use super::digest::Sink;

/// Bytes of one read. Larger blocks leave the second-level cache and cost more.
pub(super) const BLOCK: usize = 256 << 10;

/// Bytes of one read when only the first packet of a file is wanted.
pub(super) const PEEK: usize = 16 << 10;

/// The largest block: no single record may be longer.
pub(super) const LARGEST: usize = 64 << 20;

/// Blocks kept for use again while the digest still reads them.
const SPARES: usize = 4;

/// Where the bytes come from.
pub(super) enum Origin {
    /// A file, a pipe or a test.
    Plain(Box<dyn Read + Send>),
    /// Another stream, decompressed.
    Packed(Box<Unpacker>),
}

/// A byte stream seen through a block.
pub(super) struct Blocks {
    origin: Origin,
    block: Arc<Vec<u8>>,
    /// First byte of `block` that is not consumed.
    start: usize,
    /// End of the bytes read into `block`.
    end: usize,
    /// Offset of `block`'s first byte in the stream.
    base: u64,
    /// Bytes of one read.
    size: usize,
    ended: bool,
    failure: Option<String>,
    counter: Arc<AtomicU64>,
    digest: Option<Sink>,
    spares: Vec<Arc<Vec<u8>>>,
}

impl Blocks {
    /// A stream that reads `size` bytes at a time, adds what it read to `counter` and hands every
    /// block to `digest` too.
    pub(super) fn new(origin: Origin, size: usize, counter: Arc<AtomicU64>, digest: Option<Sink>) -> Self {
        Self {
            origin,
            block: Arc::new(Vec::new()),
            start: 0,
            end: 0,
            base: 0,
            size,
            ended: false,
            failure: None,
            counter,
            digest,
            spares: Vec::new(),
        }
    }

    /// Whether `wanted` unconsumed bytes are in the block, reading more if need be. May move the
    /// bytes in the block.
    #[inline]
    pub(super) fn ensure(&mut self, wanted: usize) -> bool {
        self.end.wrapping_sub(self.start) >= wanted || self.refill(wanted)
    }

    /// The unconsumed bytes in the block.
    #[inline]
    pub(super) fn rest(&self) -> &[u8] {
        self.block.get(self.start..self.end).unwrap_or_default()
    }

    /// `length` bytes that begin `from` bytes after the first unconsumed one; empty if not there.
    #[inline]
    pub(super) fn part(&self, from: usize, length: usize) -> &[u8] {
        let start = self.start.saturating_add(from);
        self.block.get(start..start.saturating_add(length)).unwrap_or_default()
    }

    /// Where the first unconsumed byte lies in the block, until the next refill.
    #[inline]
    pub(super) const fn position(&self) -> usize {
        self.start
    }

    /// The block up to the last byte that was read, consumed or not.
    #[inline]
    pub(super) fn block(&self) -> &[u8] {
        self.block.get(..self.end).unwrap_or_default()
    }

    /// Consumes `count` bytes of the block.
    #[inline]
    pub(super) fn take(&mut self, count: usize) {
        self.start = self.start.saturating_add(count).min(self.end);
    }

    /// Consumes `count` bytes that need not be in the block; false if the stream ends before.
    pub(super) fn skip(&mut self, mut count: u64) -> bool {
        while count > 0 {
            if !self.ensure(1) {
                return false;
            }
            let here = usize::try_from(count).unwrap_or(usize::MAX).min(self.rest().len());
            self.take(here);
            count = count.saturating_sub(here as u64);
        }
        true
    }

    /// Offset in the stream of the first unconsumed byte.
    pub(super) fn offset(&self) -> u64 {
        self.base.saturating_add(self.start as u64)
    }

    /// Bytes of the file itself, compressed or not, that were read so far.
    pub(super) fn bytes_read(&mut self) -> u64 {
        match &mut self.origin {
            Origin::Packed(unpacker) => unpacker.source().bytes_read(),
            Origin::Plain(_) => self.base.saturating_add(self.end as u64),
        }
    }

    /// Why the stream could not be read further, if it was not its end.
    pub(super) fn failure(&self) -> Option<&str> {
        self.failure.as_deref()
    }

    /// Whether the bytes come out of a decompressor.
    pub(super) const fn is_packed(&self) -> bool {
        matches!(self.origin, Origin::Packed(_))
    }

    /// Reads the file itself to its end, so that its digest is that of all of it.
    pub(super) fn drain(&mut self) {
        if let Origin::Packed(unpacker) = &mut self.origin {
            return unpacker.source().drain();
        }
        while self.ensure(1) {
            self.take(self.rest().len());
        }
    }

    #[cold]
    #[inline(never)]
    fn refill(&mut self, wanted: usize) -> bool {
        if self.ended || wanted > LARGEST {
            return false;
        }
        self.make_room(wanted);
        let held = self.end;
        while self.end < wanted && !self.ended {
            self.read_once(wanted);
        }
        if let Some(sink) = &self.digest
            && self.end > held
        {
            sink.update(&self.block, held..self.end);
        }
        self.end >= wanted
    }

    /// Moves the unconsumed bytes to the front of a block that nobody else reads.
    fn make_room(&mut self, wanted: usize) {
        let tail = self.start..self.end;
        let length = tail.len();
        self.base = self.base.saturating_add(self.start as u64);
        // The first allocation is one block; a larger one is only made as bytes arrive.
        let room = if length >= self.size { length.saturating_add(self.size) } else { self.size };
        if let Some(block) = Arc::get_mut(&mut self.block) {
            block.copy_within(tail, 0);
            if block.len() < room {
                block.resize(room, 0);
            }
        } else {
            let mut fresh = self.spare(room);
            if let (Some(to), Some(from)) =
                (Arc::get_mut(&mut fresh).and_then(|block| block.get_mut(..length)), self.block.get(tail))
            {
                to.copy_from_slice(from);
            }
            let busy = std::mem::replace(&mut self.block, fresh);
            if self.spares.len() < SPARES && wanted <= BLOCK {
                self.spares.push(busy);
            }
        }
        self.start = 0;
        self.end = length;
    }

    /// A block of at least `room` bytes that the digest has let go, or a new one.
    fn spare(&mut self, room: usize) -> Arc<Vec<u8>> {
        let free = self.spares.iter_mut().position(|block| Arc::get_mut(block).is_some());
        let mut block = free.map_or_else(|| Arc::new(Vec::new()), |index| self.spares.swap_remove(index));
        if let Some(bytes) = Arc::get_mut(&mut block)
            && bytes.len() < room
        {
            bytes.resize(room, 0);
        }
        block
    }

    /// One read behind the bytes already held. A full block grows to twice its size first.
    fn read_once(&mut self, wanted: usize) {
        let Some(block) = Arc::get_mut(&mut self.block) else {
            self.ended = true;
            return;
        };
        if self.end >= block.len() {
            let doubled = block.len().saturating_mul(2);
            block.resize(doubled.min(wanted.max(self.size)), 0);
        }
        let room = block.get_mut(self.end..).unwrap_or_default();
        let outcome = match &mut self.origin {
            Origin::Plain(reader) => reader.read(room),
            Origin::Packed(unpacker) => unpacker.read(room),
        };
        match outcome {
            Ok(0) => self.ended = true,
            Ok(count) => {
                self.end = self.end.saturating_add(count).min(block.len());
                self.counter.fetch_add(count as u64, Ordering::Relaxed);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                self.ended = true;
                self.failure = Some(error.to_string());
            }
        }
    }
}

/// Decompressors read the compressed stream through the same block.
impl BufRead for Blocks {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if !self.ensure(1)
            && let Some(reason) = &self.failure
        {
            return Err(io::Error::other(format!("byte {}: {reason}", self.offset())));
        }
        Ok(self.rest())
    }

    fn consume(&mut self, count: usize) {
        self.take(count);
    }
}

impl Read for Blocks {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let count = available.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..count), available.get(..count)) {
            to.copy_from_slice(from);
        }
        self.take(count);
        Ok(count)
    }
}
