//! Frames in, whether each is a copy of one that another tap saw just before. A pure function of the
//! frames of the last 5 ms, so that pieces of a capture decide as the whole would. Time to live and
//! link addresses do not count: routers and switches change them between two taps.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, Hash, Hasher};

use foldhash::fast::RandomState;

use crate::wire::{Content, Datagram, Frame, Timestamp};

/// How far apart two copies of one packet are captured at most: a switch and a router lie between.
pub(super) const WINDOW: i64 = 5_000_000;
/// Payload bytes that go into a fingerprint.
const FINGERPRINT_BYTES: usize = 64;

/// The frames of the last 5 ms.
#[derive(Clone, Debug, Default)]
pub(super) struct Duplicates {
    /// How often each tap saw each fingerprint.
    seen: HashMap<u64, Vec<(u32, u32)>, RandomState>,
    queue: VecDeque<(Timestamp, u64, u32)>,
    seed: RandomState,
}

impl Duplicates {
    /// Notes a frame and says whether it is a copy.
    pub(super) fn observe(&mut self, frame: &Frame<'_>, datagram: &Datagram<'_>) -> bool {
        self.forget(frame.at);
        let by_content = self.fingerprint(datagram);
        let by_number = frame.packet_id.map(|id| self.seed.hash_one(("packet", frame.place.input, id)));
        let numbered = by_number.is_some_and(|mark| self.seen.contains_key(&mark));
        let copied = self.was_seen_elsewhere(by_content, frame.tap);
        for mark in [Some(by_content), by_number].into_iter().flatten() {
            let taps = self.seen.entry(mark).or_default();
            match taps.iter_mut().find(|(tap, _)| *tap == frame.tap) {
                Some((_, times)) => *times = times.saturating_add(1),
                None => taps.push((frame.tap, 1)),
            }
            self.queue.push_back((frame.at, mark, frame.tap));
        }
        numbered || copied
    }

    /// Whether another tap saw this more often than `tap` did: a packet that is sent twice is seen
    /// twice by both, and counts twice.
    fn was_seen_elsewhere(&self, mark: u64, tap: u32) -> bool {
        let Some(seen) = self.seen.get(&mark) else { return false };
        let own = seen.iter().find(|(other, _)| *other == tap).map_or(0, |(_, times)| *times);
        seen.iter().any(|(other, times)| *other != tap && *times > own)
    }

    fn forget(&mut self, now: Timestamp) {
        while let Some((at, mark, tap)) = self.queue.front().copied() {
            if now.since(at) <= WINDOW {
                return;
            }
            self.queue.pop_front();
            if let Some(seen) = self.seen.get_mut(&mark) {
                if let Some((_, times)) = seen.iter_mut().find(|(other, _)| *other == tap) {
                    *times = times.saturating_sub(1);
                }
                seen.retain(|(_, times)| *times > 0);
                if seen.is_empty() {
                    self.seen.remove(&mark);
                }
            }
        }
    }

    fn fingerprint(&self, datagram: &Datagram<'_>) -> u64 {
        let mut hasher = self.seed.build_hasher();
        let (source, destination) = (datagram.source, datagram.destination);
        (source, destination, datagram.transport, datagram.ports(), datagram.identification, datagram.length)
            .hash(&mut hasher);
        let bytes = match datagram.content {
            Content::Tcp(segment) => {
                (segment.sequence, segment.acknowledgement, segment.flags).hash(&mut hasher);
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
        bytes.get(..FINGERPRINT_BYTES).unwrap_or(bytes).hash(&mut hasher);
        hasher.finish()
    }
}
