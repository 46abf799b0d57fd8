//! Whose flows we judge. A capture taken at the subject itself has no bystanders; anywhere else a
//! flow is ours when a subject is at either end, or when both ends play roles of audited packs.

use std::net::IpAddr;

use crate::matrix::{Matrix, Peer, RoleId};

/// The scope of one audit.
pub(super) struct Scope<'audit> {
    matrix: &'audit Matrix,
    everything: bool,
    roles: Vec<RoleId>,
}

impl<'audit> Scope<'audit> {
    /// Reads the scope off the matrix.
    pub(super) fn new(matrix: &'audit Matrix) -> Self {
        let audited = |pack: usize| matrix.packs.get(pack).is_some_and(|pack| pack.audited);
        let rows = matrix.rows.iter().filter(|row| audited(row.pack));
        let mut roles: Vec<RoleId> = rows.flat_map(|row| row.from.iter().chain(&row.to)).copied().collect();
        roles.sort_unstable();
        roles.dedup();
        Self { matrix, everything: matrix.vantage == Some(matrix.subject), roles }
    }

    /// Whether what these two said to each other is judged, as far as addresses tell.
    pub(super) fn covers_addresses(&self, originator: IpAddr, responder: IpAddr) -> bool {
        let peer = |address| Peer { address, names: &[] };
        self.covers(&peer(originator), &peer(responder))
    }

    /// Whether a flow between these two is judged.
    pub(super) fn covers(&self, originator: &Peer<'_>, responder: &Peer<'_>) -> bool {
        let plays = |peer: &Peer<'_>, role: RoleId| self.matrix.plays(peer, role).is_some();
        let subject = |peer: &Peer<'_>| plays(peer, self.matrix.subject);
        let any = |peer: &Peer<'_>| self.roles.iter().any(|role| plays(peer, *role));
        self.everything || subject(originator) || subject(responder) || (any(originator) && any(responder))
    }
}
