//! Rows and groups in, findings out: gravest first, each with a stable id, its packets, and what to
//! do next. What a finding weighs stands in one table.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::iter;
use std::net::IpAddr;

use sha2::{Digest, Sha256};

use super::grade::Pen;
use super::group::{Group, group};
use super::model::{AtomResult, Finding, NextStep, RowResult, RowStatus, Verdict};
use super::own_names::Whose;
use super::per_flow::PerFlow;
use super::rows::Rows;
use super::verdict::Judgement;
use super::waivers::Hit;
use super::{evidence, time, words};
use crate::flow::Conversation;
use crate::ledger::{Announcement, Resolution, ResolutionResult};
use crate::matrix::{AtomId, Row, RowId, Severity};

/// What a finding about flows weighs: (verdict, whether a flow got through, severity). Rows bring
/// their own severity.
const WEIGHTS: &[(Verdict, bool, Severity)] = &[
    (Verdict::Mismatched, true, Severity::High),
    (Verdict::Mismatched, false, Severity::High),
    (Verdict::Unexpected, true, Severity::High),
    (Verdict::Unexpected, false, Severity::Medium),
];
/// A mapper that sends its clients to another host.
const ANNOUNCED_ELSEWHERE: Severity = Severity::High;
/// An optional part that is blocked costs time-outs, not function.
const OPTIONAL_BLOCKED: Severity = Severity::Medium;
/// The exception was granted once; only its date has passed.
const EXPIRED_WAIVER: Severity = Severity::Medium;
/// Two different answers to one question: somebody forges.
const DNS_RACE: Severity = Severity::High;

/// A finding, the flows that it rests on, and what would settle it.
pub(super) struct Found {
    pub(super) finding: Finding,
    /// Indices into the flows of the observation, in order.
    pub(super) flows: Vec<u32>,
    pub(super) next: Vec<NextStep>,
}

/// All findings, gravest first, then by kind, rows and id.
pub(super) fn all(rows: &Rows<'_>, results: &[RowResult], judged: &PerFlow<Judgement>) -> Vec<Found> {
    let mut found = of_rows(rows, results);
    found.extend(group(&rows.observation.flows, judged).into_iter().map(|group| of_group(rows, group)));
    found.extend(of_waivers(rows, judged));
    found.extend(of_races(rows));
    found.extend(of_misleading(rows));
    found.sort_by(|a, b| order(a).cmp(&order(b)));
    found
}

/// What findings are ordered by.
fn order(Found { finding, .. }: &Found) -> impl Ord {
    (Reverse(words::severity_of(&finding.severity)), &finding.kind, &finding.rows, &finding.id)
}

/// `F-3f9c21ab`: the same statement has the same id in every audit.
fn id(kind: &str, row: &str, key: &str) -> String {
    let digest = Sha256::digest(format!("{kind}\n{row}\n{key}"));
    let short: String = digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    format!("F-{short}")
}

fn of_rows(rows: &Rows<'_>, results: &[RowResult]) -> Vec<Found> {
    let all = (0u32..).map(RowId).zip(&rows.matrix().rows);
    let audited = all.filter(|(id, _)| super::is_audited(rows.matrix(), *id)).zip(results);
    let mut found = Vec::new();
    for ((id, row), result) in audited {
        if result.status.is_finding() {
            found.push(of_row(rows, id, row, result));
            continue;
        }
        let optional = (0u16..).zip(&result.atoms).filter(|(_, atom)| {
            atom.optional && matches!(atom.status, RowStatus::Blocked | RowStatus::Partial | RowStatus::WrongProtocol)
        });
        found.extend(optional.map(|(index, atom)| of_atom(rows, id, index, row, atom)));
    }
    found
}

