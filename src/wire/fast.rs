//! The road nearly every packet takes: Ethernet II or a Linux cooked header, up to two VLAN tags, IPv4
//! without options or IPv6 without extension headers, TCP or UDP, whole. Anything else is `None`, and
//! the careful path decides. Never gives another answer than the careful path would.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::ip::Payload;
use super::{Content, Datagram, Frame, LinkType, TcpFlags, TcpSegment, Transport, ipv6};

/// A packet of this road, every field read in place.
#[derive(Clone, Copy, Debug)]
pub struct Plain<'frame> {
    /// Source and destination.
    pub ends: Ends,
    /// Source port.
    pub source_port: u16,
    /// Destination port.
    pub destination_port: u16,
    /// The fields of its TCP header; `None` for UDP.
    pub tcp: Option<PlainTcp>,
    /// Outermost VLAN identifier.
    pub vlan: Option<u16>,
    /// IP length in bytes, header included.
    pub length: u32,
    /// IPv4 identification.
    pub identification: Option<u16>,
    /// Payload bytes that were captured.
    pub payload: &'frame [u8],
    /// Payload bytes on the wire.
    pub payload_length: u32,
}

/// Source and destination address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends {
    /// IPv4, host order.
    Four(u32, u32),
    /// IPv6, network order.
    Six([u8; 16], [u8; 16]),
}

/// What a TCP header says beside its ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlainTcp {
    /// Sequence number.
    pub sequence: u32,
    /// Acknowledgement number.
    pub acknowledgement: u32,
    /// Flags.
    pub flags: TcpFlags,
}

impl PlainTcp {
    /// The sequence number of a SYN without ACK.
    #[inline]
    #[must_use]
    pub const fn opening(&self) -> Option<u32> {
        let opens = self.flags.any(TcpFlags::SYN) && !self.flags.any(TcpFlags::ACK | TcpFlags::RST);
        if opens { Some(self.sequence) } else { None }
    }
}

/// Reads a frame that is plain.
#[inline(always)]
#[must_use]
pub fn plain<'frame>(frame: &Frame<'frame>) -> Option<Plain<'frame>> {
    let (mut ethertype, mut rest) = match frame.link {
        ETHERNET => {
            let (head, rest) = frame.bytes.split_first_chunk::<14>()?;
            (u16::from_be_bytes([head[12], head[13]]), rest)
        }
        COOKED2 => {
            let (head, rest) = frame.bytes.split_first_chunk::<20>()?;
            // ARPHRD_ETHER: of other hardware the protocol may be no EtherType.
            (u16::from_be_bytes([head[8], head[9]]) == 1).then_some((u16::from_be_bytes([head[0], head[1]]), rest))?
        }
        _ => return None,
    };
    let mut vlan = None;
    for _ in 0..2 {
        if ethertype != 0x8100 && ethertype != 0x88a8 {
            break;
        }
        let (tag, behind) = rest.split_first_chunk::<4>()?;
        vlan = vlan.or(Some(u16::from_be_bytes([tag[0], tag[1]]) & 0x0fff));
        ethertype = u16::from_be_bytes([tag[2], tag[3]]);
        rest = behind;
    }
    match ethertype {
        0x0800 => four(rest, vlan),
        0x86dd => six(rest, vlan),
        _ => None,
    }
}

#[inline(always)]
fn four(bytes: &[u8], vlan: Option<u16>) -> Option<Plain<'_>> {
    let (head, rest) = bytes.split_first_chunk::<20>()?;
    let total = u16::from_be_bytes([head[2], head[3]]);
    let fragment = u16::from_be_bytes([head[6], head[7]]) & 0x3fff;
    if head[0] != 0x45 || fragment != 0 {
        return None;
    }
    // Also turns away the total length 0 of large send offload.
    let behind = total.checked_sub(20)?;
    let source = u32::from_be_bytes([head[12], head[13], head[14], head[15]]);
    let destination = u32::from_be_bytes([head[16], head[17], head[18], head[19]]);
    let below = Below {
        ends: Ends::Four(source, destination),
        vlan,
        length: u32::from(total),
        identification: Some(u16::from_be_bytes([head[4], head[5]])),
    };
    below.transport(head[9], Payload::new(rest, u32::from(behind)))
}

