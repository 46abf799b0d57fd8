//! What was heard of names and announced ports, and the flows with their verdicts in; who was known
//! by which name, and what stands behind which port, out. Decides nothing: strengths, grades and
//! contradictions are those that the verdicts rest on.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::declared::Declarer;
use super::evidence;
use super::grade::Pen;
use super::judge::Judge;
use super::model::{InterfaceEntry, Kind, NameEntry, PortEntry, Verdict};
use super::own_names::Whose;
use super::payload::Certified;
use super::per_flow::PerFlow;
use super::verdict::Judgement;
use super::{payload, time, words};
use crate::dissect::rpc::interface_name;
use crate::dissect::{Application, ClaimSource};
use crate::flow::Conversation;
use crate::ledger::{Announcement, Announcer, Binding, Observation, ResolutionResult};
use crate::matrix::{Basis, Peer};
use crate::wire::{FrameRef, Timestamp, Transport};

/// Entries of one list; the rest is counted.
const MOST_ENTRIES: usize = 500;
/// Contradictions shown of one entry.
const MOST_CONTRADICTIONS: usize = 4;
/// Interfaces shown of one port.
const MOST_INTERFACES: usize = 16;
/// Where announcements come from; what is bound there announces, and is announced by nobody.
const MAPPER_PORT: u16 = 135;

/// A list of bounded length, and how many entries are beyond it.
pub(super) type Bounded<T> = (Vec<T>, u64);

/// What every entry is made from.
pub(super) struct Sources<'audit> {
    pub(super) observation: &'audit Observation,
    pub(super) judged: &'audit PerFlow<Judgement>,
    pub(super) judge: &'audit Judge<'audit>,
}

impl Sources<'_> {
    /// Why a flow has its verdict.
    fn reason(&self, flow: &Conversation) -> String {
        self.judge.one(flow, Pen::Writes).reason().to_owned()
    }
}

/// When flows were seen, how many, and what speaks against them.
#[derive(Default)]
struct Flows {
    number: u64,
    span: Option<(Timestamp, Timestamp)>,
    first_frame: Option<FrameRef>,
    contradictions: Vec<String>,
}

impl Flows {
    fn add(&mut self, flow: &Conversation) {
        self.number = self.number.saturating_add(flow.weight());
        self.first_frame.get_or_insert(flow.first_frame);
        let (first, last) = self.span.unwrap_or((flow.first, flow.last));
        self.span = Some((first.min(flow.first), last.max(flow.last)));
    }

    /// Notes what speaks against them, while there is room.
    fn against(&mut self, why: impl FnOnce() -> String) {
        if self.contradictions.len() < MOST_CONTRADICTIONS {
            let why = why();
            if self.contradictions.iter().all(|known| *known != why) {
                self.contradictions.push(why);
            }
        }
    }

    fn times(&self) -> (Option<String>, Option<String>) {
        self.span.map(|(first, last)| (time::text(first), time::text(last))).unzip()
    }
}

/// Client, name, and the address that bore it.
type NameKey<'audit> = (IpAddr, &'audit str, Option<IpAddr>);

/// What is known of one name of one address.
#[derive(Default)]
struct Known<'audit> {
    answer: Option<&'audit Binding>,
    until: Option<Timestamp>,
    refused: bool,
    claim: Option<ClaimSource>,
    /// Where the first flow that claims it says so.
    stated: Option<FrameRef>,
    told: bool,
    declared: Option<Declarer>,
    agreed: bool,
    /// Where a server showed a certificate with the name.
    certified: Option<FrameRef>,
    raced: Option<FrameRef>,
    flows: Flows,
}

/// Names by which peers were known.
pub(super) fn names(sources: &Sources<'_>) -> Bounded<NameEntry> {
    let mut known: BTreeMap<NameKey<'_>, Known<'_>> = BTreeMap::new();
    answers(sources, &mut known);
    for (flow, judgement) in flows(sources) {
        claims(sources, flow, judgement, &mut known);
    }
    let bare = |known: &Known<'_>| (known.flows.contradictions.is_empty(), known.flows.number == 0);
    bounded(known, bare, |(key, known)| entry(sources.observation, key, known))
}

