//! The road nearly every packet takes: Ethernet II or a Linux cooked header, up to two VLAN tags, IPv4
//! without options or IPv6 without extension headers, TCP or UDP, whole. Anything else is `None`, and
//! the careful path decides. Never gives another answer than the careful path would.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Content, Datagram, Frame, LinkType, TcpFlags, TcpSegment, Transport, ipv6};

/// A packet of this road, every field read in place. `A` is its kind of address: IPv4 as a number in host
/// order, IPv6 as bytes in network order.
#[derive(Clone, Copy, Debug)]
pub struct Plain<'frame, A> {
    /// Source address.
    pub source: A,
    /// Destination address.
    pub destination: A,
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
    /// IPv4 identification in network order, where it stands: hardly anybody asks for it.
    identification: Option<&'frame [u8; 2]>,
    /// What was captured from the payload on, link padding included: hardly anybody asks where it ends.
    behind: &'frame [u8],
    /// Payload bytes on the wire.
    pub payload_length: u32,
}

/// Who takes plain packets. Each family is handed over where it is read: a packet of either would have to be
/// put into memory and told apart again.
pub trait Road<'frame> {
    /// Takes an IPv4 packet.
    fn four(&mut self, packet: Plain<'frame, u32>);

    /// Takes an IPv6 packet.
    fn six(&mut self, packet: Plain<'frame, [u8; 16]>);
}

/// An address as it is stored: IPv4 in 4 bytes, IPv6 in 16.
pub trait RawAddress: Copy {
    /// The address as the standard library writes it.
    fn address(self) -> IpAddr;
}

impl RawAddress for u32 {
    #[inline]
    fn address(self) -> IpAddr {
        IpAddr::V4(Ipv4Addr::from_bits(self))
    }
}

impl RawAddress for [u8; 16] {
    #[inline]
    fn address(self) -> IpAddr {
        IpAddr::V6(Ipv6Addr::from(self))
    }
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

/// Hands a frame that is plain to `road`; says whether it is.
#[inline(always)]
pub fn plain<'frame>(frame: &Frame<'frame>, road: &mut impl Road<'frame>) -> bool {
    taken(frame, road).is_some()
}

#[inline(always)]
fn taken<'frame>(frame: &Frame<'frame>, road: &mut impl Road<'frame>) -> Option<()> {
    let (mut ethertype, mut rest) = match frame.link {
        LinkType::ETHERNET => {
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
        0x0800 => four(rest, vlan, road),
        0x86dd => six(rest, vlan, road),
        _ => None,
    }
}

#[inline(always)]
fn four<'frame>(bytes: &'frame [u8], vlan: Option<u16>, road: &mut impl Road<'frame>) -> Option<()> {
    let (head, rest) = bytes.split_first_chunk::<20>()?;
    let total = u16::from_be_bytes([head[2], head[3]]);
    let fragment = u16::from_be_bytes([head[6], head[7]]) & 0x3fff;
    if head[0] != 0x45 || fragment != 0 {
        return None;
    }
    // Also turns away the total length 0 of large send offload.
    let behind = total.checked_sub(20)?;
    let below = Below {
        source: u32::from_be_bytes([head[12], head[13], head[14], head[15]]),
        destination: u32::from_be_bytes([head[16], head[17], head[18], head[19]]),
        vlan,
        length: u32::from(total),
        identification: head.get(4..)?.first_chunk(),
        rest,
        behind: u32::from(behind),
    };
    // Each protocol is handed over for itself, so that nobody asks which it is who was told.
    match head[9] {
        6 => road.four(below.tcp()?),
        17 => road.four(below.udp()?),
        _ => return None,
    }
    Some(())
}

#[inline(always)]
fn six<'frame>(bytes: &'frame [u8], vlan: Option<u16>, road: &mut impl Road<'frame>) -> Option<()> {
    let (head, rest) = bytes.split_first_chunk::<40>()?;
    let behind = u32::from(u16::from_be_bytes([head[4], head[5]]));
    if head[0] >> 4 != 6 || behind == 0 {
        return None;
    }
    let (source, destination) = ipv6::addresses(head);
    let (source, destination) = (source.octets(), destination.octets());
    let length = behind.saturating_add(40);
    let below = Below { source, destination, vlan, length, identification: None, rest, behind };
    match head[6] {
        6 => road.six(below.tcp()?),
        17 => road.six(below.udp()?),
        _ => return None,
    }
    Some(())
}

