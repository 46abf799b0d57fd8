//! Captures taken inside a host: loopback with an address family, raw IP, packet filter logs. The
//! address families of every system are accepted, in either byte order.

use super::super::layer::{Layer, count};
use super::super::{Datagram, Undecoded, ethernet, ip, ipv4, ipv6};

/// NULL and LOOP: four bytes of address family, in the order of the host that captured.
pub(super) fn loopback(layer: Layer<'_>) -> Result<Datagram<'_>, Undecoded> {
    let (head, rest) = layer.take::<4>()?;
    // Some writers leave an EtherType in the last two bytes.
    match u16::from_be_bytes([head[2], head[3]]) {
        number @ 0x0600.. if head[0] != 0 && head[1] == 0 => ethernet::ethertype(number, rest),
        _ => family(host_order(*head), rest),
    }
}

/// RAW: nothing before the IP header.
pub(super) fn raw(layer: Layer<'_>) -> Layer<'_> {
    let captured = count(layer.bytes);
    // Windows converters add an Ethernet header to the length on the wire of frames without one.
    if layer.wire.checked_sub(captured) == Some(14) { Layer { wire: captured, ..layer } } else { layer }
}

/// ENC, the inside of an OpenBSD IPsec interface: family, SPI, flags.
pub(super) fn enc(layer: Layer<'_>) -> Result<Datagram<'_>, Undecoded> {
    let (head, rest) = layer.take::<12>()?;
    family(host_order([head[0], head[1], head[2], head[3]]), rest)
}

/// PFLOG: its own length, then the family; the packet is aligned to four bytes.
pub(super) fn pflog(layer: Layer<'_>) -> Result<Datagram<'_>, Undecoded> {
    let ([length, number], _) = layer.take::<2>()?;
    family(u32::from(*number), layer.skip(usize::from(*length).next_multiple_of(4))?)
}

/// NFLOG: attributes, of which one is the packet. Lengths are in the order of the host.
pub(super) fn nflog(layer: Layer<'_>) -> Result<Datagram<'_>, Undecoded> {
    let (_, mut rest) = layer.take::<4>()?;
    loop {
        let ([a, b, c, d], _) = rest.take::<4>()?;
        let little = usize::from(u16::from_le_bytes([*a, *b]));
        let big = usize::from(u16::from_be_bytes([*a, *b]));
        let (length, kind) = if u16::from_be_bytes([*c, *d]) < 0x0100 && big >= 4 {
            (big, u16::from_be_bytes([*c, *d]))
        } else {
            (little, u16::from_le_bytes([*c, *d]))
        };
        if length < 4 {
            return Err(Undecoded::Malformed);
        }
        if kind & 0x7fff == NFLOG_PAYLOAD {
            return ip::decode(rest.skip(4)?);
        }
        rest = rest.skip(length.next_multiple_of(4))?;
    }
}

/// The datagram of an address family.
fn family(number: u32, layer: Layer<'_>) -> Result<Datagram<'_>, Undecoded> {
    match number {
        2 => ipv4::decode(layer),
        10 | 23 | 24 | 26 | 28 | 30 => ipv6::decode(layer),
        _ => Err(Undecoded::NotIp(u16::try_from(number).unwrap_or(u16::MAX))),
    }
}

/// Address families are small, so the order that makes the number small is the host's.
fn host_order(bytes: [u8; 4]) -> u32 {
    u32::from_le_bytes(bytes).min(u32::from_be_bytes(bytes))
}

const NFLOG_PAYLOAD: u16 = 9;
