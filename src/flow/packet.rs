//! A datagram in, what a run needs of it out. Borrows the payload: bytes are copied by the log of a run,
//! and only those that recognition keeps.

use super::Sighting;
use super::key::End;
use super::prefix::{Arrival, Mark};
use super::seen::Seen;
use crate::wire::{Content, Datagram, FrameRef, Plain, PlainTcp, TcpFlags, Timestamp};

/// One packet as a run takes it in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packet<'frame> {
    pub(super) at: Timestamp,
    pub(super) place: FrameRef,
    pub(super) from: End,
    pub(super) vlan: Option<u16>,
    pub(super) depth: u8,
    pub(super) length: u32,
    pub(super) payload: &'frame [u8],
    pub(super) payload_length: u32,
    /// `None` unless it is TCP.
    pub(super) tcp: Option<PlainTcp>,
    /// What its frame adds to what was seen.
    pub(super) marks: Seen,
}

impl<'frame> Packet<'frame> {
    /// What of `datagram`, sent by `from`, a run needs.
    #[inline]
    pub(super) fn new(sighting: &Sighting, from: End, datagram: &Datagram<'frame>) -> Self {
        let (payload, payload_length, tcp) = match datagram.content {
            Content::Tcp(segment) => {
                let (sequence, acknowledgement) = (segment.sequence, segment.acknowledgement);
                let tcp = PlainTcp { sequence, acknowledgement, flags: segment.flags };
                (segment.payload, segment.payload_length, Some(tcp))
            }
            Content::Udp { payload, payload_length, .. } => (payload, payload_length, None),
            Content::Ports { .. } | Content::Icmp(_) | Content::Fragment(_) | Content::Other(_) => (&[][..], 0, None),
        };
        let (at, place) = (sighting.at, sighting.place);
        let (vlan, depth, length) = (datagram.vlan, datagram.depth, datagram.length);
        Self { at, place, from, vlan, depth, length, payload, payload_length, tcp, marks: marks(sighting) }
    }

    /// The same of a plain packet.
    #[inline(always)]
    pub(super) fn plain<A>(sighting: &Sighting, from: End, plain: &Plain<'frame, A>) -> Self {
        let &Plain { vlan, length, payload_length, tcp, .. } = plain;
        let payload = plain.payload();
        let (at, place, marks) = (sighting.at, sighting.place, marks(sighting));
        Self { at, place, from, vlan, depth: 0, length, payload, payload_length, tcp, marks }
    }

    /// The sequence number of a SYN without ACK.
    #[inline]
    pub(super) fn syn(&self) -> Option<u32> {
        self.tcp?.opening()
    }

    pub(super) fn has(&self, bits: u8) -> bool {
        self.tcp.is_some_and(|tcp| tcp.flags.any(bits))
    }

    /// What recognition keeps of it, if anything.
    pub(super) fn mark(&self) -> Option<Mark> {
        if self.has(TcpFlags::RST) {
            return Some(Mark::Reset);
        }
        if self.has(TcpFlags::SYN) && (self.has(TcpFlags::ACK) || self.payload_length > 0) {
            return Some(Mark::Syn);
        }
        if self.has(TcpFlags::FIN) {
            return Some(Mark::Fin);
        }
        if self.payload_length > 0 {
            return Some(Mark::Payload);
        }
        self.has(TcpFlags::ACK).then_some(Mark::Acknowledgement)
    }

    /// The packet as recognition wants it.
    pub(super) fn arrival(&self, mark: Mark) -> Arrival<'frame> {
        Arrival {
            from: self.from,
            mark,
            sequence: self.tcp.map_or(0, |tcp| tcp.sequence),
            acknowledgement: self.tcp.map_or(0, |tcp| tcp.acknowledgement),
            bytes: self.payload,
            length: self.payload_length,
            frame: self.place,
            at: self.at,
        }
    }
}

/// What its frame adds to what was seen.
#[inline(always)]
fn marks(sighting: &Sighting) -> Seen {
    let mut marks = Seen::default();
    for (is_set, bit) in [
        (sighting.snapped, Seen::TRUNCATED),
        (sighting.dropped_by_host, Seen::DROPPED),
        (sighting.ambiguous, Seen::AMBIGUOUS),
    ] {
        if is_set {
            marks.set(bit);
        }
    }
    marks
}
