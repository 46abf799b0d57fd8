//! A datagram that carries another one in, the inner datagram out. A tunnel that its IP protocol
//! number proves is peeled or its failure told. One that only a UDP port suggests must prove itself
//! by its header and by an inside that decodes; otherwise it was ordinary UDP.

mod geneve;
mod gre;
mod gtp;
mod l2tp;
mod small;
mod teredo;
mod vxlan;

use super::layer::Layer;
use super::{Content, Datagram, Transport, Undecoded, ethernet, ipv4, ipv6, mpls};

/// Opens a tunnel by one layer: the datagram inside `datagram`, at the next tunnel depth.
///
/// `None` when `datagram` is no tunnel. Of a tunnel over UDP whose inside does not decode, only what
/// the capture cut, nesting beyond the budget, encryption and non-IP payload are reported.
///
/// # Errors
/// [`Undecoded`] says why the inside of a tunnel gave no datagram.
#[must_use]
pub fn peel<'frame>(datagram: &Datagram<'frame>) -> Option<Result<Datagram<'frame>, Undecoded>> {
    let inner = match datagram.content {
        Content::Tcp(_) | Content::Ports { .. } | Content::Icmp(_) | Content::Fragment(_) => None,
        Content::Other(bytes) => by_protocol(datagram, bytes),
        Content::Udp { source_port, destination_port, payload, payload_length } => {
            let reader = by_port(destination_port).or_else(|| by_port(source_port))?;
            over_udp(reader, payload, payload_length, datagram.depth)
        }
    }?;
    // An inside without a tag of its own is still seen on the VLAN of its tunnel.
    Some(inner.map(|inner| Datagram { vlan: inner.vlan.or(datagram.vlan), ..inner }))
}

/// What opens a tunnel: `None` when the header shows that it is none.
type Reader = for<'frame> fn(Layer<'frame>) -> Option<Result<Datagram<'frame>, Undecoded>>;

/// Tunnels that have an IP protocol number of their own.
fn by_protocol<'frame>(
    datagram: &Datagram<'frame>,
    bytes: &'frame [u8],
) -> Option<Result<Datagram<'frame>, Undecoded>> {
    let read: for<'a> fn(Layer<'a>) -> Result<Datagram<'a>, Undecoded> = match datagram.transport {
        Transport(4) => ipv4::decode,
        Transport(41) => ipv6::decode,
        Transport(47) => gre::decode,
        Transport(55) => return None,
        Transport(97) => small::ether_ip,
        Transport(137) => mpls::decode,
        Transport(143) => ethernet::decode,
        _ => return None,
    };
    Some(Layer::inside(bytes, 0, datagram.depth).and_then(read))
}

/// Tunnels over UDP, by the port of either end.
const fn by_port(port: u16) -> Option<Reader> {
    Some(match port {
        1701 => l2tp::decode,
        2152 => gtp::decode,
        3544 => teredo::decode,
        4341 => small::lisp,
        4754 => small::gre_in_udp,
        4789 | 8472 => vxlan::decode,
        4790 => vxlan::generic,
        5072 => small::ayiya,
        6081 => geneve::decode,
        6635 => small::mpls_in_udp,
        37008 => small::tzsp,
        _ => return None,
    })
}

/// Whether UDP of this port may be a tunnel.
#[inline]
#[must_use]
pub const fn is_tunnel_port(port: u16) -> bool {
    by_port(port).is_some()
}

