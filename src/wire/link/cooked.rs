//! Linux cooked captures: SLL (113) and SLL2 (276), as the "any" device gives them.

use super::super::layer::Layer;
use super::super::{Course, Datagram, Undecoded, ethernet, llc};

/// LINKTYPE_LINUX_SLL: 16 bytes, the protocol last.
pub(super) fn first(layer: Layer<'_>) -> Result<Datagram<'_>, Undecoded> {
    let (head, rest) = layer.take::<16>()?;
    let hardware = u16::from_be_bytes([head[2], head[3]]);
    protocol(hardware, u16::from_be_bytes([head[14], head[15]]), rest)
}

/// LINKTYPE_LINUX_SLL2: 20 bytes, the protocol first.
pub(super) fn second(layer: Layer<'_>) -> Result<Datagram<'_>, Undecoded> {
    let (head, rest) = layer.take::<20>()?;
    let hardware = u16::from_be_bytes([head[8], head[9]]);
    protocol(hardware, u16::from_be_bytes([head[0], head[1]]), rest)
}

/// The way that a packet type of Linux says (`PACKET_HOST`, `PACKET_OUTGOING`); what merely passed says
/// nothing of the host.
pub(super) const fn course(packet_type: u8) -> Course {
    match packet_type {
        0 => Course::Inbound,
        4 => Course::Outbound,
        _ => Course::Unknown,
    }
}

/// The protocol is an EtherType, or one of Linux's own numbers below 0x600.
fn protocol(hardware: u16, number: u16, layer: Layer<'_>) -> Result<Datagram<'_>, Undecoded> {
    match number {
        _ if hardware == NETLINK => Err(Undecoded::NotIp(number)),
        0x0004 => llc::decode(layer),
        0..0x0600 => Err(Undecoded::NotIp(number)),
        _ => ethernet::ethertype(number, layer),
    }
}

/// ARPHRD_NETLINK: the protocol is a netlink family then.
const NETLINK: u16 = 824;
