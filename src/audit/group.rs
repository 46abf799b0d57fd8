//! Unexpected and mismatched flows in, groups out: a scan of 200 ports is one group, a sweep of 200
//! hosts is one, and what was really talked about is never hidden inside either.

use std::collections::HashSet;
use std::hash::{BuildHasher, Hash, Hasher};
use std::net::IpAddr;

use super::model::{FlowVerdict, Kind, Verdict};
use super::per_flow::PerFlow;
use super::verdict::Judgement;
use crate::flow::Conversation;
use crate::matrix::RowId;
use crate::wire::Transport;

/// From this many ports or hosts on, they are told as "many".
const MANY: usize = 8;

/// What the flows of a group have in common; `None` stands for many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) verdict: Verdict,
    /// How they differ; `None` when they differ in several ways.
    pub(super) kind: Option<Kind>,
    pub(super) row: Option<RowId>,
    pub(super) originator: Option<IpAddr>,
    pub(super) responder: Option<IpAddr>,
    pub(super) transport: Transport,
    pub(super) port: Option<u16>,
    /// No flow of the group carried payload.
    pub(super) probes: bool,
}

/// Every flow is looked up by its key: a field at a time would take longer than all else about it.
impl Hash for Key {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        let kind = self.kind.map_or(u8::MAX, |kind| kind as u8);
        let row = self.row.map_or(u32::MAX, |row| row.0);
        hasher.write_u128(of_address(self.originator));
        hasher.write_u128(of_address(self.responder));
        let [a, b, c, d] = row.to_be_bytes();
        hasher.write_u64(u64::from_be_bytes([
            a,
            b,
            c,
            d,
            self.verdict as u8,
            kind,
            self.transport.0,
            u8::from(self.probes),
        ]));
        hasher.write_u16(self.port.unwrap_or_default());
    }
}

fn of_address(address: Option<IpAddr>) -> u128 {
    match address {
        None => u128::MAX,
        Some(IpAddr::V4(address)) => u128::from(address.to_bits()),
        Some(IpAddr::V6(address)) => address.to_bits(),
    }
}

/// Flows that are told as one.
#[derive(Debug)]
pub(super) struct Group<'audit> {
    pub(super) key: Key,
    /// Where they stand in the observation, in order.
    pub(super) places: Vec<u32>,
    /// Every flow of the observation.
    all: &'audit [Conversation],
}

impl<'audit> Group<'audit> {
    /// In order of first packet.
    pub(super) fn flows(&self) -> impl Iterator<Item = &'audit Conversation> + Clone {
        let all = self.all;
        self.places.iter().filter_map(move |place| all.get(usize::try_from(*place).ok()?))
    }

    /// Distinct destination ports.
    pub(super) fn ports(&self) -> usize {
        distinct(self.flows().map(|flow| flow.responder().port))
    }

    /// Distinct responders.
    pub(super) fn responders(&self) -> usize {
        distinct(self.flows().map(|flow| flow.responder().address))
    }

    /// Distinct originators.
    pub(super) fn originators(&self) -> usize {
        distinct(self.flows().map(|flow| flow.originator().address))
    }
}

fn distinct<T: Hash + Eq>(values: impl Iterator<Item = T>) -> usize {
    values.collect::<HashSet<T, foldhash::fast::RandomState>>().len()
}

/// Groups every flow that is unexpected or mismatched.
pub(super) fn group<'audit>(flows: &'audit [Conversation], judged: &'audit PerFlow<Judgement>) -> Vec<Group<'audit>> {
    let mut groups = Groups::new(Keys { flows, judged });
    groups.collapse(Many::PORTS.and(Many::WAYS));
    groups.collapse(Many::RESPONDERS.and(Many::WAYS));
    groups.collapse(Many::ORIGINATORS);
    let whole = |chain: &Chain| Some(Group { key: groups.keys.of(chain)?, places: groups.places(*chain), all: flows });
    let mut groups: Vec<Group<'audit>> = groups.chains.iter().filter_map(whole).collect();
    groups.sort_unstable_by_key(|group| group.key);
    groups
}

/// What flows are grouped by.
#[derive(Clone, Copy)]
struct Keys<'audit> {
    flows: &'audit [Conversation],
    judged: &'audit PerFlow<Judgement>,
}

impl Keys<'_> {
    fn of_flow(self, place: u32) -> Option<Key> {
        let place = usize::try_from(place).ok()?;
        let (flow, judgement) = self.flows.get(place).zip(self.judged.get(place))?;
        Some(key(flow, &judgement.verdict))
    }

    fn of(self, chain: &Chain) -> Option<Key> {
        self.of_flow(chain.first).map(|key| chain.many.of(key))
    }
}

/// Groups in the making. A scan of a million ports begins as a million of them, so none holds a key or a list of its
/// own: its key is that of its first flow, and its flows are a chain through a list as long as all flows.
struct Groups<'audit> {
    keys: Keys<'audit>,
    chains: Vec<Chain>,
    /// Behind each place the next of its chain.
    next: Vec<u32>,
}

