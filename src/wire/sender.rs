//! An Ethernet frame in, the network cards at its ends out, with what tells a host from a router. Not
//! on the path of every packet: callers ask for the few frames from which they learn.

use super::{Frame, LinkType};

/// Who put a frame on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sender {
    /// Source address of the frame (IEEE 802.3 clause 3.2.4).
    pub card: [u8; 6],
    /// Destination address of the frame.
    pub to: [u8; 6],
    /// Outermost VLAN.
    pub vlan: Option<u16>,
    /// Whether the IP packet has one of the hop counts with which hosts send (32, 64, 128, 255): each
    /// router takes one away (RFC 1812 section 5.3.1, RFC 8200 section 3).
    pub first_hop: bool,
}

/// Hop counts with which hosts send.
const FRESH: [u8; 4] = [32, 64, 128, 255];

impl Sender {
    /// Reads a plain or VLAN-tagged Ethernet frame with IP in it; `None` for anything else.
    #[must_use]
    pub fn of(frame: &Frame<'_>) -> Option<Self> {
        if frame.link != LinkType::ETHERNET {
            return None;
        }
        let (head, mut rest) = frame.bytes.split_first_chunk::<14>()?;
        let [a, b, c, d, e, f, card @ .., high, low] = *head;
        let mut ethertype = u16::from_be_bytes([high, low]);
        let mut vlan = None;
        while matches!(ethertype, 0x8100 | 0x88a8) {
            let (tag, behind) = rest.split_first_chunk::<4>()?;
            vlan = vlan.or(Some(u16::from_be_bytes([tag[0], tag[1]]) & 0x0fff));
            ethertype = u16::from_be_bytes([tag[2], tag[3]]);
            rest = behind;
        }
        let hops = match ethertype {
            0x0800 => *rest.get(8)?,
            0x86dd => *rest.get(7)?,
            _ => return None,
        };
        Some(Self { card, to: [a, b, c, d, e, f], vlan, first_hop: FRESH.contains(&hops) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Course, FrameRef, Timestamp};

    fn of(link: u16, hex: &str) -> Option<Sender> {
        let digits: Vec<u8> = hex.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
        let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        let bytes: Vec<u8> = digits.chunks(2).map(byte).collect();
        Sender::of(&Frame {
            at: Timestamp::default(),
            link: LinkType(link),
            tap: 0,
            place: FrameRef::default(),
            bytes: &bytes,
            wire_length: 0,
            course: Course::Unknown,
            packet_id: None,
            dropped: false,
        })
    }

    #[test]
    fn cards_and_hop_counts() {
        const ENDS: &str = "0202 0202 0202 0a0b 0c0d 0e0f";
        let sent = |vlan, first_hop| Some(Sender { card: [10, 11, 12, 13, 14, 15], to: [2; 6], vlan, first_hop });
        let cases: [(u16, &str, Option<Sender>); 7] = [
            (1, "0800 4500 0014 0000 0000 40", sent(None, true)),
            (1, "0800 4500 0014 0000 0000 3f", sent(None, false)),
            (1, "86dd 6000 0000 0000 06ff", sent(None, true)),
            (1, "8100 2007 88a8 0008 86dd 6000 0000 0000 0601", sent(Some(7), false)),
            (1, "0806 0001", None),
            (1, "0800 4500", None),
            (101, "0800 4500 0014 0000 0000 40", None),
        ];
        for (link, rest, expected) in cases {
            assert_eq!(of(link, &format!("{ENDS} {rest}")), expected, "{rest}");
        }
    }
}
