//! Roles and rows in, a look-up out that gives for two addresses, a protocol and a port the few
//! rows that can fit. It may name a row too many, never one too few: [`super::Matrix::matches`]
//! looks at each of them exactly, and the plain scan over all rows is its judge.
//!
//! An address leads over a first level of 64 K entries to its elementary interval and so to its
//! class: the set of roles that list it. A port leads to its class: the set of rows that list it.
//! Small matrices intersect bit vectors over rows, large ones walk the port's list and test roles,
//! because bit vectors of 10,000 rows and 100,000 prefixes would fill 179 MB.

use std::collections::HashMap;
use std::net::IpAddr;

use super::index_address::Intervals;
use super::index_port::PortClasses;
use super::model::{Binding, Direction, Peer, Role, RoleId, Row};

/// The compiled look-up.
#[derive(Clone, Debug)]
pub(super) struct Index {
    intervals: Intervals,
    names: Names,
    ports: PortClasses,
    /// Per role, and last for nobody in particular: rows that it can start.
    starts: Vec<Bits>,
    /// The same: rows that it can answer.
    answers: Vec<Bits>,
}

/// How one end of a flow plays the roles of the matrix.
pub(super) struct Plays<'index> {
    by_address: &'index [RoleId],
    by_name: Vec<(RoleId, usize)>,
}

impl Plays<'_> {
    /// How it plays this role. An address that is listed wins over a name.
    pub fn binding(&self, role: RoleId) -> Option<Binding> {
        if self.by_address.binary_search(&role).is_ok() {
            return Some(Binding::Address);
        }
        self.by_name.iter().find(|(named, _)| *named == role).map(|(_, name)| Binding::Name(*name))
    }

    /// How it plays the strongest of these roles; nobody in particular is played by anybody.
    pub fn any(&self, roles: &[RoleId]) -> Option<Binding> {
        match roles {
            [] => Some(Binding::Address),
            roles => roles.iter().filter_map(|role| self.binding(*role)).min(),
        }
    }

    fn roles(&self) -> impl Iterator<Item = RoleId> {
        self.by_address.iter().copied().chain(self.by_name.iter().map(|(role, _)| *role))
    }
}

impl Index {
    /// Builds the look-up.
    pub fn new(roles: &[Role], rows: &[Row]) -> Self {
        let small = rows.len() <= MOST_ROWS_IN_BITS;
        let ends = |pick: fn(&Row) -> Ends<'_>| if small { bits_by_role(roles.len(), rows, pick) } else { Vec::new() };
        Self {
            intervals: Intervals::new(roles),
            names: Names::new(roles),
            ports: PortClasses::new(rows),
            starts: ends(starting),
            answers: ends(answering),
        }
    }

    /// Roles that list this address, sorted.
    pub fn roles_at(&self, address: IpAddr) -> &[RoleId] {
        self.intervals.roles_at(address)
    }

    /// How this end of a flow plays the roles of the matrix.
    pub fn plays(&self, peer: &Peer<'_>) -> Plays<'_> {
        Plays { by_address: self.roles_at(peer.address), by_name: self.names.roles(peer.names) }
    }

    /// Calls `visit` for every row that can fit, in ascending order.
    pub fn candidates(
        &self,
        (originator, responder): (&Plays<'_>, &Plays<'_>),
        transport: u8,
        port: u16,
        mut visit: impl FnMut(usize),
    ) {
        let (list, wide) = self.ports.rows(transport, port);
        let Some((anybody_starts, anybody_answers)) = self.starts.last().zip(self.answers.last()) else {
            return merge(list, wide, visit);
        };
        let mut start = anybody_starts.clone();
        originator.roles().for_each(|role| start.unite(self.starts.get(as_index(role.0))));
        let mut answer = anybody_answers.clone();
        responder.roles().for_each(|role| answer.unite(self.answers.get(as_index(role.0))));
        start.intersect(&answer);
        merge(list, wide, |row| {
            if start.contains(row) {
                visit(row);
            }
        });
    }
}

/// Visits two ascending lists as one.
fn merge(mut one: &[u32], mut other: &[u32], mut visit: impl FnMut(usize)) {
    loop {
        let next = match (one.split_first(), other.split_first()) {
            (None, None) => return,
            (Some((row, rest)), None) => {
                one = rest;
                *row
            }
            (None, Some((row, rest))) => {
                other = rest;
                *row
            }
            (Some((first, rest)), Some((second, tail))) => {
                if first <= second {
                    one = rest;
                }
                if second <= first {
                    other = tail;
                }
                *first.min(second)
            }
        };
        visit(as_index(next));
    }
}

/// Which roles stand at one end of a row.
type Ends<'row> = (&'row [RoleId], Option<&'row [RoleId]>);

fn starting(row: &Row) -> Ends<'_> {
    (&row.from, (row.direction == Direction::Either).then_some(&row.to))
}

