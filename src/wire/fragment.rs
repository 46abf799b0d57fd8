//! Fragments of IP datagrams in, whole datagrams out. Holds at most 4,096 datagrams and 16 MiB, and
//! the oldest go first. Fragments that contradict each other are put together all the same, but the
//! result says so. Never reads a clock, never guesses a missing piece.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use super::ip::{Payload, Version, upper};
use super::{Content, Datagram, Fragment, FrameRef, Timestamp, Transport, Undecoded};

/// The reassembly table.
#[derive(Debug, Default)]
pub struct Fragments {
    unfinished: HashMap<Key, Unfinished>,
    /// Keys by the serial number of their first fragment: what is evicted goes in this order.
    order: BTreeMap<u64, Key>,
    serial: u64,
    bytes: usize,
    given_up: u64,
}

/// One fragment that waits for the others, with what is needed to insert it elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingFragment {
    /// When it was captured.
    pub at: Timestamp,
    /// The frame that carried it.
    pub place: FrameRef,
    /// Source address.
    pub source: IpAddr,
    /// Destination address.
    pub destination: IpAddr,
    /// VLAN of the layer that carried it.
    pub vlan: Option<u16>,
    /// Tunnel depth.
    pub depth: u8,
    /// Length of this fragment as an IP datagram in bytes, header included.
    pub datagram_length: u32,
    /// Identification, 16 bits in IPv4, 32 in IPv6.
    pub identification: u32,
    /// Offset in the datagram's payload in bytes.
    pub offset: u32,
    /// Whether more fragments follow.
    pub more: bool,
    /// Protocol that the fragment names.
    pub transport: Transport,
    /// Captured bytes.
    pub bytes: Vec<u8>,
    /// Payload length on the wire in bytes.
    pub length: u32,
    /// Number in order of arrival.
    serial: u64,
}

/// A datagram put together from its fragments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reassembled {
    /// Time of the fragment that came first.
    pub first: Timestamp,
    /// Frame of the fragment that came first.
    pub place: FrameRef,
    /// Overlapping fragments held different bytes, or two of them claimed to be the last.
    pub ambiguous: bool,
    /// IP bytes of all fragments together, headers included.
    pub length: u32,
    /// The payload, up to the first byte that the capture cut off.
    pub bytes: Vec<u8>,
    /// Length of the payload on the wire in bytes.
    payload_length: u32,
    source: IpAddr,
    destination: IpAddr,
    vlan: Option<u16>,
    depth: u8,
    transport: Transport,
    identification: u32,
}

impl Fragments {
    /// Takes a fragment; gives the whole datagram when this was the piece that was missing.
    /// A datagram that is no fragment is not looked at.
    pub fn insert(&mut self, at: Timestamp, datagram: &Datagram<'_>, place: FrameRef) -> Option<Reassembled> {
        let Content::Fragment(fragment) = datagram.content else { return None };
        let key = Key::of(datagram, &fragment);
        if self.unfinished.get(&key).is_some_and(|held| at.since(held.first) > TIME_OUT) {
            self.give_up(key);
        }
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
        u64::try_from(held).unwrap_or(u64::MAX).saturating_add(self.given_up)
    }

    /// Number of fragments that were given up, by age or because the table was full.
    #[must_use]
    pub const fn given_up(&self) -> u64 {
        self.given_up
    }

    /// First fragments of unfinished datagrams, read as far as they go, in order of arrival: so that
    /// a flow of which nothing else was captured is seen.
    pub fn unfinished(&self) -> impl Iterator<Item = (Timestamp, FrameRef, Datagram<'_>)> {
        self.order.values().filter_map(|key| {
            let piece = self.unfinished.get(key)?.pieces.iter().find(|piece| piece.offset == 0)?;
            Some((piece.at, piece.place, piece.read().ok()?))
        })
    }

    /// All fragments that still wait, in order of arrival, to be inserted into another table.
    pub fn into_pending(self) -> impl Iterator<Item = PendingFragment> {
        let mut pieces: Vec<_> = self.unfinished.into_values().flat_map(|held| held.pieces).collect();
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

impl PendingFragment {
    fn new(at: Timestamp, datagram: &Datagram<'_>, fragment: &Fragment<'_>, (place, serial): (FrameRef, u64)) -> Self {
        Self {
            at,
            place,
            source: datagram.source,
            destination: datagram.destination,
            vlan: datagram.vlan,
            depth: datagram.depth,
            datagram_length: datagram.length,
            identification: fragment.identification,
            offset: fragment.offset,
            more: fragment.more,
            transport: fragment.transport,
            bytes: fragment.bytes.to_vec(),
            length: fragment.length,
            serial,
        }
    }

    /// The fragment as it was decoded, to be inserted into another table.
    #[must_use]
    pub fn datagram(&self) -> Datagram<'_> {
        let fragment = Fragment {
            identification: self.identification,
            offset: self.offset,
            more: self.more,
            transport: self.transport,
            bytes: &self.bytes,
            length: self.length,
        };
        self.carrying(self.transport, Content::Fragment(fragment))
    }

    /// The fragment read as if it were the whole datagram; right for what stands at its head.
    fn read(&self) -> Result<Datagram<'_>, Undecoded> {
        let payload = Payload::new(&self.bytes, self.length);
        let (transport, content) = upper(version(self.source), self.transport.0, payload)?;
        Ok(self.carrying(transport, content))
    }

