//! Runs by key: a slab in order of first packet and an index over it. One family of addresses each,
//! so that an IPv4 run does not pay for IPv6. The index is keyed per run of the program, because
//! whoever writes a capture also chooses its ports; nothing that leaves depends on it.

use foldhash::fast::RandomState;
use std::hash::BuildHasher;

use super::key::{Address, End, Key};
use super::packet::Packet;
use super::payload::{Payloads, is_read_again, is_wanted};
use super::record::Run;
use super::slots::Slots;

/// Packets that may be looked for at once: as many misses of the cache as a core can wait for together.
pub const AHEAD: usize = 32;
/// With so few runs the caches of a core hold those that are in use: reading headers twice would cost more than it saves.
/// In tests hardly any are that few.
pub(super) const FEW_RUNS: usize = if cfg!(test) { 16 } else { 32 * 1024 };

/// Runs for which room is asked for at once: memory that nobody has written to costs nothing, and growing by steps
/// would copy all runs at each of them.
const MOST_ROOM: usize = 3 << 19;
/// Runs up to which a table grows by steps, as those of small captures and of the family that hardly anybody speaks.
const ROOM_FROM: usize = 1 << 10;

/// Hashes of packets that come next.
#[derive(Default)]
pub(super) struct Hashes {
    hashes: [u64; AHEAD],
    count: usize,
}

impl Hashes {
    #[inline(always)]
    pub(super) fn push(&mut self, hash: u64) {
        if let Some(next) = self.hashes.get_mut(self.count) {
            *next = hash;
            self.count = self.count.wrapping_add(1);
        }
    }

    fn all(&self) -> &[u64] {
        self.hashes.get(..self.count).unwrap_or_default()
    }
}

/// The runs of one address family.
#[derive(Clone, Debug)]
pub(super) struct Table<A> {
    runs: Vec<Run<A>>,
    /// The latest run of each key.
    index: Slots,
    seed: RandomState,
    /// Runs for which room is asked for at once when they become many.
    room: usize,
}

impl<A: Address> Table<A> {
    /// An empty table that will hold `most` runs.
    pub(super) fn new(most: usize) -> Self {
        // In the end all conversations take the place of the runs, and of a full table those that were folded too.
        let room = most.saturating_add(most / 2).min(MOST_ROOM);
        Self { runs: Vec::new(), index: Slots::default(), seed: RandomState::default(), room }
    }

    /// Runs held.
    pub(super) const fn len(&self) -> usize {
        self.runs.len()
    }

    /// The hash by which `key` is found.
    #[inline]
    pub(super) fn hash(&self, key: Key<A>) -> u64 {
        self.seed.hash_one(key)
    }

    /// Brings slots, runs and what they hold of packets that come next into the cache: the slots of all of them are
    /// waited for at once, then the runs, then the logs. Changes nothing else.
    pub(super) fn approach(&self, hashes: &Hashes) {
        let hashes = hashes.all();
        std::hint::black_box(hashes.iter().fold(0, |all, hash| all ^ self.index.glance(*hash)));
        let mut positions = [u32::MAX; AHEAD];
        for (position, hash) in positions.iter_mut().zip(hashes) {
            // By tag alone: hardly ever is it another's.
            *position = self.index.find(*hash, |_| true).unwrap_or(u32::MAX);
        }
        let runs = positions.iter().filter_map(|position| at(&self.runs, *position));
        std::hint::black_box(runs.clone().fold(0, |all, run| all ^ run.glance()));
        std::hint::black_box(runs.fold(0, |all, run| all ^ run.glance_at_log()));
    }

    /// Counts a packet of `key`; says whether it opened a run.
    #[inline(always)]
    pub(super) fn observe(&mut self, key: Key<A>, packet: Packet<'_>, payloads: &mut Payloads) -> bool {
        let hash = self.hash(key);
        if let Some(run) = self.latest(hash, &key)
            && run.continues(packet.from, packet.syn(), packet.payload_length > 0)
        {
            run.add(&packet);
            // Whoever is handed the packet by reference gets a copy, so that on the way which nearly
            // all packets take it never has to lie in memory.
            if is_wanted(run) {
                let copy = packet;
                payloads.observe(run, &copy);
            }
            return false;
        }
        let copy = packet;
        self.open(hash, key, &copy, payloads);
        true
    }

    #[inline(never)]
    fn open(&mut self, hash: u64, key: Key<A>, packet: &Packet<'_>, payloads: &mut Payloads) {
        let mut run = Run::open(key, packet);
        run.add(packet);
        if is_wanted(&run) {
            payloads.observe(&mut run, packet);
        }
        self.insert(hash, run);
    }

    /// Joins the runs of a later table, in their order.
    pub(super) fn merge(&mut self, later: Self, payloads: &mut Payloads) {
        for mut run in later.runs {
            let (opener, syn) = (run.opener(), run.initial());
            let hash = self.seed.hash_one(run.key);
            match self.latest(hash, &run.key) {
                Some(known) if known.continues(opener, syn, run.opened_with_payload) => {
                    payloads.join(known, &mut run);
                    known.join(&run);
                }
                Some(_) | None => {
                    payloads.replay(&mut run);
                    self.insert(hash, run);
                }
            }
        }
    }