fn answering(row: &Row) -> Ends<'_> {
    (&row.to, (row.direction == Direction::Either).then_some(&row.from))
}

/// Per role the rows at whose end it stands; the last entry is for rows that take anybody.
fn bits_by_role(roles: usize, rows: &[Row], pick: fn(&Row) -> Ends<'_>) -> Vec<Bits> {
    let mut bits = vec![Bits::new(rows.len()); roles.saturating_add(1)];
    for (number, row) in rows.iter().enumerate() {
        let (one, other) = pick(row);
        for ends in [Some(one), other].into_iter().flatten() {
            if ends.is_empty() {
                bits.last_mut().into_iter().for_each(|anybody| anybody.set(number));
            }
            for role in ends {
                bits.get_mut(as_index(role.0)).into_iter().for_each(|bits| bits.set(number));
            }
        }
    }
    bits
}

/// A set of row numbers. Up to 128 of them lie in place, so that common matrices need no heap.
#[derive(Clone, Debug)]
enum Bits {
    Few(u128),
    Many(Vec<u64>),
}

impl Bits {
    fn new(rows: usize) -> Self {
        if rows <= 128 { Self::Few(0) } else { Self::Many(vec![0; rows.div_ceil(64)]) }
    }

    fn set(&mut self, row: usize) {
        match self {
            Self::Few(bits) => *bits |= 1u128.wrapping_shl(low_bits(row)),
            Self::Many(words) => {
                words.get_mut(row >> 6).into_iter().for_each(|word| *word |= 1u64.wrapping_shl(low_bits(row)));
            }
        }
    }

    fn contains(&self, row: usize) -> bool {
        match self {
            Self::Few(bits) => bits.wrapping_shr(low_bits(row)) & 1 == 1,
            Self::Many(words) => words.get(row >> 6).is_some_and(|word| word.wrapping_shr(low_bits(row)) & 1 == 1),
        }
    }

    fn unite(&mut self, other: Option<&Self>) {
        match (self, other) {
            (Self::Few(bits), Some(Self::Few(more))) => *bits |= more,
            (Self::Many(words), Some(Self::Many(more))) => {
                words.iter_mut().zip(more).for_each(|(word, more)| *word |= more)
            }
            (Self::Few(_) | Self::Many(_), _) => {}
        }
    }

    fn intersect(&mut self, other: &Self) {
        match (self, other) {
            (Self::Few(bits), Self::Few(more)) => *bits &= more,
            (Self::Many(words), Self::Many(more)) => words.iter_mut().zip(more).for_each(|(word, more)| *word &= more),
            (Self::Few(_) | Self::Many(_), _) => {}
        }
    }
}

/// The bit number of a row in its word; shifts take it modulo the width.
fn low_bits(row: usize) -> u32 {
    u32::try_from(row & 127).unwrap_or_default()
}

/// A role or row number as an index.
pub(super) fn as_index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// Names of roles: whole, below one label, below any number of labels.
#[derive(Clone, Debug, Default)]
struct Names {
    whole: HashMap<String, Vec<RoleId>>,
    one_label: HashMap<String, Vec<RoleId>>,
    labels: HashMap<String, Vec<RoleId>>,
}

impl Names {
    fn new(roles: &[Role]) -> Self {
        let mut names = Self::default();
        for (id, role) in (0u32..).map(RoleId).zip(roles) {
            for pattern in &role.names {
                let (map, key) = if let Some(suffix) = pattern.strip_prefix("**.") {
                    (&mut names.labels, suffix)
                } else if let Some(suffix) = pattern.strip_prefix("*.") {
                    (&mut names.one_label, suffix)
                } else {
                    (&mut names.whole, pattern.as_str())
                };
                map.entry(key.to_owned()).or_default().push(id);
            }
        }
        names
    }

    /// Roles that these names play, each with the first name that does.
    fn roles(&self, names: &[&str]) -> Vec<(RoleId, usize)> {
        let mut found: Vec<(RoleId, usize)> = Vec::new();
        for (place, name) in names.iter().enumerate() {
            let mut add = |roles: Option<&Vec<RoleId>>| {
                for role in roles.into_iter().flatten() {
                    if !found.iter().any(|(known, _)| known == role) {
                        found.push((*role, place));
                    }
                }
            };
            add(self.whole.get(*name));
            if let Some((label, rest)) = name.split_once('.') {
                add(if label.is_empty() { None } else { self.one_label.get(rest) });
            }
            for (dot, _) in name.match_indices('.').filter(|(dot, _)| *dot > 0) {
                add(name.get(dot.saturating_add(1)..).and_then(|suffix| self.labels.get(suffix)));
            }
        }
        found
    }
}

/// Up to this many rows are kept as bit vectors by role.
const MOST_ROWS_IN_BITS: usize = 1_024;
