//! The pcapng file format (draft-ietf-opsawg-pcapng): sections of either byte order, interfaces of
//! different link types and resolutions. Blocks in, one packet at a time out. Secrets, journals and
//! blocks that nobody knows are skipped by their length, never read into memory.

mod blocks;
mod names;
mod options;
mod plain;
mod time;

use self::blocks::{Block, enhanced, interface, obsolete, simple, statistics};
use self::time::Clock;
use super::heads::Heads;
use super::reader::{Fault, Head, Interface, longest_packet};
use super::source::Blocks;
use crate::ledger::{DeclaredName, Losses, Lost};
use crate::wire::{Course, LinkType, Timestamp};

/// Block type of a section header; reads the same in both byte orders.
const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const OBSOLETE_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const NAMES: u32 = 4;
const STATISTICS: u32 = 5;
const ENHANCED_PACKET: u32 = 6;

/// Blocks that are no packets but that Wireshark numbers like packets: systemd journal entries and
/// custom blocks.
const NUMBERED: [u32; 3] = [9, 0x0bad, 0x4000_0bad];

/// The longest block that is read into memory, as in Wireshark.
const LARGEST_BLOCK: u32 = 16 << 20;

/// Interfaces of one file; more are a sign of damage or malice.
const MOST_INTERFACES: usize = 1 << 16;

/// Type and total length, which every block begins with.
const BLOCK_HEADER: usize = 8;

/// What an enhanced packet block has in front of its packet.
const PACKET_HEADER: usize = 28;

/// What an enhanced packet block without options has beside its packet: the repeated total length too.
const PLAIN_PACKET: u32 = 32;

/// The shortest block: header and the repeated total length.
const SHORTEST: u32 = 12;

/// A pcapng file being read.
pub(super) struct Pcapng {
    big_endian: bool,
    /// Interfaces of all sections so far, with the clock of each.
    interfaces: Vec<Interface>,
    clocks: Vec<Clock>,
    /// Index of the first interface of this section.
    section: usize,
    number: u32,
    last: Timestamp,
    /// Bytes of the block that was handed out last.
    pending: usize,
    /// Drops by interface, as its latest statistics block says: by the interface itself, and in all.
    drops: Vec<(u64, u64)>,
    /// Drops as the packets themselves say.
    counted_drops: u64,
    /// When these were.
    losses: Losses,
    /// Names that the file gives to addresses.
    names: Vec<DeclaredName>,
}

impl Pcapng {
    /// Reads the first section header.
    pub(super) fn open(blocks: &mut Blocks) -> Result<Self, Fault> {
        let mut opened = Self {
            big_endian: false,
            interfaces: Vec::new(),
            clocks: Vec::new(),
            section: 0,
            number: 0,
            last: Timestamp::default(),
            pending: 0,
            drops: Vec::new(),
            counted_drops: 0,
            losses: Losses::default(),
            names: Vec::new(),
        };
        opened.begin_section(blocks)?;
        Ok(opened)
    }

    /// The interfaces so far, over all sections.
    pub(super) fn interfaces(&self) -> &[Interface] {
        &self.interfaces
    }

    /// Packets reported as lost; statistics and packet options tell of the same losses.
    pub(super) fn reported_drops(&self) -> u64 {
        let stated = self.drops.iter().fold(0_u64, |sum, (_, all)| sum.saturating_add(*all));
        stated.max(self.counted_drops)
    }

    /// Of these, those that the interfaces themselves could not take.
    pub(super) fn interface_drops(&self) -> u64 {
        self.drops.iter().fold(0_u64, |sum, (interface, _)| sum.saturating_add(*interface))
    }

    /// When packets were lost, as far as the packets behind the gap say it.
    pub(super) fn losses(&self) -> &Losses {
        &self.losses
    }

    /// Names that the file gives to addresses.
    pub(super) fn names(&self) -> &[DeclaredName] {
        &self.names
    }

    /// Steps to the next packet; false at the end of the file.
    pub(super) fn advance(&mut self, blocks: &mut Blocks, head: &mut Head) -> Result<bool, Fault> {
        blocks.take(self.pending);
        self.pending = 0;
        loop {
            if !blocks.ensure(BLOCK_HEADER) {
                return end(blocks);
            }
            let Some((kind, total)) = self.block_header(blocks) else { return end(blocks) };
            if kind == SECTION {
                self.begin_section(blocks)?;
                blocks.take(self.pending);
                self.pending = 0;
                continue;
            }
            let total = rounded(blocks, total)?;
            match kind {
                ENHANCED_PACKET | SIMPLE_PACKET | OBSOLETE_PACKET => {
                    self.pending = self.whole(blocks, total)?;
                    self.packet(blocks, kind, head)?;
                    return Ok(true);
                }
                INTERFACE | STATISTICS | NAMES if kind != NAMES || total <= LARGEST_BLOCK => {
                    let length = self.whole(blocks, total)?;
                    self.describe(blocks, kind, length)?;
                    blocks.take(length);
                }
                _ => {
                    if NUMBERED.contains(&kind) {
                        self.number = self.number.saturating_add(1);
                    }
                    self.skip(blocks, total)?;
                }
            }
        }
    }

