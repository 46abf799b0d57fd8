//! Cisco HDLC and Frame Relay (RFC 2427, and Cisco's framing of it).

use super::super::layer::Layer;
use super::super::{Datagram, Undecoded, ethernet, ipv4, ipv6, llc};
use super::ppp;

/// Cisco HDLC: address, control, EtherType.
pub(super) fn cisco_hdlc(layer: Layer<'_>) -> Result<Datagram<'_>, Undecoded> {
    let (head, rest) = layer.take::<4>()?;
    match u16::from_be_bytes([head[2], head[3]]) {
        number @ 0..0x0600 => Err(Undecoded::NotIp(number)),
        number => ethernet::ethertype(number, rest),
    }
}

/// Frame Relay: an address of two to four bytes, then a network layer identifier or an EtherType.
pub(super) fn frame_relay(layer: Layer<'_>) -> Result<Datagram<'_>, Undecoded> {
    let last = layer.bytes.iter().take(4).position(|byte| byte & 1 == 1).ok_or(Undecoded::Cut)?;
    let rest = layer.skip(last.saturating_add(1))?;
    match rest.bytes {
        [0x03, 0x00, ..] => identified(rest.skip(2)?),
        [0x03, ..] => identified(rest.skip(1)?),
        _ => {
            let (number, behind) = rest.number()?;
            ethernet::ethertype(number, behind)
        }
    }
}

/// Network layer protocol identifier: RFC 2427 section 4.
fn identified(layer: Layer<'_>) -> Result<Datagram<'_>, Undecoded> {
    let ([identifier], rest) = layer.take::<1>()?;
    match identifier {
        0xcc => ipv4::decode(rest),
        0x8e => ipv6::decode(rest),
        0x80 => llc::snap(rest),
        0xcf => ppp::protocol(rest),
        _ => Err(Undecoded::NotIp(u16::from(*identifier))),
    }
}
