//! What was seen of a run, as bits: each is set once and never taken back, so two halves of a run
//! join with an "or".

use super::key::End;

/// Bits of what was seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen(u16);

impl Seen {
    /// The higher endpoint sent the first packet.
    pub(super) const OPENED_HIGH: u16 = 1;
    /// The first packet was a SYN without ACK.
    pub(super) const OPENED_SYN: u16 = 2;
    /// The first packet was a SYN with ACK.
    pub(super) const OPENED_SYN_ACK: u16 = 4;
    /// Anything but copies of the opening SYN was seen.
    pub(super) const WENT_ON: u16 = 8;
    /// An end sent a SYN with ACK; low, then high, as all below.
    pub(super) const SYN_ACK: u16 = 16;
    /// An end sent a FIN.
    pub(super) const FIN: u16 = 64;
    /// An end sent a RST.
    pub(super) const RST: u16 = 256;
    /// An end sent something that only a connection sends: an ACK without SYN or RST, or payload.
    pub(super) const SPOKE: u16 = 1024;
    /// The capturing host marked one of the packets as dropped.
    pub(super) const DROPPED: u16 = 4096;
    /// The snap length cut one of the packets.
    pub(super) const TRUNCATED: u16 = 8192;
    /// Segments contradict each other.
    pub(super) const AMBIGUOUS: u16 = 16384;
    /// No prefix was kept because the budget for prefixes was used up.
    pub(super) const NOT_HELD: u16 = 32768;

    /// Whether any of `bits` is set.
    pub(super) const fn any(self, bits: u16) -> bool {
        self.0 & bits != 0
    }

    /// Whether the bit of `end` in the pair `bits` is set.
    pub(super) const fn by(self, bits: u16, end: End) -> bool {
        self.any(Self::bit(bits, end))
    }

    pub(super) const fn set(&mut self, bits: u16) {
        self.0 |= bits;
    }

    pub(super) const fn set_by(&mut self, bits: u16, end: End) {
        self.0 |= Self::bit(bits, end);
    }

    /// Adds all bits of `other`, which opens nothing.
    pub(super) const fn add(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// Joins what a continuation saw: all but its opening, which is no opening of the whole.
    pub(super) const fn join(&mut self, later: Self) {
        self.0 |= later.0 & !(Self::OPENED_HIGH | Self::OPENED_SYN | Self::OPENED_SYN_ACK);
    }

    const fn bit(bits: u16, end: End) -> u16 {
        match end {
            End::Low => bits,
            End::High => bits << 1,
        }
    }
}
