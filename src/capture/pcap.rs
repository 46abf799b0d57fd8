//! The pcap file format (draft-ietf-opsawg-pcap): microseconds and nanoseconds, both byte orders,
//! and the "modified" variant with longer record headers. A file header and records in, one packet
//! at a time out. Believes no length further than the bytes that are there.

use super::heads::Heads;
use super::reader::{Fault, Head, Interface, longest_packet};
use super::source::Blocks;
use crate::wire::{Course, LinkType, Timestamp};

/// Bytes of the file header.
const FILE_HEADER: usize = 24;

/// Bytes of a record header.
const RECORD: usize = 16;

/// Bytes of a record header of the modified variant: interface, protocol and packet type follow.
const MODIFIED_RECORD: usize = 24;

/// `sll_pkttype` of packets that the capturing host sent.
const OUTGOING: u8 = 4;

/// What the magic number says about a pcap file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    big_endian: bool,
    nanoseconds: bool,
    modified: bool,
}

impl Layout {
    /// The layout with this magic number.
    pub(super) fn from_magic(head: &[u8]) -> Option<Self> {
        let magic = *head.first_chunk::<4>()?;
        [false, true].into_iter().find_map(|big_endian| {
            let (nanoseconds, modified) = match read(magic, big_endian) {
                0xa1b2_c3d4 => (false, false),
                0xa1b2_3c4d => (true, false),
                0xa1b2_cd34 => (false, true),
                _ => return None,
            };
            Some(Self { big_endian, nanoseconds, modified })
        })
    }
}

/// In which order a record gives captured and original length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lengths {
    /// Captured length first: version 2.4 and later.
    Captured,
    /// Original length first: before version 2.3, and AIX.
    Original,
    /// Version 2.3 was written both ways: the captured length is the smaller one.
    Smaller,
}

/// A pcap file being read.
pub(super) struct Pcap {
    big_endian: bool,
    nanoseconds: bool,
    modified: bool,
    lengths: Lengths,
    longest: u32,
    link: LinkType,
    number: u32,
    /// Bytes of the record that was handed out last.
    pending: usize,
    interface: [Interface; 1],
}

