//! Roles and rows in, a look-up out that gives for two addresses, a protocol and a port every atom
//! that fits. The plain scan over all rows is its judge. It allocates nothing but room for what it
//! finds.
//!
//! An address leads over a first level of 64 K entries to its elementary interval and so to its
//! class: the set of roles that list it, each as a host or as part of a network. A port leads to its class: the atoms that list it. Up to
//! 128 rows are sets in one word, by class and by role, and are intersected; more are walked from the
//! side that has the fewest of them, because bit vectors of 10,000 rows and 100,000 prefixes would
//! fill 179 MB.

use std::net::IpAddr;

use super::compiled::Match;
use super::index_address::Intervals;
use super::index_few::Few;
use super::index_names::{Named, Names};
use super::index_port::{Atoms, PortClasses};
use super::index_rows::Many;
use super::lists::Lists;
use super::model::{Binding, Direction, Facts, Peer, Ports, Role, RoleId, Row};

/// The compiled look-up.
#[derive(Clone, Debug)]
pub(super) struct Index {
    intervals: Intervals,
    names: Names,
    ports: PortClasses,
    ends: Ends,
    form: Form,
}

#[derive(Clone, Debug)]
enum Form {
    Few(Few),
    Many(Many),
}

/// The roles that one end of a flow plays, and how: by address, or by a name that it bears.
#[derive(Clone, Debug)]
pub struct Played<'matrix> {
    by_address: &'matrix [RoleId],
    by_name: Named,
    class: u32,
}

impl Played<'_> {
    /// A number that two ends share only when they play the same roles, and only when the site lists both as hosts
    /// or neither; `None` for one that plays a role by name.
    #[must_use]
    pub fn alike(&self) -> Option<u32> {
        self.by_name.is_empty().then_some(self.class)
    }

    /// How it plays this role. An address that is listed wins over a name.
    #[must_use]
    pub fn how(&self, role: RoleId) -> Option<Binding> {
        how(self.by_address, &self.by_name, role)
    }

    /// How it plays the strongest of these roles; nobody in particular is played by anybody.
    #[must_use]
    pub fn any(&self, roles: &[RoleId]) -> Option<Binding> {
        any(self.by_address, &self.by_name, roles)
    }
}

fn how(by_address: &[RoleId], by_name: &Named, role: RoleId) -> Option<Binding> {
    // Sorted, and nearly always two or three: a walk is quicker than a search.
    if by_address.iter().take_while(|listed| **listed <= role).any(|listed| *listed == role) {
        return Some(Binding::Address);
    }
    if by_name.is_empty() { None } else { by_name.get(role).map(Binding::Name) }
}

fn any(by_address: &[RoleId], by_name: &Named, roles: &[RoleId]) -> Option<Binding> {
    match roles {
        [] => Some(Binding::Address),
        roles => roles.iter().filter_map(|role| how(by_address, by_name, *role)).min(),
    }
}

/// One end of a flow in a look-up.
#[derive(Clone, Copy)]
pub(super) struct End<'query> {
    /// Class of its address.
    pub class: u32,
    /// Roles that list its address, sorted.
    pub by_address: &'query [RoleId],
    /// Roles that it plays by name.
    pub by_name: &'query Named,
}

impl End<'_> {
    /// Every role that it plays; one may come twice.
    #[inline]
    pub fn roles(&self) -> impl Iterator<Item = RoleId> {
        self.by_address.iter().copied().chain(self.by_name.iter().map(|(role, _)| role))
    }
}

/// What one look-up asks, as far as it is the same for all rows.
pub(super) struct Query<'query> {
    pub originator: End<'query>,
    pub responder: End<'query>,
    pub transport: u8,
    pub port: u16,
    /// The atoms that list the port.
    pub listed: Atoms<'query>,
}

impl Index {
    /// Builds the look-up.
    pub fn new(roles: &[Role], rows: &[Row]) -> Self {
        let intervals = Intervals::new(roles);
        let form = if rows.len() <= Few::MOST_ROWS {
            Form::Few(Few::new(rows, roles.len(), &intervals))
        } else {
            Form::Many(Many::new(rows, roles.len(), &intervals))
        };
        Self { intervals, names: Names::new(roles), ports: PortClasses::new(rows), ends: Ends::new(rows), form }
    }

    /// Roles that list this address, sorted.
    pub fn roles_at(&self, address: IpAddr) -> &[RoleId] {
        self.intervals.roles(self.intervals.class(address))
    }

    /// Whether a role lists this address as a host.
    pub fn is_host(&self, address: IpAddr) -> bool {
        self.intervals.are_hosts(self.intervals.class(address))
    }

