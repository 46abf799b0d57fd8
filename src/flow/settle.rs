//! Runs in, conversations out: who originated each, how it went, in order of their first packets.

use std::collections::HashMap;
use std::sync::Arc;

use super::attempt::attempts;
use super::flows::{FlowTable, QuotingError};
use super::interned::Verdict;
use super::key::{Address, AnyKey, End, Key, of_quote};
use super::outcome::{Circumstances, judge, of_icmp};
use super::payload::{Payloads, is_read_again};
use super::record::Run;
use super::seen::Seen;
use super::stream::Stream;
use super::table::Table;
use super::{Conversation, IcmpError, Marks, Outcome, direction};
use crate::dissect::Payload;
use crate::wire::{FrameRef, Timestamp, Transport};

/// A settled flow table.
#[derive(Clone, Debug, Default)]
pub struct Settled {
    /// Conversations in order of first packet, folded ones included.
    pub flows: Vec<Conversation>,
    /// First payload of TCP flows to DNS servers and endpoint mappers.
    pub streams: Vec<Stream>,
    /// Flows that conversations stand for without telling them apart.
    pub folded_flows: u64,
    /// Payload bytes that were acknowledged and not captured.
    pub missed_bytes: u64,
    /// Flows whose payload was not kept because the budget for it was used up.
    pub payloads_not_held: u64,
}

/// What is collected from a list of its own size and alignment takes that list's memory: at the end of a capture a
/// million conversations take the place of a million runs.
const _: () = assert!(size_of::<Conversation>() == size_of::<Run<u32>>());
const _: () = assert!(align_of::<Conversation>() == align_of::<Run<u32>>());

impl FlowTable {
    /// The conversations, with outcomes as of `ended`, the time of the last packet of the capture.
    #[must_use]
    pub fn settle(&self, ended: Timestamp, errors: &[QuotingError]) -> Settled {
        let mut payloads = self.payloads.settling();
        let mut settling = Settling::new(self, ended, errors);
        let others = settling.repeated(self, &mut payloads);
        let mut flows = Vec::with_capacity(self.four.len().saturating_add(self.six.len()));
        flows.extend(self.four.single().map(|(_, run)| settling.single(run, &mut payloads)));
        let six = self.six.single().map(|(_, run)| settling.single(run, &mut payloads)).collect();
        settling.settled(flows, six, others)
    }

    /// The same of a table that is at its end, in less memory: conversations take the place of what they are made of.
    #[must_use]
    pub fn finish(mut self, ended: Timestamp, errors: &[QuotingError]) -> Settled {
        let mut payloads = self.payloads.settling();
        self.four.conclude(&mut payloads);
        self.six.conclude(&mut payloads);
        let mut settling = Settling::new(&self, ended, errors);
        let others = settling.repeated(&self, &mut payloads);
        let four = self.four.into_single().map(|run| settling.single(&run, &mut payloads)).collect();
        let six = self.six.into_single().map(|run| settling.single(&run, &mut payloads)).collect();
        settling.settled(four, six, others)
    }
}

/// Runs in, conversations out, and what is counted on the way.
struct Settling<'error> {
    errors: Errors<'error>,
    ended: Timestamp,
    settled: Settled,
}

impl<'error> Settling<'error> {
    fn new(table: &FlowTable, ended: Timestamp, errors: &'error [QuotingError]) -> Self {
        let (folded_flows, payloads_not_held) = (table.folds.flows, table.payloads.not_held);
        let settled = Settled { folded_flows, payloads_not_held, ..Settled::default() };
        Self { errors: Errors::new(errors), ended, settled }
    }

    /// What does not stand in the order of its first packet: flows whose key comes again, and those that were folded.
    fn repeated(&mut self, table: &FlowTable, payloads: &mut Payloads) -> Vec<Conversation> {
        let mut flows = Vec::new();
        self.attempts(&table.four, payloads, &mut flows);
        self.attempts(&table.six, payloads, &mut flows);
        flows.extend(table.folds.conversations().cloned());
        flows
    }

    /// Every attempt of the keys that come again, each key's in order.
    fn attempts<A: Address>(&mut self, table: &Table<A>, payloads: &mut Payloads, flows: &mut Vec<Conversation>) {
        let runs = table.several();
        flows.reserve_exact(runs.len());
        for runs in runs.chunk_by(|one, next| one.1.key == next.1.key) {
            let attempts = attempts(runs, payloads);
            let next = attempts.iter().skip(1).map(|(attempt, _)| Some(attempt.whole.first)).chain([None]);
            flows.extend(
                attempts.iter().zip(next).map(|((attempt, _), next)| self.take(&attempt.whole, next, payloads)),
            );
        }
    }

