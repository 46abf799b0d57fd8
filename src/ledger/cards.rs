//! Frames that open connections in, the hosts behind network cards out: which addresses one card sends
//! for itself, and which card is at one end of all. What may be a router tells nothing. Every frame adds to a set or takes a card out of
//! it, so that pieces merge into the whole whatever their order.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use super::{CardSign, TapInfo, TappedHost};
use crate::wire::{Content, Datagram, Frame, FrameRef, Sender, TcpFlags};

/// Cards that are told apart; a flood of forged ones beyond that and nothing is learnt any more.
const MAX_CARDS: usize = 4096;
/// A host has an address of its own, and some more of IPv6 (RFC 8981); a card with more is a router's.
const MAX_ADDRESSES: usize = 6;

/// Interface, VLAN and address of a card.
type Card = (u32, Option<u16>, [u8; 6]);

/// Cards that were at one end of every frame: of the first frame both, and of further ones those that they share.
type Common = [Option<[u8; 6]>; 2];

/// What each card sent.
#[derive(Clone, Debug, Default)]
pub(super) struct Cards {
    /// `None` for a card that may be a router's.
    cards: HashMap<Card, Option<BTreeMap<IpAddr, FrameRef>>, foldhash::fast::RandomState>,
    overrun: bool,
    /// By interface, the cards that were at one end of every frame.
    common: BTreeMap<u32, Common>,
    /// Ways on which a frame told nothing, nor will any other: nearly all that a mirror sees comes from one of two
    /// routers.
    told: [Option<Way>; 2],
}

/// A card, and the one it sent to.
type Way = (Card, [u8; 6]);

impl Cards {
    /// Learns from a frame with a SYN in it, and from no other: what the rest of a connection would
    /// add is known by then.
    #[inline]
    pub(super) fn observe(&mut self, frame: &Frame<'_>, datagram: &Datagram<'_>) {
        if let Content::Tcp(segment) = &datagram.content
            && segment.flags.any(TcpFlags::SYN)
        {
            self.learn(frame, datagram.source);
        }
    }

    /// Learns from a frame with a SYN of `source` in it.
    pub(super) fn learn(&mut self, frame: &Frame<'_>, source: IpAddr) {
        if self.overrun {
            return;
        }
        let Some(sender) = Sender::of(frame) else { return };
        let card = (frame.tap, sender.vlan, sender.card);
        let way = Some((card, sender.to));
        if self.told.contains(&way) {
            return;
        }
        // What a host says to itself shows no card.
        if sender.card != sender.to {
            self.share(frame.tap, [Some(sender.card), Some(sender.to)]);
        }
        if !is_own(source) {
            return;
        }
        match self.cards.get(&card) {
            // Nearly always there is nothing new, and nothing to allocate.
            Some(None) => {
                // Cards that were at one end of all become fewer, and a router's stays one.
                self.told = [way, self.told[0]];
                return;
            }
            Some(Some(own)) if sender.first_hop && own.get(&source).is_some_and(|first| *first <= frame.place) => {
                return;
            }
            Some(Some(_)) | None => {}
        }
        let addresses = sender.first_hop.then(|| BTreeMap::from([(source, frame.place)]));
        self.add(card, addresses);
    }

    fn share(&mut self, tap: u32, ends: Common) {
        let common = self.common.entry(tap).or_insert(ends);
        common.iter_mut().filter(|card| !ends.contains(card)).for_each(|card| *card = None);
    }

    fn add(&mut self, card: Card, addresses: Option<BTreeMap<IpAddr, FrameRef>>) {
        let room = self.cards.len() < MAX_CARDS;
        let Some(known) = self.cards.get_mut(&card) else {
            if room {
                self.cards.insert(card, addresses);
            } else {
                self.overrun = true;
            }
            return;
        };
        let Some(addresses) = addresses else {
            *known = None;
            return;
        };
        if let Some(own) = known {
            for (address, frame) in addresses {
                let first = own.entry(address).or_insert(frame);
                *first = frame.min(*first);
            }
            if own.len() > MAX_ADDRESSES {
                *known = None;
            }
        }
    }

    /// Adds what another piece learnt.
    pub(super) fn merge(&mut self, later: Self) {
        self.overrun |= later.overrun;
        for (card, addresses) in later.cards {
            self.add(card, addresses);
        }
        for (tap, common) in later.common {
            self.share(tap, common);
        }
    }

