//! A ledger that grows for weeks in, one that stays within its bounds out: conversations that are over
//! are folded with those that are just like them, and what was said of names and ports becomes
//! knowledge that is kept as long as somebody may rest on it. What kind a conversation is of is for
//! the caller to say, since judging is above this floor.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

use super::knowledge::Knowledge;
use super::names::Names;
use super::{Ledger, Observation};
use crate::dissect::Payload;
use crate::flow::{Conversation, DirectionBasis, Endpoint, Outcome, Patience, still_needed};
use crate::wire::{FrameRef, Timestamp, Transport};

/// How much of the past a ledger may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Flows held one by one before those that are over are folded; also the kinds that are told apart.
    pub flows: usize,
    /// How long what was last said of a name or a port is remembered when it has run out, in nanoseconds.
    pub memory: i64,
}

const SECOND: i64 = 1_000_000_000;
/// Until when a conversation may go on. A failed attempt may be tried again for half a minute, and what
/// is no connection is over when Zeek would say so, or much later where there is room.
const PATIENCE: [Patience; 2] = [
    Patience { finished: 60 * SECOND, other: 600 * SECOND, open: 24 * 3600 * SECOND },
    Patience { finished: 31 * SECOND, other: 60 * SECOND, open: 3600 * SECOND },
];
/// Messages and ICMP errors older than this have met whatever they belong to.
const SETTLED: i64 = 60 * SECOND;
/// Conversations of one kind that are kept as they are, from its first on; beside them the latest is.
const KEPT: usize = 8;

/// What is over.
#[derive(Clone, Debug, Default)]
pub(super) struct Closed {
    kinds: HashMap<Kind, Alike, foldhash::fast::RandomState>,
    pub(super) knowledge: Knowledge,
    pub(super) missed_bytes: u64,
    /// Flows that were left when some were last taken out.
    left: usize,
}

/// What conversations have in common that are just like each other: everything that is judged.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Kind {
    originator: IpAddr,
    responder: Endpoint,
    transport: Transport,
    vlan: Option<u16>,
    depth: u8,
    direction_basis: DirectionBasis,
    outcome: Outcome,
    payload: Arc<Payload>,
    /// Sent, received, missed, ambiguous, truncated, mute.
    marks: [bool; 6],
    /// What the caller thinks of it.
    stance: u64,
}

/// Conversations of one kind.
#[derive(Clone, Debug, Default)]
struct Alike {
    /// The first ones, in order.
    first: Vec<Conversation>,
    /// The latest one, with the sums of all between.
    latest: Option<Conversation>,
}

impl Ledger {
    /// Whether there is so much that [`Ledger::close`] is worth its time.
    #[must_use]
    pub fn is_full(&self, bounds: Bounds) -> bool {
        self.flows.len() > bounds.flows.max(self.worth_closing())
            || self.names.is_half_full()
            || self.errors.len() > super::observe::MAX_ERRORS / 2
    }

    /// How many flows there have to be for another pass over all of them: a quarter more than the last one had
    /// to leave, and before so many come that the least useful go unseen.
    const fn worth_closing(&self) -> usize {
        let left = self.closed.left;
        let room = self.options.max_flows.saturating_sub(left) / 2;
        let more = left / 4;
        left.saturating_add(if more < room { more } else { room })
    }

    /// Folds what is over at the time `now` of the packets. `seen` is this ledger settled, and `stance`
    /// says of the flow at an index what is thought of it: only flows of one stance are folded together.
    /// Returns the indices of the flows that were folded, in order.
    pub fn close(
        &mut self,
        now: Timestamp,
        bounds: Bounds,
        seen: &Observation,
        stance: impl Fn(usize) -> u64,
    ) -> Vec<usize> {
        let places: HashMap<_, usize, foldhash::fast::RandomState> =
            seen.flows.iter().enumerate().map(|(index, flow)| (identity(flow), index)).collect();
        let ended = self.last.unwrap_or_default();
        let since = now.plus(-SETTLED);
        let mut folded = Vec::new();
        for patience in PATIENCE {
            let closed = self.flows.close(now, ended, patience, &self.errors);
            self.errors = still_needed(std::mem::take(&mut self.errors), &closed.needed, since);
            self.closed.missed_bytes = self.closed.missed_bytes.saturating_add(closed.missed_bytes);
            self.closed.knowledge.hear(&closed.streams, &Names::default());
            folded.extend(closed.flows.iter().filter_map(|flow| places.get(&identity(flow)).copied()));
            if self.flows.len() <= bounds.flows {
                break;
            }
        }
        self.closed.left = self.flows.len();
        folded.sort_unstable();
        for index in &folded {
            if let Some(flow) = seen.flows.get(*index) {
                self.fold(flow.clone(), stance(*index), bounds.flows);
            }
        }
        let spoken = self.names.take_settled(since);
        self.closed.knowledge.hear(&[], &spoken);
        let unread: Vec<_> = self.names.gaps().collect();
        self.closed.knowledge.forget(now, bounds.memory, &seen.flows, &unread);
        self.directory.compact();
        folded
    }

