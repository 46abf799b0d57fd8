//! Unexpected and mismatched flows in, groups out: a scan of 200 ports is one group, a sweep of 200
//! hosts is one, and what was really talked about is never hidden inside either.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;

use super::model::{FlowVerdict, Kind, Verdict};
use crate::flow::Conversation;
use crate::matrix::RowId;
use crate::wire::Transport;

/// From this many ports or hosts on, they are told as "many".
const MANY: usize = 8;

/// What the flows of a group have in common; `None` stands for many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
        distinct(self.flows.iter().map(|flow| flow.responder.port))
    }

    /// Distinct responders.
    pub(super) fn responders(&self) -> usize {
        distinct(self.flows.iter().map(|flow| flow.responder.address))
    }

    /// Distinct originators.
    pub(super) fn originators(&self) -> usize {
        distinct(self.flows.iter().map(|flow| flow.originator.address))
    }
}

fn distinct<T: Ord>(values: impl Iterator<Item = T>) -> usize {
    values.collect::<BTreeSet<T>>().len()
}

/// Places of flows by key. Found by hash, since every flow asks; sorted once, when all is grouped.
type Groups = HashMap<Key, Vec<u32>, foldhash::fast::RandomState>;

/// Groups every flow that is unexpected or mismatched.
pub(super) fn group<'audit>(
    flows: &'audit [Conversation],
    verdicts: impl Iterator<Item = &'audit FlowVerdict>,
) -> Vec<Group<'audit>> {
    let mut groups = Groups::default();
    let told = |verdict: &FlowVerdict| matches!(verdict.verdict, Verdict::Unexpected | Verdict::Mismatched);
    for (place, (flow, verdict)) in (0..).zip(flows.iter().zip(verdicts)).filter(|(_, (_, verdict))| told(verdict)) {
        groups.entry(key(flow, verdict)).or_default().push(place);
    }
    let scan = |key: &Key| Key { port: None, kind: None, row: None, ..*key };
    let sweep = |key: &Key| Key { responder: None, kind: None, row: None, ..*key };
    let crowd = |key: &Key| Key { originator: None, ..*key };
    let groups = collapse(collapse(collapse(pair_up(groups), scan), sweep), crowd);
    let whole = |(key, mut places): (Key, Vec<u32>)| {
        // In the order of the observation, whatever the hashes.
        places.sort_unstable();
        let flows = places.iter().filter_map(|place| flows.get(usize::try_from(*place).ok()?)).collect();
        Group { key, flows, places }
    };
    let mut groups: Vec<Group<'audit>> = groups.into_iter().map(whole).collect();
    groups.sort_unstable_by_key(|group| group.key);
    groups
}

fn key(flow: &Conversation, verdict: &FlowVerdict) -> Key {
    Key {
        verdict: verdict.verdict,
        kind: verdict.kind,
        row: verdict.nearest,
        originator: Some(flow.originator.address),
        responder: Some(flow.responder.address),
        transport: flow.transport,
        port: Some(flow.responder.port),
        probes: flow.sent.payload == 0 && flow.received.payload == 0 && has_ports(flow.transport),
    }
}

const fn has_ports(transport: Transport) -> bool {
    matches!(transport, Transport::TCP | Transport::UDP | Transport::SCTP)
}

/// Retries of something that also carried payload belong to it: one service, one group.
fn pair_up(mut groups: Groups) -> Groups {
    let talk = |key: &Key| Key { probes: false, ..*key };
    let paired: Vec<Key> = groups.keys().filter(|key| key.probes && groups.contains_key(&talk(key))).copied().collect();
    for probes in paired {
        let flows = groups.remove(&probes).unwrap_or_default();
        groups.entry(talk(&probes)).or_default().extend(flows);
    }
    groups
}

/// Merges the groups that share the wider key, where they are many.
fn collapse(mut groups: Groups, wider: impl Fn(&Key) -> Key) -> Groups {
    let mut families: HashMap<Key, usize, foldhash::fast::RandomState> = HashMap::default();
    for key in groups.keys() {
        let members = families.entry(wider(key)).or_default();
        *members = members.saturating_add(1);
    }
    let is_many = |key: &&Key| families.get(&wider(key)).is_some_and(|members| *members >= MANY);
    let many: Vec<Key> = groups.keys().filter(is_many).copied().collect();
    for key in many {
        let places = groups.remove(&key).unwrap_or_default();
        groups.entry(wider(&key)).or_default().extend(places);
    }
    groups
}
