//! Fragments of IP datagrams in, whole datagrams out. Holds at most 4,096 datagrams and 16 MiB, and
//! the oldest go first. Fragments that contradict each other are put together all the same, but the
//! result says so. Never reads a clock, never guesses a missing piece.

mod piece;
mod whole;

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use super::{Content, Datagram, Fragment, FrameRef, Timestamp, Transport};
use whole::Unfinished;

pub use piece::PendingFragment;
pub use whole::Reassembled;

/// The reassembly table.
#[derive(Debug, Default)]
pub struct Fragments {
    unfinished: HashMap<Key, Unfinished>,
    /// Keys by the serial number of their first fragment: what is evicted goes in this order.
    order: BTreeMap<u64, Key>,
    serial: u64,
    bytes: usize,
    given_up: u64,
    /// When the first fragment came.
    began: Option<Timestamp>,
    /// Fragments that grew too old here, but whose datagram may have begun before this table did.
    early: Vec<PendingFragment>,
}

impl Fragments {
    /// Takes a fragment; gives the whole datagram when this was the piece that was missing.
    /// A datagram that is no fragment is not looked at.
    pub fn insert(&mut self, at: Timestamp, datagram: &Datagram<'_>, place: FrameRef) -> Option<Reassembled> {
        let Content::Fragment(fragment) = datagram.content else { return None };
        let key = Key::of(datagram, &fragment);
        if self.unfinished.get(&key).is_some_and(|held| at.since(held.first) > TIME_OUT) {
            self.age(key);
        }
        self.began = self.began.or(Some(at));
        self.serial = self.serial.wrapping_add(1);
        let piece = PendingFragment::new(at, datagram, &fragment, (place, self.serial));
        let (size, serial) = (piece.weight(), piece.serial);
        let held = self.unfinished.entry(key).or_insert_with(|| Unfinished::new(at, serial));
        if held.take(piece) {
            self.bytes = self.bytes.saturating_add(size);
        }
        self.order.insert(held.serial, key);
        if held.is_whole() {
            return self.remove(key).and_then(Unfinished::assemble);
        }
        self.keep_within_budget(key);
        None
    }

    /// Number of fragments that wait or were given up: their datagrams never became whole.
    #[must_use]
    pub fn pending(&self) -> u64 {
        let held: usize = self.unfinished.values().map(|held| held.pieces.len()).sum();
        u64::try_from(held.saturating_add(self.early.len())).unwrap_or(u64::MAX).saturating_add(self.given_up)
    }

    /// Number of fragments that were given up, by age or because the table was full.
    #[must_use]
    pub const fn given_up(&self) -> u64 {
        self.given_up
    }

    /// First fragments of unfinished datagrams, read as far as they go, those that grew too old first
    /// and each in order of arrival: so that a flow of which nothing else was captured is seen.
    pub fn unfinished(&self) -> impl Iterator<Item = (Timestamp, FrameRef, Datagram<'_>)> {
        let held = self.order.values().filter_map(|key| self.unfinished.get(key));
        let heads = held.filter_map(|held| held.pieces.iter().find(|piece| piece.offset == 0));
        let early = self.early.iter().filter(|piece| piece.offset == 0);
        early.chain(heads).filter_map(|piece| Some((piece.at, piece.place, piece.read().ok()?)))
    }

    /// All fragments that may still find the rest of their datagram, in order of arrival, to be
    /// inserted into another table.
    pub fn into_pending(self) -> impl Iterator<Item = PendingFragment> {
        let mut pieces: Vec<_> = self.unfinished.into_values().flat_map(|held| held.pieces).collect();
        pieces.extend(self.early);
        pieces.sort_unstable_by_key(|piece| piece.serial);
        pieces.into_iter()
    }

    /// Evicts the oldest datagrams until the table fits, and `latest` when it has too many pieces.
    fn keep_within_budget(&mut self, latest: Key) {
        if self.unfinished.get(&latest).is_some_and(|held| held.pieces.len() > MAX_PIECES) {
            self.give_up(latest);
        }
        while self.unfinished.len() > MAX_DATAGRAMS || self.bytes > MAX_BYTES {
            let Some((_, key)) = self.order.first_key_value() else { return };
            self.give_up(*key);
        }
    }

    /// Ends the wait for a datagram. What came soon after this table began may be the end of a
    /// datagram that an earlier table holds, so it stays to be moved there.
    fn age(&mut self, key: Key) {
        let soon = |first: Timestamp| self.began.is_some_and(|began| first.since(began) <= TIME_OUT);
        let kept: usize = self.early.iter().map(PendingFragment::weight).sum();
        if kept > MAX_EARLY || !self.unfinished.get(&key).is_some_and(|held| soon(held.first)) {
            self.give_up(key);
        } else if let Some(held) = self.remove(key) {
            self.early.extend(held.pieces);
        }
    }

    fn give_up(&mut self, key: Key) {
        let lost = self.remove(key).map_or(0, |held| held.pieces.len());
        self.given_up = self.given_up.saturating_add(u64::try_from(lost).unwrap_or(u64::MAX));
    }

    fn remove(&mut self, key: Key) -> Option<Unfinished> {
        let held = self.unfinished.remove(&key)?;
        self.order.remove(&held.serial);
        let size = held.pieces.iter().map(PendingFragment::weight).sum();
        self.bytes = self.bytes.saturating_sub(size);
        Some(held)
    }
}