fn of_row(rows: &Rows<'_>, id: RowId, row: &Row, result: &RowResult) -> Found {
    let indices: Vec<u16> = (0u16..).zip(&row.atoms).map(|(index, _)| index).collect();
    let flows = concerned(rows, id, &indices, result.status);
    let summary = words::row_summary(result);
    let head = Head { kind: result.status.name(), severity: row.severity, row: &row.id, key: "", summary };
    let finding = finding(rows, head, result.reason.clone(), flows.iter().copied());
    let next = steps(rows, id, &indices, result, &finding.id);
    Found { finding, flows: places(rows, &flows), next }
}

fn of_atom(rows: &Rows<'_>, id: RowId, index: u16, row: &Row, atom: &AtomResult) -> Found {
    let flows = concerned(rows, id, &[index], atom.status);
    let summary = words::optional_atom(&row.id, &atom.service, atom.status);
    let severity = row.severity.min(OPTIONAL_BLOCKED);
    let head = Head { kind: atom.status.name(), severity, row: &row.id, key: &atom.service, summary };
    let detail = flows.iter().rev().find(|flow| flow.outcome.is_blocked()).map(|flow| words::block(flow));
    let finding = finding(rows, head, detail.unwrap_or_default(), flows.iter().copied());
    let next = requests(rows, id, &[index], &finding.id);
    Found { finding, flows: places(rows, &flows), next }
}

/// Flows that a finding about a row rests on: the blocked ones of peers that never opened.
fn concerned<'audit>(rows: &Rows<'audit>, id: RowId, atoms: &[u16], status: RowStatus) -> Vec<&'audit Conversation> {
    let tallies = atoms.iter().filter_map(|atom| rows.tallies.get(&AtomId { row: id, atom: *atom }));
    let blocked = matches!(status, RowStatus::Blocked | RowStatus::Partial);
    let peers =
        tallies.flat_map(|tally| tally.peers.iter().map(|(_, peer)| peer)).filter(|peer| !blocked || peer.is_blocked());
    let mut flows: Vec<&Conversation> = peers.flat_map(|peer| peer.flows.iter().copied()).collect();
    flows.sort_by_key(|flow| (flow.first, flow.first_frame));
    flows
}

fn of_group(rows: &Rows<'_>, group: Group<'_>) -> Found {
    let key = &group.key;
    let open = group.flows().any(|flow| flow.outcome.is_open());
    let weight = WEIGHTS.iter().find(|(verdict, through, _)| *verdict == key.verdict && *through == open);
    let heard = group.flows().all(|flow| is_to_many(flow) && !super::is_icmp(flow.transport));
    let severity = if heard { Severity::Low } else { weight.map_or(Severity::High, |(_, _, severity)| *severity) };
    let row = key.row.and_then(|row| rows.matrix().row(row)).map(|row| row.id.clone());
    let stable = words::group_key(key);
    let summary = words::group_summary(&group);
    let head =
        Head { kind: key.verdict.name(), severity, row: row.as_deref().unwrap_or_default(), key: &stable, summary };
    let detail =
        group.flows().next().map(|flow| rows.judge.one(flow, Pen::Writes).reason().to_owned()).unwrap_or_default();
    let finding = finding(rows, head, detail, group.flows());
    let (text, rule) = (words::settle_group(&group), super::next::rule(rows.matrix(), &group));
    let next = vec![NextStep { finding: finding.id.clone(), text, rule, ..NextStep::default() }];
    Found { finding, flows: group.places, next }
}

/// Broadcast and multicast: said to everybody, got through to nobody in particular.
fn is_to_many(flow: &Conversation) -> bool {
    let address = flow.responder().address;
    let broadcast = matches!(address, std::net::IpAddr::V4(v4) if v4.is_broadcast());
    address.is_multicast() || broadcast
}