    fn carrying<'held>(&'held self, transport: Transport, content: Content<'held>) -> Datagram<'held> {
        Datagram {
            source: self.source,
            destination: self.destination,
            transport,
            vlan: self.vlan,
            depth: self.depth,
            length: self.datagram_length,
            identification: identification(self.source, self.identification),
            content,
        }
    }

    /// Bytes that this fragment counts against the budget.
    fn weight(&self) -> usize {
        self.bytes.len().saturating_add(size_of::<Self>())
    }

    /// First byte behind this fragment.
    const fn end(&self) -> u32 {
        self.offset.saturating_add(self.length)
    }

    /// Captured bytes of this fragment from `from` to `to`, both counted in the datagram.
    fn between(&self, from: u32, to: u32) -> &[u8] {
        let local = |at: u32| usize::try_from(at.saturating_sub(self.offset)).unwrap_or(usize::MAX);
        let (from, to) = (local(from), local(to).min(self.bytes.len()));
        self.bytes.get(from..to).unwrap_or(&[])
    }
}

impl Reassembled {
    /// The datagram over the bytes put together.
    ///
    /// # Errors
    /// [`Undecoded`] when the payload cannot be read, or is a fragment again.
    pub fn datagram(&self) -> Result<Datagram<'_>, Undecoded> {
        let payload = Payload::new(&self.bytes, self.payload_length);
        let (transport, content) = upper(version(self.source), self.transport.0, payload)?;
        if matches!(content, Content::Fragment(_)) {
            return Err(Undecoded::Malformed);
        }
        Ok(Datagram {
            source: self.source,
            destination: self.destination,
            transport,
            vlan: self.vlan,
            depth: self.depth,
            length: self.length,
            identification: identification(self.source, self.identification),
            content,
        })
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

/// A datagram of which pieces are missing.
#[derive(Debug)]
struct Unfinished {
    first: Timestamp,
    /// Serial number of the first piece.
    serial: u64,
    /// In order of arrival.
    pieces: Vec<PendingFragment>,
    /// Length of the whole payload, once the last fragment has come.
    end: Option<u32>,
    ambiguous: bool,
}

impl Unfinished {
    const fn new(first: Timestamp, serial: u64) -> Self {
        Self { first, serial, pieces: Vec::new(), end: None, ambiguous: false }
    }

    /// Notes a piece; says whether it was kept. What adds nothing to a held piece is not kept.
    fn take(&mut self, piece: PendingFragment) -> bool {
        let mut repeated = false;
        for held in &self.pieces {
            let (from, to) = (held.offset.max(piece.offset), held.end().min(piece.end()));
            if from >= to {
                continue;
            }
            let same = agree(held.between(from, to), piece.between(from, to));
            self.ambiguous |= !same;
            let within = held.offset <= piece.offset && piece.end() <= held.end();
            repeated |= same && within && (piece.more || !held.more) && piece.bytes.len() <= held.bytes.len();
        }
        if !piece.more {
            self.ambiguous |= self.end.is_some_and(|end| end != piece.end());
            self.end = self.end.or(Some(piece.end()));
        }
        self.ambiguous |= self.end.is_some_and(|end| piece.end() > end);
        if !repeated {
            self.pieces.push(piece);
        }
        !repeated
    }

    /// Whether the pieces cover the datagram by their lengths on the wire.
    fn is_whole(&self) -> bool {
        let Some(end) = self.end else { return false };
        let total: u64 = self.pieces.iter().map(|piece| u64::from(piece.length)).sum();
        if total < u64::from(end) {
            return false;
        }
        let mut covered = 0;
        for piece in self.sorted() {
            if piece.offset > covered {
                return false;
            }
            covered = covered.max(piece.end());
        }
        covered >= end
    }

    /// Puts the pieces together. Where they disagree, the one with the lower offset wins.
    fn assemble(self) -> Option<Reassembled> {
        let end = self.end?;
        let sorted = self.sorted();
        let head = sorted.first()?;
        let mut bytes = Vec::new();
        for piece in &sorted {
            let have = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
            // A hole where the capture cut a fragment: nothing behind it can be placed.
            if piece.offset > have {
                break;
            }
            bytes.extend_from_slice(piece.between(have, end));
        }
        let earliest = self.pieces.first()?;
        Some(Reassembled {
            first: earliest.at,
            place: earliest.place,
            ambiguous: self.ambiguous,
            length: self.pieces.iter().fold(0, |sum: u32, piece| sum.saturating_add(piece.datagram_length)),
            bytes,
            payload_length: end,
            source: head.source,
            destination: head.destination,
            vlan: head.vlan,
            depth: head.depth,
            transport: head.transport,
            identification: head.identification,
        })
    }

    /// The pieces by offset, and by arrival where these are equal.
    fn sorted(&self) -> Vec<&PendingFragment> {
        let mut sorted: Vec<_> = self.pieces.iter().collect();
        sorted.sort_unstable_by_key(|piece| (piece.offset, piece.serial));
        sorted
    }
}

/// Whether two captured stretches of the same bytes agree as far as both were captured.
fn agree(one: &[u8], other: &[u8]) -> bool {
    one.iter().zip(other).all(|(a, b)| a == b)
}

const fn version(address: IpAddr) -> Version {
    if address.is_ipv4() { Version::V4 } else { Version::V6 }
}

fn identification(source: IpAddr, number: u32) -> Option<u16> {
    if source.is_ipv4() { u16::try_from(number).ok() } else { None }
}

const TIME_OUT: i64 = 30_000_000_000;
const MAX_DATAGRAMS: usize = 4_096;
const MAX_BYTES: usize = 16 << 20;
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
