//! One decoded IP datagram, still borrowed from the frame.

use std::net::IpAddr;

/// An IP protocol number (IANA "Assigned Internet Protocol Numbers").
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Transport(pub u8);

impl Transport {
    /// ICMP for IPv4 (RFC 792).
    pub const ICMP: Self = Self(1);
    /// TCP (RFC 9293).
    pub const TCP: Self = Self(6);
    /// UDP (RFC 768).
    pub const UDP: Self = Self(17);
    /// ICMPv6 (RFC 4443).
    pub const ICMP6: Self = Self(58);
    /// SCTP (RFC 9260).
    pub const SCTP: Self = Self(132);

    /// The lower-case name used in packs, flow logs and reports (`tcp`, `icmp6`, `gre`, …).
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        Some(match self.0 {
            1 => "icmp",
            2 => "igmp",
            4 => "ipip",
            6 => "tcp",
            17 => "udp",
            33 => "dccp",
            41 => "ipv6",
            47 => "gre",
            50 => "esp",
            51 => "ah",
            58 => "icmp6",
            88 => "eigrp",
            89 => "ospf",
            103 => "pim",
            112 => "vrrp",
            132 => "sctp",
            136 => "udplite",
            _ => return None,
        })
    }

    /// The protocol with this name, as [`Transport::name`] writes it, or `ip-N`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        if let Some(number) = name.strip_prefix("ip-") {
            return number.parse().ok().map(Self);
        }
        (0..=u8::MAX).map(Self).find(|transport| transport.name() == Some(name))
    }
}

impl std::fmt::Display for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "ip-{}", self.0),
        }
    }
}

/// The TCP flag bits (RFC 9293 section 3.1), FIN lowest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct TcpFlags(pub u8);

impl TcpFlags {
    /// FIN bit.
    pub const FIN: u8 = 0x01;
    /// SYN bit.
    pub const SYN: u8 = 0x02;
    /// RST bit.
    pub const RST: u8 = 0x04;
    /// ACK bit.
    pub const ACK: u8 = 0x10;

    /// Whether any of `bits` is set.
    #[must_use]
    pub const fn any(self, bits: u8) -> bool {
        self.0 & bits != 0
    }

    /// Whether all of `bits` are set.
    #[must_use]
    pub const fn all(self, bits: u8) -> bool {
        self.0 & bits == bits
    }
}

/// A TCP segment. A header cut by the snap length keeps its ports; flags are then empty.
#[derive(Clone, Copy, Debug)]
pub struct TcpSegment<'frame> {
    /// Source port.
    pub source_port: u16,
    /// Destination port.
    pub destination_port: u16,
    /// Sequence number; 0 when the header was cut before it.
    pub sequence: u32,
    /// Acknowledgement number.
    pub acknowledgement: u32,
    /// Flags; empty when the header was cut before them.
    pub flags: TcpFlags,
    /// Payload bytes that were captured.
    pub payload: &'frame [u8],
    /// Payload bytes on the wire by the IP length, at least `payload.len()`.
    pub payload_length: u32,
}

/// An ICMP or ICMPv6 message.
#[derive(Clone, Copy, Debug)]
pub struct IcmpMessage<'frame> {
    /// ICMP type.
    pub kind: u8,
    /// ICMP code.
    pub code: u8,
    /// Identifier of an echo request or reply (RFC 792, RFC 4443), else `None`.
    pub identifier: Option<u16>,
    /// The flow that an error message quotes.
    pub quote: Option<Quote>,
    /// Bytes behind the 4-byte ICMP header.
    pub body: &'frame [u8],
}

/// The flow quoted inside an ICMP error: the packet that caused it, in its own direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quote {
    /// Source address of the quoted packet.
    pub source: IpAddr,
    /// Destination address of the quoted packet.
    pub destination: IpAddr,
    /// Its protocol.
    pub transport: Transport,
    /// Its source port; 0 where the protocol has none or the quote was cut.
    pub source_port: u16,
    /// Its destination port; 0 likewise.
    pub destination_port: u16,
}

