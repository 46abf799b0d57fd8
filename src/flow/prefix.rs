//! The first payload bytes of a run in, what `dissect` makes of them out. Holds arrivals in their
//! order and puts them together by sequence number; everything is a function of that order alone,
//! so that a merged ledger can replay what its later half held. Never holds more than the budget.

use std::borrow::Cow;

use super::arrivals::Arrivals;
use super::key::{End, Pair};
use super::recognition::{Datagram, Foreign, bit};
use super::record::Detail;
use crate::dissect::{Prefix, may_span_datagrams};
use crate::wire::{FrameRef, Timestamp, Transport};

/// Payload bytes held per direction. A hello with post-quantum keys and many extensions fits four times.
pub(super) const DIRECTION_BYTES: usize = 16 * 1024;
/// TCP segments held per direction.
pub(super) const DIRECTION_SEGMENTS: u8 = 32;
/// Datagrams held per direction where the transport has no sequence.
pub(super) const DIRECTION_DATAGRAMS: u8 = 3;
/// Datagrams held per direction where one message may fill several: as many as a QUIC end may send before
/// it is answered (RFC 9002 section 7.2). They fit into [`DIRECTION_BYTES`].
pub(super) const HELLO_DATAGRAMS: u8 = 10;
/// What a log takes beside what its arrivals ask of the allocator, which keeps two words beside whatever it hands out.
const LOG_COST: usize = size_of::<Detail>().saturating_add(16);

/// What a packet does to the start and end of its direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// Plain payload.
    Payload,
    /// A SYN, with or without ACK: fixes where the payload of its sender starts.
    Syn,
    /// The sender's FIN.
    Fin,
    /// A reset.
    Reset,
    /// Neither payload nor anything else but an acknowledgement.
    Acknowledgement,
}

impl Mark {
    /// Every mark.
    pub(super) const ALL: [Self; 5] = [Self::Payload, Self::Syn, Self::Fin, Self::Reset, Self::Acknowledgement];
}

/// One packet that matters to recognition.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival<'held> {
    /// Who sent it.
    pub(super) from: End,
    /// What it does beside carrying payload.
    pub(super) mark: Mark,
    /// Its sequence number, 0 where there is none.
    pub(super) sequence: u32,
    /// Its acknowledgement number.
    pub(super) acknowledgement: u32,
    /// Payload bytes that were captured: of the frame, or what a log holds of them.
    pub(super) bytes: &'held [u8],
    /// Payload bytes on the wire.
    pub(super) length: u32,
    /// Its frame.
    pub(super) frame: FrameRef,
    /// When.
    pub(super) at: Timestamp,
}

/// Contiguous bytes of one direction.
#[derive(Clone, Debug, Default)]
pub(super) struct Assembled<'log> {
    /// The bytes.
    pub(super) bytes: Cow<'log, [u8]>,
    /// Where the first piece of them came from: frame, time. Mostly there is no other.
    pub(super) first: Option<(FrameRef, Timestamp)>,
    /// Where each further piece came from: offset, frame, time.
    pub(super) further: Vec<(usize, FrameRef, Timestamp)>,
    /// Whether they begin with the first byte of the direction.
    pub(super) from_start: bool,
    /// Whether the snap length cut them.
    pub(super) cut: bool,
    /// Whether bytes behind them were captured and bytes between were not.
    pub(super) hole: bool,
}

impl<'log> Assembled<'log> {
    /// The bytes as recognition wants them.
    pub(super) fn prefix(&self, ended: bool, foreign: bool) -> Prefix<'_> {
        Prefix { bytes: &self.bytes, from_start: self.from_start, ended, foreign }
    }

    /// The frame that carried the byte at `offset`.
    pub(super) fn frame(&self, offset: usize) -> Option<FrameRef> {
        let further = self.further.iter().rev().find(|(start, ..)| *start <= offset);
        further.map(|(_, frame, _)| *frame).or(self.first.map(|(frame, _)| frame))
    }

    /// What one packet carried, where nothing else came.
    fn single(part: &Arrival<'log>, from_start: bool) -> Self {
        Self {
            bytes: Cow::Borrowed(part.bytes),
            first: (!part.bytes.is_empty()).then_some((part.frame, part.at)),
            from_start,
            cut: is_cut(part),
            ..Self::default()
        }
    }
}