    /// Lists the packets behind the one stepped to, as long as the next block is a packet and whole.
    pub(super) fn list(&mut self, blocks: &mut Blocks, heads: &mut Heads) -> Result<(), Fault> {
        loop {
            // Each block would ask again.
            match self.big_endian {
                false => self.list_plain::<false>(blocks, heads),
                true => self.list_plain::<true>(blocks, heads),
            }
            let mut head = Head::default();
            if heads.is_full() || !self.is_next_whole(blocks) || !self.advance(blocks, &mut head)? {
                return Ok(());
            }
            heads.push(head);
        }
    }

    /// Whether the block behind the one handed out last is a packet and lies in memory to its end.
    fn is_next_whole(&self, blocks: &Blocks) -> bool {
        let rest = blocks.rest().get(self.pending..).unwrap_or_default();
        let Some(&[a, b, c, d, e, f, g, h]) = rest.first_chunk::<BLOCK_HEADER>() else { return false };
        let (kind, total) = (read32([a, b, c, d], self.big_endian), read32([e, f, g, h], self.big_endian));
        let length = total.checked_next_multiple_of(4).map_or(usize::MAX, |total| total as usize);
        kind == ENHANCED_PACKET && length <= rest.len()
    }

    /// Type and total length of the block at the front.
    fn block_header(&self, blocks: &Blocks) -> Option<(u32, u32)> {
        let [a, b, c, d, e, f, g, h] = *blocks.rest().first_chunk::<BLOCK_HEADER>()?;
        Some((read32([a, b, c, d], self.big_endian), read32([e, f, g, h], self.big_endian)))
    }