fn of_waivers(rows: &Rows<'_>, judged: &PerFlow<Judgement>) -> Vec<Found> {
    let late = |index: usize| {
        let flows = rows.observation.flows.iter().zip(judged);
        flows.filter(move |(_, j)| j.waiver == Some(Hit::Expired(index))).map(|(flow, _)| flow).collect::<Vec<_>>()
    };
    let waivers = rows.matrix().waivers.iter().enumerate().map(|(index, waiver)| (waiver, late(index)));
    waivers
        .filter(|(_, flows)| !flows.is_empty())
        .map(|(waiver, flows)| {
            let until = waiver.until.map(time::day).unwrap_or_default();
            let summary = words::expired_waiver(&waiver.text, &until);
            let head = Head { kind: "expired-waiver", severity: EXPIRED_WAIVER, row: "", key: &waiver.text, summary };
            let detail = words::waived(&waiver.reason, &waiver.owner);
            let finding = finding(rows, head, detail, flows.iter().copied());
            let text = words::renew_waiver(&waiver.text, &waiver.owner);
            let next = vec![NextStep { finding: finding.id.clone(), text, ..NextStep::default() }];
            Found { finding, flows: places(rows, &flows), next }
        })
        .collect()
}

/// Questions to which contradicting answers came.
fn of_races(rows: &Rows<'_>) -> Vec<Found> {
    let conflicting = |q: &&Resolution| q.result == ResolutionResult::Conflicting;
    let ours = |q: &&Resolution| rows.judge.scope.covers_addresses(q.client, q.resolver);
    let mut races: Vec<_> = rows.observation.resolutions.iter().filter(conflicting).filter(ours).collect();
    races.sort_by(|a, b| (a.client, &a.name, a.asked).cmp(&(b.client, &b.name, b.asked)));
    races.dedup_by(|a, b| (a.client, &a.name) == (b.client, &b.name));
    let told = races.into_iter().map(|race| {
        let key = format!("{} {}", race.client, race.name);
        let summary = words::race_summary(race);
        let head = Head { kind: "dns-race", severity: DNS_RACE, row: "", key: &key, summary };
        let mut finding = finding(rows, head, words::race_detail(), iter::empty());
        let frames = [Some(race.question), race.answer].into_iter().flatten();
        finding.evidence = evidence::frames_of(rows.observation, frames);
        finding.first = Some(time::text(race.asked));
        Found { finding, flows: Vec::new(), next: Vec::new() }
    });
    told.collect()
}

/// Endpoint mappers and activations that name another host than themselves: that is no knowledge, it is a lead astray.
fn of_misleading(rows: &Rows<'_>) -> Vec<Found> {
    let mut groups: BTreeMap<(IpAddr, IpAddr, IpAddr), Vec<&Announcement>> = BTreeMap::new();
    for announcement in &rows.observation.announcements {
        let Whose::Another(elsewhere) = rows.judge.evidence.own_names.whose(announcement) else { continue };
        if rows.judge.scope.covers_addresses(announcement.client, announcement.server) {
            let key = (announcement.server, announcement.client, elsewhere);
            groups.entry(key).or_default().push(announcement);
        }
    }
    let told = groups.into_iter().map(|((server, client, elsewhere), announced)| {
        let key = format!("{server} {client} {elsewhere}");
        let summary = words::elsewhere_summary(server, client, elsewhere);
        let head = Head { kind: "announced-elsewhere", severity: ANNOUNCED_ELSEWHERE, row: "", key: &key, summary };
        let mut finding = finding(
            rows,
            head,
            words::elsewhere_detail(announced.iter().map(|it| it.interface.as_str())),
            iter::empty(),
        );
        finding.evidence = evidence::frames_of(rows.observation, announced.iter().map(|it| it.frame));
        finding.first = announced.iter().map(|it| it.at).min().map(time::text);
        finding.last = announced.iter().map(|it| it.at).max().map(time::text);
        Found { finding, flows: Vec::new(), next: Vec::new() }
    });
    told.collect()
}

/// What a finding is called and weighs.
struct Head<'head> {
    kind: &'head str,
    severity: Severity,
    row: &'head str,
    key: &'head str,
    summary: String,
}