/// Which datagram a fragment belongs to: RFC 791 section 3.2, RFC 8200 section 4.5.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Key {
    source: IpAddr,
    destination: IpAddr,
    identification: u32,
    /// IPv6 fragments of one datagram may name different protocols, so it is left out there.
    transport: Option<Transport>,
}

impl Key {
    fn of(datagram: &Datagram<'_>, fragment: &Fragment<'_>) -> Self {
        Self {
            source: datagram.source,
            destination: datagram.destination,
            identification: fragment.identification,
            transport: datagram.source.is_ipv4().then_some(fragment.transport),
        }
    }
}

const TIME_OUT: i64 = 30_000_000_000;
const MAX_DATAGRAMS: usize = 4_096;
const MAX_BYTES: usize = 16 << 20;
const MAX_EARLY: usize = 1 << 20;
const MAX_PIECES: usize = 2_048;

#[cfg(test)]
mod tests {
    use super::super::sample::{fragment4, frame, join, line, tcp, udp};
    use super::super::{FrameRef, Timestamp, decode};
    use super::{Fragments, Reassembled};

    /// Seconds, flags and offset, bytes; `None` for the whole fragment, else what was captured of it.
    type Part<'a> = (i64, u16, &'a [u8], Option<usize>);

    fn feed(fragments: &mut Fragments, parts: &[Part<'_>]) -> Vec<Reassembled> {
        let mut whole = Vec::new();
        for (number, (seconds, field, bytes, captured)) in (1..).zip(parts) {
            let packet = fragment4(17, *field, bytes);
            let seen = captured.map_or(packet.len(), |captured| captured + 20);
            let at = Timestamp::from_nanoseconds(seconds * 1_000_000_000);
            let datagram = decode(&frame(101, &packet[..seen])).unwrap();
            whole.extend(fragments.insert(at, &datagram, FrameRef { input: 0, number }));
        }
        whole
    }

    /// What comes out, and how many fragments are left.
    fn check(parts: &[Part<'_>], expected: &[&str], pending: u64) {
        let mut fragments = Fragments::default();
        let whole = feed(&mut fragments, parts);
        let lines: Vec<_> = whole
            .iter()
            .map(|whole| format!("{}{}", line(&whole.datagram()), if whole.ambiguous { " ambiguous" } else { "" }))
            .collect();
        assert_eq!((lines, fragments.pending()), (expected.iter().map(|&line| line.to_owned()).collect(), pending));
    }

    const MORE: u16 = 0x2000;

    #[test]
    fn fragments_become_whole() {
        let packet = udp(1, 2, &[5; 24]);
        let (a, b, c) = (&packet[..16], &packet[16..24], &packet[24..]);
        let wrong = [6; 8];
        check(&[(0, MORE, a, None), (1, MORE | 2, b, None), (2, 3, c, None)], &["udp 1>2 92: 24/24"], 0);
        check(&[(0, 3, c, None), (1, MORE | 2, b, None), (2, MORE, a, None)], &["udp 1>2 92: 24/24"], 0);
        check(&[(0, MORE, a, None), (0, MORE, a, None), (0, 2, &packet[16..], None)], &["udp 1>2 72: 24/24"], 0);
        check(
            &[(0, MORE, a, None), (0, MORE | 1, &wrong, None), (0, 2, &packet[16..], None)],
            &["udp 1>2 100: 24/24 ambiguous"],
            0,
        );
        check(&[(0, 3, c, None), (0, 2, b, None), (0, MORE, a, None)], &["udp 1>2 92: 24/24 ambiguous"], 0);
        check(&[(0, MORE, a, None), (0, 3, c, None)], &[], 2);
        check(&[(0, MORE, a, None), (31, 2, &packet[16..], None)], &[], 2);
        check(&[(0, MORE, a, Some(12)), (0, 2, &packet[16..], None)], &["udp 1>2 72: 4/24"], 0);
        check(&[(0, MORE, &[], None), (0, 0x0001, b"", None)], &[], 2);
    }

    #[test]
    fn what_waits_can_be_moved_and_its_head_read() {
        let packet = udp(1, 2, &[5; 24]);
        let mut earlier = Fragments::default();
        assert!(feed(&mut earlier, &[(0, MORE, &packet[..16], None)]).is_empty());
        let heads: Vec<_> = earlier.unfinished().map(|(.., head)| line(&Ok(head))).collect();
        assert_eq!(heads, ["udp 1>2 36: 8/8"]);

        let mut later = Fragments::default();
        assert!(feed(&mut later, &[(1, 2, &packet[16..], None)]).is_empty());
        let whole: Vec<_> =
            later.into_pending().filter_map(|part| earlier.insert(part.at, &part.datagram(), part.place)).collect();
        assert_eq!(whole.len(), 1);
        assert_eq!(line(&whole[0].datagram()), "udp 1>2 72: 24/24");
        assert_eq!(earlier.pending(), 0);
    }

    #[test]
    fn the_table_is_bounded() {
        let mut fragments = Fragments::default();
        for number in 0..6_000_u32 {
            let mut packet = fragment4(17, MORE, &join(&[&tcp(1, 2, b""), &[0; 4]]));
            packet[12..16].copy_from_slice(&number.to_be_bytes());
            let datagram = decode(&frame(101, &packet)).unwrap();
            fragments.insert(Timestamp::from_nanoseconds(0), &datagram, FrameRef::default());
        }
        assert_eq!((fragments.pending(), fragments.given_up()), (6_000, 6_000 - 4_096));
    }
}
