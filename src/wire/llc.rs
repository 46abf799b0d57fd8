//! An LLC header (IEEE 802.2) in, with SNAP (RFC 1042) or without; IP out where there is any.

use super::layer::Layer;
use super::{Datagram, Undecoded, ethernet, ip};

/// Reads what an LLC header leads to.
pub(super) fn decode(layer: Layer<'_>) -> Result<Datagram<'_>, Undecoded> {
    let (head, rest) = layer.take::<3>()?;
    match *head {
        [0xaa, 0xaa | 0xab, 0x03] => snap(rest),
        [0x06, 0x06 | 0x07, 0x03] => ip::decode(rest),
        // Novell's raw IPX has no LLC header and begins with a checksum of all ones.
        [0xff, 0xff, _] => Err(Undecoded::NotIp(0xffff)),
        [destination, ..] => Err(Undecoded::NotIp(u16::from(destination))),
    }
}

/// SNAP: an organisation and its protocol number.
pub(super) fn snap(layer: Layer<'_>) -> Result<Datagram<'_>, Undecoded> {
    let (head, rest) = layer.label()?.take::<5>()?;
    let number = u16::from_be_bytes([head[3], head[4]]);
    match [head[0], head[1], head[2]] {
        [0, 0, 0] | [0, 0, 0xf8] if number >= 0x0600 => ethernet::ethertype(number, rest),
        // RFC 2684: bridged Ethernet, on ATM behind two bytes of padding.
        [0, 0x80, 0xc2] if matches!(number, 1 | 7) => {
            let padding = if rest.bytes.starts_with(&[0, 0]) { 2 } else { 0 };
            ethernet::decode(rest.skip(padding)?)
        }
        _ => Err(Undecoded::NotIp(number)),
    }
}
