//! One packet at a time in, one run of a conversation out. A run is what follows one SYN (or, where
//! none was captured, whatever came first); settling joins the runs of one attempt. Each field is a
//! sum, a first, a last or a bit, so that two halves of a run join without loss. Never decides an
//! outcome and never looks at another run.

use std::num::NonZeroU32;

use super::Counts;
use super::ending::Ending;
use super::interned::Verdict;
use super::key::{Address, End, Key, Pair};
use super::packet::Packet;
use super::places::Places;
use super::prefix::Log;
use super::seen::Seen;
use super::terms::OuterVlan;
use crate::wire::{FrameRef, PlainTcp, TcpFlags, Timestamp};

/// What only some runs need.
#[derive(Clone, Debug, Default)]
pub(super) struct Detail {
    /// First payload, as long as it is wanted.
    pub(super) log: Option<Log>,
    /// What hardly any run needs, so that the bytes of all others take less room.
    pub(super) rare: Option<Box<Rare>>,
}

/// What hardly any run needs.
#[derive(Clone, Debug, Default)]
pub(super) struct Rare {
    /// The inputs of the answer and of the request, where they are not that of the first packet.
    pub(super) answered_input: Option<u32>,
    pub(super) claimed_input: Option<u32>,
    /// Where the certificate of the server ends, if it came in clear.
    pub(super) certified: Option<FrameRef>,
    /// Times of the second and third SYN.
    pub(super) retries: [Option<Timestamp>; 2],
    /// How each end closed that had said nothing by then.
    pub(super) endings: Pair<Option<Ending>>,
}