    /// The indices in `seen`, this ledger settled, of the flows that were not folded before.
    #[must_use]
    pub fn unfolded(&self, seen: &Observation) -> Vec<usize> {
        let folded: HashSet<_, foldhash::fast::RandomState> = self.closed.conversations().map(identity).collect();
        let flows = seen.flows.iter().enumerate();
        flows.filter(|(_, flow)| !folded.contains(&identity(flow))).map(|(index, _)| index).collect()
    }

    fn fold(&mut self, flow: Conversation, stance: u64, most: usize) {
        let kind = Kind::of(&flow, stance);
        let room = self.closed.kinds.len() < most;
        match self.closed.kinds.get_mut(&kind) {
            Some(alike) => alike.take(flow),
            None if room => self.closed.kinds.entry(kind).or_default().take(flow),
            None => self.flows.fold_away(flow),
        }
    }
}

impl Closed {
    /// The conversations that are kept, in no order.
    pub(super) fn conversations(&self) -> impl Iterator<Item = &Conversation> {
        self.kinds.values().flat_map(|alike| alike.first.iter().chain(&alike.latest))
    }

    /// Adds what the following piece closed.
    pub(super) fn merge(&mut self, later: Self) {
        for (kind, alike) in later.kinds {
            let own = self.kinds.entry(kind).or_default();
            alike.first.into_iter().chain(alike.latest).for_each(|flow| own.take(flow));
        }
        self.knowledge.merge(later.knowledge);
        self.missed_bytes = self.missed_bytes.saturating_add(later.missed_bytes);
    }
}

impl Kind {
    fn of(flow: &Conversation, stance: u64) -> Self {
        Self {
            originator: flow.originator().address,
            responder: flow.responder(),
            transport: flow.transport,
            vlan: flow.vlan(),
            depth: flow.depth,
            direction_basis: flow.direction_basis,
            outcome: flow.outcome,
            payload: Arc::clone(&flow.payload),
            marks: [
                flow.sent.payload > 0,
                flow.received.payload > 0,
                flow.missed() > 0,
                flow.is_ambiguous(),
                flow.is_truncated(),
                flow.is_mute(),
            ],
            stance,
        }
    }
}

impl Alike {
    /// Takes a conversation: among the first, as the latest, or into the sums.
    fn take(&mut self, flow: Conversation) {
        let place = self.first.partition_point(|other| order(other) <= order(&flow));
        if place >= KEPT {
            self.pass(flow);
            return;
        }
        self.first.insert(place, flow);
        if self.first.len() > KEPT
            && let Some(last) = self.first.pop()
        {
            self.pass(last);
        }
    }

    fn pass(&mut self, flow: Conversation) {
        self.latest = Some(match self.latest.take() {
            None => flow,
            Some(latest) => {
                let (earlier, mut later) = if order(&flow) < order(&latest) { (flow, latest) } else { (latest, flow) };
                later.absorb(&earlier);
                later
            }
        });
    }
}

const fn order(flow: &Conversation) -> (Timestamp, FrameRef) {
    (flow.first, flow.first_frame)
}

/// What tells a conversation from every other one of the same ledger, whichever end is taken for its originator.
type Identity = (Timestamp, FrameRef, Endpoint, Endpoint, Transport);

fn identity(flow: &Conversation) -> Identity {
    let (low, high) = (flow.originator().min(flow.responder()), flow.originator().max(flow.responder()));
    (flow.first, flow.first_frame, low, high, flow.transport)
}