/// What servers answered, whether the site lets the client believe them or not.
fn answers<'audit>(sources: &Sources<'audit>, known: &mut BTreeMap<NameKey<'audit>, Known<'audit>>) {
    let matrix = sources.judge.evidence.matrix;
    let covers = |client, address, name| {
        let asked = matrix.played(&Peer { address: client, names: &[] });
        let bears = matrix.played(&Peer { address, names: &[name] });
        sources.judge.scope.covers((client, address), &asked, &bears)
    };
    let every = sources.judge.evidence.names.believed().map(|binding| (binding, false));
    for (binding, refused) in every.chain(sources.judge.evidence.names.refused().map(|binding| (binding, true))) {
        if !covers(binding.client, binding.address, &binding.name) {
            continue;
        }
        let one = known.entry((binding.client, &binding.name, Some(binding.address))).or_default();
        // The first answer speaks for all; the order in which they were kept says nothing.
        let place = |answer: &Binding| (answer.from, answer.answer, answer.question, answer.resolver);
        if one.answer.is_none_or(|known| place(binding) < place(known)) {
            one.answer = Some(binding);
        }
        one.until = one.until.max(Some(binding.until));
        one.refused |= refused;
        if refused {
            one.flows.against(|| words::foreign_resolver(binding.resolver, binding.answer));
        }
    }
    let races = sources.observation.resolutions.iter().filter(|asked| asked.result == ResolutionResult::Conflicting);
    for race in races.filter(|race| sources.judge.scope.covers_addresses(race.client, race.resolver)) {
        let one = known.entry((race.client, &race.name, None)).or_default();
        one.raced.get_or_insert(race.question);
        one.flows.against(|| words::answers_conflict(race.question));
    }
}

/// What one flow says of the names of its responder.
fn claims<'audit>(
    sources: &Sources<'audit>,
    flow: &'audit Conversation,
    judgement: &Judgement,
    known: &mut BTreeMap<NameKey<'audit>, Known<'audit>>,
) {
    // Most flows state no name; nothing is asked about them where nobody gave one either.
    let states = payload::recognised(flow).is_some_and(|found| !found.claims.is_empty());
    if !states && sources.judge.evidence.names.is_silent() {
        return;
    }
    let borne = sources.judge.evidence.names.of(flow);
    let address = flow.responder().address;
    let is_bound = |name: &str| borne.bound.iter().any(|binding| binding.name == name);
    for claim in &borne.claims {
        let one = known.entry((flow.originator().address, &claim.name, Some(address))).or_default();
        one.flows.add(flow);
        one.claim.get_or_insert(claim.source);
        one.stated.get_or_insert(flow.claimed().unwrap_or(flow.first_frame));
        one.agreed |= is_bound(&claim.name);
        one.certified = one.certified.or_else(|| certificate(flow, &claim.name));
        one.declared = one.declared.or(sources.judge.evidence.names.declared.by(&claim.name, address));
        one.told |= borne.told.iter().any(|binding| binding.name == claim.name);
        if judgement.verdict.kind == Some(Kind::WrongName) {
            one.flows.against(|| sources.reason(flow));
        }
    }
    if borne.claims.is_empty() && borne.rivals.is_empty() {
        for binding in &borne.bound {
            let one = known.entry((flow.originator().address, &binding.name, Some(address))).or_default();
            one.flows.add(flow);
            one.certified = one.certified.or_else(|| certificate(flow, &binding.name));
        }
        let declared = &sources.judge.evidence.names.declared;
        for name in declared.names(address).filter(|_| borne.bound.is_empty()) {
            let one = known.entry((flow.originator().address, name, Some(address))).or_default();
            one.flows.add(flow);
            one.declared = declared.by(name, address);
        }
    }
}

/// The frame in which the server of this flow shows a certificate with the name.
fn certificate(flow: &Conversation, name: &str) -> Option<FrameRef> {
    let (says, frame) = payload::certified(flow, name)?;
    (says == Certified::Bears).then_some(frame)
}