    /// Reads a section header: from here on its byte order holds, and interfaces count from 0.
    fn begin_section(&mut self, blocks: &mut Blocks) -> Result<(), Fault> {
        const HEADER: usize = 16;
        if !blocks.ensure(HEADER) {
            return Err(Fault::short(blocks, "a section header", 28));
        }
        let Some(&[_, _, _, _, l0, l1, l2, l3, m0, m1, m2, m3, v0, v1, v2, v3]) = blocks.rest().first_chunk::<HEADER>()
        else {
            return Err(Fault::short(blocks, "a section header", 28));
        };
        self.big_endian = match [m0, m1, m2, m3] {
            [0x1a, 0x2b, 0x3c, 0x4d] => true,
            [0x4d, 0x3c, 0x2b, 0x1a] => false,
            _ => return Err(Fault::here(blocks, "is a section header without the byte-order magic")),
        };
        let [major, minor] = [[v0, v1], [v2, v3]]
            .map(|pair| if self.big_endian { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) });
        // Version 1.2 was written by some programs and differs in nothing.
        if major != 1 || !matches!(minor, 0 | 2) {
            return Err(Fault::here(blocks, format!("is pcapng of version {major}.{minor}, which nobody defined")));
        }
        let total = rounded(blocks, read32([l0, l1, l2, l3], self.big_endian))?;
        let length = self.whole(blocks, total)?;
        let block = Block::new(blocks.part(0, length), self.big_endian);
        if !options::all_fit(block.options(24), self.big_endian) {
            return Err(Fault::here(blocks, "an option of the section header runs past its block"));
        }
        self.section = self.interfaces.len();
        self.pending = length;
        Ok(())
    }

    /// Reads the whole block into memory and holds its two lengths against each other.
    fn whole(&self, blocks: &mut Blocks, total: u32) -> Result<usize, Fault> {
        if total > LARGEST_BLOCK {
            return Err(Fault::here(
                blocks,
                format!("a block claims {total} bytes, more than the {LARGEST_BLOCK} that any may have"),
            ));
        }
        let length = total as usize;
        if !blocks.ensure(length) {
            return Err(Fault::short(blocks, "a block", u64::from(total)));
        }
        self.check_trailer(blocks, length.saturating_sub(4), total)?;
        Ok(length)
    }

    /// Skips a block of any length.
    fn skip(&self, blocks: &mut Blocks, total: u32) -> Result<(), Fault> {
        let began = blocks.offset();
        let cut = |blocks: &Blocks| Fault {
            offset: began,
            reason: blocks.failure().map_or_else(|| format!("a block of {total} bytes is cut"), str::to_owned),
        };
        if !blocks.skip(u64::from(total.saturating_sub(4))) || !blocks.ensure(4) {
            return Err(cut(blocks));
        }
        self.check_trailer(blocks, 0, total)?;
        blocks.take(4);
        Ok(())
    }

    /// A block repeats its total length at its end.
    fn check_trailer(&self, blocks: &Blocks, at: usize, total: u32) -> Result<(), Fault> {
        let trailer = blocks.part(at, 4).first_chunk::<4>().map(|bytes| read32(*bytes, self.big_endian));
        match trailer.and_then(|length| length.checked_next_multiple_of(4)) {
            Some(length) if length == total => Ok(()),
            other => Err(Fault::here(
                blocks,
                format!("a block says {total} bytes at its front and {} at its end", other.unwrap_or(u32::MAX)),
            )),
        }
    }

    /// Describes the packet in the block at the front.
    fn packet(&mut self, blocks: &Blocks, kind: u32, head: &mut Head) -> Result<(), Fault> {
        let block = Block::new(blocks.part(0, self.pending), self.big_endian);
        let first = self.interfaces.get(self.section);
        let record = match kind {
            ENHANCED_PACKET => enhanced(&block),
            OBSOLETE_PACKET => obsolete(&block),
            _ => simple(&block, first.map_or(0, |interface| interface.snap_length)),
        };
        let Some(record) = record else {
            return Err(Fault::here(blocks, "a packet block is shorter than the packet that it claims"));
        };
        let index = self.section.saturating_add(record.interface as usize);
        let (Some(interface), Some(clock)) = (self.interfaces.get(index), self.clocks.get(index)) else {
            let known = self.interfaces.len().saturating_sub(self.section);
            let reason = format!("a packet names interface {} of a section that has {known}", record.interface);
            return Err(Fault::here(blocks, reason));
        };
        if record.length > longest_packet(interface.link) as usize {
            let reason = format!("a packet of {} captured bytes is longer than any may be", record.length);
            return Err(Fault::here(blocks, reason));
        }
        let before = self.last;
        if let Some(ticks) = record.ticks {
            self.last = clock.at(ticks);
        }
        if record.marks.drops > 0 {
            let before = if self.number == 0 { self.last } else { before };
            self.losses.add(before, self.last, Lost { kernel: record.marks.drops, ..Lost::default() });
        }
        self.number = self.number.saturating_add(1);
        self.counted_drops = self.counted_drops.saturating_add(record.marks.drops);
        head.at = self.last;
        head.timed = record.ticks.is_some();
        head.link = LinkType(interface.link);
        head.interface = u32::try_from(index).unwrap_or(u32::MAX);
        head.number = self.number;
        head.from = blocks.position().saturating_add(record.from);
        head.length = record.length;
        head.wire_length = record.wire_length;
        head.course = record.marks.course;
        head.packet_id = record.marks.packet_id;
        head.dropped = record.marks.dropped;
        Ok(())
    }

    /// Takes note of an interface, or of what was lost on one.
    fn describe(&mut self, blocks: &Blocks, kind: u32, length: usize) -> Result<(), Fault> {
        let block = Block::new(blocks.part(0, length), self.big_endian);
        if kind == NAMES {
            names::read(&block, &mut self.names);
            return Ok(());
        }
        if kind == STATISTICS {
            if let Some((id, lost)) = statistics(&block)
                && let Some(drops) = self.drops.get_mut(self.section.saturating_add(id as usize))
            {
                *drops = (drops.0.max(lost.0), drops.1.max(lost.1));
            }
            return Ok(());
        }
        if self.interfaces.len() >= MOST_INTERFACES {
            return Err(Fault::here(blocks, format!("the file names more than {MOST_INTERFACES} interfaces")));
        }
        let Some((interface, clock)) = interface(&block) else {
            return Err(Fault::here(blocks, "an interface description is cut, or an option runs past it"));
        };
        self.interfaces.push(interface);
        self.clocks.push(clock);
        self.drops.push((0, 0));
        Ok(())
    }
}

/// What the options of a packet say about it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Marks {
    course: Course,
    packet_id: Option<u64>,
    dropped: bool,
    drops: u64,
}

#[inline(always)]
fn read32(bytes: [u8; 4], big_endian: bool) -> u32 {
    if big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) }
}

/// The total length as it lies in the file: some programs forget to count the padding.
fn rounded(blocks: &Blocks, total: u32) -> Result<u32, Fault> {
    match total.checked_next_multiple_of(4) {
        Some(rounded) if rounded >= SHORTEST => Ok(rounded),
        _ => Err(Fault::here(blocks, format!("a block claims a length of {total} bytes, which none can have"))),
    }
}

fn end(blocks: &Blocks) -> Result<bool, Fault> {
    if blocks.rest().is_empty() && blocks.failure().is_none() {
        return Ok(false);
    }
    Err(Fault::short(blocks, "a block header", BLOCK_HEADER as u64))
}
