//! A stack of MPLS labels (RFC 3032) in, the IP datagram below it out. The stack does not say what it
//! carries: the first bits tell IP from an Ethernet pseudowire (RFC 4448), as other readers guess too.

use super::layer::Layer;
use super::{Datagram, Undecoded, ethernet, ip};

/// Takes labels off until the bottom of the stack.
pub(super) fn decode(layer: Layer<'_>) -> Result<Datagram<'_>, Undecoded> {
    let (mut label, mut rest) = layer.label()?.take::<4>()?;
    while label[2] & 1 == 0 {
        (label, rest) = rest.label()?.take::<4>()?;
    }
    match rest.bytes.first().map(|first| first >> 4) {
        // A station address may begin with 4 or 6 as well; then the lengths of IP do not hold.
        Some(4 | 6) => ip::decode(rest).or_else(|reason| match reason {
            Undecoded::Malformed => pseudowire(rest),
            _ => Err(reason),
        }),
        Some(0) => controlled(rest),
        // The associated channel (RFC 5586) carries operations and maintenance.
        Some(1) => Err(Undecoded::NotIp(0x8847)),
        Some(_) => pseudowire(rest),
        None => Err(Undecoded::Cut),
    }
}

/// An Ethernet pseudowire that may begin with a control word of four bytes, or with a station address.
fn controlled(layer: Layer<'_>) -> Result<Datagram<'_>, Undecoded> {
    let with = pseudowire(layer.skip(4)?);
    // Nesting and encryption must not be hidden by what the other guess would make of the bytes.
    if matches!(with, Ok(_) | Err(Undecoded::TooDeep | Undecoded::Encrypted)) {
        return with;
    }
    match pseudowire(layer) {
        Err(_) if layer.bytes.starts_with(&[0, 0]) => with,
        without => without,
    }
}

/// An Ethernet frame, if that is what it is.
fn pseudowire(layer: Layer<'_>) -> Result<Datagram<'_>, Undecoded> {
    ethernet::decode(layer.label()?).map_err(|reason| match reason {
        Undecoded::EtherType(_) | Undecoded::Malformed => Undecoded::EtherType(0x8847),
        _ => reason,
    })
}
