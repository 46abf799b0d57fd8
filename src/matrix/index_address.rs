//! Roles in, elementary address intervals out: between two neighbouring borders of any role, every
//! address is listed by the same roles, which is its class. Overlapping roles cost nothing more.
//! Knows addresses only; names and rows are elsewhere.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

use super::index::as_index;
use super::model::{Role, RoleId};

/// Which roles list an address.
#[derive(Clone, Debug)]
pub(super) struct Intervals {
    v4: Family,
    v6: Family,
    /// Distinct sets of roles, each sorted.
    classes: Vec<Vec<RoleId>>,
}

/// The intervals of one address family, addresses left-aligned in 128 bits.
#[derive(Clone, Debug)]
struct Family {
    /// First address of each interval; the first one is 0.
    starts: Vec<u128>,
    /// Class of each interval.
    classes: Vec<u32>,
    /// By the first 16 bits: the interval in which that block begins. One more than 64 K entries.
    first: Vec<u32>,
}

impl Intervals {
    /// Cuts the address space at every border of every role.
    pub fn new(roles: &[Role]) -> Self {
        let mut classes = Classes::default();
        let v4 = Family::new(&edges(roles, true), &mut classes);
        let v6 = Family::new(&edges(roles, false), &mut classes);
        Self { v4, v6, classes: classes.sets }
    }

    /// Roles that list this address, sorted.
    pub fn roles_at(&self, address: IpAddr) -> &[RoleId] {
        let (family, address) = match address {
            IpAddr::V4(address) => (&self.v4, left_aligned(address.to_bits())),
            IpAddr::V6(address) => (&self.v6, address.to_bits()),
        };
        let class = family.class(address).unwrap_or_default();
        self.classes.get(as_index(class)).map(Vec::as_slice).unwrap_or_default()
    }
}

impl Family {
    fn new(edges: &[Edge], classes: &mut Classes) -> Self {
        let mut family = Self { starts: vec![0], classes: vec![0], first: Vec::new() };
        let mut listing = BTreeSet::new();
        for group in edges.chunk_by(|a, b| a.at == b.at) {
            for edge in group {
                if edge.begins {
                    listing.insert(edge.role);
                } else {
                    listing.remove(&edge.role);
                }
            }
            let class = classes.of(&listing);
            let at = group.first().map_or(0, |edge| edge.at);
            match (family.starts.last(), family.classes.last_mut()) {
                (Some(last), Some(previous)) if *last == at => *previous = class,
                (_, Some(previous)) if *previous == class => {}
                _ => {
                    family.starts.push(at);
                    family.classes.push(class);
                }
            }
        }
        family.first = (0u128..=0x1_0000).map(|block| family.before(block)).collect();
        family
    }

    /// The interval that holds the first address of a 16-bit block.
    fn before(&self, block: u128) -> u32 {
        let begin = if block > 0xffff { u128::MAX } else { block << 112 };
        let behind = self.starts.partition_point(|start| *start <= begin);
        u32::try_from(behind.saturating_sub(1)).unwrap_or(u32::MAX)
    }

    fn class(&self, address: u128) -> Option<u32> {
        let block = usize::try_from(address >> 112).ok()?;
        let low = as_index(*self.first.get(block)?);
        let high = as_index(*self.first.get(block.saturating_add(1))?);
        let within = self.starts.get(low..=high)?.partition_point(|start| *start <= address);
        self.classes.get(low.saturating_add(within).checked_sub(1)?).copied()
    }
}

/// Where a role begins or ceases to list addresses.
struct Edge {
    at: u128,
    role: RoleId,
    begins: bool,
}

fn edges(roles: &[Role], v4: bool) -> Vec<Edge> {
    let mut edges = Vec::new();
    for (role, listed) in (0u32..).map(RoleId).zip(roles) {
        for range in listed.addresses.iter().filter(|range| range.start().is_ipv4() == v4 && !range.is_empty()) {
            let (begin, behind) = match (range.start(), range.end()) {
                (IpAddr::V4(start), IpAddr::V4(end)) => {
                    (left_aligned(start.to_bits()), end.to_bits().checked_add(1).map(left_aligned))
                }
                (IpAddr::V6(start), IpAddr::V6(end)) => (start.to_bits(), end.to_bits().checked_add(1)),
                // A range from IPv4 to IPv6 holds the rest of IPv4 and the beginning of IPv6;
                // no parser makes one.
                (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => continue,
            };
            edges.push(Edge { at: begin, role, begins: true });
            edges.extend(behind.map(|at| Edge { at, role, begins: false }));
        }
    }
    // Where two ranges of a role touch, the end comes first, so that the beginning wins.
    edges.sort_by_key(|edge| (edge.at, edge.role, edge.begins));
    edges
}

fn left_aligned(address: u32) -> u128 {
    u128::from(address) << 96
}

/// Distinct sets of roles; class 0 is nobody.
#[derive(Debug)]
struct Classes {
    sets: Vec<Vec<RoleId>>,
    numbers: HashMap<Vec<RoleId>, u32>,
}

impl Default for Classes {
    fn default() -> Self {
        Self { sets: vec![Vec::new()], numbers: HashMap::from([(Vec::new(), 0)]) }
    }
}

impl Classes {
    fn of(&mut self, roles: &BTreeSet<RoleId>) -> u32 {
        let set: Vec<RoleId> = roles.iter().copied().collect();
        if let Some(number) = self.numbers.get(&set) {
            return *number;
        }
        let number = u32::try_from(self.sets.len()).unwrap_or(u32::MAX);
        self.sets.push(set.clone());
        self.numbers.insert(set, number);
        number
    }
}
