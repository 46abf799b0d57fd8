//! The frames of a second pass in, which of them carry packets of certain flows out. Decides as the
//! ledger decided on the first pass: copies belong to nobody, and all pieces of a datagram belong to
//! the flow of the whole. Keeps places only, never bytes of a frame.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

use super::Observation;
use super::duplicates::Duplicates;
use crate::flow::{Conversation, Endpoint};
use crate::wire::{Content, Datagram, Fragments, Frame, FrameRef, Timestamp, Transport, Undecoded, decode, peel};

/// Looks for the packets of certain flows.
#[derive(Debug, Default)]
pub struct Locator {
    starts: HashMap<Ends, Vec<Start>>,
    wanted: BTreeSet<u32>,
    duplicates: Duplicates,
    fragments: Fragments,
    pieces: HashMap<Pieces, Vec<FrameRef>>,
    found: Vec<(FrameRef, u32)>,
}

/// Both ends of a conversation, the lower one first.
type Ends = (Endpoint, Endpoint, Transport);

/// What the pieces of one datagram have in common.
type Pieces = (IpAddr, IpAddr, Transport, u32);

/// Where a flow of some ends begins.
#[derive(Debug)]
struct Start {
    first: (Timestamp, FrameRef),
    flow: u32,
    /// The identifier of its ICMP echoes, which a conversation does not keep: learned from the first
    /// frame. 0 for everything else.
    identifier: Option<u16>,
}

impl Locator {
    /// Looks for the packets of the flows of `seen` whose indices are `wanted`. Folded flows have no
    /// packets of their own that could be found.
    #[must_use]
    pub fn new(seen: &Observation, wanted: &BTreeSet<u32>) -> Self {
        let numbered = || (0u32..).zip(&seen.flows).filter(|(_, flow)| flow.folded() == 0);
        let mut starts: HashMap<Ends, Vec<Start>> = numbered()
            .filter(|(number, _)| wanted.contains(number))
            .map(|(_, flow)| (ends(flow), Vec::new()))
            .collect();
        for (number, flow) in numbered() {
            // Flows between the same ends follow each other: where the next one begins, this one ends.
            if let Some(starts) = starts.get_mut(&ends(flow)) {
                let identifier = if is_icmp(flow.transport) { None } else { Some(0) };
                starts.push(Start { first: (flow.first, flow.first_frame), flow: number, identifier });
            }
        }
        starts.values_mut().for_each(|starts| starts.sort_by_key(|start| start.first));
        Self { starts, wanted: wanted.clone(), ..Self::default() }
    }

    /// Takes one frame. Frames come as on the first pass.
    pub fn observe(&mut self, frame: &Frame<'_>) {
        let Ok(datagram) = decode(frame) else { return };
        if !self.duplicates.observe(frame, &datagram) {
            self.descend(frame.at, frame.place, &[frame.place], Ok(datagram));
        }
    }

    /// Every frame that carries packets of the flows, with the index of the flow, sorted.
    #[must_use]
    pub fn finish(mut self) -> Vec<(FrameRef, u32)> {
        let fragments = std::mem::take(&mut self.fragments);
        for (at, place, datagram) in fragments.unfinished() {
            self.place(at, place, &[place], &datagram);
        }
        self.found.sort_unstable();
        self.found.dedup();
        self.found
    }

    /// Follows a datagram down its tunnels. `frames` are all that carried it; `place` is the last.
    fn descend(
        &mut self,
        at: Timestamp,
        place: FrameRef,
        frames: &[FrameRef],
        outermost: Result<Datagram<'_>, Undecoded>,
    ) {
        let mut next = Some(outermost);
        while let Some(Ok(datagram)) = next {
            if matches!(datagram.content, Content::Fragment(_)) {
                self.join(at, place, frames, &datagram);
            } else {
                self.place(at, place, frames, &datagram);
            }
            next = peel(&datagram);
        }
    }

    fn join(&mut self, at: Timestamp, place: FrameRef, frames: &[FrameRef], datagram: &Datagram<'_>) {
        let Content::Fragment(fragment) = datagram.content else { return };
        let key = (datagram.source, datagram.destination, fragment.transport, fragment.identification);
        self.pieces.entry(key).or_default().extend(frames);
        if let Some(whole) = self.fragments.insert(at, datagram, place) {
            let frames = self.pieces.remove(&key).unwrap_or_default();
            self.descend(at, place, &frames, whole.datagram());
        }
    }

    fn place(&mut self, at: Timestamp, place: FrameRef, frames: &[FrameRef], datagram: &Datagram<'_>) {
        let (source, destination) = datagram.ports();
        let from = Endpoint { address: datagram.source, port: source };
        let to = Endpoint { address: datagram.destination, port: destination };
        let Some(starts) = self.starts.get_mut(&ordered(from, to, datagram.transport)) else { return };
        let identifier = match datagram.content {
            Content::Icmp(message) => message.identifier.unwrap_or(0),
            Content::Tcp(_)
            | Content::Udp { .. }
            | Content::Ports { .. }
            | Content::Fragment(_)
            | Content::Other(_) => 0,
        };
        if let Some(start) = starts.iter_mut().find(|start| start.identifier.is_none() && start.first.1 == place) {
            start.identifier = Some(identifier);
        }
        let same = |start: &&Start| start.identifier == Some(identifier);
        let begun = starts.iter().rev().filter(same).find(|start| start.first <= (at, place));
        // A time stamp that runs backwards may lie before the first packet of its own flow.
        let flow = begun.or_else(|| starts.iter().find(same)).map(|start| start.flow);
        if let Some(flow) = flow.filter(|flow| self.wanted.contains(flow)) {
            self.found.extend(frames.iter().map(|frame| (*frame, flow)));
        }
    }
}

fn ends(flow: &Conversation) -> Ends {
    ordered(flow.originator(), flow.responder(), flow.transport)
}

fn ordered(one: Endpoint, other: Endpoint, transport: Transport) -> Ends {
    if one <= other { (one, other, transport) } else { (other, one, transport) }
}

const fn is_icmp(transport: Transport) -> bool {
    matches!(transport, Transport::ICMP | Transport::ICMP6)
}
