//! The bodies of pcapng blocks: one whole block in, the fields that the audit needs out. `None`
//! where the block is shorter than what it claims to hold.

use super::super::reader::{Interface, cut};
use super::options::{Options, marks, statistics_drops};
use super::time::Clock;
use super::{Marks, PACKET_HEADER, read32};

/// One whole block, from its type to its repeated length.
pub(super) struct Block<'block> {
    bytes: &'block [u8],
    pub(super) big_endian: bool,
}

/// A packet block.
pub(super) struct Record {
    /// Number of the interface in its section.
    pub(super) interface: u32,
    /// Time in units of the interface's resolution; simple packets have none.
    pub(super) ticks: Option<u64>,
    /// Offset of the packet's first byte in the block.
    pub(super) from: usize,
    /// Captured bytes.
    pub(super) length: usize,
    /// Length on the wire, as claimed.
    pub(super) wire_length: u32,
    /// What its options say.
    pub(super) marks: Marks,
}

impl<'block> Block<'block> {
    pub(super) const fn new(bytes: &'block [u8], big_endian: bool) -> Self {
        Self { bytes, big_endian }
    }

    fn u32(&self, at: usize) -> Option<u32> {
        let bytes = self.bytes.get(at..at.saturating_add(4))?.first_chunk::<4>()?;
        Some(read32(*bytes, self.big_endian))
    }

    fn u16(&self, at: usize) -> Option<u16> {
        let bytes = *self.bytes.get(at..at.saturating_add(2))?.first_chunk::<2>()?;
        Some(if self.big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    }

    /// Where the body ends and the repeated length begins.
    const fn end(&self) -> usize {
        self.bytes.len().saturating_sub(4)
    }

    /// The options, which fill the block from `from` on.
    pub(super) fn options(&self, from: usize) -> &'block [u8] {
        cut(self.bytes, from..self.end())
    }

    /// Checks that `length` packet bytes at `from` lie inside the block.
    fn holds(&self, from: usize, length: u32) -> Option<usize> {
        let length = usize::try_from(length).ok()?;
        (from.checked_add(length)? <= self.end()).then_some(length)
    }
}

/// An enhanced packet block.
pub(super) fn enhanced(block: &Block<'_>) -> Option<Record> {
    timed(block, block.u32(8)?, 0)
}

/// The packet block that preceded it: a 16-bit interface number and a count of lost packets.
pub(super) fn obsolete(block: &Block<'_>) -> Option<Record> {
    let lost = match block.u16(10)? {
        u16::MAX => 0,
        lost => u64::from(lost),
    };
    timed(block, u32::from(block.u16(8)?), lost)
}

/// A simple packet block: no interface, no time, cut at the snap length of interface 0.
pub(super) fn simple(block: &Block<'_>, snap_length: u32) -> Option<Record> {
    const DATA: usize = 12;
    let wire_length = block.u32(8)?;
    let captured = if snap_length == 0 { wire_length } else { wire_length.min(snap_length) };
    let length = block.holds(DATA, captured)?;
    Some(Record { interface: 0, ticks: None, from: DATA, length, wire_length, marks: Marks::default() })
}

/// What enhanced and obsolete packet blocks have in common.
fn timed(block: &Block<'_>, interface: u32, lost: u64) -> Option<Record> {
    let ticks = (u64::from(block.u32(12)?) << 32) | u64::from(block.u32(16)?);
    let length = block.holds(PACKET_HEADER, block.u32(20)?)?;
    let options = block.options(PACKET_HEADER.checked_add(length.checked_next_multiple_of(4)?)?);
    let mut marks = if options.is_empty() { Marks::default() } else { marks(options, block.big_endian) };
    marks.drops = marks.drops.saturating_add(lost);
    Some(Record { interface, ticks: Some(ticks), from: PACKET_HEADER, length, wire_length: block.u32(24)?, marks })
}

/// An interface description, with the clock that its packets are timed by.
pub(super) fn interface(block: &Block<'_>) -> Option<(Interface, Clock)> {
    let mut found = Interface { link: block.u16(8)?, snap_length: block.u32(12)?, ..Interface::default() };
    let mut clock = Clock::default();
    let mut description = String::new();
    for option in Options::new(block.options(16), block.big_endian) {
        option?.describe(&mut found, &mut description, &mut clock);
    }
    if found.name.is_empty() {
        found.name = description;
    }
    Some((found, clock))
}

/// The interface that a statistics block is about, and how many packets were lost by it and in all.
pub(super) fn statistics(block: &Block<'_>) -> Option<(u32, (u64, u64))> {
    Some((block.u32(8)?, statistics_drops(block.options(20), block.big_endian)))
}