/// The arrivals of one run, in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Log {
    arrivals: Arrivals,
    /// Bytes that came, held or passed over.
    held: Pair<u16>,
    /// Segments and datagrams with payload that came, held or passed over.
    segments: Pair<u8>,
    finished: Pair<bool>,
    acknowledged: Pair<bool>,
    /// Sequence number behind the last payload byte of each end that is held, and whether there is one.
    reached: Pair<u32>,
    has_reached: Pair<bool>,
    /// Whether the stream of an end was found to be nothing that any recogniser knows, whatever follows.
    foreign: Pair<bool>,
    /// The same of datagrams, a bit for each arrival.
    foreign_datagrams: u32,
    /// The end that was taken for the originator when all of this was asked about and more was wanted.
    pub(super) asked: Option<End>,
}

impl Log {
    /// The arrivals in their order.
    pub(super) fn arrivals(&self) -> impl Iterator<Item = Arrival<'_>> + Clone {
        self.arrivals.iter()
    }

    /// The arrivals of `end` in their order, each with its place among all.
    pub(super) fn datagrams(&self, end: End) -> impl Iterator<Item = Datagram<'_>> {
        let all = (0u32..).zip(self.arrivals());
        all.filter(move |(_, arrival)| arrival.from == end).map(|(place, arrival)| Datagram {
            bytes: arrival.bytes,
            place,
            foreign: self.foreign_datagrams & bit(place) != 0,
        })
    }

    /// An empty log in the memory of this one.
    pub(super) fn emptied(mut self) -> Self {
        self.arrivals.clear();
        Self { arrivals: self.arrivals, ..Self::default() }
    }

    /// Bytes that were asked of the allocator for it alone.
    pub(super) const fn allocated(&self) -> usize {
        self.arrivals.allocated()
    }

    /// Whether any arrival carries payload.
    pub(super) fn has_payload(&self) -> bool {
        *self.segments.of(End::Low) > 0 || *self.segments.of(End::High) > 0
    }

    /// A number that nobody needs. Nothing is decided by it, so that nobody waits for it.
    #[inline]
    pub(super) const fn glance(&self) -> u8 {
        *self.segments.of(End::Low) ^ *self.segments.of(End::High)
    }

    /// Bytes of memory that it holds.
    pub(super) fn cost(&self) -> usize {
        if self.arrivals.is_empty() { 0 } else { LOG_COST.saturating_add(self.arrivals.allocated()) }
    }

    /// Whether the budget of `end` is used up.
    pub(super) fn is_full(&self, end: End, transport: Transport) -> bool {
        let segments = *self.segments.of(end);
        let is_last = match transport {
            Transport::TCP => segments >= DIRECTION_SEGMENTS,
            _ if segments < DIRECTION_DATAGRAMS => false,
            _ => segments >= HELLO_DATAGRAMS || !self.begins_hello(end),
        };
        is_last || self.room_of(end) == 0
    }

    /// Whether the first datagram of `end` begins a message that may fill several.
    pub(super) fn begins_hello(&self, end: End) -> bool {
        let first = self.arrivals().find(|held| held.from == end && held.length > 0);
        first.is_some_and(|first| may_span_datagrams(first.bytes))
    }

    /// Bytes that `end` may still bring.
    fn room_of(&self, end: End) -> usize {
        DIRECTION_BYTES.saturating_sub(usize::from(*self.held.of(end)))
    }

    /// The sequence number behind the last payload byte of `end` that is held.
    fn reached_by(&self, end: End) -> Option<u32> {
        self.has_reached.of(end).then(|| *self.reached.of(end))
    }

    /// Takes one arrival; gives the memory that it added. The caller has asked [`Log::is_full`].
    pub(super) fn push(&mut self, arrival: Arrival<'_>) -> usize {
        self.asked = None;
        let end = arrival.from;
        let arrival = Arrival { bytes: arrival.bytes.get(..self.room_of(end)).unwrap_or(arrival.bytes), ..arrival };
        self.pass(&arrival);
        if arrival.length > 0 {
            *self.acknowledged.of_mut(end) = false;
            let reached = self.reached_by(end).map_or(after(&arrival), |reached| later(reached, after(&arrival)));
            *self.reached.of_mut(end) = reached;
            *self.has_reached.of_mut(end) = true;
        }
        let before = self.cost();
        self.arrivals.push(&arrival);
        self.cost().saturating_sub(before)
    }

    /// Counts an arrival against the budget of its direction, as [`Log::push`] does, and keeps nothing of it.
    pub(super) fn pass(&mut self, arrival: &Arrival<'_>) {
        let held = self.held.of_mut(arrival.from);
        *held = held.saturating_add(count(arrival.bytes.len()));
        self.follow(arrival);
        if arrival.length > 0 {
            let segments = self.segments.of_mut(arrival.from);
            *segments = segments.saturating_add(1);
        }
    }

    /// Takes of an arrival that is not kept what it closes and acknowledges.
    pub(super) fn follow(&mut self, arrival: &Arrival<'_>) {
        match arrival.mark {
            Mark::Payload | Mark::Syn | Mark::Acknowledgement => {}
            Mark::Fin => *self.finished.of_mut(arrival.from) = true,
            Mark::Reset => self.finished = Pair { low: true, high: true },
        }
        self.acknowledge(arrival);
    }

    /// What the receiver acknowledged it has read: from then on no forged copy of it can reach it.
    pub(super) fn acknowledge(&mut self, arrival: &Arrival<'_>) {
        if !matches!(arrival.mark, Mark::Payload | Mark::Acknowledgement) {
            return;
        }
        let peer = arrival.from.other();
        if self.reached_by(peer).is_some_and(|reached| !precedes(arrival.acknowledgement, reached)) {
            *self.acknowledged.of_mut(peer) = true;
        }
    }

    /// Keeps an acknowledgement for a replay: of those between two payloads only the last of each end.
    pub(super) fn keep_acknowledgement(&mut self, arrival: Arrival<'_>) -> usize {
        if self.arrivals.renew(&arrival) { 0 } else { self.push(arrival) }
    }

    /// Whether nothing in it can still be contradicted: acknowledged both ways, or closed.
    pub(super) fn is_settled(&self) -> bool {
        let quiet = |end| *self.segments.of(end) == 0 || *self.acknowledged.of(end);
        (self.finished.low && self.finished.high) || (quiet(End::Low) && quiet(End::High))
    }

    /// Whether `end` will send nothing further.
    pub(super) fn has_finished(&self, end: End) -> bool {
        *self.finished.of(end)
    }

    /// Whether two arrivals claim different bytes for the same place.
    pub(super) fn contradicts(&self, arrival: &Arrival<'_>) -> bool {
        // What begins behind all that came is in order, and cannot contradict it.
        let is_new = self.reached_by(arrival.from).is_none_or(|reached| !precedes(first_byte(arrival), reached));
        !is_new && self.arrivals().filter(|held| held.from == arrival.from).any(|held| differ(&held, arrival))
    }

    /// Whether any two of its arrivals contradict each other.
    pub(super) fn contradicts_itself(&self) -> bool {
        self.arrivals().any(|arrival| self.contradicts(&arrival))
    }

    /// The bytes of one direction. `start` is the sequence number of its first byte, if known.
    pub(super) fn assemble(&self, from: End, start: Option<u32>) -> Assembled<'_> {
        let announced = || {
            let syn = self.arrivals().find(|held| held.from == from && held.mark == Mark::Syn);
            syn.map(|held| held.sequence.wrapping_add(1))
        };
        let start = start.or_else(announced);
        let payload = self.arrivals().filter(|arrival| arrival.from == from && arrival.length > 0);
        let only = if *self.segments.of(from) == 1 { payload.clone().next() } else { None };
        if let Some(only) = only.filter(|only| start.is_none_or(|start| start == first_byte(only))) {
            return Assembled::single(&only, start.is_some());
        }
        let mut parts: Vec<Arrival<'_>> = payload.collect();
        let Some(lowest) = parts.iter().map(first_byte).reduce(earlier) else {
            return Assembled { from_start: start.is_some(), ..Assembled::default() };
        };
        let base = start.unwrap_or(lowest);
        parts.sort_by_key(|part| first_byte(part).wrapping_sub(base).cast_signed());
        let mut assembled = Assembled { from_start: start.is_some(), ..Assembled::default() };
        for part in parts {
            if !append(&mut assembled, first_byte(&part).wrapping_sub(base).cast_signed(), &part) {
                assembled.hole = !assembled.cut;
                break;
            }
        }
        assembled
    }

    /// Whether [`Log::assemble`] finds a hole; where all came in order, as nearly always, nothing is put together.
    pub(super) fn has_hole(&self, from: End, start: Option<u32>) -> bool {
        let mut payload = self.arrivals().filter(|arrival| arrival.from == from && arrival.length > 0);
        let follow = |next: u32, part: Arrival<'_>| (first_byte(&part) == next && !is_cut(&part)).then(|| after(&part));
        let is_in_order = start.is_some_and(|start| payload.try_fold(start, follow).is_some());
        debug_assert!(!is_in_order || !self.assemble(from, start).hole, "nothing is missing of what came in order");
        !is_in_order && self.assemble(from, start).hole
    }

    /// Remembers what is nothing that any recogniser knows, whatever follows.
    pub(super) const fn remember(&mut self, foreign: Foreign) {
        self.foreign.low |= foreign.streams.low;
        self.foreign.high |= foreign.streams.high;
        self.foreign_datagrams |= foreign.datagrams;
    }

    /// Whether the stream of `end` is nothing that any recogniser knows, whatever follows.
    pub(super) const fn is_foreign(&self, end: End) -> bool {
        *self.foreign.of(end)
    }
}