    /// The host at each interface: whose card the capture names, else whose card is at one end of all. Between two
    /// such cards it is the one that is no router's, if the other is.
    pub(super) fn tapped(&self, taps: &[TapInfo]) -> Vec<TappedHost> {
        if self.overrun {
            return Vec::new();
        }
        let mut found = Vec::new();
        for (tap, common) in &self.common {
            let described = taps.get(usize::try_from(*tap).unwrap_or(usize::MAX)).and_then(|info| info.card);
            let ends: Vec<[u8; 6]> = common.iter().flatten().copied().collect();
            let alone = match ends.as_slice() {
                [card] => Some(*card),
                [one, other] if self.is_router(*tap, *other) => Some(*one),
                [other, one] if self.is_router(*tap, *other) => Some(*one),
                _ => None,
            };
            let host = |card| Some((card, self.host(*tap, card)?));
            let told = described.and_then(host).or_else(|| alone.and_then(host));
            if let Some((card, addresses)) = told {
                let described = described == Some(card);
                found.push(TappedHost { tap: *tap, card, described, addresses: addresses.into_iter().collect() });
            }
        }
        found
    }

    /// What a card sent for itself, in all VLANs.
    fn sent(&self, tap: u32, card: [u8; 6]) -> impl Iterator<Item = Option<&BTreeMap<IpAddr, FrameRef>>> {
        let own = self.cards.iter().filter(move |((on, _, known), _)| *on == tap && *known == card);
        own.map(|(_, addresses)| addresses.as_ref())
    }

    fn is_router(&self, tap: u32, card: [u8; 6]) -> bool {
        self.sent(tap, card).any(|addresses| addresses.is_none())
    }

    /// The addresses of the host behind a card; none of what may be a router.
    fn host(&self, tap: u32, card: [u8; 6]) -> Option<BTreeMap<IpAddr, FrameRef>> {
        let mut own: BTreeMap<IpAddr, FrameRef> = BTreeMap::new();
        for (address, frame) in self.sent(tap, card).collect::<Option<Vec<_>>>()?.into_iter().flatten() {
            let first = own.entry(*address).or_insert(*frame);
            *first = (*first).min(*frame);
        }
        (!own.is_empty() && own.len() <= MAX_ADDRESSES).then_some(own)
    }

    /// Addresses that share a card, each set in order.
    pub(super) fn settle(&self) -> Vec<CardSign> {
        if self.overrun {
            return Vec::new();
        }
        let shared = self.cards.values().flatten().filter(|addresses| addresses.len() > 1);
        let sign = |addresses: &BTreeMap<_, _>| CardSign {
            addresses: addresses.iter().map(|(address, frame)| (*address, *frame)).collect(),
        };
        let mut signs: Vec<CardSign> = shared.map(sign).collect();
        signs.sort();
        signs.dedup();
        signs
    }
}

