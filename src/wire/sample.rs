//! Packets for tests, layer by layer, and one line that says what was read from them.

use super::{Content, Course, Datagram, Frame, FrameRef, LinkType, Timestamp, Undecoded, decode, peel};

/// An IPv4 datagram from 10.0.0.1 to 10.0.0.2 around `payload`.
pub fn ipv4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    fragment4(protocol, 0, payload)
}

/// The same with flags and fragment offset as they stand in the header; identification 7.
pub fn fragment4(protocol: u8, field: u16, payload: &[u8]) -> Vec<u8> {
    let total = u16::try_from(payload.len() + 20).unwrap().to_be_bytes();
    let field = field.to_be_bytes();
    let head = [0x45, 0, total[0], total[1], 0, 7, field[0], field[1], 64, protocol, 0, 0];
    join(&[&head, &[10, 0, 0, 1, 10, 0, 0, 2], payload])
}

/// An IPv6 datagram from fd00::1 to fd00::2 around `payload`.
pub fn ipv6(next: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = vec![0x60, 0, 0, 0, length[0], length[1], next, 64];
    for last in [1, 2] {
        bytes.extend([0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]);
    }
    join(&[&bytes, payload])
}

/// A UDP datagram.
pub fn udp(source: u16, destination: u16, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len() + 8).unwrap();
    join(&[&source.to_be_bytes(), &destination.to_be_bytes(), &length.to_be_bytes(), &[0, 0], payload])
}

/// A TCP segment with a SYN, sequence number 9 and no options.
pub fn tcp(source: u16, destination: u16, payload: &[u8]) -> Vec<u8> {
    let rest = [0, 0, 0, 9, 0, 0, 0, 0, 0x50, 2, 0, 0, 0, 0, 0, 0];
    join(&[&source.to_be_bytes(), &destination.to_be_bytes(), &rest, payload])
}

/// An Ethernet frame.
pub fn ethernet(ethertype: u16, payload: &[u8]) -> Vec<u8> {
    join(&[&[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2], &ethertype.to_be_bytes(), payload])
}

/// UDP from port 1 to port 2 with three bytes, in IPv4.
pub fn plain() -> Vec<u8> {
    ipv4(17, &udp(1, 2, b"abc"))
}

/// All parts in one.
pub fn join(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

/// A frame that was captured whole.
pub fn frame(link: u16, bytes: &[u8]) -> Frame<'_> {
    Frame {
        at: Timestamp::from_nanoseconds(0),
        link: LinkType(link),
        tap: 0,
        place: FrameRef { input: 0, number: 1 },
        bytes,
        wire_length: u32::try_from(bytes.len()).unwrap(),
        course: Course::Unknown,
        packet_id: None,
        dropped: false,
    }
}

/// What decoding and peeling a frame gives: one line for each layer.
pub fn read(frame: &Frame<'_>) -> Vec<String> {
    let (mut next, mut lines) = (decode(frame), Vec::new());
    loop {
        lines.push(line(&next));
        match next.as_ref().ok().and_then(peel) {
            Some(inner) => next = inner,
            None => return lines,
        }
    }
}

/// One layer in one line.
pub fn line(layer: &Result<Datagram<'_>, Undecoded>) -> String {
    let datagram = match layer {
        Ok(datagram) => datagram,
        Err(reason) => return format!("{reason:?}"),
    };
    let (source, destination) = datagram.ports();
    let content = match datagram.content {
        Content::Tcp(segment) => {
            format!("{:#04x} {}/{}", segment.flags.0, segment.payload.len(), segment.payload_length)
        }
        Content::Udp { payload, payload_length, .. } => format!("{}/{payload_length}", payload.len()),
        Content::Ports { .. } => "ports".to_owned(),
        Content::Icmp(message) => {
            let quote = message
                .quote
                .map(|quote| format!(" quotes {}:{}:{}", quote.transport, quote.source_port, quote.destination_port));
            format!("{}.{} {:?}{}", message.kind, message.code, message.identifier, quote.unwrap_or_default())
        }
        Content::Fragment(part) => format!("part {}+{} {}", part.offset, part.length, part.more),
        Content::Other(bytes) => format!("other {}", bytes.len()),
    };
    let vlan = datagram.vlan.map(|vlan| format!(" vlan {vlan}")).unwrap_or_default();
    let Datagram { transport, length, .. } = datagram;
    format!("{transport} {source}>{destination} {length}: {content}{vlan}")
}