    /// Replaces the results of recognition by those of another store.
    pub(super) fn adopt(&mut self, mut rename: impl FnMut(&mut Run<A>)) {
        self.runs.iter_mut().for_each(&mut rename);
    }

    /// Decides every run with what there is and lets its bytes go, unless they are read again. No run is looked for
    /// any more.
    pub(super) fn conclude(&mut self, payloads: &mut Payloads) {
        self.index = Slots::default();
        for run in self.runs.iter_mut().filter(|run| !is_read_again(*run)) {
            if !payloads.has_settled(run) {
                *run = payloads.settled(run);
            }
        }
    }

    /// Takes out the runs of least use until at most `keep` are left: single packets first, then what
    /// was never answered, then the oldest.
    pub(super) fn evict(&mut self, keep: usize) -> Vec<Run<A>> {
        let excess = self.runs.len().saturating_sub(keep);
        let mut order: Vec<(u8, usize)> =
            self.runs.iter().enumerate().map(|(position, run)| (use_of(run), position)).collect();
        if excess < order.len() {
            order.select_nth_unstable(excess);
        }
        let mut gone = vec![false; self.runs.len()];
        for (_, position) in order.into_iter().take(excess) {
            if let Some(gone) = gone.get_mut(position) {
                *gone = true;
            }
        }
        self.take_out(&gone)
    }

    /// Takes out the runs at the positions that are marked; the others keep their order.
    pub(super) fn take_out(&mut self, gone: &[bool]) -> Vec<Run<A>> {
        let mut gone = gone.iter();
        let taken = self.runs.extract_if(.., |_| gone.next() == Some(&true)).collect();
        self.index.clear();
        for position in (0..).take(self.runs.len()) {
            self.enter(position);
        }
        taken
    }

    /// The runs that are the only ones of their keys, each with its position.
    pub(super) fn single(&self) -> impl Iterator<Item = (usize, &Run<A>)> {
        self.runs.iter().enumerate().filter(|(_, run)| !run.is_again)
    }

    /// The runs that are the only ones of their keys, taken out.
    pub(super) fn into_single(self) -> impl Iterator<Item = Run<A>> {
        self.runs.into_iter().filter(|run| !run.is_again)
    }

    /// The others by key, those of one key in their order, each with its position.
    pub(super) fn several(&self) -> Vec<(usize, &Run<A>)> {
        let again = self.runs.iter().zip(0usize..).filter(|(run, _)| run.is_again);
        // Keys are copied: looking for each of them in its run would take longer than sorting.
        let mut order: Vec<(Key<A>, usize)> = again.map(|(run, position)| (run.key, position)).collect();
        order.sort_unstable();
        order.into_iter().filter_map(|(_, position)| Some((position, self.runs.get(position)?))).collect()
    }

    #[inline(always)]
    fn latest(&mut self, hash: u64, key: &Key<A>) -> Option<&mut Run<A>> {
        let runs = &self.runs;
        let position = self.index.find(hash, |position| at(runs, position).is_some_and(|run| run.key == *key))?;
        self.runs.get_mut(usize::try_from(position).ok()?)
    }

    /// Stores a run as the latest of its key. Callers keep the table below `u32::MAX` runs.
    fn insert(&mut self, hash: u64, run: Run<A>) {
        let Ok(position) = u32::try_from(self.runs.len()) else { return };
        let before = self.index.find(hash, |other| at(&self.runs, other).is_some_and(|held| held.key == run.key));
        if self.runs.len() == ROOM_FROM {
            // Where so much is not to be had, it grows by steps.
            let _ = self.runs.try_reserve_exact(self.room.saturating_sub(ROOM_FROM));
        }
        self.runs.push(run);
        match before {
            Some(before) => {
                self.index.replace(hash, before, position);
                for position in [before, position] {
                    if let Some(run) = self.runs.get_mut(position as usize) {
                        run.is_again = true;
                    }
                }
            }
            None => self.index.add(hash, position),
        }
    }

    /// Enters a stored run into an index that holds those before it.
    fn enter(&mut self, position: u32) {
        let Some(run) = at(&self.runs, position) else { return };
        let (hash, key) = (self.hash(run.key), run.key);
        let same = |other| at(&self.runs, other).is_some_and(|run| run.key == key);
        match if run.is_again { self.index.find(hash, same) } else { None } {
            Some(before) => self.index.replace(hash, before, position),
            None => self.index.add(hash, position),
        }
    }
}

#[inline]
fn at<A>(runs: &[Run<A>], position: u32) -> Option<&Run<A>> {
    runs.get(usize::try_from(position).ok()?)
}

/// How much a run would be missed.
fn use_of<A: Address>(run: &Run<A>) -> u8 {
    let answered = run.packets.of(End::Low).min(run.packets.of(End::High)) > &0;
    match (run.all_packets(), answered) {
        (0..=1, _) => 0,
        (_, false) => 1,
        (_, true) => 2,
    }
}
