//! A frame of any link type in, its IP datagram out: one table of link types, one file per family.
//! A link type that is not in the table is refused by its number, never guessed.

mod cooked;
mod local;
pub(super) mod ppp;
mod radio;
mod serial;
mod station;
mod tagged;
mod wireless;

use super::layer::Layer;
use super::{Course, Datagram, Frame, LinkType, Undecoded, ethernet, ip, ipv4, ipv6, llc, mpls};

/// Reads a frame by the link type that the capture states.
pub(super) fn decode(link: LinkType, layer: Layer<'_>) -> Result<Datagram<'_>, Undecoded> {
    match link.0 {
        0 | 108 => local::loopback(layer),
        1 => ethernet::decode(layer),
        6 => station::token_ring(layer),
        7 => station::arcnet(layer, 2),
        129 => station::arcnet(layer, 4),
        8 => ip::decode(layer.skip(16)?),
        9 | 50 => ppp::decode(layer),
        10 => station::fddi(layer),
        51 => ppp::over_ethernet(layer),
        12 | 14 | 101 => ip::decode(local::raw(layer)),
        228 => ipv4::decode(local::raw(layer)),
        229 => ipv6::decode(local::raw(layer)),
        100 => llc::decode(layer),
        106 => station::classical(layer),
        104 => serial::cisco_hdlc(layer),
        205 => serial::cisco_hdlc(layer.skip(1)?),
        105 => wireless::decode(layer, wireless::Padding::None),
        107 => serial::frame_relay(layer),
        206 => serial::frame_relay(layer.skip(1)?),
        109 => local::enc(layer),
        113 => cooked::first(layer),
        117 => local::pflog(layer),
        119 => radio::prism(layer),
        122 => llc::decode(layer.skip(16)?),
        123 => station::sun_atm(layer),
        127 => radio::radiotap(layer),
        138 => tagged::behind(layer, 16),
        143 => tagged::docsis(layer),
        163 => radio::avs(layer),
        166 => ppp::protocol(layer.skip(2)?),
        192 => radio::ppi(layer),
        204 => ppp::decode(layer.skip(1)?),
        219 => mpls::decode(layer),
        226 => ip::decode(layer.skip(24)?),
        239 => local::nflog(layer),
        240 => ethernet::decode(layer.skip(4)?),
        241 => ethernet::decode(layer.skip(12)?),
        242 => tagged::behind_with_reserve(layer, 40),
        // macOS wrote PKTAP under a number for private use before it had its own.
        149 | 258 => radio::pktap(layer),
        274 => ethernet::decode(layer.skip(8)?),
        276 => cooked::second(layer),
        281 => tagged::behind(layer, 16),
        282 => ethernet::decode(layer.skip(4)?),
        284 => tagged::marvell(layer, 12),
        285 => tagged::marvell(layer, 16),
        _ => Err(Undecoded::LinkType(link.0)),
    }
}

/// Which way a frame went: what the file says of it, else what its link header says (SLL, SLL2).
#[must_use]
#[inline]
pub fn course(frame: &Frame<'_>) -> Course {
    match (frame.course, frame.link.0) {
        (Course::Unknown, 113) => frame.bytes.get(1).map_or(Course::Unknown, |kind| cooked::course(*kind)),
        (Course::Unknown, 276) => frame.bytes.get(10).map_or(Course::Unknown, |kind| cooked::course(*kind)),
        (way, _) => way,
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{ethernet, frame, ipv6, join, plain, read, udp};

    fn check(link: u16, head: &[u8], expected: &str) {
        assert_eq!(read(&frame(link, &join(&[head, &plain()]))), [expected], "link type {link}");
    }

    const READ: &str = "udp 1>2 31: 3/3";
    const SNAP: &[u8] = &[0xaa, 0xaa, 3, 0, 0, 0, 8, 0];

    #[test]
    fn every_link_type_leads_to_ip() {
        check(0, &[2, 0, 0, 0], READ);
        check(0, &[0, 0, 0, 2], READ);
        check(0, &[7, 0, 0, 0], "NotIp(7)");
        check(108, &[0, 0, 0, 2], READ);
        check(8, &[0; 16], READ);
        check(9, &[0xff, 3, 0, 0x21], READ);
        check(9, &[0x21], READ);
        check(9, &[0xc0, 0x21], "NotIp(49185)");
        check(9, &[0x0f, 0, 8, 0], READ);
        check(50, &[0xff, 3, 0x21], READ);
        check(51, &[0x11, 0, 0, 1, 0, 33, 0, 0x21], READ);
        check(204, &[1, 0xff, 3, 0, 0x21], READ);
        check(12, &[], READ);
        check(101, &[], READ);
        check(228, &[], READ);
        check(229, &[], "Cut");
        check(100, SNAP, READ);
        check(106, SNAP, READ);
        check(122, &join(&[&[0; 16], SNAP]), READ);
        check(123, &join(&[&[2, 0, 0, 5], SNAP]), READ);
        check(10, &join(&[&[0x50; 13], SNAP]), READ);
        check(6, &join(&[&[0x10, 0x40, 0, 0, 0, 0, 0, 0, 0x80, 0, 0, 0, 0, 0, 0x02, 0], SNAP]), READ);
        check(7, &[1, 2, 0xf0], READ);
        check(129, &[1, 2, 0, 0, 0xd4, 0, 0, 0], READ);
        check(104, &[0x0f, 0, 8, 0], READ);
        check(107, &[0x18, 0x41, 3, 0xcc], READ);
        check(107, &[0x18, 0x41, 8, 0], READ);
        check(109, &[2, 0, 0, 0, 1, 2, 3, 4, 0, 0, 0, 0], READ);
        check(113, &[0, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0], READ);
        check(276, &[8, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0], READ);
        check(117, &join(&[&[61, 2], &[0; 62]]), READ);
        check(219, &[0, 0, 0x11, 64], READ);
        check(226, &[0; 24], READ);
        check(239, &[2, 0, 0, 0, 5, 0, 10, 0, 0, 0, 0, 0, 35, 0, 9, 0], READ);
        check(239, &[2, 0, 0, 0, 0, 5, 0, 10, 0, 0, 0, 0, 0, 35, 0, 9], READ);
        check(242, &join(&[&[0; 40], &[8, 0, 0, 0]]), READ);
        check(281, &join(&[&[0; 16], &[8, 0]]), READ);
        check(284, &join(&[&[0; 12], &[0xe0, 0, 0, 5, 8, 0]]), "udp 1>2 31: 3/3 vlan 5");
        check(160, &[], "LinkType(160)");
    }

    #[test]
    fn wireless_frames() {
        let air = |control: u8, flags: u8, rest: &[u8]| join(&[&[control, flags], &[0; 22], rest, SNAP]);
        check(105, &air(0x08, 1, &[]), READ);
        check(105, &air(0x08, 3, &[0; 6]), READ);
        check(105, &air(0x88, 1, &[0, 0]), READ);
        check(105, &air(0x88, 1, &join(&[&[0x80, 0], &[0; 14]])), READ);
        check(105, &air(0x80, 0, &[]), "NotIp(32768)");
        check(105, &air(0x48, 1, &[]), "NotIp(18433)");
        check(105, &air(0x08, 0x41, &[1, 2]), "Encrypted");
        check(105, &air(0x08, 0x41, &[]), READ);
        let radiotap = [0, 0, 17, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x20];
        check(127, &join(&[&radiotap, &air(0x88, 1, &[0, 0, 0, 0])]), READ);
        check(192, &join(&[&[0, 0, 8, 0, 105, 0, 0, 0], &air(0x08, 1, &[])]), READ);
        check(163, &join(&[&[0x80, 0x21, 0x10, 1, 0, 0, 0, 8], &air(0x08, 1, &[])]), READ);
        check(119, &join(&[&[0x44, 0, 0, 0, 8, 0, 0, 0], &air(0x08, 1, &[])]), READ);
        check(192, &[0, 0, 8, 0, 192, 0, 0, 0].repeat(10), "TooDeep");
    }

    #[test]
    fn ethernet_and_what_stands_in_it() {
        let inner = ethernet(0x0800, &[]);
        let check = |ethertype, head: &[u8], expected| check(1, &ethernet(ethertype, head), expected);
        check(0x0800, &[], READ);
        check(0x8100, &[0x20, 5, 8, 0], "udp 1>2 31: 3/3 vlan 5");
        check(0x88a8, &[0, 7, 0x81, 0, 0, 5, 8, 0], "udp 1>2 31: 3/3 vlan 7");
        check(0x9100, &[0, 7, 0x81, 0, 0, 5, 0x81, 0, 0, 6, 8, 0], "udp 1>2 31: 3/3 vlan 7");
        check(0x8100, &join(&[&[0, 7, 0x81, 0].repeat(7), &[0, 7, 8, 0]]), "udp 1>2 31: 3/3 vlan 7");
        check(0x8100, &join(&[&[0, 7, 0x81, 0].repeat(8), &[0, 7, 8, 0]]), "TooDeep");
        check(39, SNAP, READ);
        check(31, &[0x42, 0x42, 3], "NotIp(66)");
        check(0x8847, &[0, 0, 0x10, 64, 0, 0, 0x11, 64], READ);
        check(0x8847, &join(&[&[0, 0, 0x11, 64, 0, 0, 0, 0], &inner]), READ);
        check(0x8847, &join(&[&[0, 0, 0x11, 64], &inner]), READ);
        let nested = join(&[&[0, 0, 0x11, 64, 0, 0, 0, 0], &ethernet(0x8847, &[])]);
        check(0x8847, &nested.repeat(9), "TooDeep");
        check(0x8864, &[0x11, 0, 0, 1, 0, 33, 0, 0x21], READ);
        check(0x88e5, &[0, 0, 0, 0, 0, 1, 8, 0], READ);
        check(0x88e5, &[0x0c, 0, 0, 0, 0, 1, 8, 0], "Encrypted");
        check(0x88e7, &join(&[&[0; 4], &inner]), READ);
        check(0x8903, &join(&[&[0; 2], &inner]), READ);
        check(0x22f3, &join(&[&[0; 6], &inner]), READ);
        check(0x894f, &[0, 2, 1, 1, 0, 0, 0, 0], READ);
        check(0x894f, &[0, 1, 1, 1], "Malformed");
        check(0x8926, &[0, 0, 0, 0, 8, 0], READ);
        check(0x8909, &[1, 1, 0, 1, 0, 0, 8, 0], READ);
        check(0x0806, &[], "NotIp(2054)");
        check(0x7777, &[], "EtherType(30583)");
        check(0x86dd, &[], "Cut");
        let six = ethernet(0x86dd, &ipv6(17, &udp(1, 2, b"abc")));
        assert_eq!(read(&frame(1, &six)), ["udp 1>2 51: 3/3"]);
    }
}
