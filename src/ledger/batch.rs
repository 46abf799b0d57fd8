//! The road of nearly every frame: batches of plain packets, whose flows are brought into the cache
//! together and which are counted together. The same as taking one frame after the other.

use std::net::IpAddr;

use super::observe::{Ledger, raise};
use super::{directory, names};
use crate::flow::{AHEAD, Sighting};
use crate::wire::{self, Datagram, Frame, LinkType, Plain, RawAddress, Road, Tally, TcpFlags, is_tunnel_port, plain};

impl Ledger {
    /// Takes frames that lie in memory together and come to `tally`, in their order: the same as taking one after the
    /// other.
    /// The flows of the first [`AHEAD`](crate::flow::AHEAD) of them are looked for at once.
    #[inline]
    pub fn observe_all<'block>(&mut self, tally: &Tally, frames: impl Iterator<Item = Frame<'block>> + Clone) {
        if self.options.continuation {
            frames.for_each(|frame| self.observe(&frame));
            return;
        }
        self.count(tally);
        self.inversions.follow(tally, frames.clone().map(|frame| (frame.place.input, frame.at)));
        self.flows.approach(frames.clone().take(AHEAD));
        let mut apart = 0;
        for frame in frames {
            if !plain(&frame, &mut Reading { ledger: self, frame, apart: &mut apart }) {
                raise(&mut apart);
                self.examine_apart(frame);
            }
        }
        let decoded = tally.frames.saturating_sub(apart);
        self.counters.decoded = self.counters.decoded.saturating_add(decoded);
    }

    /// Examines a frame that is not plain. It is handed over whole, so that a plain one need not lie in memory.
    #[inline(never)]
    fn examine_apart(&mut self, frame: Frame<'_>) {
        self.examine(&frame);
    }

    /// Adds what was counted of some frames.
    pub(super) fn count(&mut self, tally: &Tally) {
        let Some((first, last)) = tally.span() else { return };
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

/// One frame on its way to the flows.
struct Reading<'ledger, 'frame> {
    ledger: &'ledger mut Ledger,
    frame: Frame<'frame>,
    /// Frames that are counted elsewhere: as copies, or where they are examined.
    apart: &'ledger mut u64,
}

impl<'frame> Reading<'_, 'frame> {
    /// What comes before the flows; where the frame does not go on to them, or takes the careful path after all,
    /// nothing is left to do.
    #[inline(always)]
    fn prepare<A: RawAddress>(&mut self, plain: &Plain<'frame, A>) -> Option<Sighting> {
        let frame = self.frame;
        if may_be_tunnel(plain) || frame.dropped || frame.packet_id.is_some() {
            raise(self.apart);
            self.ledger.examine_apart(frame);
            return None;
        }
        if self.ledger.options.several_taps && self.ledger.is_copy(frame, plain.datagram()) {
            raise(self.apart);
            return None;
        }
        if opens(plain) {
            self.ledger.learn_card(frame, plain.source.address());
        }
        if speaks(plain) || tells_its_way(&frame) {
            self.ledger.learn(frame, plain.datagram());
        }
        Some(Sighting { at: frame.at, place: frame.place, snapped: frame.is_snapped(), ..Sighting::default() })
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
            Sighting { at: frame.at, place: frame.place, snapped: frame.is_snapped(), ..Sighting::default() };
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
    frame.course != wire::Course::Unknown || frame.link != LinkType::ETHERNET
}

/// Whether it opens a connection, or answers one that does.
#[inline(always)]
const fn opens<A>(plain: &Plain<'_, A>) -> bool {
    match plain.tcp {
        Some(tcp) => tcp.flags.any(TcpFlags::SYN),
        None => false,
    }
}