fn finding<'flow>(
    rows: &Rows<'_>,
    head: Head<'_>,
    detail: String,
    flows: impl Iterator<Item = &'flow Conversation> + Clone,
) -> Finding {
    // All in one go: a group may hold half a million flows.
    let (mut weight, mut packets, mut span) = (0u64, 0u64, None);
    for flow in flows.clone() {
        weight = weight.saturating_add(flow.weight());
        packets = packets.saturating_add(flow.packets());
        let (first, last) = span.unwrap_or((flow.first, flow.last));
        span = Some((flow.first.min(first), flow.last.max(last)));
    }
    let (first, last) = span.unzip();
    Finding {
        id: id(head.kind, head.row, head.key),
        kind: head.kind.to_owned(),
        severity: words::severity(head.severity).to_owned(),
        rows: if head.row.is_empty() { Vec::new() } else { vec![head.row.to_owned()] },
        summary: head.summary,
        detail,
        flows: weight,
        packets,
        first: first.map(time::text),
        last: last.map(time::text),
        evidence: evidence::of(rows.observation, flows),
    }
}

/// Where these flows stand in the observation, whose flows are in order of first packet.
fn places(rows: &Rows<'_>, flows: &[&Conversation]) -> Vec<u32> {
    let all = &rows.observation.flows;
    let start = |flow: &Conversation| (flow.first, flow.first_frame);
    let index = |flow: &&Conversation| {
        let before = all.partition_point(|other| start(other) < start(flow));
        let later = all.iter().enumerate().skip(before);
        later.take_while(|(_, other)| start(other) == start(flow)).find(|(_, other)| std::ptr::eq(*other, *flow))
    };
    let mut indices: Vec<u32> =
        flows.iter().filter_map(index).filter_map(|(index, _)| u32::try_from(index).ok()).collect();
    indices.sort_unstable();
    indices
}

/// What would settle a finding about a row.
fn steps(rows: &Rows<'_>, id: RowId, atoms: &[u16], result: &RowResult, finding: &str) -> Vec<NextStep> {
    match result.status {
        RowStatus::Blocked | RowStatus::Partial => requests(rows, id, atoms, finding),
        _ => {
            let trial = rows.matrix().row(id).and_then(|row| super::next::trial(rows.matrix(), row));
            let text = words::settle_row(result, trial.filter(|_| result.status == RowStatus::Missing).as_ref());
            vec![NextStep { finding: finding.to_owned(), text, ..NextStep::default() }]
        }
    }
}

/// One firewall request for each (source, destination, service) that is blocked.
fn requests(rows: &Rows<'_>, id: RowId, atoms: &[u16], finding: &str) -> Vec<NextStep> {
    let Some(row) = rows.matrix().row(id) else { return Vec::new() };
    let reference = rows.matrix().packs.get(row.pack).map(|pack| pack.reference.as_str()).unwrap_or_default();
    let mut requests = Vec::new();
    for atom in atoms {
        let Some(tally) = rows.tallies.get(&AtomId { row: id, atom: *atom }) else { continue };
        let Some(documented) = row.atoms.get(usize::from(*atom)) else { continue };
        for (_, peer) in tally.blocked_peers().take(REQUESTS_SHOWN) {
            let Some(flow) = peer.decisive() else { continue };
            let request = super::next::request(row, documented, flow, reference);
            requests.push((words::firewall_request(&request), request));
        }
    }
    requests.sort_by(|one, other| one.0.cmp(&other.0));
    requests.dedup_by(|one, other| one.0 == other.0);
    let step =
        |(text, request)| NextStep { finding: finding.to_owned(), text, request: Some(request), ..NextStep::default() };
    requests.into_iter().map(step).collect()
}

/// Firewall requests written for one atom; a site with more blocked peers asks for the network.
const REQUESTS_SHOWN: usize = 64;
