//! VXLAN (RFC 7348), with the group policy bits that switches set, and its generic extension (GPE).

use super::super::layer::Layer;
use super::super::{Datagram, Undecoded, ethernet};

/// Reads a VXLAN header: the identifier is valid, what is reserved is zero, then Ethernet.
pub(super) fn decode(layer: Layer<'_>) -> Option<Result<Datagram<'_>, Undecoded>> {
    let (head, rest) = layer.take::<8>().ok()?;
    let plain = head[0] == 0x08 && head[1..4] == [0, 0, 0];
    // Group policy: its bit, "don't learn" and "applied" bits, and a group of 16 bits.
    let policy = head[0] == 0x88 && head[1] & !0x48 == 0;
    if (plain || policy) && head[7] == 0 {
        return Some(ethernet::decode(rest));
    }
    generic(layer).filter(|_| head[0] & 0x04 != 0)
}

/// Reads a VXLAN-GPE header, which names the next protocol; without one it is VXLAN.
pub(super) fn generic(layer: Layer<'_>) -> Option<Result<Datagram<'_>, Undecoded>> {
    let (head, rest) = layer.take::<8>().ok()?;
    if head[0] & 0xf0 != 0 || head[0] & 0x08 == 0 || head[1..3] != [0, 0] || head[7] != 0 {
        return None;
    }
    match (head[0] & 0x04 != 0, head[3]) {
        (true, next) => Some(ethernet::next_protocol(next, rest)),
        (false, 0) => Some(ethernet::decode(rest)),
        (false, _) => None,
    }
}
