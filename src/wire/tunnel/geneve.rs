//! GENEVE (RFC 8926): options are skipped, the protocol type is an EtherType.

use super::super::layer::Layer;
use super::super::{Datagram, Undecoded, ethernet};

/// Reads a GENEVE header of version 0 whose reserved bits are zero.
pub(super) fn decode(layer: Layer<'_>) -> Option<Result<Datagram<'_>, Undecoded>> {
    let (head, rest) = layer.take::<8>().ok()?;
    if head[0] & 0xc0 != 0 || head[1] & 0x3f != 0 || head[7] != 0 {
        return None;
    }
    let options = usize::from(head[0] & 0x3f) << 2;
    let protocol = u16::from_be_bytes([head[2], head[3]]);
    if protocol < 0x0600 {
        return None;
    }
    Some(rest.skip(options).and_then(|inside| ethernet::ethertype(protocol, inside)))
}