/// What stands below the transport header, and what was captured from there on.
struct Below<'frame, A> {
    source: A,
    destination: A,
    vlan: Option<u16>,
    length: u32,
    identification: Option<&'frame [u8; 2]>,
    rest: &'frame [u8],
    /// How much of `rest` is in the packet, where all of it was captured.
    behind: u32,
}

impl<'frame, A> Below<'frame, A> {
    #[inline(always)]
    fn tcp(self) -> Option<Plain<'frame, A>> {
        let (head, _) = self.rest.split_first_chunk::<20>()?;
        let tcp = PlainTcp {
            sequence: u32::from_be_bytes([head[4], head[5], head[6], head[7]]),
            acknowledgement: u32::from_be_bytes([head[8], head[9], head[10], head[11]]),
            flags: TcpFlags(head[13]),
        };
        let header = u32::from(head[12] >> 4) << 2;
        if header < 20 {
            return None;
        }
        self.plain(Some(tcp), header)
    }

    #[inline(always)]
    fn udp(self) -> Option<Plain<'frame, A>> {
        let (head, _) = self.rest.split_first_chunk::<8>()?;
        // A length that says less or more than IP does is for the careful path.
        if u32::from(port(head[4], head[5])) != self.behind {
            return None;
        }
        self.plain(None, 8)
    }

    /// The packet, whose transport header has `header` bytes. The ports lie in the same place in both.
    #[inline(always)]
    fn plain(self, tcp: Option<PlainTcp>, header: u32) -> Option<Plain<'frame, A>> {
        let Self { source, destination, vlan, length, identification, rest, behind } = self;
        let (ports, _) = rest.split_first_chunk::<4>()?;
        Some(Plain {
            source,
            destination,
            source_port: port(ports[0], ports[1]),
            destination_port: port(ports[2], ports[3]),
            tcp,
            vlan,
            length,
            identification,
            behind: rest.get(header as usize..)?,
            payload_length: behind.checked_sub(header)?,
        })
    }
}

#[inline(always)]
const fn port(high: u8, low: u8) -> u16 {
    u16::from_be_bytes([high, low])
}

impl<'frame, A> Plain<'frame, A> {
    /// Payload bytes that were captured.
    #[inline(always)]
    #[must_use]
    pub fn payload(&self) -> &'frame [u8] {
        self.behind.get(..self.payload_length as usize).unwrap_or(self.behind)
    }
}

impl<'frame, A: RawAddress> Plain<'frame, A> {
    /// The same as the careful path gives it.
    #[inline]
    #[must_use]
    pub fn datagram(&self) -> Datagram<'frame> {
        let &Self { source_port, destination_port, payload_length, .. } = self;
        let payload = self.payload();
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
            source: self.source.address(),
            destination: self.destination.address(),
            transport,
            vlan: self.vlan,
            depth: 0,
            length: self.length,
            identification: self.identification.copied().map(u16::from_be_bytes),
            content,
        }
    }
}

/// What a plain packet is as a datagram; nothing for any other.
#[inline]
pub(super) fn datagram<'frame>(frame: &Frame<'frame>) -> Option<Datagram<'frame>> {
    struct Whole<'frame>(Option<Datagram<'frame>>);
    impl<'frame> Road<'frame> for Whole<'frame> {
        #[inline(always)]
        fn four(&mut self, packet: Plain<'frame, u32>) {
            self.0 = Some(packet.datagram());
        }

        #[inline(always)]
        fn six(&mut self, packet: Plain<'frame, [u8; 16]>) {
            self.0 = Some(packet.datagram());
        }
    }
    let mut whole = Whole(None);
    plain(frame, &mut whole);
    whole.0
}

/// LINKTYPE_LINUX_SLL2.
const COOKED2: LinkType = LinkType(276);
