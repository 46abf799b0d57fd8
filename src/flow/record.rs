//! One packet at a time in, one run of a conversation out. A run is what follows one SYN (or, where
//! none was captured, whatever came first); settling joins the runs of one attempt. Each field is a
//! sum, a first, a last or a bit, so that two halves of a run join without loss. Never decides an
//! outcome and never looks at another run.

use super::interned::Verdict;
use super::key::{Address, End, Key, Pair};
use super::prefix::{Arrival, Log, Mark};
use super::{Counts, Sighting};
use crate::wire::{Content, Datagram, FrameRef, TcpFlags, Timestamp};

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

/// What only some runs need.
#[derive(Clone, Debug, Default)]
pub(super) struct Detail {
    /// First payload, as long as it is wanted.
    pub(super) log: Option<Log>,
    /// Frame in which the bytes of the recognised request begin.
    pub(super) claimed: Option<FrameRef>,
    /// Times of the second and third SYN.
    pub(super) retries: [Option<Timestamp>; 2],
}

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
    pub(super) tcp: Option<Tcp>,
    /// What its frame adds to what was seen.
    pub(super) marks: Seen,
}

/// The fields of a TCP header that a run needs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tcp {
    pub(super) sequence: u32,
    pub(super) acknowledgement: u32,
    pub(super) flags: TcpFlags,
}

impl<'frame> Packet<'frame> {
    /// What of `datagram`, sent by `from`, a run needs.
    pub(super) fn new(sighting: &Sighting, from: End, datagram: &Datagram<'frame>) -> Self {
        let (payload, payload_length, tcp) = match datagram.content {
            Content::Tcp(segment) => {
                let (sequence, acknowledgement) = (segment.sequence, segment.acknowledgement);
                let tcp = Tcp { sequence, acknowledgement, flags: segment.flags };
                (segment.payload, segment.payload_length, Some(tcp))
            }
            Content::Udp { payload, payload_length, .. } => (payload, payload_length, None),
            Content::Ports { .. } | Content::Icmp(_) | Content::Fragment(_) | Content::Other(_) => (&[][..], 0, None),
        };
        let (at, place) = (sighting.at, sighting.place);
        let (vlan, depth, length) = (datagram.vlan, datagram.depth, datagram.length);
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
        Self { at, place, from, vlan, depth, length, payload, payload_length, tcp, marks }
    }

    /// The sequence number of a SYN without ACK.
    pub(super) const fn syn(&self) -> Option<u32> {
        match self.tcp {
            Some(tcp) if tcp.flags.any(TcpFlags::SYN) && !tcp.flags.any(TcpFlags::ACK | TcpFlags::RST) => {
                Some(tcp.sequence)
            }
            Some(_) | None => None,
        }
    }

    fn has(&self, bits: u8) -> bool {
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
        (self.payload_length > 0).then_some(Mark::Payload)
    }

    /// The packet as recognition keeps it: from here on the bytes are owned.
    pub(super) fn arrival(&self, mark: Mark) -> Arrival {
        Arrival {
            from: self.from,
            mark,
            sequence: self.tcp.map_or(0, |tcp| tcp.sequence),
            acknowledgement: self.tcp.map_or(0, |tcp| tcp.acknowledgement),
            bytes: self.payload.get(..super::prefix::DIRECTION_BYTES).unwrap_or(self.payload).into(),
            length: self.payload_length,
            frame: self.place,
            at: self.at,
        }
    }
}

/// One run of a conversation.
#[derive(Clone, Debug)]
pub(super) struct Run<A> {
    pub(super) key: Key<A>,
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
    pub(super) first_frame: FrameRef,
    /// Frame of the first SYN/ACK, or else of the first packet that the end which did not open sent.
    pub(super) answered: Option<std::num::NonZeroU32>,
    pub(super) answered_input: u32,
    pub(super) bytes: Pair<u64>,
    pub(super) payload: Pair<u64>,
    pub(super) packets: Pair<u32>,
    /// First sequence number of each end; of the opener of a SYN run, its initial one.
    base: Pair<u32>,
    /// Last acknowledgement that each end sent.
    acknowledged: Pair<u32>,
    pub(super) detail: Option<Box<Detail>>,
    pub(super) verdict: Verdict,
    pub(super) seen: Seen,
    /// Opening SYNs.
    pub(super) syns: u16,
    vlan: u16,
    pub(super) depth: u8,
}

/// The VLAN of a record without one: identifiers have 12 bits.
const NO_VLAN: u16 = u16::MAX;

