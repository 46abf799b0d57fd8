//! Unexpected and mismatched flows in, groups out: a scan of 200 ports is one group, a sweep of 200
//! hosts is one, and what was really talked about is never hidden inside either.

use std::collections::{BTreeMap, BTreeSet, HashMap};
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

/// Groups every flow that is unexpected or mismatched.
pub(super) fn group<'audit>(
    flows: &'audit [Conversation],
    verdicts: impl Iterator<Item = &'audit FlowVerdict>,
) -> Vec<Group<'audit>> {
    // Found by hash, since every flow asks; sorted once, since few groups come of them.
    let mut groups: HashMap<Key, Group<'audit>, foldhash::fast::RandomState> = HashMap::default();
    let told = |verdict: &FlowVerdict| matches!(verdict.verdict, Verdict::Unexpected | Verdict::Mismatched);
    for (flow, verdict) in flows.iter().zip(verdicts).filter(|(_, verdict)| told(verdict)) {
        let key = key(flow, verdict);
        groups.entry(key).or_insert_with(|| Group { key, flows: Vec::new() }).flows.push(flow);
    }
    let mut groups: Vec<Group<'audit>> = groups.into_values().collect();
    groups.sort_unstable_by_key(|group| group.key);
    groups = pair_up(groups);
    let scan = |key: &Key| Key { port: None, kind: None, row: None, ..*key };
    let sweep = |key: &Key| Key { responder: None, kind: None, row: None, ..*key };
    let crowd = |key: &Key| Key { originator: None, ..*key };
    collapse(collapse(collapse(groups, scan), sweep), crowd)
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
fn pair_up(groups: Vec<Group<'_>>) -> Vec<Group<'_>> {
    let mut together: BTreeMap<Key, Group<'_>> = BTreeMap::new();
    let (talks, probes): (Vec<_>, Vec<_>) = groups.into_iter().partition(|group| !group.key.probes);
    for group in talks {
        together.insert(group.key, group);
    }
    for group in probes {
        let talk = Key { probes: false, ..group.key };
        match together.get_mut(&talk) {
            Some(with) => with.flows.extend(group.flows),
            None => drop(together.insert(group.key, group)),
        }
    }
    let mut groups: Vec<Group<'_>> = together.into_values().collect();
    for group in &mut groups {
        group.flows.sort_by_key(|flow| (flow.first, flow.first_frame));
    }
    groups
}

/// Merges the groups that share the wider key, where they are many.
fn collapse<'audit>(groups: Vec<Group<'audit>>, wider: impl Fn(&Key) -> Key) -> Vec<Group<'audit>> {
    let mut families: BTreeMap<Key, Vec<Group<'audit>>> = BTreeMap::new();
    for group in groups {
        families.entry(wider(&group.key)).or_default().push(group);
    }
    let mut result = Vec::new();
    for (key, members) in families {
        if members.len() < MANY {
            result.extend(members);
            continue;
        }
        let mut flows: Vec<_> = members.into_iter().flat_map(|group| group.flows).collect();
        flows.sort_by_key(|flow| (flow.first, flow.first_frame));
        result.push(Group { key, flows });
    }
    result
}
