//! The road of nearly every frame: batches of plain packets, whose flows are brought into the cache
//! together and which are counted together. The same as taking one frame after the other.

use std::net::IpAddr;

use super::inversions::Course;
use super::observe::{Ledger, raise};
use super::{directory, names};
use crate::flow::{AHEAD, Sighting};
use crate::wire::{
    self, Datagram, Frame, LinkType, Plain, RawAddress, Road, TcpFlags, Timestamp, is_tunnel_port, plain,
};

/// Frames longer than this do not exist; the length on the wire is then nonsense (etl2pcapng writes
/// such), not truncation.
const LONGEST_FRAME: u32 = 256 * 1024;
/// Link types without a link header, to which etl2pcapng adds an Ethernet header that is not there.
const RAW_LINKS: [LinkType; 5] = [LinkType(12), LinkType(14), LinkType(101), LinkType(228), LinkType(229)];
const ETHERNET_HEADER: u32 = 14;
const ETHERNET: LinkType = LinkType(1);

impl Ledger {
    /// Takes frames that lie in memory together, in their order: the same as taking one after the other.
    /// The flows of the first [`AHEAD`](crate::flow::AHEAD) of them are looked for at once.
    #[inline]
    pub fn observe_all<'block>(&mut self, frames: impl Iterator<Item = Frame<'block>> + Clone) {
        if self.options.continuation {
            frames.for_each(|frame| self.observe(&frame));
            return;
        }
        let (mut tally, mut course) = (Tally::default(), Course::default());
        for frame in frames.clone() {
            tally.add(&frame, is_snapped(&frame));
            course.add(frame.place.input, frame.at);
        }
        self.count(&tally);
        self.inversions.follow(&course, frames.clone().map(|frame| (frame.place.input, frame.at)));
        self.flows.approach(frames.clone().take(AHEAD));
        let mut decoded = 0u64;
        for frame in frames {
            let mut reading = Reading { ledger: self, frame, decoded: 0 };
            if plain(&frame, &mut reading) {
                decoded = decoded.wrapping_add(reading.decoded);
            } else {
                self.examine_apart(frame);
            }
        }
        self.counters.decoded = self.counters.decoded.saturating_add(decoded);
    }

    /// Examines a frame that is not plain. It is handed over whole, so that a plain one need not lie in memory.
    #[inline(never)]
    fn examine_apart(&mut self, frame: Frame<'_>) {
        self.examine(&frame, is_snapped(&frame));
    }

    /// Adds what was counted of some frames.
    pub(super) fn count(&mut self, tally: &Tally) {
        let Some((first, last)) = tally.span else { return };
        self.first = Some(self.first.map_or(first, |known| known.min(first)));
        self.last = Some(self.last.map_or(last, |known| known.max(last)));
        let counters = &mut self.counters;
        for (counter, more) in [
            (&mut counters.frames, tally.frames),
            (&mut counters.bytes, tally.bytes),
            (&mut counters.truncated, tally.truncated),
            (&mut counters.dropped_by_host, tally.dropped),
        ] {
            *counter = counter.saturating_add(more);
        }
    }
}

/// What is counted of every frame, summed up before it is added. Frames of one batch, so no sum overflows.
#[derive(Default)]
pub(super) struct Tally {
    frames: u64,
    bytes: u64,
    truncated: u64,
    dropped: u64,
    /// Earliest and latest stamp.
    span: Option<(Timestamp, Timestamp)>,
}

impl Tally {
    #[inline(always)]
    pub(super) fn add(&mut self, frame: &Frame<'_>, snapped: bool) {
        self.frames = self.frames.wrapping_add(1);
        self.bytes = self.bytes.wrapping_add(frame.bytes.len() as u64);
        self.truncated = self.truncated.wrapping_add(u64::from(snapped));
        self.dropped = self.dropped.wrapping_add(u64::from(frame.dropped));
        let (first, last) = self.span.unwrap_or((frame.at, frame.at));
        self.span = Some((first.min(frame.at), last.max(frame.at)));
    }
}

/// One frame on its way to the flows.
struct Reading<'ledger, 'frame> {
    ledger: &'ledger mut Ledger,
    frame: Frame<'frame>,
    /// Whether it counts as decoded, and not as a copy: one or none.
    decoded: u64,
}

