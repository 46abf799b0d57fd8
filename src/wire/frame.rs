//! What a capture hands over: the bytes of one frame and what the file says about them.

use super::Timestamp;

/// A link type as registered by tcpdump.org (`LINKTYPE_…`), e.g. 1 for Ethernet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkType(pub u16);

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

impl Frame<'_> {
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
