//! A seeded matrix of any size, and questions to ask it. Roles of many prefixes that overlap, rows
//! between one or two roles a side, ports as real matrices have them: a few that everybody uses,
//! many that one product uses, the dynamic range, now and then all of them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;

use flowaudit::matrix::{
    Atom, Direction, Facts, Follows, Matrix, MatrixParts, MinimumBasis, Need, Peer, Ports, Role, RoleId, Row, Severity,
    Standing,
};
use flowaudit::wire::Transport;

use crate::random::Random;

/// The sizes that are measured: rows, and prefixes of all roles together.
pub const SIZES: [(u32, u32); 5] = [(13, 10), (13, 100), (100, 1_000), (1_000, 10_000), (10_000, 100_000)];
/// Questions in a set; a power of two.
pub const QUESTIONS: usize = 4_096;

/// One direction of a flow that the matrix is asked about.
pub struct Question {
    originator: IpAddr,
    responder: IpAddr,
    transport: Transport,
    port: u16,
}

impl Question {
    /// It as the matrix takes it.
    pub fn facts(&self) -> Facts<'static> {
        let peer = |address| Peer { address, names: &[] };
        let (originator, responder) = (peer(self.originator), peer(self.responder));
        Facts { originator, responder, transport: self.transport, port: self.port }
    }
}

/// A matrix of so many rows and prefixes, and questions of which four in five are aimed at a row.
pub fn matrix(rows: u32, prefixes: u32) -> (Matrix, Vec<Question>) {
    let random = &mut Random::new(u64::from(rows) << 32 | u64::from(prefixes));
    let count = (rows / 5).clamp(8, prefixes);
    let roles: Vec<Role> = (0..count).map(|number| role(number, share(prefixes, count, number), random)).collect();
    let rows: Vec<Row> = (0..rows).map(|_| row(count, random)).collect();
    let questions = (0..QUESTIONS).map(|_| question(&roles, &rows, random)).collect();
    let parts = MatrixParts {
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
    };
    (Matrix::from_parts(parts), questions)
}

/// How many of `all` the `number`-th of `count` gets.
fn share(all: u32, count: u32, number: u32) -> u32 {
    all / count + u32::from(number < all % count)
}

fn role(number: u32, prefixes: u32, random: &mut Random) -> Role {
    let mut addresses: Vec<RangeInclusive<IpAddr>> = (0..prefixes).map(|_| prefix(random)).collect();
    addresses.sort_by_key(|range| (*range.start(), std::cmp::Reverse(*range.end())));
    // Within a role ranges are disjoint; a prefix inside another one adds nothing.
    let mut last: Option<IpAddr> = None;
    addresses.retain(|range| {
        let outside = last.is_none_or(|last| *range.start() > last);
        last = last.max(Some(*range.end()));
        outside
    });
    let id = format!("role-{number}");
    Role { title: id.clone(), id, addresses, names: Vec::new(), follows: Follows::Nobody }
}

/// Hosts and networks of 10.0.0.0/8, of the Internet and of fd00::/16.
fn prefix(random: &mut Random) -> RangeInclusive<IpAddr> {
    // Wide networks are few: an address lies in two or three roles, as in a real site.
    let length = match random.below(1_000) {
        0 => 16,
        1..10 => 20,
        10..100 => 22,
        100..400 => 24,
        400..600 => 28,
        _ => 32,
    };
    let bits = random.next() as u32;
    match random.below(10) {
        0 => {
            let start = 0xfd00_u128 << 112 | u128::from(bits) << 80;
            let end = start | (u128::MAX >> 16 >> length);
            IpAddr::V6(Ipv6Addr::from_bits(start))..=IpAddr::V6(Ipv6Addr::from_bits(end))
        }
        kind => {
            let start = if kind < 8 { 0x0a00_0000 | bits >> 8 } else { bits };
            let mask = u32::MAX.checked_shr(length).unwrap_or(0);
            IpAddr::V4(Ipv4Addr::from_bits(start & !mask))..=IpAddr::V4(Ipv4Addr::from_bits(start | mask))
        }
    }
}

fn row(roles: u32, random: &mut Random) -> Row {
    let ends = |anybody: u32, random: &mut Random| -> Vec<RoleId> {
        let count = if random.percent(anybody) { 0 } else { 1 + random.below(2) };
        (0..count).map(|_| RoleId(random.below(roles))).collect()
    };
    let (from, to) = (ends(4, random), ends(2, random));
    Row {
        id: String::new(),
        pack: 0,
        from,
        to,
        direction: if random.percent(5) { Direction::Either } else { Direction::Forward },
        atoms: (0..1 + random.below(3)).map(|_| atom(random)).collect(),
        purpose: String::new(),
        need: Need::Required,
        window: 0,
        severity: Severity::Low,
        standing: Standing::Live,
    }
}

fn atom(random: &mut Random) -> Atom {
    const COMMON: [u16; 16] = [443, 443, 443, 80, 53, 389, 445, 88, 135, 1433, 3268, 636, 22, 3389, 123, 8443];
    let single = |port: u16| Ports::Ranges(vec![port..=port]);
    let ports = match random.below(100) {
        0..50 => single(COMMON[random.below(16) as usize]),
        50..90 => single(1_024 + random.below(12_000) as u16),
        90..94 => Ports::Ranges(vec![49_152..=u16::MAX]),
        94..99 => {
            let first = 5_000 + random.below(3_000) as u16;
            Ports::Ranges(vec![first..=first + random.below(200) as u16])
        }
        _ => Ports::Any,
    };
    let transport = if random.percent(80) { Transport::TCP } else { Transport::UDP };
    let service = String::new();
    Atom { service, transport, ports, application: None, optional: false, announced: false, group: None }
}

fn question(roles: &[Role], rows: &[Row], random: &mut Random) -> Question {
    let row = &rows[random.below(rows.len() as u32) as usize];
    let atom = &row.atoms[random.below(row.atoms.len() as u32) as usize];
    let port = match &atom.ports {
        Ports::Any => random.below(1 << 16) as u16,
        Ports::Ranges(ranges) => {
            let (first, last) = (u32::from(*ranges[0].start()), u32::from(*ranges[0].end()));
            (first + random.below(last - first + 1)) as u16
        }
    };
    if random.percent(80) {
        let (originator, responder) = (inside(roles, &row.from, random), inside(roles, &row.to, random));
        Question { originator, responder, transport: atom.transport, port }
    } else {
        let anyone = |random: &mut Random| IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 | random.next() as u32 >> 8));
        Question { originator: anyone(random), responder: anyone(random), transport: Transport::TCP, port }
    }
}

/// An address of one of these roles, or of any role when they are none.
fn inside(roles: &[Role], of: &[RoleId], random: &mut Random) -> IpAddr {
    let role = match of {
        [] => random.below(roles.len() as u32),
        of => of[random.below(of.len() as u32) as usize].0,
    };
    let ranges = &roles[role as usize].addresses;
    let Some(range) = ranges.get(random.below(ranges.len() as u32) as usize) else { return Ipv4Addr::LOCALHOST.into() };
    match (range.start(), range.end()) {
        (IpAddr::V4(start), IpAddr::V4(end)) => {
            let width = (end.to_bits() - start.to_bits()).saturating_add(1);
            IpAddr::V4(Ipv4Addr::from_bits(start.to_bits() + random.below(width)))
        }
        (start, _) => *start,
    }
}
