//! The matrix: packs resolved against a site, with the plain scan that every faster look-up is
//! judged by.

use super::model::{
    Atom, AtomId, Binding, Direction, Facts, MinimumBasis, PackInfo, Peer, Role, RoleId, Row, RowId, Waiver,
};

/// Packs resolved against a site.
#[derive(Clone, Debug)]
pub struct Matrix {
    /// The packs as used, audited ones first.
    pub packs: Vec<PackInfo>,
    /// Every role of every pack.
    pub roles: Vec<Role>,
    /// Every row: audited packs first, each in document order.
    pub rows: Vec<Row>,
    /// The role under audit.
    pub subject: RoleId,
    /// Where the capture was taken: a role, or `None` for a mirror port.
    pub vantage: Option<RoleId>,
    /// Weakest bases that the site accepts.
    pub minimum: MinimumBasis,
    /// Waivers of the site.
    pub waivers: Vec<Waiver>,
    /// Name of the site.
    pub site: String,
    /// Path and SHA-256 of the site file, if one was read.
    pub site_file: Option<(String, String)>,
    /// Features and whether they are on.
    pub features: Vec<(String, bool)>,
}

/// An atom that fits some facts, and how each end came to play its role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Match {
    /// The atom.
    pub atom: AtomId,
    /// How the originator plays its role.
    pub originator: Binding,
    /// How the responder plays its role.
    pub responder: Binding,
}

impl Matrix {
    /// The role with this index.
    #[must_use]
    pub fn role(&self, id: RoleId) -> Option<&Role> {
        self.roles.get(usize::try_from(id.0).ok()?)
    }

    /// The row with this index.
    #[must_use]
    pub fn row(&self, id: RowId) -> Option<&Row> {
        self.rows.get(usize::try_from(id.0).ok()?)
    }

    /// The atom with this index.
    #[must_use]
    pub fn atom(&self, id: AtomId) -> Option<&Atom> {
        self.row(id.row)?.atoms.get(usize::from(id.atom))
    }

    /// Whether `peer` plays `role`, and how. An address that is listed wins over a name.
    #[must_use]
    pub fn plays(&self, peer: &Peer<'_>, role: RoleId) -> Option<Binding> {
        let role = self.role(role)?;
        if role.addresses.iter().any(|range| range.contains(&peer.address)) {
            return Some(Binding::Address);
        }
        let named = |name: &&str| role.names.iter().any(|pattern| name_matches(pattern, name));
        peer.names.iter().position(named).map(Binding::Name)
    }

    /// Every atom that fits, by plain scan over all rows: the judge of the compiled look-up.
    /// Features, vantage and unbound roles do not matter here; see [`Row::standing`].
    #[must_use]
    pub fn scan(&self, facts: &Facts<'_>) -> Vec<Match> {
        let mut found = Vec::new();
        for (row_index, row) in (0u32..).zip(&self.rows) {
            let Some((originator, responder)) = self.ends(row, facts) else { continue };
            for (atom_index, atom) in (0u16..).zip(&row.atoms) {
                if atom.transport == facts.transport && atom.ports.contains(facts.port) {
                    let atom = AtomId { row: RowId(row_index), atom: atom_index };
                    found.push(Match { atom, originator, responder });
                }
            }
        }
        found
    }

    fn ends(&self, row: &Row, facts: &Facts<'_>) -> Option<(Binding, Binding)> {
        let any = |peer: &Peer<'_>, roles: &[RoleId]| match roles {
            [] => Some(Binding::Address),
            roles => roles.iter().filter_map(|role| self.plays(peer, *role)).min(),
        };
        let forward = || Some((any(&facts.originator, &row.from)?, any(&facts.responder, &row.to)?));
        let backward = || Some((any(&facts.originator, &row.to)?, any(&facts.responder, &row.from)?));
        match row.direction {
            Direction::Forward => forward(),
            Direction::Either => forward().or_else(backward),
        }
    }
}

/// Whether a canonical name fits a pattern: equal, `*.` for exactly one label in front, `**.` for
/// one or more.
#[must_use]
pub fn name_matches(pattern: &str, name: &str) -> bool {
    if let Some(suffix) = pattern.strip_prefix("**.") {
        return name.strip_suffix(suffix).and_then(|head| head.strip_suffix('.')).is_some_and(|head| !head.is_empty());
    }
    if let Some(suffix) = pattern.strip_prefix("*.") {
        return name.split_once('.').is_some_and(|(label, rest)| !label.is_empty() && rest == suffix);
    }
    pattern == name
}