impl<'audit> Groups<'audit> {
    /// Those whose flows have all of the key in common. Retries of something that also carried payload belong to it:
    /// one service, one group.
    fn new(keys: Keys<'audit>) -> Self {
        let is_told =
            |judgement: &Judgement| matches!(judgement.verdict.verdict, Verdict::Unexpected | Verdict::Mismatched);
        let told = (0u32..).zip(keys.judged).filter(|(_, judgement)| is_told(judgement)).map(|(place, _)| place);
        let single = |place| {
            let probes = keys.of_flow(place).is_some_and(|key| key.probes);
            Chain { first: place, last: place, many: Many::NOTHING, probes }
        };
        let mut chains = Vec::with_capacity(told.clone().count());
        chains.extend(told.map(single));
        let mut groups = Self { keys, chains, next: vec![END; keys.flows.len()] };
        groups.join(|key| Key { probes: false, ..key }, 2, Many::NOTHING);
        groups
    }

    /// Joins the groups that have all but `many` in common, where they are many.
    fn collapse(&mut self, many: Many) {
        self.join(|key| many.of(key), MANY, many);
    }

    /// The chains with the same `wider` key, where there are at least so many, become one, in which that stands for many.
    fn join(&mut self, wider: impl Fn(Key) -> Key, least: usize, many: Many) {
        let key = |chain: &Chain| self.keys.of(chain).map(&wider);
        let random = foldhash::fast::RandomState::default();
        // The hash in the upper half of a word, the place in the lower: words are sorted without a branch, and where
        // they are sorted they lie together, while a table would be waited for at each step.
        let word = |(chain, place): (&Chain, u64)| random.hash_one(key(chain)) & UPPER | place;
        let mut words: Vec<u64> = self.chains.iter().zip(0..).map(word).collect();
        words.sort_unstable();
        for alike in words.chunk_by(|one, next| one & UPPER == next & UPPER).filter(|alike| alike.len() >= least) {
            let mut left = self.unite(alike, &wider, least, many);
            while !left.is_empty() {
                left = self.unite(&left, &wider, least, many);
            }
        }
        self.chains.retain(|chain| chain.first != END);
    }

    /// Makes one of the chains with the key of the first of these, in its place, where they are enough. Gives those with
    /// another key: few different keys share a hash.
    fn unite(&mut self, words: &[u64], wider: &impl Fn(Key) -> Key, least: usize, many: Many) -> Vec<u64> {
        let keys = self.keys;
        let key = |chain: &Chain| keys.of(chain).map(wider);
        let first = words.first().copied().map_or(usize::MAX, place);
        let Some(mut whole) = self.chains.get(first).copied() else { return Vec::new() };
        let own = key(&whole);
        let is_another = |word: &&u64| self.chains.get(place(**word)).and_then(key) != own;
        let others: Vec<u64> = words.iter().filter(is_another).copied().collect();
        if words.len().saturating_sub(others.len()) < least {
            return others;
        }
        whole.many = whole.many.and(many);
        for word in words.iter().skip(1) {
            let Some(chain) = self.chains.get_mut(place(*word)) else { continue };
            if others.is_empty() || key(chain) == own {
                whole.append(std::mem::replace(chain, GONE), &mut self.next);
            }
        }
        if let Some(chain) = self.chains.get_mut(first) {
            *chain = whole;
        }
        others
    }

    /// The places of a chain, in the order of the observation.
    fn places(&self, chain: Chain) -> Vec<u32> {
        let follow = |place: &u32| self.next.get(*place as usize).copied().filter(|next| *next != END);
        let mut places: Vec<u32> = std::iter::successors(Some(chain.first), follow).collect();
        places.sort_unstable();
        places
    }
}

/// First and last place of a chain, and what of its flows stands for many.
#[derive(Clone, Copy)]
struct Chain {
    first: u32,
    last: u32,
    many: Many,
    /// No flow of it carried payload; where one did, it comes first.
    probes: bool,
}

/// Behind the last place of a chain.
const END: u32 = u32::MAX;
/// What is left of a chain that another took in.
const GONE: Chain = Chain { first: END, last: END, many: Many::NOTHING, probes: false };
/// The lower half of a word.
const LOWER: u64 = u32::MAX as u64;
/// The upper half; in tests so little of it that different keys share a hash.
const UPPER: u64 = if cfg!(test) { 3 << 62 } else { !LOWER };

/// The place in the lower half of a word.
fn place(word: u64) -> usize {
    usize::try_from(word & LOWER).unwrap_or(usize::MAX)
}

impl Chain {
    /// Takes in another chain, whose flows come first where they carried payload and these did not.
    fn append(&mut self, other: Self, next: &mut [u32]) {
        let (front, back) = if self.probes && !other.probes { (other, *self) } else { (*self, other) };
        if let Some(next) = next.get_mut(front.last as usize) {
            *next = back.first;
        }
        (self.first, self.last, self.probes) = (front.first, back.last, front.probes);
    }
}

