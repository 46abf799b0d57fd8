//! PPP (RFC 1661) in HDLC-like framing (RFC 1662), over Ethernet (RFC 2516), or bare.

use super::super::layer::Layer;
use super::super::{Datagram, Undecoded, ipv4, ipv6, mpls};
use super::serial;

/// PPP as serial interfaces give it: with address and control, without, or Cisco's framing.
pub(super) fn decode(layer: Layer<'_>) -> Result<Datagram<'_>, Undecoded> {
    match layer.bytes {
        [0x0f | 0x8f, 0x00, ..] => serial::cisco_hdlc(layer),
        _ => protocol(layer),
    }
}

/// PPPoE session stage: RFC 2516 section 4.
pub(in super::super) fn over_ethernet(layer: Layer<'_>) -> Result<Datagram<'_>, Undecoded> {
    let (head, rest) = layer.label()?.take::<6>()?;
    match (head[0], head[1]) {
        (0x11, 0) => protocol(rest),
        (0x11, _) => Err(Undecoded::NotIp(0x8863)),
        _ => Err(Undecoded::Malformed),
    }
}

/// A protocol field of one or two bytes, after address and control where these were not left out.
pub(in super::super) fn protocol(layer: Layer<'_>) -> Result<Datagram<'_>, Undecoded> {
    let layer = if layer.bytes.starts_with(&[0xff, 0x03]) { layer.skip(2)? } else { layer };
    let ([first], behind) = layer.take::<1>()?;
    // A field compressed to one byte is odd (RFC 1661 section 2).
    let (number, rest) = if first & 1 == 1 { (u16::from(*first), behind) } else { layer.number()? };
    match number {
        0x0021 => ipv4::decode(rest),
        0x0057 => ipv6::decode(rest),
        0x0281 | 0x0283 => mpls::decode(rest),
        0x0053 | 0x0055 => Err(Undecoded::Encrypted),
        // Compressed headers and datagrams and multilink fragments do hold IP.
        0x002d | 0x002f | 0x003d | 0x0061 | 0x0063 | 0x0065 | 0x0067 | 0x0069 | 0x00fb | 0x00fd => {
            Err(Undecoded::EtherType(number))
        }
        _ => Err(Undecoded::NotIp(number)),
    }
}
