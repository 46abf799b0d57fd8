//! One flow and what it does next in, the bytes of one frame out, checksums valid.

use crate::flows::Flow;
use crate::random::Random;

/// The largest frame that is built.
pub const LARGEST: usize = 2048;

const POOL: u32 = 128 << 10;
const FIN_ACK: u8 = 0x11;
const SYN: u8 = 0x02;
const SYN_ACK: u8 = 0x12;
const ACK: u8 = 0x10;
const RST_ACK: u8 = 0x14;

/// Random bytes that payloads are cut from.
pub struct Pool(Vec<u8>);

impl Pool {
    /// The pool of this generator.
    pub fn new(random: &mut Random) -> Self {
        Self((0..POOL / 8).flat_map(|_| random.next().to_le_bytes()).collect())
    }

    fn slice(&self, length: u32, random: &mut Random) -> &[u8] {
        let from = random.below(POOL - length) as usize;
        &self.0[from..from + length as usize]
    }
}

/// What a flow sends next: from which side, with which TCP flags, how many payload bytes.
pub struct Step {
    side: usize,
    flags: u8,
    payload: u32,
}

impl Step {
    /// The next packet of a flow of the ordinary workloads.
    pub fn ordinary(flow: &Flow, random: &mut Random) -> Self {
        let side = side(flow, random);
        if flow.udp {
            return Self { side, flags: 0, payload: 30 + random.below(200) };
        }
        let flags = flags(flow);
        let payload = match random.below(100) {
            _ if flags != ACK => 0,
            0..48 => 0,
            48..70 => 40 + random.below(500),
            _ => 1440,
        };
        Self { side, flags, payload }
    }

    /// The next packet of a flow of the flood of small flows.
    pub fn small(flow: &Flow, random: &mut Random) -> Self {
        let flags = flags(flow);
        let payload = if flow.udp || flags == ACK { random.below(62) } else { 0 };
        Self { side: side(flow, random), flags, payload }
    }

    /// A packet of a scan: the SYN, or the RST that answers it.
    pub const fn scan(answer: bool) -> Self {
        if answer { Self { side: 1, flags: RST_ACK, payload: 0 } } else { Self { side: 0, flags: SYN, payload: 0 } }
    }
}

/// The first three packets go there, back and there; later ones either way.
fn side(flow: &Flow, random: &mut Random) -> usize {
    match flow.emitted {
        0 | 2 => 0,
        1 => 1,
        _ => random.below(2) as usize,
    }
}

const fn flags(flow: &Flow) -> u8 {
    match flow.emitted {
        0 => SYN,
        1 => SYN_ACK,
        last if last.saturating_add(1) == flow.length => FIN_ACK,
        _ => ACK,
    }
}

/// Writes the frame of `step` into `frame`, replacing what it held, and moves the flow on.
pub fn build(frame: &mut Vec<u8>, flow: &mut Flow, step: &Step, pool: &Pool, random: &mut Random) {
    frame.clear();
    link(frame, flow, step.side);
    let header = if flow.udp { 8 } else { 20 };
    let (from, to) = (step.side, 1 - step.side);
    network(frame, flow, step.side, header + step.payload as u16);
    let start = frame.len();
    frame.extend(flow.ports[from].to_be_bytes());
    frame.extend(flow.ports[to].to_be_bytes());
    if flow.udp {
        frame.extend((header + step.payload as u16).to_be_bytes());
        frame.extend([0, 0]);
    } else {
        frame.extend(flow.sequence[from].to_be_bytes());
        frame.extend(if step.flags == SYN { [0; 4] } else { flow.sequence[to].to_be_bytes() });
        frame.extend([0x50, step.flags, 0xff, 0xff, 0, 0, 0, 0]);
    }
    frame.extend(pool.slice(step.payload, random));
    let place = start + if flow.udp { 6 } else { 16 };
    let sum = checksum(pseudo(flow, frame.len() - start), &frame[start..]);
    frame[place..place + 2].copy_from_slice(&sum.to_be_bytes());
    if !flow.carrier.cooked && frame.len() < 60 {
        frame.resize(60, 0);
    }
    let turn = u32::from(step.flags & (SYN | 0x01) != 0);
    flow.sequence[from] = flow.sequence[from].wrapping_add(step.payload + turn);
    flow.emitted = flow.emitted.saturating_add(1);
}

