//! What recognition found, stored once: thousands of flows that say the same share one entry.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher};
use std::sync::{Arc, OnceLock};

use foldhash::fast::RandomState;

use super::key::{End, Pair};
use crate::dissect::{Payload, Recognised, Side};

/// How far recognition of a run has come: open, given up, or the number of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Verdict(u32);

impl Verdict {
    /// Not decided yet.
    pub(super) const OPEN: Self = Self(u32::MAX);
    /// The bytes are there and nothing knows them.
    pub(super) const UNKNOWN: Self = Self(u32::MAX - 1);
    /// The bytes are not there.
    pub(super) const NOT_CAPTURED: Self = Self(u32::MAX - 2);
}

/// What was recognised, and which end is its client.
type Found = (Recognised, Option<End>);

/// The entries, and what conversations share that say nothing that anybody knows.
#[derive(Clone, Debug)]
pub(super) struct Interned {
    entries: Vec<Entry>,
    by_hash: HashMap<u64, Vec<u32>, RandomState>,
    none: Arc<Payload>,
    not_captured: Arc<Payload>,
    not_recognised: Arc<Payload>,
}

impl Default for Interned {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            by_hash: HashMap::default(),
            none: Arc::new(Payload::None),
            not_captured: Arc::new(Payload::NotCaptured),
            not_recognised: Arc::new(Payload::NotRecognised),
        }
    }
}

#[derive(Clone, Debug)]
struct Entry {
    found: Found,
    /// As conversations tell it that either end began, once one of them asks.
    told: Pair<OnceLock<Arc<Payload>>>,
}

impl Interned {
    /// Stores what was recognised with `originator` as the end taken for the originator.
    pub(super) fn store(&mut self, mut found: Recognised, originator: End) -> Verdict {
        let client = found.client.map(|side| match side {
            Side::Originator => originator,
            Side::Responder => originator.other(),
        });
        // Kept by end, since the originator may turn out to be the other one.
        found.client = None;
        self.insert(found, client)
    }

    /// Entries held.
    pub(super) const fn len(&self) -> usize {
        self.entries.len()
    }

    /// Moves an entry of another store here.
    pub(super) fn adopt(&mut self, verdict: Verdict, other: &Self) -> Verdict {
        match other.get(verdict) {
            Some((found, client)) => self.insert(found.clone(), *client),
            None => verdict,
        }
    }

    /// The entry of a verdict.
    pub(super) fn get(&self, verdict: Verdict) -> Option<&Found> {
        Some(&self.entry(verdict)?.found)
    }

    fn entry(&self, verdict: Verdict) -> Option<&Entry> {
        self.entries.get(usize::try_from(verdict.0).ok()?)
    }

    /// What conversations tell that carried no payload.
    pub(super) const fn none(&self) -> &Arc<Payload> {
        &self.none
    }

    /// A verdict as conversations tell it, seen from `originator`.
    pub(super) fn payload(&self, verdict: Verdict, originator: End) -> &Arc<Payload> {
        match self.entry(verdict) {
            Some(entry) => entry.told.of(originator).get_or_init(|| Arc::new(told(&entry.found, originator))),
            None if verdict == Verdict::UNKNOWN => &self.not_recognised,
            None => &self.not_captured,
        }
    }

    fn insert(&mut self, found: Recognised, client: Option<End>) -> Verdict {
        let entry = (found, client);
        let known = self.by_hash.entry(self.by_hash.hasher().hash(&entry)).or_default();
        let same = known.iter().copied().find(|id| {
            usize::try_from(*id).is_ok_and(|id| self.entries.get(id).is_some_and(|held| held.found == entry))
        });
        if let Some(id) = same {
            return Verdict(id);
        }
        match u32::try_from(self.entries.len()) {
            Ok(id) if id < Verdict::NOT_CAPTURED.0 => {
                known.push(id);
                self.entries.push(Entry { found: entry, told: Pair::default() });
                Verdict(id)
            }
            _ => Verdict::NOT_CAPTURED,
        }
    }
}

fn told((found, client): &Found, originator: End) -> Payload {
    let side = |end| if end == originator { Side::Originator } else { Side::Responder };
    Payload::Recognised(Recognised { client: client.map(side), ..found.clone() })
}

trait HashEntry {
    fn hash(&self, entry: &Found) -> u64;
}

impl HashEntry for RandomState {
    fn hash(&self, (found, client): &Found) -> u64 {
        let mut hasher = self.build_hasher();
        std::hash::Hash::hash(
            &(
                (&found.application, &found.claims, &found.alpn, &found.interfaces, found.partial),
                client.map(|end| end == End::Low),
            ),
            &mut hasher,
        );
        hasher.finish()
    }
}