/// Opens a tunnel that a port suggests.
fn over_udp(reader: Reader, payload: &[u8], payload_length: u32, depth: u8) -> Option<Result<Datagram<'_>, Undecoded>> {
    let cut = usize::try_from(payload_length).is_ok_and(|length| payload.len() < length);
    // The header is judged before the depth: what is no tunnel cannot be nested too deep.
    let inside = Layer::inside(payload, payload_length, depth);
    let tried = inside.or_else(|_| Layer::inside(payload, payload_length, 0));
    match reader(tried.ok()?)? {
        Ok(_) if inside.is_err() => Some(Err(Undecoded::TooDeep)),
        Ok(datagram) => Some(Ok(datagram)),
        Err(Undecoded::Cut) if !cut => None,
        Err(reason @ (Undecoded::Cut | Undecoded::TooDeep | Undecoded::Encrypted | Undecoded::NotIp(_))) => {
            Some(Err(reason))
        }
        Err(Undecoded::Malformed | Undecoded::EtherType(_) | Undecoded::LinkType(_)) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{ethernet, frame, ipv4, ipv6, join, plain, read, udp};

    /// A datagram of `protocol` that holds `head` and a plain datagram: what is inside?
    fn check(protocol: u8, head: &[u8], expected: Option<&str>) {
        let lines = read(&frame(101, &ipv4(protocol, &join(&[head, &plain()]))));
        assert_eq!(lines.get(1).map(String::as_str), expected, "{protocol} {head:x?}");
    }

    /// The same over UDP.
    fn check_port(port: u16, head: &[u8], expected: Option<&str>) {
        check(17, &join(&[&udp(40_000, port, &join(&[head, &plain()]))[..8], head]), expected);
    }

    const READ: Option<&str> = Some("udp 1>2 31: 3/3");

    #[test]
    fn tunnels_with_a_protocol_number() {
        let inner = ethernet(0x0800, &[]);
        check(4, &[], READ);
        check(41, &[], Some("Cut"));
        check(47, &[0, 0, 8, 0], READ);
        check(47, &[0xb0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2], READ);
        check(47, &[0x40, 0, 8, 0, 0, 0, 0, 0, 0, 2, 0, 2, 9, 9, 0, 0, 0, 0], READ);
        check(47, &join(&[&[0x20, 0, 0x65, 0x58, 0, 0, 1, 0], &inner]), READ);
        check(47, &[0x30, 0x81, 0x88, 0x0b, 0, 9, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0x21], READ);
        check(47, &[0x20, 0x81, 0x88, 0x0b, 0, 0, 0, 1, 0, 0, 0, 1], Some("NotIp(34827)"));
        check(47, &join(&[&[0, 0, 0x88, 0xbe], &inner]), READ);
        check(47, &join(&[&[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1], &[0x10; 8], &inner]), READ);
        check(47, &join(&[&[0x10, 0, 0x22, 0xeb, 0, 0, 0, 1], &[0x20; 12], &inner]), READ);
        check(47, &[0, 0, 0x88, 0x3e, 0, 0, 0, 0], READ);
        check(47, &[0, 0, 0x88, 0x47, 0, 0, 0x11, 64], READ);
        check(47, &[0, 3, 8, 0], Some("Malformed"));
        check(97, &join(&[&[0x30, 0], &inner]), READ);
        check(50, &[], None);
        check(108, &[], None);
    }

    #[test]
    fn tunnels_over_udp_must_prove_themselves() {
        let inner = ethernet(0x8100, &[0, 5, 8, 0]);
        let tagged = Some("udp 1>2 31: 3/3 vlan 5");
        check_port(4789, &join(&[&[8, 0, 0, 0, 0, 0, 1, 0], &inner]), tagged);
        check_port(8472, &join(&[&[0x88, 0, 0, 9, 0, 0, 1, 0], &inner]), tagged);
        check_port(4789, &join(&[&[8, 1, 0, 0, 0, 0, 1, 0], &inner]), None);
        check_port(4789, b"anything at all", None);
        check_port(4789, &join(&[&[8, 0, 0, 0, 0, 0, 1, 0], &ethernet(0x0806, &[])]), Some("NotIp(2054)"));
        check_port(4789, &join(&[&[8, 0, 0, 0, 0, 0, 1, 0], &ethernet(0x7777, &[])]), None);
        check_port(4790, &[0x0c, 0, 0, 1, 0, 0, 1, 0], READ);
        check_port(4790, &[0x0c, 0, 0, 4, 0, 0, 1, 0, 0, 2, 1, 1, 0, 0, 0, 0], READ);
        check_port(6081, &join(&[&[1, 0, 0x65, 0x58, 0, 0, 1, 0, 1, 2, 3, 0], &inner]), tagged);
        check_port(6081, &[0x40, 0, 8, 0, 0, 0, 1, 0], None);
        check_port(2152, &[0x30, 0xff, 0, 31, 0, 0, 0, 1], READ);
        check_port(2152, &[0x34, 0xff, 0, 39, 0, 0, 0, 1, 0, 0, 0, 0x85, 1, 0, 9, 0], READ);
        check_port(2152, &[0x30, 1, 0, 31, 0, 0, 0, 1], None);
        check_port(2152, &[0x30, 0xff, 1, 31, 0, 0, 0, 1], None);
        check_port(1701, &[0x40, 2, 0, 39, 0, 1, 0, 1, 0xff, 3, 0, 0x21], READ);
        check_port(1701, &[0xc8, 2, 0, 39, 0, 1, 0, 1, 0, 0, 0, 0], None);
        check_port(4341, &[0x80, 0, 0, 1, 0, 0, 0, 1], READ);
        check_port(5072, &join(&[&[0x42, 0x52, 0x11, 4, 0, 0, 0, 0], &[0; 36]]), READ);
        check_port(6635, &[0, 0, 0x11, 64], READ);
        check_port(4754, &[0, 0, 8, 0], READ);
        check_port(37008, &join(&[&[1, 0, 0, 1, 10, 1, 7, 0, 1], &inner]), tagged);
        check_port(37009, &[0, 0, 8, 0], None);
    }

    #[test]
    fn the_inside_keeps_the_vlan_of_its_tunnel() {
        let tagged = ethernet(0x8100, &join(&[&[0, 9, 8, 0], &ipv4(4, &plain())]));
        assert_eq!(read(&frame(1, &tagged)), ["ipip 0>0 51: other 31 vlan 9", "udp 1>2 31: 3/3 vlan 9"]);
    }

    #[test]
    fn teredo() {
        let six = ipv6(17, &udp(1, 2, b"abc"));
        for head in [&[][..], &[0, 0, 1, 2, 3, 4, 5, 6], &[0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]] {
            let lines = read(&frame(101, &ipv4(17, &udp(9, 3544, &join(&[head, &six])))));
            assert_eq!(lines.get(1).map(String::as_str), Some("udp 1>2 51: 3/3"), "{head:?}");
        }
    }

    #[test]
    fn tunnels_in_tunnels_have_a_budget() {
        let nested = (0..6).fold(plain(), |inside, _| ipv4(4, &inside));
        let lines = read(&frame(101, &nested));
        assert_eq!(lines.len(), 6);
        assert_eq!(lines.last().map(String::as_str), Some("TooDeep"));
    }
}