fn link(frame: &mut Vec<u8>, flow: &Flow, side: usize) {
    let ether_type: [u8; 2] = if flow.carrier.v6 { [0x86, 0xdd] } else { [0x08, 0x00] };
    let mac = |side: usize| {
        let [a, b, c, d] = flow.addresses[side].to_be_bytes();
        [2, 0, a, b, c, d]
    };
    if flow.carrier.cooked {
        // LINKTYPE_LINUX_SLL2: protocol, reserved, interface, ARPHRD, packet type, address.
        frame.extend(ether_type);
        frame.extend([0, 0, 0, 0, 0, 2, 0, 1, if side == 0 { 4 } else { 0 }, 6]);
        frame.extend(mac(side));
        frame.extend([0, 0]);
        return;
    }
    frame.extend(mac(1 - side));
    frame.extend(mac(side));
    if flow.carrier.tags == 2 {
        frame.extend([0x88, 0xa8, 0, 200]);
    }
    if flow.carrier.tags > 0 {
        frame.extend([0x81, 0x00, 0, 100]);
    }
    frame.extend(ether_type);
}

fn address(flow: &Flow, side: usize) -> Vec<u8> {
    let v4 = flow.addresses[side].to_be_bytes();
    if flow.carrier.v6 { [&[0xfd, 0, 0, 0x10, 0, 0, 0, 0, 0, 0, 0, 0][..], &v4].concat() } else { v4.to_vec() }
}

fn network(frame: &mut Vec<u8>, flow: &Flow, side: usize, payload: u16) {
    let protocol = if flow.udp { 17 } else { 6 };
    let start = frame.len();
    if flow.carrier.v6 {
        let extension = if flow.carrier.hop_by_hop { 8 } else { 0 };
        frame.extend([0x60, 0, 0, 0]);
        frame.extend((payload + extension).to_be_bytes());
        frame.extend([if extension > 0 { 0 } else { protocol }, 64]);
    } else {
        frame.extend([0x45, 0]);
        frame.extend((payload + 20).to_be_bytes());
        frame.extend((flow.emitted as u16).to_be_bytes());
        frame.extend([0x40, 0, 64, protocol, 0, 0]);
    }
    frame.extend(address(flow, side));
    frame.extend(address(flow, 1 - side));
    if flow.carrier.hop_by_hop {
        frame.extend([protocol, 0, 1, 4, 0, 0, 0, 0]); // PadN over the rest.
    }
    if !flow.carrier.v6 {
        let sum = checksum(0, &frame[start..]);
        frame[start + 10..start + 12].copy_from_slice(&sum.to_be_bytes());
    }
}

/// The sum of the pseudo header (RFC 9293 section 3.1, RFC 8200 section 8.1).
fn pseudo(flow: &Flow, length: usize) -> u64 {
    let protocol = if flow.udp { 17 } else { 6 };
    let both = [address(flow, 0), address(flow, 1)].concat();
    words(&both) + protocol + length as u64
}

fn words(bytes: &[u8]) -> u64 {
    let pair = |pair: &[u8]| u64::from(pair[0]) << 8 | pair.get(1).copied().map_or(0, u64::from);
    bytes.chunks(2).map(pair).sum()
}

/// The Internet checksum (RFC 1071) over `start` and `bytes`, whose checksum field is 0.
fn checksum(start: u64, bytes: &[u8]) -> u16 {
    let mut sum = start + words(bytes);
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    // In UDP a zero means that there is no checksum; its other form is written (RFC 768).
    match !(sum as u16) {
        0 => 0xffff,
        sum => sum,
    }
}