    /// The conversation of a run that is the only one of its key.
    fn single<A: Address>(&mut self, run: &Run<A>, payloads: &mut Payloads) -> Conversation {
        if payloads.has_settled(run) {
            return self.take(run, None, payloads);
        }
        let run = payloads.settled(run);
        self.take(&run, None, payloads)
    }

    /// The conversation of a run whose payload is decided, and which goes on `until` another of its key begins.
    fn take<A: Address>(&mut self, run: &Run<A>, until: Option<Timestamp>, payloads: &Payloads) -> Conversation {
        let error = self.errors.of(run, until);
        let flow = converse(run, self.ended, error, payloads);
        self.settled.missed_bytes = self.settled.missed_bytes.saturating_add(flow.missed());
        if run.key.transport() == Transport::TCP && is_read_again(run) {
            self.settled.streams.extend(Stream::new(run, &flow));
        }
        flow
    }

    /// All of them in order: the flows of each family, of which no key comes again, and the others.
    fn settled(mut self, four: Vec<Conversation>, six: Vec<Conversation>, mut others: Vec<Conversation>) -> Settled {
        let (mut flows, mut fewer) = if four.len() < six.len() { (six, four) } else { (four, six) };
        others.append(&mut fewer);
        insert(&mut flows, others);
        self.settled.streams.sort_by_key(|stream| (stream.first, stream.client, stream.server));
        Settled { flows, ..self.settled }
    }
}

/// Sorts flows and `others` together by first packet, and by who talks to whom where one frame opened several. The
/// flows, unless time ran backwards, are in order already: each is moved at most once, from the last on, and none lies
/// elsewhere meanwhile.
pub fn insert(flows: &mut Vec<Conversation>, mut others: Vec<Conversation>) {
    if !flows.is_sorted_by_key(start) {
        flows.sort_by_cached_key(start);
    }
    others.sort_by_cached_key(start);
    let (mut left, mut to) = (flows.len(), flows.len().saturating_add(others.len()));
    // Room: each of these is overwritten, by one that is moved back or by one that belongs there.
    flows.extend_from_slice(&others);
    while let (Some(last), Some(place)) = (others.last(), to.checked_sub(1)) {
        let is_later = |before: &usize| flows.get(*before).is_some_and(|flow| start(flow) > start(last));
        if let Some(before) = left.checked_sub(1).filter(is_later) {
            flows.swap(before, place);
            left = before;
        } else if let (Some(flow), Some(last)) = (flows.get_mut(place), others.pop()) {
            *flow = last;
        }
        to = place;
    }
    for together in flows.chunk_by_mut(|one, next| start(one) == start(next)) {
        together.sort_by_key(|flow| (flow.originator(), flow.responder(), flow.transport));
    }
}

/// Where a flow begins.
const fn start(flow: &Conversation) -> (Timestamp, FrameRef) {
    (flow.first, flow.first_frame)
}

/// ICMP errors by the flow and the end whose packet they quote, each list by time.
pub(super) struct Errors<'a> {
    by_key: HashMap<(AnyKey, bool), Vec<&'a IcmpError>>,
}

impl<'a> Errors<'a> {
    pub(super) fn new(errors: &'a [QuotingError]) -> Self {
        let mut by_key = HashMap::<_, Vec<_>>::new();
        for QuotingError { error, quote } in errors {
            if let (Some((key, from)), Some(_)) = (of_quote(quote), of_icmp(error)) {
                by_key.entry((key, from == End::Low)).or_default().push(error);
            }
        }
        for list in by_key.values_mut() {
            list.sort_by_key(|error| (error.at, error.frame));
        }
        Self { by_key }
    }

    /// The first error that quotes a packet of the originator, within the life of the flow.
    pub(super) fn of<A: Address>(&self, run: &Run<A>, until: Option<Timestamp>) -> Option<&'a IcmpError> {
        if self.by_key.is_empty() {
            return None;
        }
        let originator = direction::so_far(run);
        let list = self.by_key.get(&(A::any(run.key), originator == End::Low))?;
        let error = list.get(list.partition_point(|error| error.at < run.first))?;
        until.is_none_or(|until| error.at < until).then_some(*error)
    }

    /// The frames of the first errors since `first` that quote either end: whichever turns out to be the
    /// originator, no other can decide.
    pub(super) fn around<A: Address>(&self, key: Key<A>, first: Timestamp) -> impl Iterator<Item = FrameRef> {
        [true, false].into_iter().filter_map(move |low| {
            let list = self.by_key.get(&(A::any(key), low))?;
            list.get(list.partition_point(|error| error.at < first)).map(|error| error.frame)
        })
    }
}