/// A length within the budget of a direction, which is far below 16 bits.
fn count(length: usize) -> u16 {
    u16::try_from(length).unwrap_or(u16::MAX)
}

/// The sequence number of the first payload byte: a SYN takes one number itself.
fn first_byte(arrival: &Arrival<'_>) -> u32 {
    arrival.sequence.wrapping_add(u32::from(arrival.mark == Mark::Syn))
}

fn after(arrival: &Arrival<'_>) -> u32 {
    first_byte(arrival).wrapping_add(arrival.length)
}

/// Whether `a` stands before `b` in sequence space (RFC 9293 section 3.4).
const fn precedes(a: u32, b: u32) -> bool {
    a.wrapping_sub(b).cast_signed() < 0
}

const fn earlier(a: u32, b: u32) -> u32 {
    if precedes(b, a) { b } else { a }
}

const fn later(a: u32, b: u32) -> u32 {
    if precedes(a, b) { b } else { a }
}

fn differ(held: &Arrival<'_>, fresh: &Arrival<'_>) -> bool {
    if held.bytes.is_empty() || fresh.bytes.is_empty() {
        return false;
    }
    let shift = first_byte(fresh).wrapping_sub(first_byte(held)).cast_signed();
    let skip = usize::try_from(shift.unsigned_abs()).unwrap_or(usize::MAX);
    let (old, new) = if shift >= 0 {
        (held.bytes.get(skip..).unwrap_or_default(), fresh.bytes)
    } else {
        (held.bytes, fresh.bytes.get(skip..).unwrap_or_default())
    };
    old.iter().zip(new).any(|(old, new)| old != new)
}

/// Adds what `part` continues; false at a hole. The first bytes to arrive stay.
fn append(assembled: &mut Assembled<'_>, offset: i32, part: &Arrival<'_>) -> bool {
    let have = assembled.bytes.len();
    let (skip, hole) = match usize::try_from(offset) {
        Ok(offset) => (have.saturating_sub(offset), offset > have),
        Err(_) => (have.saturating_add(usize::try_from(offset.unsigned_abs()).unwrap_or(usize::MAX)), false),
    };
    if hole || assembled.cut {
        return false;
    }
    let fresh = part.bytes.get(skip..).unwrap_or_default();
    if !fresh.is_empty() {
        match assembled.first {
            None => assembled.first = Some((part.frame, part.at)),
            Some(_) => assembled.further.push((have, part.frame, part.at)),
        }
        assembled.bytes.to_mut().extend_from_slice(fresh);
    }
    assembled.cut = is_cut(part);
    true
}

/// Whether the snap length cut it.
fn is_cut(part: &Arrival<'_>) -> bool {
    u32::try_from(part.bytes.len()).is_ok_and(|captured| captured < part.length)
}
