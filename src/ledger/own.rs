//! Frames that say which way they crossed the capturing interface in, the addresses of the capturing
//! host out: those from which it sent, and from which nothing came in to be passed on. Every frame
//! adds to a set, so that pieces merge into the whole whatever their order.

use std::collections::HashMap;
use std::net::IpAddr;

use crate::wire::{Course, Frame, FrameRef, course};

/// Addresses that are told apart; a flood of forged ones beyond that and nothing is learnt any more.
const MAX_ADDRESSES: usize = 4096;

/// Sources of frames by the way that they went.
#[derive(Clone, Debug, Default)]
pub(super) struct Own {
    sources: HashMap<IpAddr, Ways, foldhash::fast::RandomState>,
    overrun: bool,
    /// The last that was learnt: a stream of packets repeats it.
    latest: Option<(IpAddr, Course)>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Ways {
    /// The first frame that went out.
    sent: Option<FrameRef>,
    /// One came in.
    received: bool,
}

impl Own {
    /// Learns from a frame between these addresses.
    #[inline]
    pub(super) fn observe(&mut self, frame: &Frame<'_>, source: IpAddr, destination: IpAddr) {
        let way = course(frame);
        // What a host says to its own address goes out and comes in again.
        if way != Course::Unknown && source != destination && self.latest != Some((source, way)) {
            self.latest = Some((source, way));
            let sent = (way == Course::Outbound).then_some(frame.place);
            self.add(source, Ways { sent, received: way == Course::Inbound });
        }
    }

    fn add(&mut self, source: IpAddr, ways: Ways) {
        if self.sources.len() >= MAX_ADDRESSES && !self.sources.contains_key(&source) {
            self.overrun = true;
            return;
        }
        let known = self.sources.entry(source).or_default();
        known.sent = match (known.sent, ways.sent) {
            (Some(known), Some(sent)) => Some(known.min(sent)),
            (known, sent) => known.or(sent),
        };
        known.received |= ways.received;
    }

    /// Adds what another piece learnt.
    pub(super) fn merge(&mut self, later: Self) {
        self.overrun |= later.overrun;
        for (source, ways) in later.sources {
            self.add(source, ways);
        }
    }

    /// Addresses of the capturing host, in order, each with the first frame that went out from it.
    pub(super) fn settle(&self) -> Vec<(IpAddr, FrameRef)> {
        if self.overrun {
            return Vec::new();
        }
        let own = self.sources.iter().filter(|(_, ways)| !ways.received);
        let mut own: Vec<_> = own.filter_map(|(source, ways)| Some((*source, ways.sent?))).collect();
        own.sort_unstable();
        own
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{LinkType, Timestamp};

    /// Frames as `WAY SOURCE DESTINATION`, where the way is `>` for out, `<` for in and `?` for unsaid; the
    /// addresses that are the host's own, wherever the pieces are cut.
    fn check(lines: &[&str], expected: &[&str]) {
        for cut in 0..=lines.len() {
            let mut pieces = [Own::default(), Own::default()];
            for (index, line) in lines.iter().enumerate() {
                let words: Vec<&str> = line.split(' ').collect();
                let way = match words[0] {
                    ">" => Course::Outbound,
                    "<" => Course::Inbound,
                    _ => Course::Unknown,
                };
                let number = u32::try_from(index).unwrap() + 1;
                let frame = Frame { course: way, ..unmarked(number) };
                pieces[usize::from(index >= cut)].observe(&frame, words[1].parse().unwrap(), words[2].parse().unwrap());
            }
            let [mut whole, later] = pieces;
            whole.merge(later);
            let own = whole.settle().into_iter().map(|(address, frame)| format!("{address} {}", frame.number));
            assert_eq!(own.collect::<Vec<_>>(), expected, "{lines:?} cut at {cut}");
        }
    }

    fn unmarked(number: u32) -> Frame<'static> {
        Frame {
            at: Timestamp::default(),
            link: LinkType(1),
            tap: 0,
            place: FrameRef { input: 0, number },
            bytes: &[],
            wire_length: 0,
            course: Course::Unknown,
            packet_id: None,
            dropped: false,
        }
    }

    #[test]
    fn who_sends_and_is_not_passed_on_is_the_host() {
        check(&[], &[]);
        check(&["? 10.0.0.5 10.0.0.9"], &[]);
        check(&["< 10.0.0.9 10.0.0.5", "> 10.0.0.5 10.0.0.9", "> 10.0.0.5 10.0.0.9"], &["10.0.0.5 2"]);
        check(&["> fe80::1 ff02::1", "> 10.0.0.5 10.0.0.9"], &["10.0.0.5 2", "fe80::1 1"]);
        // A router passes on what it received, and is told apart from whom it serves.
        check(&["< 10.0.0.9 10.1.0.1", "> 10.0.0.9 10.1.0.1", "> 10.0.0.1 10.0.0.9"], &["10.0.0.1 3"]);
        check(&["> 10.0.0.5 10.0.0.5", "< 10.0.0.5 10.0.0.5", "> 10.0.0.5 10.0.0.9"], &["10.0.0.5 3"]);
    }

    #[test]
    fn a_flood_of_sources_teaches_nothing() {
        let mut own = Own::default();
        for source in 0..=u32::try_from(MAX_ADDRESSES).unwrap() {
            let frame = Frame { course: Course::Outbound, ..unmarked(1) };
            own.observe(&frame, std::net::Ipv4Addr::from_bits(source).into(), "192.0.2.1".parse().unwrap());
            assert_eq!(own.settle().is_empty(), usize::try_from(source).unwrap() == MAX_ADDRESSES);
        }
    }
}