fn entry(observation: &Observation, (client, name, address): NameKey<'_>, known: &Known<'_>) -> NameEntry {
    let answer = known.answer;
    let believed = answer.filter(|_| !known.refused);
    let strength = match (believed, known.claim) {
        _ if known.agreed => Basis::Agreed.name(),
        (Some(_), _) => Basis::Dns.name(),
        (None, Some(_)) if known.told => Basis::Dns.name(),
        (None, _) if known.declared.is_some() => Basis::Declared.name(),
        (None, Some(_)) => Basis::Sni.name(),
        (None, None) => words::PROVES_NOTHING,
    };
    let frames = answer.into_iter().flat_map(|answer| [answer.question, answer.answer]);
    let frames = frames.chain(known.raced).chain(known.stated).chain(known.certified);
    let how = words::name_known(answer, known.claim, known.told, known.declared);
    let how = if known.certified.is_some() { words::and_certificate(&how) } else { how };
    let (first, last) = known.flows.times();
    NameEntry {
        client: client.to_string(),
        name: name.to_owned(),
        address: address.map(|address| address.to_string()),
        strength: strength.to_owned(),
        how,
        resolver: answer.map(|answer| answer.resolver.to_string()),
        from: answer.map(|answer| time::text(answer.from)),
        until: known.until.map(time::text),
        flows: known.flows.number,
        first,
        last,
        contradictions: known.flows.contradictions.clone(),
        evidence: evidence::frames_of(observation, frames),
    }
}

/// What is known of one port.
#[derive(Default)]
struct Port<'audit> {
    interfaces: BTreeMap<&'audit str, InterfaceEntry>,
    by: Option<(Announcer, Timestamp, FrameRef)>,
    grade: Option<Basis>,
    flows: Flows,
}

impl<'audit> Port<'audit> {
    fn interface(&mut self, id: &'audit str) -> Option<&mut InterfaceEntry> {
        if self.interfaces.len() >= MOST_INTERFACES && !self.interfaces.contains_key(id) {
            return None;
        }
        let named = || InterfaceEntry {
            id: id.to_owned(),
            name: interface_name(id).map(str::to_owned),
            ..InterfaceEntry::default()
        };
        Some(self.interfaces.entry(id).or_insert_with(named))
    }
}

/// Ports of DCE/RPC and of SQL Server instances.
pub(super) fn ports(sources: &Sources<'_>) -> Bounded<PortEntry> {
    let mut known: BTreeMap<(IpAddr, IpAddr, u16), Port<'_>> = BTreeMap::new();
    let mut announcements: Vec<&Announcement> = sources.observation.announcements.iter().collect();
    announcements.sort_by(|a, b| {
        let places = (a.at, a.frame, a.by, &a.interface).cmp(&(b.at, b.frame, b.by, &b.interface));
        places.then_with(|| (a.elsewhere, &a.host).cmp(&(b.elsewhere, &b.host)))
    });
    for told in announcements {
        if !sources.judge.scope.covers_addresses(told.client, told.server) {
            continue;
        }
        let port = known.entry((told.client, told.server, told.port)).or_default();
        match (sources.judge.evidence.own_names.whose(told), &told.host) {
            (Whose::Unknown, host) => {
                let host = host.as_deref().unwrap_or_default();
                port.flows.against(|| words::speaks_for_a_stranger(host, told.frame));
            }
            (Whose::Another(other), _) => port.flows.against(|| words::speaks_for_another(other, told.frame)),
            (Whose::Own, _) => {
                let _ = port.by.get_or_insert((told.by, told.at, told.frame));
            }
        }
        if let Some(interface) = port.interface(&told.interface) {
            interface.announced = true;
        }
    }
    let announced: BTreeSet<(IpAddr, IpAddr, u16)> = known.keys().copied().collect();
    for (flow, judgement) in flows(sources) {
        let key = (flow.originator().address, flow.responder().address, flow.responder().port);
        let speaks = payload::application(flow) == Some(Application::Dcerpc) && flow.responder().port != MAPPER_PORT;
        let contradicted = judgement.verdict.kind == Some(Kind::NotAnnounced);
        if flow.transport == Transport::TCP && (announced.contains(&key) || speaks || contradicted) {
            attribute(sources, known.entry(key).or_default(), flow, judgement);
        }
    }
    let bare = |port: &Port<'_>| (port.flows.contradictions.is_empty(), port.flows.number == 0);
    bounded(known, bare, |(key, port)| port_entry(sources.observation, key, port))
}