impl Pcap {
    /// Reads the file header.
    pub(super) fn open(layout: Layout, blocks: &mut Blocks) -> Result<Self, Fault> {
        if !blocks.ensure(FILE_HEADER) {
            return Err(Fault::short(blocks, "a pcap file header", FILE_HEADER as u64));
        }
        let Some(header) = blocks.rest().first_chunk::<FILE_HEADER>() else {
            return Err(Fault::short(blocks, "a pcap file header", FILE_HEADER as u64));
        };
        let [_, _, _, _, a, b, c, d, _, _, _, _, _, _, _, _, s0, s1, s2, s3, n0, n1, n2, n3] = *header;
        let version = [[a, b], [c, d]];
        let [major, minor] =
            version.map(|pair| if layout.big_endian { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) });
        let snap_length = read([s0, s1, s2, s3], layout.big_endian);
        let network = read([n0, n1, n2, n3], layout.big_endian);
        // AIX writes 543.0; everybody else has written major version 2 since 1990.
        if !matches!((major, minor), (2, _) | (543, 0)) {
            return Err(Fault::here(blocks, format!("is pcap of version {major}.{minor}, which nobody defined")));
        }
        // The uppermost bits give the length of frame check sequences; the ten bits above the link
        // type must be zero.
        if network & 0x03ff_0000 != 0 {
            let found = format!("is a pcap header whose link type field {network:#010x} has reserved bits set");
            return Err(Fault::here(blocks, found));
        }
        let [.., high, low] = network.to_be_bytes();
        let link = u16::from_be_bytes([high, low]);
        let lengths = match (major, minor) {
            (543, _) | (2, 0..=2) => Lengths::Original,
            (2, 3) => Lengths::Smaller,
            _ => Lengths::Captured,
        };
        Ok(Self {
            big_endian: layout.big_endian,
            nanoseconds: layout.nanoseconds,
            modified: layout.modified,
            lengths,
            longest: longest_packet(link),
            link: LinkType(link),
            number: 0,
            pending: FILE_HEADER,
            interface: [Interface { link, snap_length, ..Interface::default() }],
        })
    }

    /// A pcap file has one interface.
    pub(super) fn interfaces(&self) -> &[Interface] {
        &self.interface
    }

    /// Steps to the next record; false at the end of the file.
    #[inline]
    pub(super) fn advance(&mut self, blocks: &mut Blocks, head: &mut Head) -> Result<bool, Fault> {
        blocks.take(self.pending);
        self.pending = 0;
        if !blocks.ensure(RECORD) {
            return end(blocks);
        }
        let Some(&[a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p]) = blocks.rest().first_chunk::<RECORD>() else {
            return end(blocks);
        };
        let seconds = read([a, b, c, d], self.big_endian);
        let fraction = read([e, f, g, h], self.big_endian);
        let captured = read([i, j, k, l], self.big_endian);
        let original = read([m, n, o, p], self.big_endian);
        let (captured, original) = match self.lengths {
            Lengths::Captured => (captured, original),
            Lengths::Original => (original, captured),
            Lengths::Smaller => (captured.min(original), captured.max(original)),
        };
        if captured > self.longest {
            return Err(too_long(blocks, captured, self.longest));
        }
        let from = if self.modified { MODIFIED_RECORD } else { RECORD };
        let length = captured as usize;
        let whole = from.wrapping_add(length);
        if !blocks.ensure(whole) {
            return Err(Fault::short(blocks, "a record", whole as u64));
        }
        self.pending = whole;
        self.number = self.number.saturating_add(1);
        head.at = time(seconds, fraction, self.nanoseconds);
        head.timed = true;
        head.link = self.link;
        head.number = self.number;
        head.from = blocks.position().wrapping_add(from);
        head.length = length;
        head.wire_length = original;
        if self.modified {
            head.course = modified_course(blocks);
        }
        Ok(true)
    }

    /// Lists the packets behind the one stepped to, as far as their records are whole and plain in the
    /// block; whatever is not is for the next step to judge.
    pub(super) fn list(&mut self, blocks: &Blocks, heads: &mut Heads) {
        if self.modified || self.lengths != Lengths::Captured {
            return;
        }
        // Each record would ask again.
        match (self.big_endian, self.nanoseconds) {
            (false, false) => self.list_as::<false, false>(blocks, heads),
            (false, true) => self.list_as::<false, true>(blocks, heads),
            (true, false) => self.list_as::<true, false>(blocks, heads),
            (true, true) => self.list_as::<true, true>(blocks, heads),
        }
    }

    fn list_as<const BIG_ENDIAN: bool, const NANOSECONDS: bool>(&mut self, blocks: &Blocks, heads: &mut Heads) {
        let (longest, end) = (self.longest, blocks.block().len());
        let (mut rest, mut number) = (blocks.rest().get(self.pending..).unwrap_or_default(), self.number);
        heads.fill(|head| {
            let Some((&[a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p], behind)) = rest.split_first_chunk::<RECORD>()
            else {
                return false;
            };
            let captured = read([i, j, k, l], BIG_ENDIAN);
            let Some(after) = behind.get(captured as usize..).filter(|_| captured <= longest) else { return false };
            number = number.saturating_add(1);
            head.at = time(read([a, b, c, d], BIG_ENDIAN), read([e, f, g, h], BIG_ENDIAN), NANOSECONDS);
            head.number = number;
            head.from = end.wrapping_sub(behind.len());
            head.length = captured as usize;
            head.wire_length = read([m, n, o, p], BIG_ENDIAN);
            rest = after;
            true
        });
        self.number = number;
        self.pending = end.wrapping_sub(rest.len()).wrapping_sub(blocks.position());
    }
}

/// A fraction above a second is damage; it moves the packet by no more than that second.
#[inline(always)]
fn time(seconds: u32, fraction: u32, nanoseconds: bool) -> Timestamp {
    let scaled = if nanoseconds {
        i64::from(fraction.min(1_000_000_000))
    } else {
        i64::from(fraction.min(1_000_000)).wrapping_mul(1000)
    };
    // The factors have 32 bits at most, so neither the products nor the sum can overflow.
    Timestamp::from_nanoseconds(i64::from(seconds).wrapping_mul(1_000_000_000).wrapping_add(scaled))
}

#[inline(always)]
fn read(bytes: [u8; 4], big_endian: bool) -> u32 {
    let value = u32::from_le_bytes(bytes);
    if big_endian { value.swap_bytes() } else { value }
}

/// The packet type of the modified variant, at offset 22 of its record header.
fn modified_course(blocks: &Blocks) -> Course {
    match blocks.part(22, 1) {
        [OUTGOING] => Course::Outbound,
        [0] => Course::Inbound,
        _ => Course::Unknown,
    }
}

#[cold]
fn end(blocks: &Blocks) -> Result<bool, Fault> {
    if blocks.rest().is_empty() && blocks.failure().is_none() {
        return Ok(false);
    }
    Err(Fault::short(blocks, "a record header", RECORD as u64))
}

#[cold]
fn too_long(blocks: &Blocks, captured: u32, longest: u32) -> Fault {
    Fault::here(blocks, format!("a record claims {captured} captured bytes, more than the {longest} that any may have"))
}
