//! Ethernet with something of a switch chip or modem in front of it or inside it, and links that
//! are nothing but a few bytes before an EtherType.

use super::super::layer::Layer;
use super::super::{Datagram, Undecoded, ethernet};

/// An EtherType behind `length` bytes: Broadcom's tag, IEEE 1394.
pub(super) fn behind(layer: Layer<'_>, length: usize) -> Result<Datagram<'_>, Undecoded> {
    let (number, rest) = layer.skip(length)?.number()?;
    ethernet::ethertype(number, rest)
}

/// An EtherType and two reserved bytes behind `length` bytes: IP over InfiniBand (RFC 4391).
pub(super) fn behind_with_reserve(layer: Layer<'_>, length: usize) -> Result<Datagram<'_>, Undecoded> {
    let (number, rest) = layer.skip(length)?.number()?;
    ethernet::ethertype(number, rest.skip(2)?)
}

/// Marvell's DSA tag, which takes the place of a VLAN tag, `offset` bytes into the frame.
pub(super) fn marvell(layer: Layer<'_>, offset: usize) -> Result<Datagram<'_>, Undecoded> {
    let (tag, rest) = layer.skip(offset)?.take::<4>()?;
    let vlan = u16::from_be_bytes([tag[2], tag[3]]);
    let rest = if tag[0] & 0x20 == 0 { rest } else { rest.tagged(vlan) };
    behind(rest, 0)
}

/// DOCSIS: header, extended header where bit 0 says so, checksum, Ethernet.
pub(super) fn docsis(layer: Layer<'_>) -> Result<Datagram<'_>, Undecoded> {
    let (head, rest) = layer.take::<4>()?;
    if head[0] >> 6 != 0 {
        return Err(Undecoded::NotIp(u16::from(head[0])));
    }
    let extended = if head[0] & 1 == 0 { 0 } else { usize::from(head[1]) };
    ethernet::decode(rest.skip(extended)?.skip(2)?)
}
