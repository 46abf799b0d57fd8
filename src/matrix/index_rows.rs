//! The look-up of a large matrix: lists of rows by port, by role that starts them and by role that
//! answers them. A look-up walks the shortest and holds each row of it against the other ends,
//! signature first, since most rows of a list fail there.

use super::compiled::Match;
use super::index::{End, Ends, Query, as_index};
use super::index_address::Intervals;
use super::index_port::{Atoms, Listed};
use super::lists::Lists;
use super::model::{AtomId, Direction, Ports, RoleId, Row, RowId};

/// Rows by who stands at their ends.
#[derive(Clone, Debug)]
pub(super) struct Many {
    starts: ByRole,
    answers: ByRole,
    /// Rows that anybody may start and anybody may answer.
    open: Vec<Entry>,
    /// By class of addresses: what its roles come to.
    classes: Vec<Class>,
}

/// Rows that a role stands at one end of.
#[derive(Clone, Debug)]
struct ByRole {
    /// By role: all of them.
    all: Lists<Entry>,
    /// By role: those whose other end is open to anybody. A walk from the other end misses them.
    with_anybody: Lists<Entry>,
}

/// A row in a list: who may stand at its other end, and its ports.
#[derive(Clone, Copy, Debug)]
struct Entry {
    row: u32,
    other: Signature,
    ports: Signature,
}

/// The roles of a class: in one word, and the lengths of their lists.
#[derive(Clone, Copy, Debug, Default)]
struct Class {
    roles: Signature,
    starts: u32,
    starts_with_anybody: u32,
    answers: u32,
    answers_with_anybody: u32,
}

/// Where a look-up begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// At the atoms that list the port.
    Port,
    /// At the rows that the originator may start.
    Originator,
    /// At the rows that the responder may answer.
    Responder,
}

/// A set in one word: members share bits, so that it may seem to hold more than was put in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Signature(u32);

impl Signature {
    /// The bit of rows that take anybody; everybody who asks has it.
    const ANYBODY: Self = Self(1 << 31);

    fn of(roles: &[RoleId]) -> Self {
        if roles.is_empty() { Self::ANYBODY } else { roles.iter().fold(Self(0), |set, role| set.or(bit(*role))) }
    }

    fn port(transport: u8, port: u16) -> Self {
        Self(1u32.wrapping_shl(u32::from(port ^ u16::from(transport)) & 31))
    }

    fn ports(row: &Row) -> Self {
        let mut set = Self(0);
        for atom in &row.atoms {
            match &atom.ports {
                Ports::Any => set = Self(u32::MAX),
                Ports::Ranges(ranges) => {
                    // More than 31 ports in a row have every bit.
                    let ports = ranges.iter().flat_map(|range| range.clone().take(32));
                    set = ports.fold(set, |set, port| set.or(Self::port(atom.transport.0, port)));
                }
            }
        }
        set
    }

    const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// One of the lower 31 bits.
const fn bit(role: RoleId) -> Signature {
    Signature(1u32.wrapping_shl(role.0 % 31))
}

/// Who may start a row, and who may answer it.
pub(super) fn signatures(row: &Row) -> (Signature, Signature) {
    let (from, to) = (Signature::of(&row.from), Signature::of(&row.to));
    match row.direction {
        Direction::Forward => (from, to),
        Direction::Either => (from.or(to), from.or(to)),
    }
}

impl Many {
    /// Sorts the rows by their ends.
    pub fn new(rows: &[Row], roles: usize, intervals: &Intervals) -> Self {
        let mut starts = Sorter::new(roles);
        let mut answers = Sorter::new(roles);
        let mut open = Vec::new();
        for (number, row) in (0u32..).zip(rows) {
            let entry =
                |other: &[RoleId]| Entry { row: number, other: Signature::of(other), ports: Signature::ports(row) };
            if row.from.is_empty() && row.to.is_empty() {
                open.push(entry(&[]));
            }
            starts.add(&row.from, entry(&row.to));
            answers.add(&row.to, entry(&row.from));
            if row.direction == Direction::Either {
                starts.add(&row.to, entry(&row.from));
                answers.add(&row.from, entry(&row.to));
            }
        }
        let mut many = Self { starts: starts.finish(), answers: answers.finish(), open, classes: Vec::new() };
        many.classes = intervals.classes().map(|roles| many.class(roles.iter().copied())).collect();
        many
    }

    fn class(&self, roles: impl Iterator<Item = RoleId>) -> Class {
        let mut class = Class { roles: Signature::ANYBODY, ..Class::default() };
        for role in roles {
            let add = |sum: &mut u32, lists: &Lists<Entry>| {
                *sum = sum.saturating_add(u32::try_from(lists.get(role.0).len()).unwrap_or(u32::MAX));
            };
            class.roles = class.roles.or(bit(role));
            add(&mut class.starts, &self.starts.all);
            add(&mut class.starts_with_anybody, &self.starts.with_anybody);
            add(&mut class.answers, &self.answers.all);
            add(&mut class.answers_with_anybody, &self.answers.with_anybody);
        }
        class
    }

