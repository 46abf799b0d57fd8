//! Roles in, elementary address intervals out: between two neighbouring borders of any role, every
//! address is listed by the same roles in the same way, which is its class. Overlapping roles cost nothing more.
//! Knows addresses only; names and rows are elsewhere.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::ops::RangeInclusive;

use super::index::as_index;
use super::lists::Lists;
use super::model::{Role, RoleId};

/// Which roles list an address.
#[derive(Clone, Debug)]
pub(super) struct Intervals {
    v4: Family<u32>,
    v6: Family<u128>,
    /// Distinct sets of roles, each sorted; the first is nobody.
    classes: Lists<RoleId>,
    /// By class, whether some role lists its addresses as hosts.
    hosts: Vec<bool>,
}

/// Blocks of addresses that share their first 16 bits.
const BLOCKS: usize = 1 << 16;

/// The intervals of one address family.
#[derive(Clone, Debug)]
struct Family<A> {
    /// First address and class of each interval; the first one begins at 0.
    intervals: Vec<(A, u32)>,
    /// By the first 16 bits: the interval in which that block begins. One more than 64 K entries, and none where
    /// there is one interval.
    first: Vec<u32>,
}

impl Intervals {
    /// Cuts the address space at every border of every role.
    pub fn new(roles: &[Role]) -> Self {
        let mut classes = Classes::default();
        let v4 = Family::new(edges(roles, v4_bits), &mut classes, 0, |start| as_index(start.div_ceil(1 << 16)));
        let v6 = Family::new(edges(roles, v6_bits), &mut classes, 0, |start| {
            usize::try_from(start.div_ceil(1 << 112)).unwrap_or(BLOCKS)
        });
        Self { v4, v6, classes: classes.sets, hosts: classes.hosts }
    }

    /// The class of this address.
    #[inline]
    pub fn class(&self, address: IpAddr) -> u32 {
        let class = match address {
            IpAddr::V4(address) => {
                let bits = address.to_bits();
                self.v4.class(usize::try_from(bits >> 16).unwrap_or_default(), bits)
            }
            IpAddr::V6(address) => {
                let bits = address.to_bits();
                self.v6.class(usize::try_from(bits >> 112).unwrap_or_default(), bits)
            }
        };
        class.unwrap_or_default()
    }

    /// Roles that list the addresses of a class, sorted.
    #[inline]
    pub fn roles(&self, class: u32) -> &[RoleId] {
        self.classes.get(class)
    }

    /// Whether some role lists the addresses of a class as hosts.
    #[inline]
    pub fn are_hosts(&self, class: u32) -> bool {
        self.hosts.get(as_index(class)).copied().unwrap_or_default()
    }

    /// The roles of every class, by its number.
    pub fn classes(&self) -> impl Iterator<Item = &[RoleId]> {
        self.classes.iter()
    }
}

impl<A: Copy + Ord> Family<A> {
    /// `behind` gives the first block that begins at an address or behind it.
    fn new(edges: Vec<Edge<A>>, classes: &mut Classes, zero: A, behind: impl Fn(A) -> usize) -> Self {
        let mut intervals = vec![(zero, 0)];
        let mut listing = Listing::new();
        for group in edges.chunk_by(|a, b| a.at == b.at) {
            for edge in group {
                if edge.begins {
                    listing.insert((edge.role, edge.hosts));
                } else {
                    listing.remove(&(edge.role, edge.hosts));
                }
            }
            let class = classes.of(&listing);
            let at = group.first().map_or(zero, |edge| edge.at);
            match intervals.last_mut() {
                Some((last, previous)) if *last == at => *previous = class,
                Some((_, previous)) if *previous == class => {}
                Some(_) | None => intervals.push((at, class)),
            }
        }
        if intervals.len() == 1 {
            return Self { intervals, first: Vec::new() };
        }
        let mut first = Vec::with_capacity(BLOCKS.saturating_add(1));
        // Up to where an interval begins, blocks begin in the one before it.
        for (interval, (start, _)) in (0u32..).zip(intervals.iter().skip(1)) {
            first.resize(behind(*start), interval);
        }
        first.resize(BLOCKS.saturating_add(1), u32::try_from(intervals.len().saturating_sub(1)).unwrap_or(u32::MAX));
        Self { intervals, first }
    }