/// One run of a conversation. Begins with a line of the cache: with many flows each line that a packet touches
/// has to be waited for.
#[derive(Clone, Debug)]
#[repr(align(64))]
pub(super) struct Run<A> {
    pub(super) key: Key<A>,
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
    pub(super) first_frame: FrameRef,
    /// Frame of the first SYN/ACK, or else of the first packet that the end which did not open sent.
    pub(super) answered: Option<NonZeroU32>,
    /// Frame in which the bytes of the recognised request begin.
    pub(super) claimed: Option<NonZeroU32>,
    pub(super) bytes: Pair<u64>,
    pub(super) payload: Pair<u64>,
    pub(super) packets: Pair<u32>,
    /// First sequence number of each end; of the opener of a SYN run, its initial one.
    pub(super) base: Pair<u32>,
    /// Whether that is the number of a SYN with ACK, with which the end began.
    began_with_answer: Pair<bool>,
    /// Last acknowledgement that each end sent.
    acknowledged: Pair<u32>,
    pub(super) detail: Option<Box<Detail>>,
    pub(super) verdict: Verdict,
    pub(super) seen: Seen,
    /// Opening SYNs.
    pub(super) syns: u16,
    vlan: OuterVlan,
    pub(super) depth: u8,
    /// Its opening SYN carried payload (RFC 7413): then no copy of it is the same packet for certain.
    pub(super) opened_with_payload: bool,
    /// There is, or was, another run of its key.
    pub(super) is_again: bool,
}

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
            claimed: None,
            bytes: Pair::default(),
            payload: Pair::default(),
            packets: Pair::default(),
            base: Pair::default(),
            began_with_answer: Pair::default(),
            acknowledged: Pair::default(),
            detail: None,
            verdict: Verdict::OPEN,
            seen,
            syns: 0,
            vlan: OuterVlan::new(packet.vlan),
            depth: packet.depth,
            opened_with_payload: packet.syn().is_some() && packet.payload_length > 0,
            is_again: false,
        }
    }

    /// A number that nobody needs, read from both lines of the cache where [`Run::add`] will read and write.
    #[inline]
    pub(super) fn glance(&self) -> u64 {
        self.last.nanoseconds().cast_unsigned() ^ u64::from(self.depth)
    }

    /// The same of what its log holds, which lies elsewhere.
    #[inline]
    pub(super) fn glance_at_log(&self) -> u8 {
        self.detail.as_ref().and_then(|detail| detail.log.as_ref()).map_or(0, Log::glance)
    }

    /// The end that sent the first packet.
    pub(super) const fn opener(&self) -> End {
        if self.seen.any(Seen::OPENED_HIGH) { End::High } else { End::Low }
    }

    /// The initial sequence number of its opener, when it began with a SYN.
    pub(super) const fn initial(&self) -> Option<u32> {
        if self.seen.any(Seen::OPENED_SYN) { Some(*self.base.of(self.opener())) } else { None }
    }

    /// The same, when it began with a SYN or with its answer.
    pub(super) const fn handshake(&self) -> Option<u32> {
        if self.seen.any(Seen::OPENED_SYN | Seen::OPENED_SYN_ACK) { Some(*self.base.of(self.opener())) } else { None }
    }

    /// Where the payload of each end starts, as far as the packets with which they began tell.
    pub(super) fn starts(&self) -> Pair<Option<u32>> {
        let mut starts = Pair { low: None, high: None };
        for end in [End::Low, End::High] {
            *starts.of_mut(end) = self.answer_number(end).map(|number| number.wrapping_add(1));
        }
        *starts.of_mut(self.opener()) = self.handshake().map(|number| number.wrapping_add(1));
        starts
    }

    /// The sequence number of the SYN with ACK with which `end` began, if it did.
    pub(super) fn answer_number(&self, end: End) -> Option<u32> {
        self.began_with_answer.of(end).then(|| *self.base.of(end))
    }

    /// Outermost VLAN of its first packet.
    pub(super) fn vlan(&self) -> Option<u16> {
        self.vlan.get()
    }

    /// Packets both ways.
    pub(super) fn all_packets(&self) -> u64 {
        u64::from(self.packets.low).saturating_add(u64::from(self.packets.high))
    }

    /// What `end` sent.
    pub(super) fn counts(&self, end: End) -> Counts {
        Counts { packets: u64::from(*self.packets.of(end)), bytes: *self.bytes.of(end), payload: *self.payload.of(end) }
    }

    /// Whether a SYN of `from` with this number is a copy of the one that opened this run. Any
    /// other SYN opens a run of its own: whether both are one attempt is decided when all of it is
    /// known. A packet that is no SYN always goes on.
    pub(super) fn continues(&self, from: End, syn: Option<u32>, with_payload: bool) -> bool {
        match syn {
            None => true,
            Some(_) if with_payload || self.opened_with_payload => false,
            Some(_) => !self.seen.any(Seen::WENT_ON) && self.opener() == from && self.initial() == syn,
        }
    }

    /// Counts one packet.
    #[inline(always)]
    pub(super) fn add(&mut self, packet: &Packet<'_>) {
        self.last = self.last.max(packet.at);
        let from = packet.from;
        let sent_before = *self.packets.of(from);
        *self.packets.of_mut(from) = sent_before.saturating_add(1);
        // 2^32 packets of 2^32 bytes each would still fit.
        let bytes = self.bytes.of_mut(from);
        *bytes = bytes.wrapping_add(u64::from(packet.length));
        let payload = self.payload.of_mut(from);
        *payload = payload.wrapping_add(u64::from(packet.payload_length));
        if self.answered.is_none() && from != self.opener() {
            self.set_answer(packet.place);
        }
        let mut seen = packet.marks;
        match packet.tcp {
            Some(tcp) => self.add_tcp(tcp, packet, sent_before == 0, &mut seen),
            None => seen.set(Seen::WENT_ON),
        }
        self.seen.add(seen);
    }

    #[inline(always)]
    fn add_tcp(&mut self, tcp: PlainTcp, packet: &Packet<'_>, is_first: bool, seen: &mut Seen) {
        let (from, flags) = (packet.from, tcp.flags);
        if is_first {
            *self.base.of_mut(from) = tcp.sequence;
            *self.began_with_answer.of_mut(from) = flags.all(TcpFlags::SYN | TcpFlags::ACK);
        }
        if flags.any(TcpFlags::ACK) {
            *self.acknowledged.of_mut(from) = tcp.acknowledgement;
        }
        if tcp.opening().is_none() {
            seen.set(Seen::WENT_ON);
        }
        if flags.any(TcpFlags::SYN | TcpFlags::FIN | TcpFlags::RST) {
            self.add_control(flags, (tcp.sequence, tcp.acknowledgement), from, packet.at);
        }
        let speaks = flags.any(TcpFlags::ACK) || packet.payload_length > 0;
        if speaks && !flags.any(TcpFlags::SYN | TcpFlags::RST) {
            seen.set_by(Seen::SPOKE, from);
        }
    }

    /// What opens and ends a connection, with its sequence number and what it acknowledges. Its few words stay out of
    /// memory, also on the way of those packets that never come here.
    #[inline(never)]
    fn add_control(&mut self, flags: TcpFlags, numbers: (u32, u32), from: End, at: Timestamp) {
        let tcp = PlainTcp { sequence: numbers.0, acknowledgement: numbers.1, flags };
        if tcp.opening().is_some() {
            self.add_syn(at);
        }
        if flags.any(TcpFlags::FIN) {
            self.seen.set_by(Seen::FIN, from);
        }
        if flags.any(TcpFlags::FIN | TcpFlags::RST) && *self.payload.of(from) == 0 && self.may_have_opened() {
            self.note_ending(tcp, from);
        }
        if flags.any(TcpFlags::RST) {
            self.seen.set_by(Seen::RST, from);
        } else if flags.all(TcpFlags::SYN | TcpFlags::ACK) {
            self.seen.set_by(Seen::SYN_ACK, from);
        }
    }

    fn add_syn(&mut self, at: Timestamp) {
        match self.syns {
            1 => self.rare_mut().retries[0] = Some(at),
            2 => self.rare_mut().retries[1] = Some(at),
            _ => {}
        }
        self.syns = self.syns.saturating_add(1);
    }

    /// What only some runs need, made when first asked for.
    pub(super) fn detail_mut(&mut self) -> &mut Detail {
        self.detail.get_or_insert_default()
    }

    /// What hardly any run needs, if this one does.
    pub(super) fn rare(&self) -> Option<&Rare> {
        self.detail.as_ref()?.rare.as_deref()
    }

    /// The same, made when first asked for.
    pub(super) fn rare_mut(&mut self) -> &mut Rare {
        self.detail_mut().rare.get_or_insert_default()
    }

    /// The run without the bytes that were kept for recognition.
    pub(super) fn without_log(&self) -> Self {
        let rare = self.detail.as_ref().and_then(|detail| detail.rare.clone());
        let detail = rare.map(|rare| Box::new(Detail { log: None, rare: Some(rare) }));
        Self { detail, ..*self }
    }

    /// Takes what recognition found, and where it was said.
    pub(super) fn conclude(&mut self, verdict: Verdict, places: Places) {
        self.verdict = verdict;
        if let Some(claimed) = places.claimed {
            self.set_claimed(claimed);
        }
        if places.certified.is_some() {
            self.rare_mut().certified = places.certified;
        }
    }

    /// The times of its first three SYNs.
    pub(super) fn tries(&self) -> impl Iterator<Item = Timestamp> + use<A> {
        let retries = self.rare().map_or([None; 2], |rare| rare.retries);
        let first = (self.syns > 0).then_some(self.first);
        first.into_iter().chain(retries.into_iter().flatten())
    }

    /// Adds the counts of a run that goes on where this one ends. Payload is joined by the table.
    pub(super) fn join(&mut self, later: &Self) {
        let tries: Vec<Timestamp> = self.tries().chain(later.tries()).skip(1).take(2).collect();
        if !tries.is_empty() {
            self.rare_mut().retries = [tries.first().copied(), tries.get(1).copied()];
        }
        self.join_endings(later);
        self.syns = self.syns.saturating_add(later.syns);
        if self.answered.is_none() {
            self.take_answer(later);
        }
        let begins_anew = self.is_begun_anew_by(later);
        for end in [End::Low, End::High] {
            self.join_end(end, later, begins_anew);
        }
        // A datagram whose last fragment lies behind the cut is added in front of what lies between.
        let (own, other) = (self.first_frame, later.first_frame);
        if own.input == other.input && other.number < own.number {
            self.first = later.first;
            self.first_frame = other;
        }
        self.last = self.last.max(later.last);
        self.seen.join(later.seen);
    }

    fn take_answer(&mut self, later: &Self) {
        let answer = if later.opener() == self.opener() { later.answer() } else { Some(later.first_frame) };
        if let Some(answer) = answer {
            self.set_answer(answer);
        }
    }

    /// Whether `later` opens the connection with another number than this run did: all numbers are then those of
    /// `later`, and what is acknowledged is none of the attempt that failed.
    fn is_begun_anew_by(&self, later: &Self) -> bool {
        let end = later.opener();
        later.initial().is_some_and(|number| *self.packets.of(end) > 0 && *self.base.of(end) != number)
    }

    fn join_end(&mut self, end: End, later: &Self, begins_anew: bool) {
        if begins_anew || *self.packets.of(end) == 0 {
            *self.base.of_mut(end) = *later.base.of(end);
            *self.began_with_answer.of_mut(end) = *later.began_with_answer.of(end);
        }
        if begins_anew || later.seen.by(Seen::SPOKE | Seen::SYN_ACK, end) || *later.acknowledged.of(end) != 0 {
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
        self.missed_from(End::Low).saturating_add(self.missed_from(End::High))
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
