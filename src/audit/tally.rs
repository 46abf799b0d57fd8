//! The flows of one atom, counted by peer: what was open, what was blocked, by what, on which frames.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use super::model::{AtomResult, PeerResult, RowStatus};
use super::payload::{self, Bytes};
use super::{evidence, time, words};
use crate::flow::{Conversation, Outcome};
use crate::ledger::Observation;
use crate::matrix::{Atom, Matrix};
use crate::wire::Timestamp;

/// Peers shown for one atom; the rest is counted.
const PEERS_SHOWN: usize = 64;

/// What was seen of one atom.
#[derive(Default)]
pub(super) struct Tally<'audit> {
    /// In order of address, once all flows are counted.
    pub(super) peers: Vec<(IpAddr, PeerTally<'audit>)>,
    /// Where each of them stands until then: every flow asks, so they are found by hash.
    places: HashMap<IpAddr, usize, foldhash::fast::RandomState>,
    pub(super) flows: u64,
    pub(super) open: u64,
    pub(super) verified: u64,
    pub(super) blocked: u64,
    /// Open flows that speak something else.
    pub(super) wrong: u64,
    /// Flows that the evidence points at without deciding.
    pub(super) undecided: u64,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
}

/// What was seen of one peer of an atom.
#[derive(Default)]
pub(super) struct PeerTally<'audit> {
    pub(super) flows: Vec<&'audit Conversation>,
    pub(super) open: u64,
    pub(super) blocked: u64,
}

impl<'audit> Tally<'audit> {
    /// Counts a flow that fits the atom.
    pub(super) fn add(&mut self, matrix: &Matrix, atom: &Atom, flow: &'audit Conversation) {
        let address = far_end(matrix, flow);
        let place = *self.places.entry(address).or_insert_with(|| {
            self.peers.push((address, PeerTally::default()));
            self.peers.len().saturating_sub(1)
        });
        let Some((_, peer)) = self.peers.get_mut(place) else { return };
        peer.flows.push(flow);
        let weight = flow.weight();
        self.flows = self.flows.saturating_add(weight);
        if flow.outcome.is_open() {
            peer.open = peer.open.saturating_add(weight);
            self.open = self.open.saturating_add(weight);
            let verified = is_verified(atom, flow);
            self.verified = self.verified.saturating_add(if verified { weight } else { 0 });
        } else if flow.outcome.is_blocked() {
            peer.blocked = peer.blocked.saturating_add(weight);
            self.blocked = self.blocked.saturating_add(weight);
        }
        self.first = Some(self.first.map_or(flow.first, |first| first.min(flow.first)));
        self.last = Some(self.last.map_or(flow.last, |last| last.max(flow.last)));
    }

    /// Puts the peers in order. Nothing may be added any more.
    pub(super) fn conclude(&mut self) {
        self.places = HashMap::default();
        self.peers.sort_unstable_by_key(|(address, _)| *address);
    }

    /// What was seen of one peer.
    pub(super) fn peer(&self, address: &IpAddr) -> Option<&PeerTally<'audit>> {
        let place = self.peers.binary_search_by_key(address, |(peer, _)| *peer).ok()?;
        Some(&self.peers.get(place)?.1)
    }

    /// Peers that were only ever blocked.
    pub(super) fn blocked_peers(&self) -> impl Iterator<Item = (&IpAddr, &PeerTally<'audit>)> {
        self.peers.iter().map(|(address, peer)| (address, peer)).filter(|(_, peer)| peer.is_blocked())
    }

    /// The status of the atom, if anything was seen that decides it.
    pub(super) fn status(&self) -> Option<RowStatus> {
        let blocked = self.blocked_peers().next().is_some();
        Some(match (self.open > 0, blocked) {
            (true, true) => RowStatus::Partial,
            (true, false) if self.verified > 0 => RowStatus::Confirmed,
            (true, false) => RowStatus::Unverified,
            (false, _) if self.wrong > 0 => RowStatus::WrongProtocol,
            (false, true) => RowStatus::Blocked,
            (false, false) => return None,
        })
    }

    /// The result as reports show it.
    pub(super) fn result(&self, observation: &Observation, atom: &Atom, status: RowStatus) -> AtomResult {
        let shown = self.peers.iter().take(PEERS_SHOWN);
        let peers: Vec<PeerResult> = shown.map(|(peer, tally)| tally.result(observation, *peer)).collect();
        AtomResult {
            service: words::atom(atom),
            status,
            optional: atom.optional,
            flows: self.flows,
            established: self.open,
            blocked: self.blocked,
            more_peers: super::count(self.peers.len().saturating_sub(peers.len())),
            peers,
            first: self.first.map(time::text),
            last: self.last.map(time::text),
        }
    }
}

impl PeerTally<'_> {
    /// Tried, never open, and at least once provably blocked.
    pub(super) const fn is_blocked(&self) -> bool {
        self.open == 0 && self.blocked > 0
    }

    /// The flow that shows the block, latest first: what holds today.
    pub(super) fn decisive(&self) -> Option<&Conversation> {
        self.flows.iter().rev().find(|flow| flow.outcome.is_blocked()).copied()
    }

    fn result(&self, observation: &Observation, peer: IpAddr) -> PeerResult {
        let mut outcomes = BTreeMap::new();
        for flow in &self.flows {
            let seen: &mut u64 = outcomes.entry(flow.outcome.name().to_owned()).or_default();
            *seen = seen.saturating_add(flow.weight());
        }
        PeerResult {
            peer: words::named(peer, known_name(observation, self.flows.first().copied(), peer)),
            flows: super::weight(self.flows.iter().copied()),
            established: self.open,
            blocked: self.blocked,
            outcomes,
            reason: self.decisive().map(words::block),
            evidence: evidence::of(observation, self.flows.iter().copied()),
        }
    }
}

/// The end of a flow that is not the subject.
pub(super) fn far_end(matrix: &Matrix, flow: &Conversation) -> IpAddr {
    if matrix.subject_plays(flow.originator().address) { flow.responder().address } else { flow.originator().address }
}

/// Open, and the bytes are what the row says.
fn is_verified(atom: &Atom, flow: &Conversation) -> bool {
    let talked = flow.outcome != Outcome::OneSided;
    let unnamed = atom.application.is_none();
    let bytes = payload::compare(flow, atom);
    talked && (bytes == Bytes::Agree || (unnamed && !matches!(bytes, Bytes::Contradict(_))))
}

/// A name for the reader: what the flow claims, else what DNS gave its client. Never a basis.
fn known_name<'audit>(
    observation: &'audit Observation,
    flow: Option<&'audit Conversation>,
    peer: IpAddr,
) -> Option<&'audit str> {
    let flow = flow.filter(|flow| flow.responder().address == peer)?;
    let claimed = payload::recognised(flow).and_then(|r| r.claims.first()).map(|claim| claim.name.as_str());
    let given = || {
        let asked = |b: &&crate::ledger::Binding| {
            b.client == flow.originator().address && b.address == peer && b.from <= flow.first
        };
        observation.bindings.iter().filter(asked).map(|binding| binding.name.as_str()).min()
    };
    claimed.or_else(given)
}