#[inline(always)]
fn six(bytes: &[u8], vlan: Option<u16>) -> Option<Plain<'_>> {
    let (head, rest) = bytes.split_first_chunk::<40>()?;
    let behind = u32::from(u16::from_be_bytes([head[4], head[5]]));
    if head[0] >> 4 != 6 || behind == 0 {
        return None;
    }
    let (source, destination) = ipv6::addresses(head);
    let ends = Ends::Six(source.octets(), destination.octets());
    let below = Below { ends, vlan, length: behind.saturating_add(40), identification: None };
    below.transport(head[6], Payload::new(rest, behind))
}

/// What stands below the transport header.
struct Below {
    ends: Ends,
    vlan: Option<u16>,
    length: u32,
    identification: Option<u16>,
}

impl Below {
    #[inline(always)]
    fn transport(self, protocol: u8, payload: Payload<'_>) -> Option<Plain<'_>> {
        let Self { ends, vlan, length, identification } = self;
        let plain = |source_port, destination_port, tcp, payload, payload_length| {
            Some(Plain {
                ends,
                source_port,
                destination_port,
                tcp,
                vlan,
                length,
                identification,
                payload,
                payload_length,
            })
        };
        match protocol {
            6 => {
                let (head, options) = payload.bytes.split_first_chunk::<20>()?;
                let header = usize::from(head[12] >> 4) << 2;
                let rest = options.get(header.checked_sub(20)?..)?;
                let tcp = PlainTcp {
                    sequence: u32::from_be_bytes([head[4], head[5], head[6], head[7]]),
                    acknowledgement: u32::from_be_bytes([head[8], head[9], head[10], head[11]]),
                    flags: TcpFlags(head[13]),
                };
                let length = payload.length_behind(u32::from(head[12] >> 4) << 2, rest);
                plain(port(head[0], head[1]), port(head[2], head[3]), Some(tcp), rest, length)
            }
            17 => {
                let (head, rest) = payload.bytes.split_first_chunk::<8>()?;
                let length = u32::from(port(head[4], head[5])).checked_sub(8)?;
                // A length that says less or more than IP does is for the careful path.
                let agrees = length == payload.length.checked_sub(8)?;
                agrees.then(|| plain(port(head[0], head[1]), port(head[2], head[3]), None, rest, length))?
            }
            _ => None,
        }
    }
}

#[inline(always)]
const fn port(high: u8, low: u8) -> u16 {
    u16::from_be_bytes([high, low])
}

impl<'frame> Plain<'frame> {
    /// The same as the careful path gives it.
    #[inline]
    #[must_use]
    pub fn datagram(&self) -> Datagram<'frame> {
        let (source, destination) = match self.ends {
            Ends::Four(source, destination) => {
                (Ipv4Addr::from_bits(source).into(), Ipv4Addr::from_bits(destination).into())
            }
            Ends::Six(source, destination) => (Ipv6Addr::from(source).into(), Ipv6Addr::from(destination).into()),
        };
        let &Self { source_port, destination_port, payload, payload_length, .. } = self;
        let (transport, content) = match self.tcp {
            Some(PlainTcp { sequence, acknowledgement, flags }) => {
                let segment = TcpSegment {
                    source_port,
                    destination_port,
                    sequence,
                    acknowledgement,
                    flags,
                    payload,
                    payload_length,
                };
                (Transport::TCP, Content::Tcp(segment))
            }
            None => (Transport::UDP, Content::Udp { source_port, destination_port, payload, payload_length }),
        };
        Datagram {
            source,
            destination,
            transport,
            vlan: self.vlan,
            depth: 0,
            length: self.length,
            identification: self.identification,
            content,
        }
    }
}

const ETHERNET: LinkType = LinkType(1);
/// LINKTYPE_LINUX_SLL2.
const COOKED2: LinkType = LinkType(276);
