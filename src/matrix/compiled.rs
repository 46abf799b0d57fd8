//! The matrix: packs resolved against a site, with its look-up, and the plain scan that judges the
//! look-up. Nothing here changes after it was built.

use std::net::IpAddr;

use super::compile::unplayed;
use super::index::{Index, Played, as_index};
use super::model::{
    Atom, AtomId, Binding, Direction, Facts, MinimumBasis, PackInfo, Peer, Role, RoleId, Row, RowId, Standing, Waiver,
};
use super::roles::PROXY;
use super::site::Declared;

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
    /// Names that the command line declares.
    pub declared: Declared,
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
        let (declared, warnings) = (Declared::default(), Vec::new());
        Self {
            packs,
            roles,
            rows,
            subject,
            vantage,
            minimum,
            waivers,
            site,
            site_file,
            features,
            declared,
            index,
            warnings,
        }
    }

    /// The same matrix with what its compiler wants to be said aloud.
    #[must_use]
    pub(super) fn with_warnings(mut self, warnings: Vec<String>) -> Self {
        self.warnings = warnings;
        self
    }

    /// The same matrix with the names that the command line declares.
    #[must_use]
    pub(super) fn with_declared(mut self, declared: Declared) -> Self {
        self.declared = declared;
        self
    }

    /// The role of explicit proxies, where somebody may play it.
    #[must_use]
    pub fn proxy(&self) -> Option<RoleId> {
        let place = self.roles.iter().position(|role| role.id == PROXY)?;
        u32::try_from(place).ok().map(RoleId)
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

    /// Whether the site lists this address as a host of some role: by itself or in a range of at most 64. A wider
    /// range is a network, not a list of hosts.
    #[must_use]
    pub fn lists_host(&self, address: IpAddr) -> bool {
        self.index.is_host(address)
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
        self.index.matches(facts, found);
    }

    /// The roles that one end of a flow plays: one look-up for many questions.
    #[must_use]
    pub fn played(&self, peer: &Peer<'_>) -> Played<'_> {
        self.index.played(peer)
    }

    /// A number that two ports share only when the same atoms list both, whatever the protocol; `None`
    /// where it is not known without asking each.
    #[must_use]
    pub fn alike(&self, port: u16) -> Option<u64> {
        self.index.alike(port)
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

    /// The role at an end of this row that nobody plays, whether the vantage sees the row or not; none of a row whose
    /// feature is off.
    #[must_use]
    pub fn unplayed(&self, row: &Row) -> Option<RoleId> {
        let live = row.standing != Standing::NotApplicable;
        if live { unplayed(&self.roles, (&row.from, &row.to)) } else { None }
    }

    /// Whether `peer` plays `role`, and how. An address that is listed wins over a name.
    #[must_use]
    pub fn plays(&self, peer: &Peer<'_>, role: RoleId) -> Option<Binding> {
        self.played(peer).how(role)
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
            roles => roles.iter().filter_map(|role| self.scan_role(peer, *role)).min(),
        };
        let forward = || Some((any(&facts.originator, &row.from)?, any(&facts.responder, &row.to)?));
        let backward = || Some((any(&facts.originator, &row.to)?, any(&facts.responder, &row.from)?));
        match row.direction {
            Direction::Forward => forward(),
            Direction::Either => forward().or_else(backward),
        }
    }

    fn scan_role(&self, peer: &Peer<'_>, role: RoleId) -> Option<Binding> {
        let role = self.role(role)?;
        if role.addresses.iter().any(|range| range.contains(&peer.address)) {
            return Some(Binding::Address);
        }
        let named = |name: &&str| role.names.iter().any(|pattern| name_matches(pattern, name));
        peer.names.iter().position(named).map(Binding::Name)
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Follows;
    use super::super::addresses::joined;
    use super::super::index_rows::Side;
    use super::super::model::{Atom, Need, Ports, Severity};
    use super::*;
    use crate::wire::Transport;

    const NAMES: &[&str] = &["a.example", "b.a.example", "c.b.a.example", "example", "other", "a.other"];
    const PATTERNS: &[&str] =
        &["a.example", "*.example", "**.example", "*.a.example", "**.a.example", "other", "**.other"];

    fn address() -> impl Strategy<Value = IpAddr> {
        prop_oneof![
            (0u32..40).prop_map(|low| IpAddr::from((0x0aff_fff0u32 + low).to_be_bytes())),
            any::<u32>().prop_map(|bits| IpAddr::from(bits.to_be_bytes())),
            prop_oneof![Just(IpAddr::from([0; 4])), Just(IpAddr::from([255; 4])), Just(IpAddr::from([255; 16]))],
            (0u128..40).prop_map(|low| IpAddr::from((0xfd77u128 << 112 | low).to_be_bytes())),
        ]
    }

    fn role() -> impl Strategy<Value = Role> {
        let ranges = prop::collection::vec((address(), address()), 0..5);
        (ranges, prop::collection::vec(prop::sample::select(PATTERNS), 0..3)).prop_map(|(pairs, names)| {
            let same = pairs.into_iter().filter(|(a, b)| a.is_ipv4() == b.is_ipv4());
            let addresses = joined(same.map(|(a, b)| a.min(b)..=a.max(b)).collect());
            let names = names.into_iter().map(str::to_owned).collect();
            Role { id: String::new(), title: String::new(), addresses, names, follows: Follows::Nobody }
        })
    }

    fn transport() -> impl Strategy<Value = Transport> {
        prop::sample::select(vec![Transport::TCP, Transport::UDP, Transport::ICMP])
    }

    fn atom() -> impl Strategy<Value = Atom> {
        let port = prop_oneof![0u16..9, Just(u16::MAX), any::<u16>()];
        let ranges = prop::collection::vec((port.clone(), port), 1..3)
            .prop_map(|pairs| Ports::Ranges(pairs.into_iter().map(|(a, b)| a.min(b)..=a.max(b)).collect()));
        (transport(), prop_oneof![1 => Just(Ports::Any), 4 => ranges]).prop_map(|(transport, ports)| Atom {
            service: String::new(),
            transport,
            ports,
            application: None,
            optional: false,
            announced: false,
            group: None,
        })
    }

    fn row() -> impl Strategy<Value = Row> {
        let ends = || prop::collection::vec((0u32..40).prop_map(RoleId), 0..3);
        let either = prop::bool::ANY;
        (ends(), ends(), either, prop::collection::vec(atom(), 1..4)).prop_map(|(from, to, either, atoms)| Row {
            id: String::new(),
            pack: 0,
            from,
            to,
            direction: if either { Direction::Either } else { Direction::Forward },
            atoms,
            purpose: String::new(),
            need: Need::Required,
            window: 0,
            severity: Severity::Low,
            standing: Standing::Live,
        })
    }

    fn matrix(roles: Vec<Role>, rows: Vec<Row>) -> Matrix {
        Matrix::from_parts(MatrixParts {
            packs: Vec::new(),
            roles,
            rows,
            subject: RoleId(0),
            vantage: None,
            minimum: MinimumBasis::default(),
            waivers: Vec::new(),
            site: String::new(),
            site_file: None,
            features: Vec::new(),
        })
    }

    type Query = (IpAddr, Vec<&'static str>, IpAddr, Vec<&'static str>, Transport, u16);

    fn query() -> impl Strategy<Value = Query> {
        let names = || prop::collection::vec(prop::sample::select(NAMES), 0..3);
        let port = prop_oneof![0u16..9, Just(u16::MAX), any::<u16>()];
        (address(), names(), address(), names(), transport(), port)
    }

    fn check(matrix: &Matrix, (from, from_names, to, to_names, transport, port): &Query) {
        let originator = Peer { address: *from, names: from_names };
        let responder = Peer { address: *to, names: to_names };
        let facts = Facts { originator, responder, transport: *transport, port: *port };
        let mut found = Vec::new();
        matrix.matches(&facts, &mut found);
        let expected = matrix.scan(&facts);
        assert_eq!(found, expected, "{facts:?}");
        for side in [Side::Port, Side::Originator, Side::Responder] {
            found.clear();
            assert!(!matrix.index.matches_from(side, &facts, &mut found) || found == expected, "{side:?} {facts:?}");
        }
        for peer in [&facts.originator, &facts.responder] {
            let (bare, ids) = (Peer { names: &[], ..*peer }, (0u32..).map(RoleId).take(matrix.roles.len()));
            let expected: Vec<RoleId> = ids.clone().filter(|role| matrix.scan_role(&bare, *role).is_some()).collect();
            assert_eq!(matrix.roles_at(peer.address), expected, "{peer:?}");
            assert_eq!(matrix.subject_plays(peer.address), expected.contains(&RoleId(0)));
            assert_eq!(matrix.lists_host(peer.address), is_among_hosts(matrix, peer.address), "{peer:?}");
            ids.for_each(|role| {
                assert_eq!(matrix.plays(peer, role), matrix.scan_role(peer, role), "{peer:?} {role:?}")
            });
        }
    }

    fn is_among_hosts(matrix: &Matrix, address: IpAddr) -> bool {
        let bits = |address: &IpAddr| match address {
            IpAddr::V4(v4) => u128::from(v4.to_bits()),
            IpAddr::V6(v6) => v6.to_bits(),
        };
        let ranges = matrix.roles.iter().flat_map(|role| &role.addresses);
        ranges.filter(|range| range.contains(&address)).any(|range| bits(range.end()) - bits(range.start()) < 64)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn the_look_up_finds_what_the_scan_finds(
            roles in prop::collection::vec(role(), 1..40),
            rows in prop::collection::vec(row(), 0..40),
            copies in prop::sample::select(vec![1usize, 5, 60]),
            queries in prop::collection::vec(query(), 20),
        ) {
            // Copies of the rows lead over 128 rows into the other form of the look-up.
            let rows = rows.iter().cycle().take(rows.len() * copies).cloned().collect();
            let matrix = matrix(roles, rows);
            queries.iter().for_each(|query| check(&matrix, query));
        }
    }
}
