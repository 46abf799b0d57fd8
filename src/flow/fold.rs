//! Flows that the budget evicts in, what they came to out: who, whom, port, outcome and sums. When
//! there are too many originators even for that, they are told by their network, then not at all;
//! which service was called and how it went is never lost.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::{Conversation, DirectionBasis, Endpoint, Marks, Outcome};
use crate::dissect::Payload;
use crate::wire::Transport;

/// Who called whom for what, and how it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Kind {
    originator: IpAddr,
    responder: IpAddr,
    port: u16,
    transport: Transport,
    outcome: Outcome,
}

/// The folded flows.
#[derive(Clone, Debug)]
pub(super) struct Folds {
    /// Found by hash, since one eviction folds hundreds of thousands; whoever goes through them sorts them.
    kinds: HashMap<Kind, Conversation, RandomState>,
    limit: usize,
    /// Flows folded so far.
    pub(super) flows: u64,
}

impl Folds {
    /// Room for `limit` kinds before originators are told by their network, twice as many before
    /// they are told not at all.
    pub(super) fn new(limit: usize) -> Self {
        Self { kinds: HashMap::default(), limit, flows: 0 }
    }

    /// Folds one flow, or what an earlier fold left.
    pub(super) fn add(&mut self, flow: Conversation) {
        self.flows = self.flows.saturating_add(flow.weight());
        let exact = Kind {
            originator: flow.originator().address,
            responder: flow.responder().address,
            port: flow.responder().port,
            transport: flow.transport,
            outcome: flow.outcome,
        };
        let coarse = [
            exact,
            Kind { originator: network(exact.originator), ..exact },
            Kind { originator: nobody(exact.originator), ..exact },
        ];
        let kind = coarse
            .into_iter()
            .zip([self.limit, self.limit.saturating_mul(2), self.limit.saturating_mul(3)])
            .find(|(kind, limit)| self.kinds.contains_key(kind) || self.kinds.len() < *limit)
            .map_or(
                Kind { responder: nobody(exact.responder), originator: nobody(exact.originator), ..exact },
                |(kind, _)| kind,
            );
        let blank = reduce(flow, kind);
        match self.kinds.get_mut(&kind) {
            Some(sum) => join(sum, &blank),
            None => {
                self.kinds.insert(kind, blank);
            }
        }
    }

    /// Adds the folds of another table.
    pub(super) fn merge(&mut self, later: Self) {
        let mut kinds: Vec<(Kind, Conversation)> = later.kinds.into_iter().collect();
        kinds.sort_unstable_by_key(|(kind, _)| *kind);
        for (_, flow) in kinds {
            self.add(flow);
        }
    }

    /// One conversation for each kind, in the order of kinds.
    pub(super) fn conversations(&self) -> impl Iterator<Item = &Conversation> {
        let mut kinds: Vec<(&Kind, &Conversation)> = self.kinds.iter().collect();
        kinds.sort_unstable_by_key(|(kind, _)| **kind);
        kinds.into_iter().map(|(_, flow)| flow)
    }
}

/// What of a flow survives: no ports of originators, no names, no frames but the first.
fn reduce(flow: Conversation, kind: Kind) -> Conversation {
    let originator = Endpoint { address: kind.originator, port: 0 };
    let responder = Endpoint { address: kind.responder, port: kind.port };
    let ends = (flow.originator().address, flow.responder().address);
    let blurred = Marks::BLURRED.when(ends != (kind.originator, kind.responder));
    let mut reduced = flow.between(originator, responder);
    if !matches!(*reduced.payload, Payload::None | Payload::NotCaptured) {
        reduced.payload = Arc::new(Payload::NotCaptured);
    }
    reduced.marks = reduced.marks.and(blurred);
    reduced.set_icmp(None);
    reduced.set_decided(None);
    reduced.set_claimed(None);
    reduced.set_certified(None);
    reduced
}

fn join(sum: &mut Conversation, flow: &Conversation) {
    if (flow.first, flow.first_frame) < (sum.first, sum.first_frame) {
        sum.first = flow.first;
        sum.first_frame = flow.first_frame;
        sum.set_vlan(flow.vlan());
        sum.depth = flow.depth;
    }
    sum.last = sum.last.max(flow.last);
    sum.sent.add(flow.sent);
    sum.received.add(flow.received);
    sum.direction_basis = weaker(sum.direction_basis, flow.direction_basis);
    sum.tries = sum.tries.saturating_add(flow.tries);
    sum.set_folded(sum.folded().saturating_add(flow.weight()));
    sum.marks = sum.marks.and(flow.marks);
    sum.set_missed(sum.missed().saturating_add(flow.missed()));
    if *flow.payload != Payload::None {
        sum.payload = Arc::clone(&flow.payload);
    }
}

fn weaker(a: DirectionBasis, b: DirectionBasis) -> DirectionBasis {
    a.max(b)
}

/// The /24 or /64 of an address.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(address) => IpAddr::V4(Ipv4Addr::from_bits(address.to_bits() & 0xffff_ff00)),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64))),
    }
}

const fn nobody(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    }
}