impl<A: Address> Run<A> {
    /// A run that begins with `packet`, which is yet to be added.
    pub(super) fn open(key: Key<A>, packet: &Packet<'_>) -> Self {
        let mut seen = Seen::default();
        if packet.from == End::High {
            seen.set(Seen::OPENED_HIGH);
        }
        if packet.syn().is_some() {
            seen.set(Seen::OPENED_SYN);
        } else if packet.has(TcpFlags::SYN) && packet.has(TcpFlags::ACK) {
            seen.set(Seen::OPENED_SYN_ACK);
        }
        Self {
            key,
            first: packet.at,
            last: packet.at,
            first_frame: packet.place,
            answered: None,
            answered_input: 0,
            bytes: Pair::default(),
            payload: Pair::default(),
            packets: Pair::default(),
            base: Pair::default(),
            acknowledged: Pair::default(),
            detail: None,
            verdict: Verdict::OPEN,
            seen,
            syns: 0,
            vlan: packet.vlan.unwrap_or(NO_VLAN),
            depth: packet.depth,
        }
    }

    /// The end that sent the first packet.
    pub(super) const fn opener(&self) -> End {
        if self.seen.any(Seen::OPENED_HIGH) { End::High } else { End::Low }
    }

    /// The initial sequence number of its opener, when it began with a SYN.
    pub(super) const fn initial(&self) -> Option<u32> {
        if self.seen.any(Seen::OPENED_SYN) { Some(*self.base.of(self.opener())) } else { None }
    }

    /// Where the payload of each end starts, as far as the opening packet tells.
    pub(super) fn starts(&self) -> Pair<Option<u32>> {
        let mut starts = Pair { low: None, high: None };
        if let Some(initial) = self.initial() {
            *starts.of_mut(self.opener()) = Some(initial.wrapping_add(1));
        } else if self.seen.any(Seen::OPENED_SYN_ACK) {
            *starts.of_mut(self.opener()) = Some(self.base.of(self.opener()).wrapping_add(1));
        }
        starts
    }

    /// Outermost VLAN of its first packet.
    pub(super) fn vlan(&self) -> Option<u16> {
        (self.vlan != NO_VLAN).then_some(self.vlan)
    }

    /// Packets both ways.
    pub(super) fn all_packets(&self) -> u64 {
        u64::from(self.packets.low).saturating_add(u64::from(self.packets.high))
    }

    /// What `end` sent.
    pub(super) fn counts(&self, end: End) -> Counts {
        Counts { packets: u64::from(*self.packets.of(end)), bytes: *self.bytes.of(end), payload: *self.payload.of(end) }
    }

    /// The frame of the first answer.
    pub(super) fn answer(&self) -> Option<FrameRef> {
        self.answered.map(|number| FrameRef { input: self.answered_input, number: number.get() })
    }

    /// Whether a SYN of `from` with this number is a copy of the one that opened this run. Any
    /// other SYN opens a run of its own: whether both are one attempt is decided when all of it is
    /// known. A packet that is no SYN always goes on.
    pub(super) fn continues(&self, from: End, syn: Option<u32>) -> bool {
        match syn {
            None => true,
            Some(_) => !self.seen.any(Seen::WENT_ON) && self.opener() == from && self.initial() == syn,
        }
    }

    /// Counts one packet.
    pub(super) fn add(&mut self, packet: &Packet<'_>) {
        if packet.at < self.first {
            self.first = packet.at;
            self.first_frame = packet.place;
        }
        self.last = self.last.max(packet.at);
        let from = packet.from;
        let sent_before = *self.packets.of(from);
        *self.packets.of_mut(from) = sent_before.saturating_add(1);
        let bytes = self.bytes.of_mut(from);
        *bytes = bytes.saturating_add(u64::from(packet.length));
        let payload = self.payload.of_mut(from);
        *payload = payload.saturating_add(u64::from(packet.payload_length));
        self.seen.join(packet.marks);
        if self.answered.is_none() && from != self.opener() {
            self.answered = std::num::NonZeroU32::new(packet.place.number);
            self.answered_input = packet.place.input;
        }
        match packet.tcp {
            Some(tcp) => self.add_tcp(tcp, packet, sent_before == 0),
            None => self.seen.set(Seen::WENT_ON),
        }
    }

