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
use super::{Datagram, LinkType, Undecoded, ethernet, ip, ipv4, ipv6, llc, mpls};

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
        258 => radio::pktap(layer),
        274 => ethernet::decode(layer.skip(8)?),
        276 => cooked::second(layer),
        281 => tagged::behind(layer, 16),
        282 => ethernet::decode(layer.skip(4)?),
        284 => tagged::marvell(layer, 12),
        285 => tagged::marvell(layer, 16),
        _ => Err(Undecoded::LinkType(link.0)),
    }
}
