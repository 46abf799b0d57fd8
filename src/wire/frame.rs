//! What a capture hands over: the bytes of one frame and what the file says about them.

use super::Timestamp;

/// A link type as registered by tcpdump.org (`LINKTYPE_…`), e.g. 1 for Ethernet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkType(pub u16);

impl LinkType {
    /// Ethernet.
    pub const ETHERNET: Self = Self(1);
}

/// Which way a frame crossed the capturing interface (pcapng `epb_flags`, SLL packet type).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Course {
    /// The capture does not say.
    #[default]
    Unknown,
    /// Received by the capturing host.
    Inbound,
    /// Sent by the capturing host.
    Outbound,
}

/// Where a packet stands: which input, and its number there. This is what a report quotes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FrameRef {
    /// Index into the inputs of the ledger.
    pub input: u32,
    /// Number of the frame within its file, from 1, as Wireshark counts.
    pub number: u32,
}

/// One captured frame, borrowed from the block that was read.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'block> {
    /// When it was captured.
    pub at: Timestamp,
    /// How its first bytes are to be read.
    pub link: LinkType,
    /// Which tap saw it: one number per (input, interface), the same for files that continue
    /// each other. Copies of a packet are only looked for across different taps.
    pub tap: u32,
    /// Where it stands in the capture.
    pub place: FrameRef,
    /// The captured bytes, from the link header on.
    pub bytes: &'block [u8],
    /// Length on the wire in bytes as the file claims it; never trusted as a length of `bytes`.
    pub wire_length: u32,
    /// Direction at the capturing interface.
    pub course: Course,
    /// pcapng `epb_packetid`: equal for several records of one packet.
    pub packet_id: Option<u64>,
    /// The capturing host marked this packet as dropped by itself (pcapng `epb_verdict`).
    pub dropped: bool,
}

/// Frames longer than this do not exist; the length on the wire is then nonsense (etl2pcapng writes
/// such), not truncation.
const LONGEST: u32 = 256 * 1024;
/// Link types without a link header, to which etl2pcapng adds an Ethernet header that is not there.
const RAW_LINKS: [LinkType; 5] = [LinkType(12), LinkType(14), LinkType(101), LinkType(228), LinkType(229)];
const ETHERNET_HEADER: usize = 14;

/// Whether the capture cut a frame of this link type and length on the wire to `captured` bytes.
#[inline(always)]
#[must_use]
pub fn is_snapped(link: LinkType, captured: usize, wire_length: u32) -> bool {
    captured < wire_length as usize && is_believed(link, captured, wire_length)
}

/// Whether a length on the wire beyond the captured bytes is to be believed.
#[cold]
fn is_believed(link: LinkType, captured: usize, wire_length: u32) -> bool {
    let missing = (wire_length as usize).wrapping_sub(captured);
    let added = RAW_LINKS.contains(&link) && missing == ETHERNET_HEADER;
    wire_length <= LONGEST && !added
}

impl Frame<'_> {
    /// Whether the capture cut it.
    #[inline(always)]
    #[must_use]
    pub fn is_snapped(&self) -> bool {
        is_snapped(self.link, self.bytes.len(), self.wire_length)
    }

    /// All but its bytes, to be kept: with them it is the frame again.
    #[must_use]
    pub const fn without_bytes(&self) -> Frame<'static> {
        Frame {
            at: self.at,
            link: self.link,
            tap: self.tap,
            place: self.place,
            bytes: &[],
            wire_length: self.wire_length,
            course: self.course,
            packet_id: self.packet_id,
            dropped: self.dropped,
        }
    }
}