    fn add_tcp(&mut self, tcp: Tcp, packet: &Packet<'_>, is_first: bool) {
        let from = packet.from;
        if is_first {
            *self.base.of_mut(from) = tcp.sequence;
        }
        if tcp.flags.any(TcpFlags::ACK) {
            *self.acknowledged.of_mut(from) = tcp.acknowledgement;
        }
        if packet.syn().is_some() {
            self.add_syn(packet.at);
        } else {
            self.seen.set(Seen::WENT_ON);
        }
        if tcp.flags.any(TcpFlags::FIN) {
            self.seen.set_by(Seen::FIN, from);
        }
        if tcp.flags.any(TcpFlags::RST) {
            self.seen.set_by(Seen::RST, from);
        } else if tcp.flags.any(TcpFlags::SYN) {
            if tcp.flags.any(TcpFlags::ACK) {
                self.seen.set_by(Seen::SYN_ACK, from);
            }
        } else if tcp.flags.any(TcpFlags::ACK) || packet.payload_length > 0 {
            self.seen.set_by(Seen::SPOKE, from);
        }
    }

    fn add_syn(&mut self, at: Timestamp) {
        match self.syns {
            1 => self.detail_mut().retries[0] = Some(at),
            2 => self.detail_mut().retries[1] = Some(at),
            _ => {}
        }
        self.syns = self.syns.saturating_add(1);
    }

    /// What only some runs need, made when first asked for.
    pub(super) fn detail_mut(&mut self) -> &mut Detail {
        self.detail.get_or_insert_default()
    }

    /// The times of its first three SYNs.
    pub(super) fn tries(&self) -> impl Iterator<Item = Timestamp> + use<A> {
        let retries = self.detail.as_ref().map_or([None; 2], |detail| detail.retries);
        let first = (self.syns > 0).then_some(self.first);
        first.into_iter().chain(retries.into_iter().flatten())
    }

    /// Adds the counts of a run that goes on where this one ends. Payload is joined by the table.
    pub(super) fn join(&mut self, later: &Self) {
        let tries: Vec<Timestamp> = self.tries().chain(later.tries()).skip(1).take(2).collect();
        if !tries.is_empty() {
            self.detail_mut().retries = [tries.first().copied(), tries.get(1).copied()];
        }
        self.syns = self.syns.saturating_add(later.syns);
        if self.answered.is_none() {
            self.take_answer(later);
        }
        for end in [End::Low, End::High] {
            self.join_end(end, later);
        }
        if later.first < self.first {
            self.first = later.first;
            self.first_frame = later.first_frame;
        }
        self.last = self.last.max(later.last);
        self.seen.join(later.seen);
    }

    fn take_answer(&mut self, later: &Self) {
        let answer = if later.opener() == self.opener() { later.answer() } else { Some(later.first_frame) };
        if let Some(answer) = answer {
            self.answered = std::num::NonZeroU32::new(answer.number);
            self.answered_input = answer.input;
        }
    }

    fn join_end(&mut self, end: End, later: &Self) {
        if *self.packets.of(end) == 0 {
            *self.base.of_mut(end) = *later.base.of(end);
        }
        if later.seen.by(Seen::SPOKE | Seen::SYN_ACK, end) || *later.acknowledged.of(end) != 0 {
            *self.acknowledged.of_mut(end) = *later.acknowledged.of(end);
        }
        let packets = self.packets.of_mut(end);
        *packets = packets.saturating_add(*later.packets.of(end));
        let bytes = self.bytes.of_mut(end);
        *bytes = bytes.saturating_add(*later.bytes.of(end));
        let payload = self.payload.of_mut(end);
        *payload = payload.saturating_add(*later.payload.of(end));
    }

    /// Payload bytes that the other end acknowledged and the capture does not hold, retransmissions
    /// set against them. Zeek calls it capture loss; a direction that was not captured at all is none.
    pub(super) fn missed(&self) -> u64 {
        [End::Low, End::High].into_iter().map(|end| self.missed_from(end)).fold(0, u64::saturating_add)
    }

    fn missed_from(&self, end: End) -> u64 {
        let acknowledged = *self.acknowledged.of(end.other());
        if *self.packets.of(end) == 0 || *self.packets.of(end.other()) == 0 || acknowledged == 0 {
            return 0;
        }
        let began_with_syn = self.seen.by(Seen::SYN_ACK, end) || (self.initial().is_some() && self.opener() == end);
        let flags = u32::from(began_with_syn).wrapping_add(u32::from(self.seen.by(Seen::FIN, end)));
        // Sequence numbers wrap, so the lowest 32 bits of the payload count are what they measure.
        let [.., a, b, c, d] = self.payload.of(end).to_be_bytes();
        let captured = u32::from_be_bytes([a, b, c, d]).wrapping_add(flags);
        let missed = acknowledged.wrapping_sub(*self.base.of(end)).wrapping_sub(captured).cast_signed();
        u64::try_from(missed).unwrap_or(0)
    }
}
