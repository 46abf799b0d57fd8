//! Frames that open connections in, the hosts behind network cards out: which addresses one card sends
//! for itself. What may be a router tells nothing. Every frame adds to a set or takes a card out of
//! it, so that pieces merge into the whole whatever their order.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use super::CardSign;
use crate::wire::{Content, Datagram, Frame, FrameRef, Sender, TcpFlags};

/// Cards that are told apart; a flood of forged ones beyond that and nothing is learnt any more.
const MAX_CARDS: usize = 4096;
/// A host has an address of its own, and some more of IPv6 (RFC 8981); a card with more is a router's.
const MAX_ADDRESSES: usize = 6;

/// Interface, VLAN and address of a card.
type Card = (u32, Option<u16>, [u8; 6]);

/// What each card sent.
#[derive(Clone, Debug, Default)]
pub(super) struct Cards {
    /// `None` for a card that may be a router's.
    cards: HashMap<Card, Option<BTreeMap<IpAddr, FrameRef>>, foldhash::fast::RandomState>,
    overrun: bool,
    /// The card that was last found to be a router's: nearly all that a mirror sees comes from one.
    router: Option<Card>,
}

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
        let Some(sender) = Sender::of(frame).filter(|_| is_own(source)) else { return };
        let card = (frame.tap, sender.vlan, sender.card);
        if self.router == Some(card) {
            return;
        }
        match self.cards.get(&card) {
            // Nearly always there is nothing new, and nothing to allocate.
            Some(None) => {
                self.router = Some(card);
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
