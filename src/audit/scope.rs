//! Whose flows we judge. A capture taken at the subject itself has no bystanders; anywhere else a
//! flow is ours when a subject is at either end, or when both ends play roles of audited packs. An
//! address that the site forgot, and that the subject's own network card sends, is a subject's here
//! and nowhere else: it plays no role, so it can make nothing expected.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::ledger::Observation;
use crate::matrix::{Matrix, Peer, Played, RoleId};
use crate::wire::FrameRef;

/// An address of the subject that the site does not list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Forgotten {
    /// The address.
    pub(super) address: IpAddr,
    /// The first frame with it.
    pub(super) frame: FrameRef,
    /// The address of the subject that the same network card sends, and its first frame.
    pub(super) listed: (IpAddr, FrameRef),
}

/// The scope of one audit.
pub(super) struct Scope<'audit> {
    matrix: &'audit Matrix,
    everything: bool,
    roles: Vec<RoleId>,
    forgotten: BTreeMap<IpAddr, Forgotten>,
}

impl<'audit> Scope<'audit> {
    /// Reads the scope off the matrix, and off the network cards where strangers pass.
    pub(super) fn new(observation: &Observation, matrix: &'audit Matrix) -> Self {
        let audited = |pack: usize| matrix.packs.get(pack).is_some_and(|pack| pack.audited);
        let rows = matrix.rows.iter().filter(|row| audited(row.pack));
        let mut roles: Vec<RoleId> = rows.flat_map(|row| row.from.iter().chain(&row.to)).copied().collect();
        roles.sort_unstable();
        roles.dedup();
        let mut scope =
            Self { matrix, everything: matrix.vantage == Some(matrix.subject), roles, forgotten: BTreeMap::new() };
        if !scope.everything {
            scope.forgotten = scope.forgotten_in(observation);
        }
        scope
    }

    /// Addresses that play no role and share a card with one that the site gives to the subject.
    fn forgotten_in(&self, observation: &Observation) -> BTreeMap<IpAddr, Forgotten> {
        let every: Vec<RoleId> = (0..).map(RoleId).take(self.matrix.roles.len()).collect();
        let plays = |address, role: &RoleId| self.matrix.plays(&Peer { address, names: &[] }, *role).is_some();
        let mut found = BTreeMap::new();
        for card in &observation.cards {
            let listed = card.addresses.iter().find(|(address, _)| plays(*address, &self.matrix.subject));
            let Some(listed) = listed.copied() else { continue };
            let strangers =
                card.addresses.iter().filter(|(address, _)| !every.iter().any(|role| plays(*address, role)));
            for (address, frame) in strangers {
                found.entry(*address).or_insert(Forgotten { address: *address, frame: *frame, listed });
            }
        }
        found
    }

    /// Every address of the subject that the site forgot, in order.
    pub(super) fn forgotten(&self) -> impl Iterator<Item = &Forgotten> {
        self.forgotten.values()
    }

    /// The address that the site forgot at one end of a flow.
    pub(super) fn forgotten_of(&self, originator: IpAddr, responder: IpAddr) -> Option<&Forgotten> {
        self.forgotten.get(&originator).or_else(|| self.forgotten.get(&responder))
    }

    /// Whether what these two said to each other is judged, as far as addresses tell.
    pub(super) fn covers_addresses(&self, originator: IpAddr, responder: IpAddr) -> bool {
        let played = |address| self.matrix.played(&Peer { address, names: &[] });
        self.covers((originator, responder), &played(originator), &played(responder))
    }

    /// Whether a flow between these two, which play these roles, is judged.
    pub(super) fn covers(&self, ends: (IpAddr, IpAddr), originator: &Played<'_>, responder: &Played<'_>) -> bool {
        let subject = |end: &Played<'_>| end.how(self.matrix.subject).is_some();
        let any = |end: &Played<'_>| self.roles.iter().any(|role| end.how(*role).is_some());
        let forgotten = || self.forgotten_of(ends.0, ends.1).is_some();
        let ours = self.everything || subject(originator) || subject(responder);
        ours || (any(originator) && any(responder)) || forgotten()
    }
}