/// What the flows of a group do not have in common.
#[derive(Clone, Copy)]
struct Many(u8);

impl Many {
    const NOTHING: Self = Self(0);
    const PORTS: Self = Self(1);
    const RESPONDERS: Self = Self(2);
    const ORIGINATORS: Self = Self(4);
    /// How they differ from what is documented, and from which row.
    const WAYS: Self = Self(8);

    const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The key that those share which differ in this.
    fn of(self, key: Key) -> Key {
        let is_one = |what: Self| self.0 & what.0 == 0;
        Key {
            kind: key.kind.filter(|_| is_one(Self::WAYS)),
            row: key.row.filter(|_| is_one(Self::WAYS)),
            originator: key.originator.filter(|_| is_one(Self::ORIGINATORS)),
            responder: key.responder.filter(|_| is_one(Self::RESPONDERS)),
            port: key.port.filter(|_| is_one(Self::PORTS)),
            ..key
        }
    }
}

fn key(flow: &Conversation, verdict: &FlowVerdict) -> Key {
    Key {
        verdict: verdict.verdict,
        kind: verdict.kind,
        row: verdict.nearest,
        originator: Some(flow.originator().address),
        responder: Some(flow.responder().address),
        transport: flow.transport,
        port: Some(flow.responder().port),
        probes: flow.sent.payload == 0 && flow.received.payload == 0 && has_ports(flow.transport),
    }
}

const fn has_ports(transport: Transport) -> bool {
    matches!(transport, Transport::TCP | Transport::UDP | Transport::SCTP)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::net::Ipv4Addr;
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::audit::Fitting;
    use crate::dissect::Payload;
    use crate::flow::Endpoint;

    /// The same, of lists by key.
    fn plain(keys: Keys<'_>) -> BTreeMap<Key, Vec<u32>> {
        let mut groups: BTreeMap<Key, Vec<u32>> = BTreeMap::new();
        for (place, judgement) in (0..).zip(keys.judged) {
            if matches!(judgement.verdict.verdict, Verdict::Unexpected | Verdict::Mismatched) {
                groups.entry(keys.of_flow(place).unwrap()).or_default().push(place);
            }
        }
        let probes: Vec<Key> = groups.keys().filter(|key| key.probes).copied().collect();
        for key in probes {
            if let Some(talk) = groups.get(&Key { probes: false, ..key }).cloned() {
                let all = [talk, groups.remove(&key).unwrap()].concat();
                groups.insert(Key { probes: false, ..key }, all);
            }
        }
        for many in [Many::PORTS.and(Many::WAYS), Many::RESPONDERS.and(Many::WAYS), Many::ORIGINATORS] {
            let mut families: BTreeMap<Key, Vec<Key>> = BTreeMap::new();
            groups.keys().for_each(|key| families.entry(many.of(*key)).or_default().push(*key));
            for (wider, members) in families.into_iter().filter(|(_, members)| members.len() >= MANY) {
                let all = members.iter().flat_map(|key| groups.remove(key).unwrap()).collect();
                groups.insert(wider, all);
            }
        }
        groups.values_mut().for_each(|places| places.sort_unstable());
        groups
    }

    proptest! {
        #[test]
        fn groups_are_those_of_plain_lists(
            flows in prop::collection::vec((0_u8..10, 0_u8..10, 0_u16..10, any::<bool>(), 0_usize..3), 0..200),
            spread in 0_u8..4,
        ) {
            let verdict = |verdict, kind| {
                let (basis, atoms, nearest) = (None, Fitting::NONE, Some(RowId(kind as u32)));
                let verdict = FlowVerdict { verdict, kind: Some(kind), basis, atoms, nearest };
                Judgement::clear(verdict, String::new())
            };
            let judged = flows.iter().map(|(.., kind)| match kind {
                0 => verdict(Verdict::Unexpected, Kind::Unlisted),
                1 => verdict(Verdict::Mismatched, Kind::WrongProtocol),
                _ => verdict(Verdict::Expected, Kind::Unlisted),
            });
            let judged: PerFlow<Judgement> = judged.collect();
            let end = |last, port| Endpoint { address: Ipv4Addr::new(10, 0, 0, last).into(), port };
            let flow = |(from, to, port, talks, _): &(u8, u8, u16, bool, usize)| {
                // Few at one of the ends, so that many meet at the other.
                let (from, to) = match spread {
                    0 => (0, *to),
                    1 => (*from, 0),
                    2 => (0, 1),
                    _ => (*from, *to),
                };
                let payload = Arc::new(Payload::None);
                let mut flow = Conversation::new(end(from, 50_000), end(100 + to, *port), Transport::TCP, payload);
                flow.sent.payload = u64::from(*talks);
                flow
            };
            let flows: Vec<Conversation> = flows.iter().map(flow).collect();
            let found: BTreeMap<Key, Vec<u32>> =
                group(&flows, &judged).into_iter().map(|group| (group.key, group.places)).collect();
            prop_assert_eq!(found, plain(Keys { flows: &flows, judged: &judged }));
        }
    }
}