pub(super) fn converse<A: Address>(
    run: &Run<A>,
    ended: Timestamp,
    icmp: Option<&IcmpError>,
    payloads: &Payloads,
) -> Conversation {
    let client = payloads.interned.get(run.verdict).and_then(|(_, client)| *client);
    let (originator, direction_basis) = direction::settle(run, client);
    let outcome = judge(run, &Circumstances { originator, ended, icmp });
    let icmp =
        icmp.filter(|error| of_icmp(error) == Some(outcome) && matches!(outcome, Outcome::Refused | Outcome::Rejected));
    let answer = if originator == run.opener() { run.answer() } else { Some(run.first_frame) };
    let (from, to) = (run.key.endpoint(originator), run.key.endpoint(originator.other()));
    let payload = Arc::clone(payload_of(run, originator, payloads));
    let mut flow = Conversation::new(from, to, run.key.transport(), payload);
    (flow.first, flow.last, flow.first_frame) = (run.first, run.last, run.first_frame);
    (flow.sent, flow.received) = (run.counts(originator), run.counts(originator.other()));
    flow.tries = tries_of(run, originator, outcome);
    flow.depth = run.depth;
    flow.direction_basis = direction_basis;
    flow.outcome = outcome;
    flow.marks = marks_of(run);
    let places = run.places();
    flow.set_vlan(run.vlan());
    flow.set_decided(icmp.map(|error| error.frame).or(answer));
    flow.set_claimed(places.claimed);
    flow.set_certified(places.certified);
    flow.set_icmp(icmp.copied());
    flow.set_missed(run.missed());
    flow
}

fn payload_of<'a, A: Address>(run: &Run<A>, originator: End, payloads: &'a Payloads) -> &'a Arc<Payload> {
    if run.payload.low == 0 && run.payload.high == 0 {
        return payloads.interned.none();
    }
    let verdict = if run.verdict == Verdict::OPEN { Verdict::NOT_CAPTURED } else { run.verdict };
    payloads.interned.payload(verdict, originator)
}

fn marks_of<A: Address>(run: &Run<A>) -> Marks {
    let unheld = run.verdict == Verdict::OPEN && run.seen.any(Seen::NOT_HELD);
    let ambiguous = Marks::AMBIGUOUS.when(run.seen.any(Seen::AMBIGUOUS));
    let truncated = Marks::TRUNCATED.when(run.seen.any(Seen::TRUNCATED));
    ambiguous.and(truncated).and(Marks::UNHELD.when(unheld)).and(Marks::VOICED.when(!run.is_mute()))
}

fn tries_of<A: Address>(run: &Run<A>, originator: End, outcome: Outcome) -> u32 {
    let repeats = if run.key.transport() == Transport::TCP || outcome.is_open() {
        u32::from(run.syns)
    } else {
        *run.packets.of(originator)
    };
    repeats.max(1)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use proptest::prelude::*;

    use super::*;
    use crate::flow::Endpoint;

    fn flow((at, number, port): (i64, u32, u16)) -> Conversation {
        let end = |port| Endpoint { address: Ipv4Addr::LOCALHOST.into(), port };
        let mut flow = Conversation::new(end(port), end(53), Transport::UDP, Arc::new(Payload::None));
        flow.first = Timestamp::from_nanoseconds(at);
        flow.first_frame.number = number;
        flow
    }

    proptest! {
        /// Against sorting all of them, also where time ran backwards and where frames opened several flows.
        #[test]
        fn inserting_is_sorting(
            mut flows in prop::collection::vec((0_i64..9, 0_u32..3, 0_u16..99), 0..30),
            others in prop::collection::vec((0_i64..9, 0_u32..3, 100_u16..199), 0..30),
            in_order in any::<bool>(),
        ) {
            if in_order {
                flows.sort_unstable();
            }
            let mut all: Vec<_> = flows.iter().chain(&others).copied().collect();
            all.sort_unstable();
            let mut flows: Vec<Conversation> = flows.into_iter().map(flow).collect();
            insert(&mut flows, others.into_iter().map(flow).collect());
            prop_assert_eq!(flows, all.into_iter().map(flow).collect::<Vec<_>>());
        }
    }
}
