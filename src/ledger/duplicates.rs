//! Frames in, whether each is a copy of one that another tap saw just before. A pure function of the
//! frames of the last 5 ms, so that pieces of a capture decide as the whole would. Time to live and
//! link addresses do not count: routers and switches change them between two taps.

use std::collections::VecDeque;
use std::hash::{BuildHasher, Hash, Hasher};
use std::net::IpAddr;

use foldhash::fast::RandomState;

use crate::wire::{Content, Datagram, Frame, Timestamp};

/// How far apart two copies of one packet are captured at most: a switch and a router lie between.
pub(super) const WINDOW: i64 = 5_000_000;
/// Payload bytes that go into a fingerprint.
const FINGERPRINT_BYTES: usize = 64;
/// Notes kept although they are not 5 ms old: a capture whose clock stands still is held to it.
const MOST_NOTES: usize = 1 << 17;
/// Notes looked through for one packet; only a flood of one and the same packet has more.
const LONGEST_CHAIN: usize = 1024;
/// Chains at the start, a power of two.
const FEWEST_CHAINS: usize = 1 << 10;

/// The frames of the last 5 ms: notes in order of arrival, each with the number of the note before it
/// in its chain. Notes leave at the front only, so a chain ends at the first number that has left and
/// nothing needs to be taken out of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Duplicates {
    notes: VecDeque<Note>,
    /// Number of the first note that is held; numbers begin with 1.
    first: u64,
    /// Number of the latest note of each chain.
    chains: Vec<u64>,
    /// How often each tap saw the packet in question; kept to be used again.
    seen: Vec<(u32, u32)>,
    seed: RandomState,
}

/// One frame that was seen.
#[derive(Clone, Debug)]
struct Note {
    at: Timestamp,
    mark: u64,
    tap: u32,
    /// Number of the note before it in its chain.
    before: u64,
}

impl Duplicates {
    /// Notes a frame and says whether it is a copy.
    pub(super) fn observe(&mut self, frame: &Frame<'_>, datagram: &Datagram<'_>) -> bool {
        self.forget(frame.at);
        let by_content = self.fingerprint(datagram);
        let mut copied = self.holds(by_content) && self.was_seen_elsewhere(by_content, frame.tap);
        if let Some(id) = frame.packet_id {
            let by_number = self.seed.hash_one(("packet", frame.place.input, id));
            copied |= self.holds(by_number);
            self.note(frame, by_number);
        }
        self.note(frame, by_content);
        copied
    }

    /// Whether any tap saw a packet with this mark.
    fn holds(&self, mark: u64) -> bool {
        self.chain(mark).any(|note| note.mark == mark)
    }

    /// Whether another tap saw this more often than `tap` did: a packet that is sent twice is seen
    /// twice by both, and counts twice.
    #[cold]
    fn was_seen_elsewhere(&mut self, mark: u64, tap: u32) -> bool {
        let mut seen = std::mem::take(&mut self.seen);
        seen.clear();
        for note in self.chain(mark).filter(|note| note.mark == mark) {
            match seen.iter_mut().find(|(tap, _)| *tap == note.tap) {
                Some((_, times)) => *times = times.saturating_add(1),
                None => seen.push((note.tap, 1)),
            }
        }
        let own = seen.iter().find(|(other, _)| *other == tap).map_or(0, |(_, times)| *times);
        let copied = seen.iter().any(|(other, times)| *other != tap && *times > own);
        self.seen = seen;
        copied
    }

    /// The notes of the chain that `mark` belongs to, the latest first.
    fn chain(&self, mark: u64) -> impl Iterator<Item = &Note> {
        let latest = self.chains.get(self.place(mark)).copied().unwrap_or(0);
        std::iter::successors(self.numbered(latest), |note| self.numbered(note.before)).take(LONGEST_CHAIN)
    }

    fn numbered(&self, number: u64) -> Option<&Note> {
        self.notes.get(usize::try_from(number.checked_sub(self.first)?).ok()?)
    }

    /// Where the chain of `mark` begins.
    fn place(&self, mark: u64) -> usize {
        let mask = self.chains.len().wrapping_sub(1) as u64;
        usize::try_from(mark & mask).unwrap_or(usize::MAX)
    }

    fn note(&mut self, frame: &Frame<'_>, mark: u64) {
        if self.notes.len() >= self.chains.len() {
            self.grow();
        }
        let place = self.place(mark);
        let number = self.first.wrapping_add(self.notes.len() as u64);
        if let Some(latest) = self.chains.get_mut(place) {
            let before = std::mem::replace(latest, number);
            self.notes.push_back(Note { at: frame.at, mark, tap: frame.tap, before });
        }
    }

    /// Twice as many chains, with the notes put into them anew.
    #[cold]
    fn grow(&mut self) {
        let chains = self.chains.len().saturating_mul(2).max(FEWEST_CHAINS);
        self.chains.clear();
        self.chains.resize(chains, 0);
        self.first = self.first.max(1);
        for index in 0..self.notes.len() {
            let Some(mark) = self.notes.get(index).map(|note| note.mark) else { return };
            let place = self.place(mark);
            let number = self.first.wrapping_add(index as u64);
            if let (Some(latest), Some(note)) = (self.chains.get_mut(place), self.notes.get_mut(index)) {
                note.before = std::mem::replace(latest, number);
            }
        }
    }

    fn forget(&mut self, now: Timestamp) {
        while let Some(note) = self.notes.front() {
            if now.since(note.at) <= WINDOW && self.notes.len() < MOST_NOTES {
                return;
            }
            self.notes.pop_front();
            self.first = self.first.wrapping_add(1);
        }
    }

    fn fingerprint(&self, datagram: &Datagram<'_>) -> u64 {
        let mut hasher = self.seed.build_hasher();
        match (datagram.source, datagram.destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                hasher.write_u64(u64::from(source.to_bits()) << 32 | u64::from(destination.to_bits()));
            }
            ends => ends.hash(&mut hasher),
        }
        let (source, destination) = datagram.ports();
        let identification = datagram.identification.unwrap_or(0);
        let numbers = [source, destination, identification, u16::from(datagram.transport.0)];
        hasher.write_u64(numbers.into_iter().fold(0, |all, number| all << 16 | u64::from(number)));
        hasher.write_u32(datagram.length);
        let bytes = match datagram.content {
            Content::Tcp(segment) => {
                hasher.write_u64(u64::from(segment.sequence) << 32 | u64::from(segment.acknowledgement));
                hasher.write_u8(segment.flags.0);
                segment.payload
            }
            Content::Udp { payload, .. } => payload,
            Content::Icmp(message) => {
                (message.kind, message.code).hash(&mut hasher);
                message.body
            }
            Content::Fragment(fragment) => {
                (fragment.identification, fragment.offset, fragment.more).hash(&mut hasher);
                fragment.bytes
            }
            Content::Other(bytes) => bytes,
            Content::Ports { .. } => &[],
        };
        hasher.write(bytes.get(..FINGERPRINT_BYTES).unwrap_or(bytes));
        hasher.finish()
    }
}
