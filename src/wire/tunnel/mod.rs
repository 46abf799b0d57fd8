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
    match datagram.content {
        Content::Tcp(_) | Content::Ports { .. } | Content::Icmp(_) | Content::Fragment(_) => None,
        Content::Other(bytes) => by_protocol(datagram, bytes),
        Content::Udp { source_port, destination_port, payload, payload_length } => {
            let reader = by_port(destination_port).or_else(|| by_port(source_port))?;
            over_udp(reader, payload, payload_length, datagram.depth)
        }
    }
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
fn by_port(port: u16) -> Option<Reader> {
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

/// Opens a tunnel that a port suggests.
fn over_udp(
    reader: Reader,
    payload: &[u8],
    payload_length: u32,
    depth: u8,
) -> Option<Result<Datagram<'_>, Undecoded>> {
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
