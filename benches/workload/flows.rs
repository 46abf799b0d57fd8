//! Who talks to whom in a workload: the roles, the kinds of flow with their shares, and the life of
//! one flow. Makes no bytes.

use crate::random::Random;

/// A block of addresses that a role draws from: the first, and how many.
pub struct Role(u32, u32);

const AMS: Role = Role(0x0a0a_000a, 2);
const DC: Role = Role(0x0a0a_0102, 6);
const SQL: Role = Role(0x0a0a_0202, 2);
const AGENT: Role = Role(0x0a14_0000, 1 << 18);
const USER: Role = Role(0x0a1e_0000, 1 << 16);
const LOGIN: Role = Role(0x14be_8000, 1 << 6);
const GRAPH: Role = Role(0x1414_2000, 1 << 6);
const PACKAGES: Role = Role(0x6810_0000, 1 << 2);
const INTERNET: Role = Role(0x5db8_0000, 1 << 16);

/// The port drawn from the dynamic range, as RPC servers do.
const DYNAMIC: u16 = 0;

struct Kind {
    share: u32,
    from: &'static Role,
    to: &'static Role,
    udp: bool,
    port: u16,
}

const fn tcp(share: u32, from: &'static Role, to: &'static Role, port: u16) -> Kind {
    Kind { share, from, to, udp: false, port }
}

const fn udp(share: u32, from: &'static Role, to: &'static Role, port: u16) -> Kind {
    Kind { share, from, to, udp: true, port }
}

/// Every kind of flow with its share in a thousand.
const KINDS: &[Kind] = &[
    tcp(10, &AMS, &PACKAGES, 443),
    tcp(20, &AMS, &GRAPH, 443),
    tcp(20, &AMS, &LOGIN, 443),
    tcp(80, &AMS, &DC, 389),
    udp(60, &AMS, &DC, 389),
    tcp(20, &AMS, &DC, 3268),
    tcp(30, &AMS, &DC, 135),
    tcp(40, &AMS, &DC, DYNAMIC),
    udp(80, &AMS, &DC, 53),
    tcp(20, &AMS, &SQL, 1433),
    tcp(20, &AMS, &AGENT, 445),
    tcp(250, &AGENT, &AMS, 443),
    tcp(20, &USER, &AMS, 80),
    tcp(80, &USER, &AMS, 443),
    tcp(30, &USER, &LOGIN, 443),
    // Background.
    tcp(80, &USER, &INTERNET, 443),
    udp(40, &USER, &DC, 53),
    tcp(20, &AGENT, &DC, 88),
    // Violations.
    tcp(20, &AGENT, &AMS, 3389),
    tcp(15, &AMS, &INTERNET, 443),
    tcp(15, &USER, &SQL, 1433),
    tcp(10, &AGENT, &AMS, 445),
    tcp(10, &AMS, &DC, 636),
    udp(10, &AMS, &INTERNET, 53),
];

/// How a flow is carried in the mixed workload.
#[derive(Clone, Copy, Default)]
pub struct Carrier {
    /// Captured as Linux cooked v2 on the second interface.
    pub cooked: bool,
    /// VLAN tags on Ethernet, 0 to 2.
    pub tags: u8,
    /// IPv6 instead of IPv4.
    pub v6: bool,
    /// A hop-by-hop header stands in front of the transport.
    pub hop_by_hop: bool,
}

/// One live flow.
#[derive(Clone)]
pub struct Flow {
    /// IPv4 addresses of client and server.
    pub addresses: [u32; 2],
    /// Ports of client and server.
    pub ports: [u16; 2],
    /// UDP, else TCP.
    pub udp: bool,
    /// How it is carried.
    pub carrier: Carrier,
    /// Packets emitted so far.
    pub emitted: u32,
    /// Packets until it ends; `u32::MAX` for never.
    pub length: u32,
    /// Next sequence number of client and server.
    pub sequence: [u32; 2],
}

impl Flow {
    /// A new flow by the shares of [`KINDS`], carried plainly and endless.
    pub fn draw(random: &mut Random) -> Self {
        let mut ticket = random.below(1000);
        let mut chosen = &KINDS[0];
        for kind in KINDS {
            chosen = kind;
            match ticket.checked_sub(kind.share) {
                Some(rest) => ticket = rest,
                None => break,
            }
        }
        let address = |role: &Role, random: &mut Random| role.0 + random.below(role.1);
        let addresses = [address(chosen.from, random), address(chosen.to, random)];
        let client = dynamic_port(random);
        let server = if chosen.port == DYNAMIC { dynamic_port(random) } else { chosen.port };
        Self {
            addresses,
            ports: [client, server],
            udp: chosen.udp,
            carrier: Carrier::default(),
            emitted: 0,
            length: u32::MAX,
            sequence: [random.next() as u32, random.next() as u32],
        }
    }

    /// A new flow of bounded length: a heavy-tailed number of packets, short in UDP.
    pub fn draw_bounded(random: &mut Random) -> Self {
        let mut flow = Self::draw(random);
        let packets = random.pareto(12.0, 200_000.0, 0.72) as u32;
        flow.length = if flow.udp { 2 + (packets - 12).min(60) } else { packets };
        flow
    }

    /// Whether its last packet was emitted.
    pub fn ended(&self) -> bool {
        self.emitted >= self.length
    }

    /// What two packets of one flow have in common, as a flow table would key it.
    pub fn tuple(&self) -> [u64; 3] {
        let [low, high] = [0, 1].map(|side: usize| u64::from(self.addresses[side]) << 16 | u64::from(self.ports[side]));
        [low.min(high), low.max(high), u64::from(self.udp) << 1 | u64::from(self.carrier.v6)]
    }
}

impl Carrier {
    /// Draws the carrier of a flow of the mixed workload.
    pub fn draw(random: &mut Random) -> Self {
        let cooked = random.percent(30);
        let tags = if cooked { 0 } else { 1 + u8::from(random.percent(5)) };
        let v6 = random.percent(20);
        Self { cooked, tags, v6, hop_by_hop: v6 && random.percent(1) }
    }
}

fn dynamic_port(random: &mut Random) -> u16 {
    49152 + random.below(16384) as u16
}
