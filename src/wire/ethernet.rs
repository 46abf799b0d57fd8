//! Ethernet frames and everything that an EtherType leads to, until IP is reached. What carries no
//! IP and is not meant to is told from what should and is not known. Never looks at a checksum.

use super::layer::Layer;
use super::link::ppp;
use super::{Datagram, Undecoded, ip, ipv4, ipv6, llc, mpls};

/// Reads an Ethernet frame: IEEE 802.3 clause 3, also with an LLC header.
pub(super) fn decode(layer: Layer<'_>) -> Result<Datagram<'_>, Undecoded> {
    let (head, rest) = layer.take::<14>()?;
    // Cisco ISL puts 26 bytes before the frame and is known by its destination address.
    if let [0x01 | 0x03, 0x00, 0x0c, 0x00, 0x00, ..] = head {
        return decode(layer.label()?.skip(26)?);
    }
    ethertype(u16::from_be_bytes([head[12], head[13]]), rest)
}

/// Reads what stands behind an EtherType, itself already taken; below 0x600 it is a length.
pub(super) fn ethertype(number: u16, layer: Layer<'_>) -> Result<Datagram<'_>, Undecoded> {
    match number {
        0x0800 => ipv4::decode(layer),
        0x86dd => ipv6::decode(layer),
        0..0x0600 => llc::decode(layer),
        0x8100 | 0x88a8 | 0x9100 | 0x9200 | 0x9300 => tagged(layer),
        0x8847 | 0x8848 => mpls::decode(layer),
        0x8864 => ppp::over_ethernet(layer),
        0x880b => ppp::protocol(layer),
        0x88e5 => macsec(layer),
        // IEEE 802.1ah: the service tag, then the customer's frame.
        0x88e7 => decode(layer.label()?.skip(4)?),
        // Cisco FabricPath: tree and hop count, then the inner frame.
        0x8903 => decode(layer.label()?.skip(2)?),
        0x6558 => decode(layer.label()?),
        0x22f3 => trill(layer),
        0x894f => service_header(layer),
        // Cisco VN-tag, Cisco MetaData, IEEE 802.1BR E-tag: the EtherType follows.
        0x8926 => behind(layer, 4),
        0x8909 | 0x893f => behind(layer, 6),
        _ if NOT_IP.binary_search(&number).is_ok() => Err(Undecoded::NotIp(number)),
        _ => Err(Undecoded::EtherType(number)),
    }
}

/// IEEE 802.1Q and 802.1ad.
fn tagged(layer: Layer<'_>) -> Result<Datagram<'_>, Undecoded> {
    let (tag, rest) = layer.number()?;
    behind(rest.tagged(tag), 0)
}

/// The EtherType behind a tag of `length` bytes.
fn behind(layer: Layer<'_>, length: usize) -> Result<Datagram<'_>, Undecoded> {
    let (number, rest) = layer.label()?.skip(length)?.number()?;
    ethertype(number, rest)
}

/// MACsec (IEEE 802.1AE clause 9): readable only when it protects without encrypting.
fn macsec(layer: Layer<'_>) -> Result<Datagram<'_>, Undecoded> {
    let (head, rest) = layer.take::<6>()?;
    if head[0] & 0x0c != 0 {
        return Err(Undecoded::Encrypted);
    }
    let identifier = if head[0] & 0x20 == 0 { 0 } else { 8 };
    behind(rest, identifier)
}

/// TRILL: RFC 6325 section 3. Options are counted in 4-byte words.
fn trill(layer: Layer<'_>) -> Result<Datagram<'_>, Undecoded> {
    let (head, rest) = layer.label()?.take::<6>()?;
    let words = (u16::from_be_bytes([head[0], head[1]]) >> 6) & 0x1f;
    decode(rest.skip(usize::from(words) << 2)?)
}

/// Network service header: RFC 8300 section 2.2. Its length counts 4-byte words.
pub(super) fn service_header(layer: Layer<'_>) -> Result<Datagram<'_>, Undecoded> {
    let (head, _) = layer.take::<4>()?;
    let rest = layer.label()?.skip(usize::from(head[1] & 0x3f) << 2)?;
    if head[1] & 0x3f < 2 {
        return Err(Undecoded::Malformed);
    }
    next_protocol(head[3], rest)
}

/// The "next protocol" numbers that NSH (RFC 8300) and VXLAN-GPE share.
pub(super) fn next_protocol(number: u8, layer: Layer<'_>) -> Result<Datagram<'_>, Undecoded> {
    match number {
        1 | 2 => ip::decode(layer),
        3 => decode(layer),
        4 => service_header(layer),
        5 => mpls::decode(layer),
        _ => Err(Undecoded::EtherType(u16::from(number))),
    }
}

/// EtherTypes that never lead to IP, sorted.
const NOT_IP: &[u16] = &[
    0x0600, 0x0805, 0x0806, 0x0808, 0x2000, 0x22ea, 0x22f0, 0x22f4, 0x6001, 0x6002, 0x6003, 0x6004, 0x6005, 0x6006,
    0x6007, 0x6559, 0x8035, 0x8037, 0x8038, 0x809b, 0x80f3, 0x8102, 0x8137, 0x8138, 0x8181, 0x8808, 0x8809, 0x8819,
    0x8863, 0x886c, 0x886f, 0x8874, 0x887b, 0x888e, 0x8892, 0x8899, 0x88a2, 0x88a4, 0x88ab, 0x88b8, 0x88b9, 0x88ba,
    0x88bb, 0x88c7, 0x88ca, 0x88cc, 0x88cd, 0x88d9, 0x88dc, 0x88e1, 0x88e3, 0x88f5, 0x88f6, 0x88f7, 0x88f8, 0x88fb,
    0x8902, 0x8906, 0x890d, 0x8911, 0x8912, 0x8914, 0x8915, 0x8917, 0x891d, 0x892f, 0x893a, 0x8940, 0x8946, 0x8947,
    0x8951, 0x9000, 0xfefe,
];
