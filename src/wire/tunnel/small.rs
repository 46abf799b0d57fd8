//! Tunnels whose header is a few bytes: EtherIP, LISP, AYIYA, MPLS and GRE over UDP, TZSP.

use super::super::layer::Layer;
use super::super::link;
use super::super::{Datagram, LinkType, Undecoded, ethernet, ip, ipv4, ipv6, mpls};
use super::gre;

/// EtherIP (RFC 3378): version 3 and twelve zero bits, then Ethernet.
pub(super) fn ether_ip(layer: Layer<'_>) -> Result<Datagram<'_>, Undecoded> {
    let (head, rest) = layer.take::<2>()?;
    if *head == [0x30, 0] { ethernet::decode(rest) } else { Err(Undecoded::Malformed) }
}

/// LISP data (RFC 9300 section 5.3): eight bytes, then IP.
pub(super) fn lisp(layer: Layer<'_>) -> Option<Result<Datagram<'_>, Undecoded>> {
    let (head, rest) = layer.take::<8>().ok()?;
    // Nonce and map version exclude each other; the last three flags are reserved or a key number.
    let sound = head[0] & 0x90 != 0x90 && head[0] & 0x07 == 0;
    sound.then(|| ip::decode(rest))
}

/// AYIYA: only opcode "forward" with IPv4 or IPv6 inside.
pub(super) fn ayiya(layer: Layer<'_>) -> Option<Result<Datagram<'_>, Undecoded>> {
    let (head, rest) = layer.take::<8>().ok()?;
    if head[2] & 0x0f != 1 {
        return None;
    }
    let identity = 1_usize.checked_shl(u32::from(head[0] >> 4))?;
    let signature = usize::from(head[1] >> 4) << 2;
    let inside = rest.skip(identity).and_then(|rest| rest.skip(signature));
    match head[3] {
        4 => Some(inside.and_then(ipv4::decode)),
        41 => Some(inside.and_then(ipv6::decode)),
        _ => None,
    }
}

/// MPLS in UDP: RFC 7510.
pub(super) fn mpls_in_udp(layer: Layer<'_>) -> Option<Result<Datagram<'_>, Undecoded>> {
    Some(mpls::decode(layer))
}

/// GRE in UDP: RFC 8086. The reserved bits of its header must be zero.
pub(super) fn gre_in_udp(layer: Layer<'_>) -> Option<Result<Datagram<'_>, Undecoded>> {
    let (flags, _) = layer.number().ok()?;
    (flags & 0x4fff == 0).then(|| gre::decode(layer))
}

/// TZSP version 1: link type, tags up to the end tag, frame.
pub(super) fn tzsp(layer: Layer<'_>) -> Option<Result<Datagram<'_>, Undecoded>> {
    let (head, mut rest) = layer.take::<4>().ok()?;
    let link = match (head[0], head[1], u16::from_be_bytes([head[2], head[3]])) {
        (1, 0 | 1, 1) => LinkType::ETHERNET,
        (1, 0 | 1, 18) => LinkType(105),
        _ => return None,
    };
    for _ in 0..MAX_TAGS {
        let ([tag], behind) = rest.take::<1>().ok()?;
        rest = match tag {
            0 => behind,
            1 => return Some(link::decode(link, behind)),
            _ => {
                let ([length], value) = behind.take::<1>().ok()?;
                value.skip(usize::from(*length)).ok()?
            }
        };
    }
    None
}

const MAX_TAGS: usize = 32;