/// What one flow says of the port that it uses.
fn attribute<'audit>(
    sources: &Sources<'_>,
    port: &mut Port<'audit>,
    flow: &'audit Conversation,
    judgement: &Judgement,
) {
    port.flows.add(flow);
    let interfaces = payload::recognised(flow).map(|found| found.interfaces.as_slice()).unwrap_or_default();
    for (id, accepted) in interfaces {
        if let Some(interface) = port.interface(id) {
            interface.bound |= accepted;
        }
    }
    if matches!(judgement.verdict.kind, Some(Kind::NotAnnounced | Kind::WrongProtocol)) {
        port.flows.against(|| sources.reason(flow));
    }
    let proved = match judgement.verdict.basis {
        Some(basis @ (Basis::Bind | Basis::Announced | Basis::Range)) => Some(basis),
        Some(Basis::Agreed | Basis::Dns | Basis::Declared | Basis::Sni | Basis::Payload | Basis::Address) | None => {
            None
        }
    };
    let weak = (judgement.verdict.verdict == Verdict::Unresolved).then_some(Basis::Range);
    port.grade = port.grade.into_iter().chain(proved.or(weak)).min();
}

fn port_entry(
    observation: &Observation,
    (client, server, number): (IpAddr, IpAddr, u16),
    port: &Port<'_>,
) -> PortEntry {
    let bound = port.interfaces.values().any(|interface| interface.bound).then_some(Basis::Bind);
    let announced = port.by.map(|_| Basis::Announced);
    let grade = port.grade.or(bound).or(announced).filter(|_| port.flows.contradictions.is_empty());
    let (first, last) = port.flows.times();
    let frames = port.by.map(|(.., frame)| frame).into_iter().chain(port.flows.first_frame);
    PortEntry {
        client: client.to_string(),
        server: server.to_string(),
        port: number,
        interfaces: port.interfaces.values().cloned().collect(),
        grade: grade.map_or(words::PROVES_NOTHING, Basis::name).to_owned(),
        by: port.by.map(|(by, ..)| words::announcer(by).to_owned()),
        at: port.by.map(|(_, at, _)| time::text(at)),
        flows: port.flows.number,
        first,
        last,
        contradictions: port.flows.contradictions.clone(),
        evidence: evidence::frames_of(observation, frames),
    }
}

/// Flows that are judged, with their judgement.
fn flows<'audit>(
    sources: &Sources<'audit>,
) -> impl Iterator<Item = (&'audit Conversation, &'audit Judgement)> + use<'audit> {
    let all = sources.observation.flows.iter().zip(sources.judged);
    all.filter(|(_, judgement)| judgement.verdict.verdict != Verdict::OutOfScope)
}

/// The entries in order. When not all have room, those that something speaks against come first, then
/// those that were used.
fn bounded<K: Ord + Copy, V, T>(
    known: BTreeMap<K, V>,
    bare: impl Fn(&V) -> (bool, bool),
    entry: impl Fn((K, &V)) -> T,
) -> Bounded<T> {
    let more = super::count(known.len().saturating_sub(MOST_ENTRIES));
    let mut all: Vec<(K, V)> = known.into_iter().collect();
    if more > 0 {
        all.sort_by_key(|(key, value)| (bare(value), *key));
        all.truncate(MOST_ENTRIES);
        all.sort_by_key(|(key, _)| *key);
    }
    (all.iter().map(|(key, value)| entry((*key, value))).collect(), more)
}