/// One fragment of an IP datagram (RFC 791, RFC 8200 section 4.5).
#[derive(Clone, Copy, Debug)]
pub struct Fragment<'frame> {
    /// Identification field, 16 bits in IPv4, 32 in IPv6.
    pub identification: u32,
    /// Offset of `bytes` in the datagram's payload, in bytes.
    pub offset: u32,
    /// Whether more fragments follow.
    pub more: bool,
    /// Protocol of the whole datagram's payload (IPv6: of the first header behind the fragment header).
    pub transport: Transport,
    /// The captured bytes of this fragment.
    pub bytes: &'frame [u8],
    /// Length of this fragment's payload on the wire in bytes, by the IP header.
    pub length: u32,
}

/// What an IP datagram carries.
#[derive(Clone, Copy, Debug)]
pub enum Content<'frame> {
    /// A TCP segment.
    Tcp(TcpSegment<'frame>),
    /// A UDP datagram (also UDP-Lite).
    Udp {
        /// Source port.
        source_port: u16,
        /// Destination port.
        destination_port: u16,
        /// Payload bytes that were captured.
        payload: &'frame [u8],
        /// Payload bytes on the wire.
        payload_length: u32,
    },
    /// An SCTP or DCCP packet: ports only.
    Ports {
        /// Source port.
        source_port: u16,
        /// Destination port.
        destination_port: u16,
    },
    /// ICMP or ICMPv6.
    Icmp(IcmpMessage<'frame>),
    /// A fragment: goes to the reassembly table, not to the flows.
    Fragment(Fragment<'frame>),
    /// A protocol without ports (GRE, ESP, OSPF, IP in IP, …) and its captured bytes.
    Other(&'frame [u8]),
}

/// One IP datagram: who sends what to whom.
#[derive(Clone, Copy, Debug)]
pub struct Datagram<'frame> {
    /// Source address. IPv4-mapped IPv6 addresses stay IPv6.
    pub source: IpAddr,
    /// Destination address.
    pub destination: IpAddr,
    /// IP protocol of `content`.
    pub transport: Transport,
    /// Outermost VLAN identifier (12 bits) of the layer that carried this datagram; inside a tunnel
    /// without tags of its own, that of the tunnel.
    pub vlan: Option<u16>,
    /// Tunnel depth: 0 is what the frame itself carries.
    pub depth: u8,
    /// Length of the datagram on the wire in bytes, IP header included, as Zeek's `ip_bytes`.
    pub length: u32,
    /// IPv4 identification; `None` in IPv6.
    pub identification: Option<u16>,
    /// What it carries.
    pub content: Content<'frame>,
}

impl Datagram<'_> {
    /// Source and destination port, 0 and 0 where the protocol has none.
    #[must_use]
    pub const fn ports(&self) -> (u16, u16) {
        match self.content {
            Content::Tcp(segment) => (segment.source_port, segment.destination_port),
            Content::Udp { source_port, destination_port, .. } | Content::Ports { source_port, destination_port } => {
                (source_port, destination_port)
            }
            Content::Icmp(_) | Content::Fragment(_) | Content::Other(_) => (0, 0),
        }
    }
}

/// Why a frame, or a layer of it, gave no datagram. Each is counted by its reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Undecoded {
    /// Carries no IP and is not meant to (ARP, LLDP, STP, EAPOL, …): the EtherType or LLC SAP.
    NotIp(u16),
    /// A link type this auditor does not read.
    LinkType(u16),
    /// An EtherType that should lead to IP but is not known here.
    EtherType(u16),
    /// The capture cut the frame before its addresses or ports.
    Cut,
    /// Lengths or versions contradict each other.
    Malformed,
    /// More nested labels, headers or tunnels than the budget allows.
    TooDeep,
    /// Encrypted on the link (802.11 protected frames, MACsec).
    Encrypted,
}

impl Undecoded {
    /// Whether the frame may have carried IP traffic that the audit did not see.
    #[must_use]
    pub const fn bears_ip(self) -> bool {
        !matches!(self, Self::NotIp(_))
    }
}