    /// The class of an end, or what its roles come to where it plays some by name.
    #[inline]
    fn of(&self, end: &End<'_>) -> Class {
        if end.by_name.is_empty() {
            return self.classes.get(as_index(end.class)).copied().unwrap_or_default();
        }
        self.class(end.roles())
    }

    /// The side from which the fewest rows have to be looked at.
    pub fn side(&self, query: &Query<'_>) -> Side {
        let Atoms { list, wide } = query.listed;
        let by_port = list.len().saturating_add(wide.len());
        if by_port <= SHORT {
            return Side::Port;
        }
        let (originator, responder) = (self.of(&query.originator), self.of(&query.responder));
        let walk = |near: u32, far: u32| as_index(near.saturating_add(far)).saturating_add(self.open.len());
        let by_originator = walk(originator.starts, responder.answers_with_anybody);
        let by_responder = walk(responder.answers, originator.starts_with_anybody);
        if by_port <= by_originator.min(by_responder) {
            Side::Port
        } else if by_originator <= by_responder {
            Side::Originator
        } else {
            Side::Responder
        }
    }

    /// Appends every atom that fits.
    pub fn matches(&self, ends: &Ends, query: &Query<'_>, side: Side, found: &mut Vec<Match>) {
        let (originator, responder) = (self.of(&query.originator), self.of(&query.responder));
        let ports = Signature::port(query.transport, query.port);
        let mut visit = |lists: &Lists<Entry>, near: &End<'_>, far: Class| {
            let entries = near.roles().flat_map(|role| lists.get(role.0));
            entries
                .filter(|e| e.other.meets(far.roles) && e.ports.meets(ports))
                .for_each(|e| by_row(ends, query, e, found));
        };
        match side {
            Side::Port => {
                let Atoms { list, wide } = query.listed;
                let fits = |l: &&Listed| l.starts.meets(originator.roles) && l.answers.meets(responder.roles);
                list.iter().chain(wide).filter(fits).for_each(|listed| by_atom(ends, query, listed.atom, found));
            }
            Side::Originator => {
                visit(&self.starts.all, &query.originator, responder);
                if responder.answers_with_anybody > 0 {
                    visit(&self.answers.with_anybody, &query.responder, originator);
                }
            }
            Side::Responder => {
                visit(&self.answers.all, &query.responder, originator);
                if originator.starts_with_anybody > 0 {
                    visit(&self.starts.with_anybody, &query.originator, responder);
                }
            }
        }
        if side != Side::Port {
            let open = self.open.iter().filter(|entry| entry.ports.meets(ports));
            open.for_each(|entry| by_row(ends, query, entry, found));
        }
        if found.len() > 1 {
            found.sort_unstable();
            found.dedup();
        }
    }
}

fn by_row(ends: &Ends, query: &Query<'_>, entry: &Entry, found: &mut Vec<Match>) {
    let mut atoms = ends.atoms(entry.row, query).peekable();
    if atoms.peek().is_none() {
        return;
    }
    let Some((originator, responder)) = ends.of(entry.row, query) else { return };
    let id = |atom| AtomId { row: RowId(entry.row), atom };
    found.extend(atoms.map(|atom| Match { atom: id(atom), originator, responder }));
}

fn by_atom(ends: &Ends, query: &Query<'_>, atom: AtomId, found: &mut Vec<Match>) {
    let bound = ends.of(atom.row.0, query);
    found.extend(bound.map(|(originator, responder)| Match { atom, originator, responder }));
}

/// Lists that are being made.
struct Sorter {
    all: Vec<Vec<Entry>>,
    with_anybody: Vec<Vec<Entry>>,
}

impl Sorter {
    fn new(roles: usize) -> Self {
        Self { all: vec![Vec::new(); roles], with_anybody: vec![Vec::new(); roles] }
    }

    fn add(&mut self, near: &[RoleId], entry: Entry) {
        for role in near {
            let place = as_index(role.0);
            self.all.get_mut(place).into_iter().for_each(|list| list.push(entry));
            if entry.other == Signature::ANYBODY {
                self.with_anybody.get_mut(place).into_iter().for_each(|list| list.push(entry));
            }
        }
    }

    fn finish(self) -> ByRole {
        ByRole { all: self.all.into_iter().collect(), with_anybody: self.with_anybody.into_iter().collect() }
    }
}

/// A port list of this length is walked without looking for a shorter one.
const SHORT: usize = 8;