    /// The roles that this end of a flow plays.
    pub fn played(&self, peer: &Peer<'_>) -> Played<'_> {
        let class = self.intervals.class(peer.address);
        Played { by_address: self.intervals.roles(class), by_name: self.names.roles(peer.names), class }
    }

    /// See [`PortClasses::alike`].
    pub fn alike(&self, port: u16) -> Option<u64> {
        self.ports.alike(port)
    }

    /// Appends every atom that fits to `found`, in order of rows and atoms.
    pub fn matches(&self, facts: &Facts<'_>, found: &mut Vec<Match>) {
        if let Form::Few(few) = &self.form
            && is_nameless(facts)
        {
            // The classes of the addresses say all: nobody has to ask for their roles.
            let [originator, responder] =
                [&facts.originator, &facts.responder].map(|peer| self.intervals.class(peer.address));
            return few.by_address(originator, responder, self.ports.atoms(facts.transport.0, facts.port), found);
        }
        self.ask(facts, |query| match &self.form {
            Form::Few(few) => few.matches(&self.ends, query, found),
            Form::Many(many) => many.matches(&self.ends, query, many.side(query), found),
        });
    }

    /// The same by a given side of a large matrix; false when this one is small.
    #[cfg(test)]
    pub fn matches_from(&self, side: super::index_rows::Side, facts: &Facts<'_>, found: &mut Vec<Match>) -> bool {
        let Form::Many(many) = &self.form else { return false };
        self.ask(facts, |query| many.matches(&self.ends, query, side, found));
        true
    }

    #[inline]
    fn ask(&self, facts: &Facts<'_>, answer: impl FnOnce(&Query<'_>)) {
        let (transport, port) = (facts.transport.0, facts.port);
        let listed = self.ports.atoms(transport, port);
        if listed.list.is_empty() && listed.wide.is_empty() {
            return;
        }
        if is_nameless(facts) {
            let end = |peer: &Peer<'_>| self.end(peer, &NAMELESS);
            let (originator, responder) = (end(&facts.originator), end(&facts.responder));
            return answer(&Query { originator, responder, transport, port, listed });
        }
        let (originator, responder) =
            (self.names.roles(facts.originator.names), self.names.roles(facts.responder.names));
        let originator = self.end(&facts.originator, &originator);
        let responder = self.end(&facts.responder, &responder);
        answer(&Query { originator, responder, transport, port, listed });
    }

    #[inline]
    fn end<'query>(&'query self, peer: &Peer<'_>, by_name: &'query Named) -> End<'query> {
        let class = self.intervals.class(peer.address);
        End { class, by_address: self.intervals.roles(class), by_name }
    }
}

#[inline]
const fn is_nameless(facts: &Facts<'_>) -> bool {
    facts.originator.names.is_empty() && facts.responder.names.is_empty()
}

static NAMELESS: Named = Named::nobody();

/// Rows in a form that lies close together: who stands at their ends, and their ports.
#[derive(Clone, Debug)]
pub(super) struct Ends {
    from: Lists<RoleId>,
    to: Lists<RoleId>,
    either: Vec<bool>,
    ports: Lists<PortSpan>,
}

/// A range of ports of an atom.
#[derive(Clone, Copy, Debug)]
pub(super) struct PortSpan {
    first: u16,
    last: u16,
    /// Place of the atom in its row.
    pub atom: u16,
    transport: u8,
}

impl Ends {
    fn new(rows: &[Row]) -> Self {
        Self {
            from: rows.iter().map(|row| row.from.clone()).collect(),
            to: rows.iter().map(|row| row.to.clone()).collect(),
            either: rows.iter().map(|row| row.direction == Direction::Either).collect(),
            ports: rows.iter().map(port_spans).collect(),
        }
    }

    /// How the ends of a flow play the roles of a row, if they do.
    pub fn of(&self, row: u32, query: &Query<'_>) -> Option<(Binding, Binding)> {
        let (from, to) = (self.from.get(row), self.to.get(row));
        let (originator, responder) = (&query.originator, &query.responder);
        let plays = |end: &End<'_>, roles| any(end.by_address, end.by_name, roles);
        let forward = || Some((plays(originator, from)?, plays(responder, to)?));
        let backward = || Some((plays(originator, to)?, plays(responder, from)?));
        let either = self.either.get(as_index(row)).copied().unwrap_or_default();
        forward().or_else(|| if either { backward() } else { None })
    }

    /// The atoms of a row that list this port.
    pub fn atoms(&self, row: u32, query: &Query<'_>) -> impl Iterator<Item = u16> {
        let (transport, port) = (query.transport, query.port);
        let fits = move |span: &&PortSpan| span.transport == transport && (span.first..=span.last).contains(&port);
        self.ports.get(row).iter().filter(fits).map(|span| span.atom)
    }
}

fn port_spans(row: &Row) -> Vec<PortSpan> {
    let mut spans = Vec::new();
    for (number, atom) in (0u16..).zip(&row.atoms) {
        let span = |first, last| PortSpan { first, last, atom: number, transport: atom.transport.0 };
        match &atom.ports {
            Ports::Any => spans.push(span(0, u16::MAX)),
            Ports::Ranges(ranges) => spans.extend(ranges.iter().map(|range| span(*range.start(), *range.end()))),
        }
    }
    spans
}

/// A role or row number as an index.
pub(super) fn as_index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
