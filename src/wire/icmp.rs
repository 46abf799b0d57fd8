//! An ICMP (RFC 792) or ICMPv6 (RFC 4443) message in, an [`IcmpMessage`] out, with the flow that an
//! error quotes. A quote cut to 8 bytes of transport header still gives its ports; a quoted
//! fragment gives them only when it is the first one.

use std::net::{IpAddr, Ipv4Addr};

use super::ip::Payload;
use super::{IcmpMessage, Quote, Transport, Undecoded, ipv6};

/// Reads the message at the head of `payload`; `protocol` is 1 or 58.
pub(super) fn message(protocol: u8, payload: Payload<'_>) -> Result<IcmpMessage<'_>, Undecoded> {
    let [kind, code] = *payload.bytes.first_chunk::<2>().ok_or_else(|| payload.shortage(2))?;
    let body = payload.bytes.get(4..).unwrap_or(&[]);
    let (echo, error) = if protocol == 1 {
        (matches!(kind, 0 | 8), matches!(kind, 3 | 4 | 5 | 11 | 12))
    } else {
        (matches!(kind, 128 | 129), matches!(kind, 1..=4))
    };
    let identifier = body.first_chunk::<2>().filter(|_| echo).map(|id| u16::from_be_bytes(*id));
    let quote = body.get(4..).filter(|_| error).and_then(quote);
    Ok(IcmpMessage { kind, code, identifier, quote, body })
}

/// The addresses and ports at the head of a quoted packet.
fn quote(bytes: &[u8]) -> Option<Quote> {
    match bytes.first()? >> 4 {
        4 => quote4(bytes),
        6 => quote6(bytes),
        _ => None,
    }
}

fn quote4(bytes: &[u8]) -> Option<Quote> {
    let head = bytes.first_chunk::<20>()?;
    let header = usize::from(head[0] & 0x0f) << 2;
    let first = u16::from_be_bytes([head[6], head[7]]) & 0x1fff == 0;
    let source = Ipv4Addr::new(head[12], head[13], head[14], head[15]);
    let destination = Ipv4Addr::new(head[16], head[17], head[18], head[19]);
    let behind = bytes.get(header.max(20)..).filter(|_| first).unwrap_or(&[]);
    Some(with_ports(source.into(), destination.into(), head[9], behind))
}

fn quote6(bytes: &[u8]) -> Option<Quote> {
    let (head, mut rest) = bytes.split_first_chunk::<40>()?;
    let (source, destination) = ipv6::addresses(head);
    let mut next = head[6];
    for _ in 0..MAX_EXTENSIONS {
        let Some(&[behind, words, high, low]) = rest.first_chunk::<4>() else { break };
        let length = match next {
            0 | 43 | 60 | 135 | 139 | 140 => usize::from(words).saturating_add(1).saturating_mul(8),
            51 => usize::from(words).saturating_add(2).saturating_mul(4),
            44 if u16::from_be_bytes([high, low]) & 0xfff8 == 0 => 8,
            44 => rest.len(),
            _ => break,
        };
        next = behind;
        rest = rest.get(length..).unwrap_or(&[]);
    }
    Some(with_ports(source.into(), destination.into(), next, rest))
}

fn with_ports(source: IpAddr, destination: IpAddr, protocol: u8, bytes: &[u8]) -> Quote {
    let bears_ports = matches!(protocol, 6 | 17 | 33 | 132 | 136);
    let [a, b, c, d] = bytes.first_chunk::<4>().copied().filter(|_| bears_ports).unwrap_or_default();
    Quote {
        source,
        destination,
        transport: Transport(protocol),
        source_port: u16::from_be_bytes([a, b]),
        destination_port: u16::from_be_bytes([c, d]),
    }
}

const MAX_EXTENSIONS: usize = 10;
