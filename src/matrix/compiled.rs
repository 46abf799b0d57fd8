//! The matrix: packs resolved against a site, with its look-up, and the plain scan that judges the
//! look-up. Nothing here changes after it was built.

use std::net::IpAddr;

use super::index::{Index, as_index};
use super::model::{
    Atom, AtomId, Binding, Direction, Facts, MinimumBasis, PackInfo, Peer, Role, RoleId, Row, RowId, Waiver,
};

/// Packs resolved against a site. The fields are for reading: the look-up is built from them once.
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
    index: Index,
    warnings: Vec<String>,
}

/// What a matrix is made of.
#[derive(Clone, Debug)]
pub struct MatrixParts {
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
    /// Builds the look-up over these parts.
    #[must_use]
    pub fn from_parts(parts: MatrixParts) -> Self {
        let index = Index::new(&parts.roles, &parts.rows);
        let MatrixParts { packs, roles, rows, subject, vantage, minimum, waivers, site, site_file, features } = parts;
        let warnings = Vec::new();
        Self { packs, roles, rows, subject, vantage, minimum, waivers, site, site_file, features, index, warnings }
    }

    /// The same matrix with what its compiler wants to be said aloud.
    #[must_use]
    pub(super) fn with_warnings(mut self, warnings: Vec<String>) -> Self {
        self.warnings = warnings;
        self
    }

    /// What is probably not meant as it stands in the site, one sentence each.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Roles that list this address, sorted; roles bound by name alone are not among them.
    #[must_use]
    pub fn roles_at(&self, address: IpAddr) -> &[RoleId] {
        self.index.roles_at(address)
    }

    /// Whether this is an address of the subject.
    #[must_use]
    pub fn subject_plays(&self, address: IpAddr) -> bool {
        self.roles_at(address).binary_search(&self.subject).is_ok()
    }

    /// Every atom that fits, in order of rows and atoms: exactly what [`Matrix::scan`] finds, by way
    /// of the look-up. `found` is emptied first; give the same one each time to save allocations.
    pub fn matches(&self, facts: &Facts<'_>, found: &mut Vec<Match>) {
        found.clear();
        let originator = self.index.plays(&facts.originator);
        let responder = self.index.plays(&facts.responder);
        self.index.candidates((&originator, &responder), facts.transport.0, facts.port, |number| {
            let Some(row) = self.rows.get(number) else { return };
            let forward = || Some((originator.any(&row.from)?, responder.any(&row.to)?));
            let backward = || Some((originator.any(&row.to)?, responder.any(&row.from)?));
            let ends = match row.direction {
                Direction::Forward => forward(),
                Direction::Either => forward().or_else(backward),
            };
            if let Some((originator, responder)) = ends {
                let row_id = RowId(u32::try_from(number).unwrap_or(u32::MAX));
                let atoms = fitting(row, row_id, facts);
                found.extend(atoms.map(|atom| Match { atom, originator, responder }));
            }
        });
    }

    /// The role with this index.
    #[must_use]
    pub fn role(&self, id: RoleId) -> Option<&Role> {
        self.roles.get(as_index(id.0))
    }

    /// The row with this index.
    #[must_use]
    pub fn row(&self, id: RowId) -> Option<&Row> {
        self.rows.get(as_index(id.0))
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
            let atoms = fitting(row, RowId(row_index), facts);
            found.extend(atoms.map(|atom| Match { atom, originator, responder }));
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

/// Atoms of a row that fit the protocol and the port.
fn fitting<'row>(row: &'row Row, id: RowId, facts: &Facts<'_>) -> impl Iterator<Item = AtomId> + use<'row> {
    let (transport, port) = (facts.transport, facts.port);
    (0u16..)
        .zip(&row.atoms)
        .filter(move |(_, atom)| atom.transport == transport && atom.ports.contains(port))
        .map(move |(atom, _)| AtomId { row: id, atom })
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
