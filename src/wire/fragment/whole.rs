//! The pieces of one datagram in, the datagram out once they cover it. Pieces that contradict each
//! other are put together all the same and marked; a missing piece is never guessed.

use std::net::IpAddr;

use super::super::ip::{Payload, upper};
use super::super::{Content, Datagram, FrameRef, Timestamp, Transport, Undecoded};
use super::piece::{PendingFragment, identification, version};

/// A datagram put together from its fragments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reassembled {
    /// Time of the fragment that came first.
    pub first: Timestamp,
    /// Frame of the fragment that came first.
    pub place: FrameRef,
    /// Overlapping fragments held different bytes, or two of them claimed to be the last.
    pub ambiguous: bool,
    /// IP bytes of all fragments together, headers included.
    pub length: u32,
    /// The payload, up to the first byte that the capture cut off.
    pub bytes: Vec<u8>,
    /// Length of the payload on the wire in bytes.
    payload_length: u32,
    source: IpAddr,
    destination: IpAddr,
    vlan: Option<u16>,
    depth: u8,
    transport: Transport,
    identification: u32,
}

impl Reassembled {
    /// The datagram over the bytes put together.
    ///
    /// # Errors
    /// [`Undecoded`] when the payload cannot be read, or is a fragment again.
    pub fn datagram(&self) -> Result<Datagram<'_>, Undecoded> {
        let payload = Payload::new(&self.bytes, self.payload_length);
        let (transport, content) = upper(version(self.source), self.transport.0, payload)?;
        if matches!(content, Content::Fragment(_)) {
            return Err(Undecoded::Malformed);
        }
        Ok(Datagram {
            source: self.source,
            destination: self.destination,
            transport,
            vlan: self.vlan,
            depth: self.depth,
            length: self.length,
            identification: identification(self.source, self.identification),
            content,
        })
    }
}

/// A datagram of which pieces are missing.
#[derive(Debug)]
pub(super) struct Unfinished {
    pub first: Timestamp,
    /// Serial number of the first piece.
    pub serial: u64,
    /// In order of arrival.
    pub pieces: Vec<PendingFragment>,
    /// Length of the whole payload, once the last fragment has come.
    end: Option<u32>,
    ambiguous: bool,
}

impl Unfinished {
    pub const fn new(first: Timestamp, serial: u64) -> Self {
        Self { first, serial, pieces: Vec::new(), end: None, ambiguous: false }
    }

    /// Notes a piece; says whether it was kept. What adds nothing to a held piece is not kept.
    pub fn take(&mut self, piece: PendingFragment) -> bool {
        let mut repeated = false;
        for held in &self.pieces {
            let (from, to) = (held.offset.max(piece.offset), held.end().min(piece.end()));
            if from >= to {
                continue;
            }
            let same = agree(held.between(from, to), piece.between(from, to));
            self.ambiguous |= !same;
            let within = held.offset <= piece.offset && piece.end() <= held.end();
            repeated |= same && within && (piece.more || !held.more) && piece.bytes.len() <= held.bytes.len();
        }
        if !piece.more {
            self.ambiguous |= self.end.is_some_and(|end| end != piece.end());
            self.end = self.end.or(Some(piece.end()));
        }
        self.ambiguous |= self.end.is_some_and(|end| piece.end() > end);
        if !repeated {
            self.pieces.push(piece);
        }
        !repeated
    }

    /// Whether the pieces cover the datagram by their lengths on the wire.
    pub fn is_whole(&self) -> bool {
        let Some(end) = self.end else { return false };
        let total: u64 = self.pieces.iter().map(|piece| u64::from(piece.length)).sum();
        if total < u64::from(end) {
            return false;
        }
        let mut covered = 0;
        for piece in self.sorted() {
            if piece.offset > covered {
                return false;
            }
            covered = covered.max(piece.end());
        }
        covered >= end
    }

    /// Puts the pieces together. Where they disagree, the one with the lower offset wins.
    pub fn assemble(self) -> Option<Reassembled> {
        let end = self.end?;
        let sorted = self.sorted();
        let head = sorted.first()?;
        let mut bytes = Vec::new();
        for piece in &sorted {
            let have = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
            // A hole where the capture cut a fragment: nothing behind it can be placed.
            if piece.offset > have {
                break;
            }
            bytes.extend_from_slice(piece.between(have, end));
        }
        let earliest = self.pieces.first()?;
        Some(Reassembled {
            first: earliest.at,
            place: earliest.place,
            ambiguous: self.ambiguous,
            length: self.pieces.iter().fold(0, |sum: u32, piece| sum.saturating_add(piece.datagram_length)),
            bytes,
            payload_length: end,
            source: head.source,
            destination: head.destination,
            vlan: head.vlan,
            depth: head.depth,
            transport: head.transport,
            identification: head.identification,
        })
    }

    /// The pieces by offset, and by arrival where these are equal.
    fn sorted(&self) -> Vec<&PendingFragment> {
        let mut sorted: Vec<_> = self.pieces.iter().collect();
        sorted.sort_unstable_by_key(|piece| (piece.offset, piece.serial));
        sorted
    }
}

/// Whether two captured stretches of the same bytes agree as far as both were captured.
fn agree(one: &[u8], other: &[u8]) -> bool {
    one.iter().zip(other).all(|(a, b)| a == b)
}
