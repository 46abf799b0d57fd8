//! Unexpected and mismatched flows in, groups out: a scan of 200 ports is one group, a sweep of 200
//! hosts is one, and what was really talked about is never hidden inside either.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::hash::{Hash, Hasher};
use std::net::IpAddr;

use super::model::{FlowVerdict, Kind, Verdict};
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
    /// In order of first packet.
    pub(super) flows: Vec<&'audit Conversation>,
    /// Where they stand in the observation.
    pub(super) places: Vec<u32>,
}

impl Group<'_> {
    /// Distinct destination ports.
    pub(super) fn ports(&self) -> usize {
        distinct(self.flows.iter().map(|flow| flow.responder().port))
    }

    /// Distinct responders.
    pub(super) fn responders(&self) -> usize {
        distinct(self.flows.iter().map(|flow| flow.responder().address))
    }

    /// Distinct originators.
    pub(super) fn originators(&self) -> usize {
        distinct(self.flows.iter().map(|flow| flow.originator().address))
    }
}

fn distinct<T: Hash + Eq>(values: impl Iterator<Item = T>) -> usize {
    values.collect::<HashSet<T, foldhash::fast::RandomState>>().len()
}

/// Places of flows by key, found by hash, since every flow asks. The places of a key are a chain through a list as
/// long as the flows: a scan of a million ports is a million keys, and each of them would have a list of its own.
struct Groups {
    chains: HashMap<Key, Chain, foldhash::fast::RandomState>,
    /// Behind each place the next of its chain.
    next: Vec<u32>,
}

/// First and last place of a chain.
#[derive(Clone, Copy)]
struct Chain {
    first: u32,
    last: u32,
}

/// Behind the last place of a chain.
const END: u32 = u32::MAX;

impl Groups {
    fn new(flows: usize) -> Self {
        Self { chains: HashMap::default(), next: vec![END; flows] }
    }

    /// Puts a chain behind what there is of `key`.
    fn join(&mut self, key: Key, chain: Chain) {
        match self.chains.entry(key) {
            Entry::Occupied(mut known) => {
                let known = known.get_mut();
                if let Some(next) = self.next.get_mut(known.last as usize) {
                    *next = chain.first;
                }
                known.last = chain.last;
            }
            Entry::Vacant(free) => {
                free.insert(chain);
            }
        }
    }

    /// Gives the flows of one key to another.
    fn move_over(&mut self, from: &Key, to: Key) {
        if let Some(chain) = self.chains.remove(from) {
            self.join(to, chain);
        }
    }

    /// The places of a chain, in the order of the observation whatever the hashes.
    fn places(&self, chain: Chain) -> Vec<u32> {
        let follow = |place: &u32| self.next.get(*place as usize).copied().filter(|next| *next != END);
        let mut places: Vec<u32> = std::iter::successors(Some(chain.first), follow).collect();
        places.sort_unstable();
        places
    }
}

/// Groups every flow that is unexpected or mismatched.
pub(super) fn group<'audit>(
    flows: &'audit [Conversation],
    verdicts: impl Iterator<Item = &'audit FlowVerdict>,
) -> Vec<Group<'audit>> {
    let mut groups = Groups::new(flows.len());
    let told = |verdict: &FlowVerdict| matches!(verdict.verdict, Verdict::Unexpected | Verdict::Mismatched);
    for (place, (flow, verdict)) in (0..).zip(flows.iter().zip(verdicts)).filter(|(_, (_, verdict))| told(verdict)) {
        groups.join(key(flow, verdict), Chain { first: place, last: place });
    }
    pair_up(&mut groups);
    collapse(&mut groups, |key| Key { port: None, kind: None, row: None, ..*key });
    collapse(&mut groups, |key| Key { responder: None, kind: None, row: None, ..*key });
    collapse(&mut groups, |key| Key { originator: None, ..*key });
    let whole = |(key, chain): (&Key, &Chain)| {
        let places = groups.places(*chain);
        let flows = places.iter().filter_map(|place| flows.get(usize::try_from(*place).ok()?)).collect();
        Group { key: *key, flows, places }
    };
    let mut groups: Vec<Group<'audit>> = groups.chains.iter().map(whole).collect();
    groups.sort_unstable_by_key(|group| group.key);
    groups
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

/// Retries of something that also carried payload belong to it: one service, one group.
fn pair_up(groups: &mut Groups) {
    let talk = |key: &Key| Key { probes: false, ..*key };
    let chains = &groups.chains;
    let paired: Vec<Key> = chains.keys().filter(|key| key.probes && chains.contains_key(&talk(key))).copied().collect();
    for probes in paired {
        groups.move_over(&probes, talk(&probes));
    }
}

/// Merges the groups that share the wider key, where they are many.
fn collapse(groups: &mut Groups, wider: impl Fn(&Key) -> Key) {
    let mut families: HashMap<Key, usize, foldhash::fast::RandomState> = HashMap::default();
    for key in groups.chains.keys() {
        let members = families.entry(wider(key)).or_default();
        *members = members.saturating_add(1);
    }
    families.retain(|_, members| *members >= MANY);
    if families.is_empty() {
        return;
    }
    let many: Vec<Key> = groups.chains.keys().filter(|key| families.contains_key(&wider(key))).copied().collect();
    for key in many {
        groups.move_over(&key, wider(&key));
    }
}