    #[inline]
    fn class(&self, block: usize, address: A) -> Option<u32> {
        let Some([low, high]) = self.first.get(block..).and_then(<[u32]>::first_chunk::<2>) else {
            return self.intervals.first().map(|(_, class)| *class);
        };
        let (low, high) = (*low, *high);
        let low = as_index(low);
        let inside = self.intervals.get(low..=as_index(high))?;
        let within = if inside.len() == 1 { 1 } else { inside.partition_point(|(start, _)| *start <= address) };
        Some(inside.get(within.checked_sub(1)?)?.1)
    }
}

/// Where a role begins or ceases to list addresses.
struct Edge<A> {
    at: A,
    role: RoleId,
    /// Whether the range is a list of hosts.
    hosts: bool,
    begins: bool,
}

/// First address of a range, and the one behind its last if there is one.
type Span<A> = (A, Option<A>);

fn v4_bits(first: IpAddr, last: IpAddr) -> Option<Span<u32>> {
    match (first, last) {
        (IpAddr::V4(first), IpAddr::V4(last)) => Some((first.to_bits(), last.to_bits().checked_add(1))),
        // A range from IPv4 to IPv6 would hold the rest of IPv4 and the beginning of IPv6; no parser
        // makes one.
        (IpAddr::V6(_), _) | (IpAddr::V4(_), IpAddr::V6(_)) => None,
    }
}

fn v6_bits(first: IpAddr, last: IpAddr) -> Option<Span<u128>> {
    match (first, last) {
        (IpAddr::V6(first), IpAddr::V6(last)) => Some((first.to_bits(), last.to_bits().checked_add(1))),
        (IpAddr::V4(_), _) | (IpAddr::V6(_), IpAddr::V4(_)) => None,
    }
}

fn edges<A: Copy + Ord>(roles: &[Role], bits: impl Fn(IpAddr, IpAddr) -> Option<Span<A>>) -> Vec<Edge<A>> {
    let mut edges = Vec::new();
    for (role, listed) in (0u32..).map(RoleId).zip(roles) {
        for range in listed.addresses.iter().filter(|range| !range.is_empty()) {
            let Some((begin, behind)) = bits(*range.start(), *range.end()) else { continue };
            let hosts = width(range) <= LISTED_HOSTS;
            edges.push(Edge { at: begin, role, hosts, begins: true });
            edges.extend(behind.map(|at| Edge { at, role, hosts, begins: false }));
        }
    }
    // Where two ranges of a role touch, the end comes first, so that the beginning wins.
    edges.sort_by_key(|edge| (edge.at, edge.role, edge.begins));
    edges
}

/// Ranges of up to this many addresses count as lists of hosts: a wide one is a network.
const LISTED_HOSTS: u128 = 64;

fn width(range: &RangeInclusive<IpAddr>) -> u128 {
    let number = |address: &IpAddr| match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()),
        IpAddr::V6(v6) => v6.to_bits(),
    };
    number(range.end()).saturating_sub(number(range.start())).saturating_add(1)
}

/// Roles that list an address, and whether as a host.
type Listing = BTreeSet<(RoleId, bool)>;

/// Distinct listings; class 0 is nobody.
struct Classes {
    sets: Lists<RoleId>,
    hosts: Vec<bool>,
    numbers: HashMap<Listing, u32>,
}

impl Default for Classes {
    fn default() -> Self {
        let mut sets = Lists::default();
        sets.push([]);
        Self { sets, hosts: vec![false], numbers: HashMap::from([(Listing::new(), 0)]) }
    }
}

impl Classes {
    fn of(&mut self, listing: &Listing) -> u32 {
        if let Some(number) = self.numbers.get(listing) {
            return *number;
        }
        let number = u32::try_from(self.numbers.len()).unwrap_or(u32::MAX);
        self.sets.push(listing.iter().map(|(role, _)| *role));
        self.hosts.push(listing.iter().any(|(_, hosts)| *hosts));
        self.numbers.insert(listing.clone(), number);
        number
    }
}
