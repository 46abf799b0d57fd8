//! Teredo (RFC 4380 section 5.1.1): an IPv6 datagram, perhaps behind authentication and origin.

use super::super::layer::Layer;
use super::super::{Datagram, Undecoded, ipv6};

/// Reads the IPv6 datagram; its length must fit the UDP payload.
pub(super) fn decode(layer: Layer<'_>) -> Option<Result<Datagram<'_>, Undecoded>> {
    let inside = origin(authentication(layer)?)?;
    let (head, rest) = inside.take::<40>().ok()?;
    let fits = u32::from(u16::from_be_bytes([head[4], head[5]])) <= rest.wire;
    (head[0] >> 4 == 6 && fits).then(|| ipv6::decode(inside))
}

/// Client identifier and authentication value, each with its length, then nonce and confirmation.
fn authentication(layer: Layer<'_>) -> Option<Layer<'_>> {
    match *layer.bytes {
        [0, 1, client, value, ..] => {
            let length = usize::from(client).saturating_add(usize::from(value)).saturating_add(13);
            layer.skip(length).ok()
        }
        _ => Some(layer),
    }
}

/// The address from which a relay saw the client.
fn origin(layer: Layer<'_>) -> Option<Layer<'_>> {
    if layer.bytes.starts_with(&[0, 0]) { layer.skip(8).ok() } else { Some(layer) }
}