impl<'frame> Reading<'_, 'frame> {
    /// What comes before the flows; where the frame does not go on to them, or takes the careful path after all,
    /// nothing is left to do.
    #[inline(always)]
    fn prepare<A: RawAddress>(&mut self, plain: &Plain<'frame, A>) -> Option<Sighting> {
        let frame = self.frame;
        if may_be_tunnel(plain) || frame.dropped || frame.packet_id.is_some() {
            self.ledger.examine_apart(frame);
            return None;
        }
        if self.ledger.options.several_taps && self.ledger.is_copy(frame, plain.datagram()) {
            return None;
        }
        if opens(plain) {
            self.ledger.learn_card(frame, plain.source.address());
        }
        if speaks(plain) || tells_its_way(&frame) {
            self.ledger.learn(frame, plain.datagram());
        }
        self.decoded = 1;
        Some(Sighting { at: frame.at, place: frame.place, snapped: is_snapped(&frame), ..Sighting::default() })
    }
}

impl<'frame> Road<'frame> for Reading<'_, 'frame> {
    #[inline(always)]
    fn four(&mut self, packet: Plain<'frame, u32>) {
        if let Some(sighting) = self.prepare(&packet) {
            self.ledger.flows.observe_four(&sighting, &packet);
        }
    }

    #[inline(always)]
    fn six(&mut self, packet: Plain<'frame, [u8; 16]>) {
        if let Some(sighting) = self.prepare(&packet) {
            self.ledger.flows.observe_six(&sighting, &packet);
        }
    }
}

/// What only some plain frames need. They are handed over whole, so that the others need not lie in memory.
impl Ledger {
    /// Whether another tap saw it before.
    #[inline(never)]
    fn is_copy(&mut self, frame: Frame<'_>, datagram: Datagram<'_>) -> bool {
        let is_copy = self.duplicates.observe(&frame, &datagram);
        if is_copy {
            raise(&mut self.counters.duplicates);
        }
        is_copy
    }

    /// Learns of the card that sent a SYN.
    #[inline(never)]
    fn learn_card(&mut self, frame: Frame<'_>, source: IpAddr) {
        self.cards.learn(&frame, source);
    }

    /// Learns of names, directories and the capturing host.
    #[inline(never)]
    fn learn(&mut self, frame: Frame<'_>, datagram: Datagram<'_>) {
        self.own.observe(&frame, datagram.source, datagram.destination);
        let sighting =
            Sighting { at: frame.at, place: frame.place, snapped: is_snapped(&frame), ..Sighting::default() };
        self.hear(&sighting, &datagram);
    }
}

/// Whether a packet inside it would count too.
#[inline(always)]
const fn may_be_tunnel<A>(plain: &Plain<'_, A>) -> bool {
    plain.tcp.is_none() && (is_tunnel_port(plain.source_port) || is_tunnel_port(plain.destination_port))
}

/// Whether somebody listens to what it says.
#[inline(always)]
const fn speaks<A>(plain: &Plain<'_, A>) -> bool {
    const fn is_read(port: u16) -> bool {
        names::is_read(port) || directory::is_read(port)
    }
    plain.tcp.is_none() && (is_read(plain.source_port) || is_read(plain.destination_port))
}

/// Whether the file or the link header may say which way it went.
#[inline(always)]
fn tells_its_way(frame: &Frame<'_>) -> bool {
    frame.course != wire::Course::Unknown || frame.link != ETHERNET
}

/// Whether it opens a connection, or answers one that does.
#[inline(always)]
const fn opens<A>(plain: &Plain<'_, A>) -> bool {
    match plain.tcp {
        Some(tcp) => tcp.flags.any(TcpFlags::SYN),
        None => false,
    }
}

/// Whether the capture cut the frame.
#[inline]
pub(super) fn is_snapped(frame: &Frame<'_>) -> bool {
    let captured = u32::try_from(frame.bytes.len()).unwrap_or(u32::MAX);
    if captured >= frame.wire_length {
        return false;
    }
    let added = RAW_LINKS.contains(&frame.link) && frame.wire_length == captured.saturating_add(ETHERNET_HEADER);
    frame.wire_length <= LONGEST_FRAME && !added
}