/// Whether an address can be that of one host: an address of the link is everybody's.
fn is_own(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => !(v4.is_link_local() || v4.is_unspecified() || v4.is_loopback() || v4.is_multicast()),
        IpAddr::V6(v6) => !(v6.is_unicast_link_local() || v6.is_unspecified() || v6.is_loopback() || v6.is_multicast()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Course, LinkType, Timestamp};

    /// What cards sent, as `CARD ADDRESS`, a `*` before it for a packet that a router passed on; the
    /// addresses that then share a card, whatever the order and wherever the pieces are cut.
    fn check(lines: &[&str], expected: &[&str]) {
        let read = |line: &&str| {
            let (card, address) = line.trim_start_matches('*').split_once(' ').unwrap();
            let (address, card) = (address.parse::<IpAddr>().unwrap(), card.parse().unwrap());
            let addresses = (!line.starts_with('*')).then(|| BTreeMap::from([(address, FrameRef::default())]));
            ((0, None, [0, 0, 0, 0, 0, card]), addresses)
        };
        let mut reversed = lines.to_vec();
        reversed.reverse();
        for lines in [lines, &reversed] {
            for cut in 0..=lines.len() {
                let mut pieces = [Cards::default(), Cards::default()];
                for (index, line) in lines.iter().enumerate() {
                    let (card, addresses) = read(line);
                    pieces[usize::from(index >= cut)].add(card, addresses);
                }
                let [mut whole, later] = pieces;
                whole.merge(later);
                let shared = whole.settle().into_iter().flat_map(|sign| sign.addresses).map(|(address, _)| address);
                let shared: Vec<String> = shared.map(|address| address.to_string()).collect();
                assert_eq!(shared, expected, "{lines:?} cut at {cut}");
            }
        }
    }

    #[test]
    fn a_host_shares_a_card_and_a_router_tells_nothing() {
        check(&[], &[]);
        check(&["1 10.0.0.5", "2 fd00::5"], &[]);
        check(&["1 10.0.0.5", "1 fd00::5", "1 10.0.0.5"], &["10.0.0.5", "fd00::5"]);
        check(&["1 10.0.0.5", "1 fd00::5", "*1 10.9.9.9"], &[]);
        let many = ["1 10.0.0.1", "1 10.0.0.2", "1 10.0.0.3", "1 10.0.0.4", "1 10.0.0.5", "1 10.0.0.6", "1 10.0.0.7"];
        check(&many, &[]);
        check(&many[..2], &["10.0.0.1", "10.0.0.2"]);
    }

    /// A frame of the first tap.
    fn syn(number: u32, bytes: &[u8]) -> Frame<'_> {
        Frame {
            at: Timestamp::default(),
            link: LinkType::ETHERNET,
            tap: 0,
            place: FrameRef { input: 0, number },
            bytes,
            wire_length: u32::try_from(bytes.len()).unwrap(),
            course: Course::Unknown,
            packet_id: None,
            dropped: false,
        }
    }

    /// Frames as `FROM TO ADDRESS`, with a `*` before what a router passed on; the card and the addresses of the
    /// host at the interface, wherever the pieces are cut.
    fn tapped(lines: &[&str], described: Option<u8>, expected: &[&str]) {
        for cut in 0..=lines.len() {
            let mut pieces = [Cards::default(), Cards::default()];
            for (index, line) in lines.iter().enumerate() {
                let words: Vec<&str> = line.trim_start_matches('*').split(' ').collect();
                let card = |at: usize| words[at].parse().unwrap();
                let hops = if line.starts_with('*') { 63 } else { 64 };
                let cards = [0, 0, 0, 0, 0, card(1), 0, 0, 0, 0, 0, card(0), 8, 0];
                let bytes = [&cards[..], &[hops; 20]].concat();
                let number = u32::try_from(index).unwrap() + 1;
                // Often enough that what tells nothing new is known to.
                (0..3).for_each(|_| {
                    pieces[usize::from(index >= cut)].learn(&syn(number, &bytes), words[2].parse().unwrap())
                });
            }
            let [mut whole, later] = pieces;
            whole.merge(later);
            let card = described.map(|last| [0, 0, 0, 0, 0, last]);
            let (name, link) = (String::new(), LinkType::ETHERNET);
            let taps = [TapInfo { input: 0, name, link, snap_length: 0, addresses: Vec::new(), card }];
            let found = whole.tapped(&taps).into_iter().flat_map(|host| {
                let card = host.card[5];
                host.addresses.into_iter().map(move |(address, frame)| format!("{card} {address} {}", frame.number))
            });
            assert_eq!(found.collect::<Vec<_>>(), expected, "{lines:?} cut at {cut}");
        }
    }

    #[test]
    fn the_card_at_one_end_of_all_is_the_hosts() {
        tapped(&[], None, &[]);
        // Two hosts that talk to nobody else: either may have captured.
        tapped(&["1 2 10.0.0.5", "2 1 10.0.0.9"], None, &[]);
        tapped(&["1 2 10.0.0.5", "3 1 10.0.0.9", "1 3 fd00::5"], None, &["1 10.0.0.5 1", "1 fd00::5 3"]);
        // All that a host says goes over its router.
        tapped(&["1 2 10.0.0.5", "*2 1 10.9.0.9"], None, &["1 10.0.0.5 1"]);
        tapped(&["*2 1 10.9.0.9", "1 2 10.0.0.5"], None, &["1 10.0.0.5 2"]);
        // At a mirror between two routers, at a router, and where strangers talk.
        tapped(&["*1 2 10.0.0.5", "*2 1 10.9.0.9"], None, &[]);
        tapped(&["*1 2 10.0.0.5", "3 1 10.0.0.9"], None, &[]);
        tapped(&["1 2 10.0.0.5", "3 4 10.0.0.9"], None, &[]);
        // What two routers told over and over hides nobody who comes later.
        let routed = ["*1 2 10.0.0.5", "*2 1 10.9.0.9", "*1 2 10.0.0.5", "*2 1 10.9.0.9"];
        tapped(&[&routed[..], &["3 1 10.0.0.7"]].concat(), None, &[]);
        tapped(&[&routed[..], &["3 1 10.0.0.7"]].concat(), Some(3), &["3 10.0.0.7 5"]);
        tapped(&["3 2 10.0.0.7", "*2 3 10.9.0.9", "*2 3 10.9.0.9", "2 3 fd00::5"], None, &["3 10.0.0.7 1"]);
        // The capture says which card is its own, whoever else it heard.
        tapped(&["1 2 10.0.0.5", "3 4 10.0.0.9"], Some(3), &["3 10.0.0.9 2"]);
        tapped(&["1 2 10.0.0.5", "3 4 10.0.0.9"], Some(7), &[]);
    }

    #[test]
    fn a_flood_of_cards_teaches_nothing() {
        let mut cards = Cards::default();
        for card in 0..=u16::try_from(MAX_CARDS).unwrap() {
            let [high, low] = card.to_be_bytes();
            for address in ["10.0.0.5", "fd00::5"] {
                let sent = Some(BTreeMap::from([(address.parse().unwrap(), FrameRef::default())]));
                cards.add((0, None, [0, 0, 0, 0, high, low]), sent);
            }
            assert_eq!(cards.settle().is_empty(), usize::from(card) == MAX_CARDS);
        }
    }
}
