//! An audit in, the same audit out with every text that may hold something of a site or a capture
//! handed to the caller. Every field is named here, so that a new one has to say what it holds.

use std::net::IpAddr;

use crate::audit::{
    AtomResult, Audit, EvidenceRef, Finding, FirewallRequest, HostsEntry, InputEntry, InterfaceEntry, NameEntry,
    NextStep, OutageEntry, PackEntry, PeerResult, PortEntry, Quality, RowResult, SiteEntry, SmallestRule, WaiverResult,
};

/// What a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// Words of ours or of a pack around addresses and names.
    Sentence,
    /// An address, a range or a name, alone.
    Player,
    /// A name, alone.
    Name,
    /// A path.
    Path,
    /// Words of the site, replaced as a whole.
    Whole,
    /// The id of a finding.
    Finding,
    /// A digest that could be guessed.
    Digest,
}

type Turn<'turn> = &'turn mut dyn FnMut(Class, &str) -> String;

/// Every text of `audit` through `turn`. Peers, names and ports are sorted anew: their order tells
/// about addresses.
pub(super) fn walk(audit: &Audit, turn: Turn<'_>) -> Audit {
    let Audit {
        schema,
        tool,
        inputs,
        site,
        packs,
        answer,
        headline,
        rows,
        findings,
        next,
        waivers,
        totals,
        quality,
        names,
        more_names,
        ports,
        more_ports,
        redaction,
    } = audit;
    Audit {
        schema: schema.clone(),
        tool: tool.clone(),
        inputs: inputs.iter().map(|input| of_input(input, turn)).collect(),
        site: of_site(site, turn),
        packs: packs.iter().map(|pack| of_pack(pack, turn)).collect(),
        answer: *answer,
        headline: turn(Class::Sentence, headline),
        rows: rows.iter().map(|row| of_row(row, turn)).collect(),
        findings: findings.iter().map(|finding| of_finding(finding, turn)).collect(),
        next: next.iter().map(|step| of_step(step, turn)).collect(),
        waivers: waivers.iter().map(|waiver| of_waiver(waiver, turn)).collect(),
        totals: totals.clone(),
        quality: of_quality(quality, turn),
        names: of_names(names, turn),
        more_names: *more_names,
        ports: of_ports(ports, turn),
        more_ports: *more_ports,
        redaction: redaction.clone(),
    }
}

fn of_input(input: &InputEntry, turn: Turn<'_>) -> InputEntry {
    // The digest of a capture binds the audit to it, and nobody guesses a capture.
    let InputEntry { path, sha256: _, bytes: _, packets: _, first: _, last: _, fault } = input;
    InputEntry {
        path: turn(Class::Path, path),
        fault: fault.as_deref().map(|fault| turn(Class::Sentence, fault)),
        ..input.clone()
    }
}

fn of_site(site: &SiteEntry, turn: Turn<'_>) -> SiteEntry {
    let SiteEntry { name, path, sha256, since, hosts, trusts_names, vantage, subject, roles, features } = site;
    let players = |players: &Vec<String>, turn: Turn<'_>| players.iter().map(|p| turn(Class::Player, p)).collect();
    SiteEntry {
        name: turn(Class::Whole, name),
        path: path.as_deref().map(|path| turn(Class::Path, path)),
        sha256: sha256.as_deref().map(|digest| turn(Class::Digest, digest)),
        since: since.clone(),
        hosts: hosts.as_ref().map(|HostsEntry { path, sha256 }| HostsEntry {
            path: turn(Class::Path, path),
            sha256: turn(Class::Digest, sha256),
        }),
        trusts_names: *trusts_names,
        vantage: vantage.clone(),
        subject: subject.clone(),
        roles: roles.iter().map(|(role, all)| (role.clone(), players(all, turn))).collect(),
        features: features.clone(),
    }
}

fn of_pack(pack: &PackEntry, turn: Turn<'_>) -> PackEntry {
    let PackEntry { id: _, title, version: _, reference, sha256, audited: _ } = pack;
    PackEntry {
        title: turn(Class::Sentence, title),
        reference: turn(Class::Sentence, reference),
        sha256: turn(Class::Digest, sha256),
        ..pack.clone()
    }
}

fn of_row(row: &RowResult, turn: Turn<'_>) -> RowResult {
    let RowResult { id: _, pack: _, from, to, purpose, need: _, status: _, reason, atoms } = row;
    RowResult {
        from: turn(Class::Sentence, from),
        to: turn(Class::Sentence, to),
        purpose: turn(Class::Sentence, purpose),
        reason: turn(Class::Sentence, reason),
        atoms: atoms.iter().map(|atom| of_atom(atom, turn)).collect(),
        ..row.clone()
    }
}

fn of_atom(atom: &AtomResult, turn: Turn<'_>) -> AtomResult {
    let AtomResult {
        service: _,
        status: _,
        optional: _,
        flows: _,
        established: _,
        blocked: _,
        peers,
        more_peers: _,
        first: _,
        last: _,
    } = atom;
    let mut peers: Vec<PeerResult> = peers.iter().map(|peer| of_peer(peer, turn)).collect();
    peers.sort_by_key(|peer| peer.peer.split(' ').next().and_then(address));
    AtomResult { peers, ..atom.clone() }
}

fn of_peer(result: &PeerResult, turn: Turn<'_>) -> PeerResult {
    let PeerResult { peer, flows: _, established: _, blocked: _, outcomes: _, reason, evidence } = result;
    PeerResult {
        peer: turn(Class::Sentence, peer),
        reason: reason.as_deref().map(|reason| turn(Class::Sentence, reason)),
        evidence: of_evidence(evidence, turn),
        ..result.clone()
    }
}

fn of_evidence(evidence: &[EvidenceRef], turn: Turn<'_>) -> Vec<EvidenceRef> {
    let turned =
        |EvidenceRef { file, frame }: &EvidenceRef| EvidenceRef { file: turn(Class::Path, file), frame: *frame };
    evidence.iter().map(turned).collect()
}

fn of_finding(finding: &Finding, turn: Turn<'_>) -> Finding {
    let Finding {
        id,
        kind: _,
        severity: _,
        rows: _,
        summary,
        detail,
        flows: _,
        packets: _,
        first: _,
        last: _,
        evidence,
    } = finding;
    Finding {
        id: turn(Class::Finding, id),
        summary: turn(Class::Sentence, summary),
        detail: turn(Class::Sentence, detail),
        evidence: of_evidence(evidence, turn),
        ..finding.clone()
    }
}

fn of_step(step: &NextStep, turn: Turn<'_>) -> NextStep {
    let NextStep { finding, text, request, rule } = step;
    NextStep {
        finding: turn(Class::Finding, finding),
        text: turn(Class::Sentence, text),
        request: request.as_ref().map(|request| of_request(request, turn)),
        rule: rule.as_ref().map(|SmallestRule { site, pack, allows }| SmallestRule {
            site: turn(Class::Sentence, site),
            pack: turn(Class::Sentence, pack),
            allows: turn(Class::Sentence, allows),
        }),
    }
}

fn of_request(request: &FirewallRequest, turn: Turn<'_>) -> FirewallRequest {
    let FirewallRequest { from, to, service, row, why, reference, seen, places } = request;
    FirewallRequest {
        from: turn(Class::Player, from),
        to: turn(Class::Player, to),
        service: service.clone(),
        row: row.clone(),
        why: turn(Class::Sentence, why),
        reference: turn(Class::Sentence, reference),
        seen: turn(Class::Sentence, seen),
        places: turn(Class::Sentence, places),
    }
}

fn of_waiver(waiver: &WaiverResult, turn: Turn<'_>) -> WaiverResult {
    let WaiverResult { text, reason, owner, expires: _, flows: _ } = waiver;
    WaiverResult {
        text: turn(Class::Sentence, text),
        reason: turn(Class::Whole, reason),
        owner: turn(Class::Whole, owner),
        ..waiver.clone()
    }
}

fn of_quality(quality: &Quality, turn: Turn<'_>) -> Quality {
    let Quality {
        complete: _,
        gaps,
        vantage: _,
        first: _,
        last: _,
        span_seconds: _,
        frames: _,
        in_scope: _,
        out_of_scope: _,
        duplicates: _,
        fragments_pending: _,
        undecoded: _,
        truncated: _,
        drops: _,
        dropped_by_host: _,
        one_sided: _,
        midstream: _,
        folded: _,
        missed_bytes: _,
        time_inversions: _,
        names_pushed_out: _,
        names_unread: _,
        browsers_unread: _,
        payloads_not_held: _,
        kernel_drops: _,
        interface_drops: _,
        losses: _,
        outages,
        clock_steps: _,
    } = quality;
    Quality {
        gaps: gaps.iter().map(|gap| turn(Class::Sentence, gap)).collect(),
        outages: outages.iter().map(|outage| of_outage(outage, turn)).collect(),
        ..quality.clone()
    }
}

/// An interface that was watched is an input, and is called as that is.
fn of_outage(outage: &OutageEntry, turn: Turn<'_>) -> OutageEntry {
    let OutageEntry { interface, from: _, until: _ } = outage;
    OutageEntry { interface: turn(Class::Path, interface), ..outage.clone() }
}

fn address(text: &str) -> Option<IpAddr> {
    text.parse().ok()
}

fn of_names(names: &[NameEntry], turn: Turn<'_>) -> Vec<NameEntry> {
    let mut turned: Vec<NameEntry> = names.iter().map(|name| of_name(name, turn)).collect();
    turned.sort_by_cached_key(|entry| {
        (address(&entry.client), entry.name.clone(), entry.address.as_deref().and_then(address))
    });
    turned
}

fn of_ports(ports: &[PortEntry], turn: Turn<'_>) -> Vec<PortEntry> {
    let mut turned: Vec<PortEntry> = ports.iter().map(|port| of_port(port, turn)).collect();
    turned.sort_by_cached_key(|entry| (address(&entry.client), address(&entry.server), entry.port));
    turned
}

fn of_name(entry: &NameEntry, turn: Turn<'_>) -> NameEntry {
    let NameEntry {
        client,
        name,
        address,
        strength: _,
        how,
        resolver,
        from: _,
        until: _,
        flows: _,
        first: _,
        last: _,
        contradictions,
        evidence,
    } = entry;
    NameEntry {
        client: turn(Class::Player, client),
        name: turn(Class::Name, name),
        address: address.as_deref().map(|address| turn(Class::Player, address)),
        how: turn(Class::Sentence, how),
        resolver: resolver.as_deref().map(|resolver| turn(Class::Player, resolver)),
        contradictions: contradictions.iter().map(|why| turn(Class::Sentence, why)).collect(),
        evidence: of_evidence(evidence, turn),
        ..entry.clone()
    }
}

fn of_port(entry: &PortEntry, turn: Turn<'_>) -> PortEntry {
    let PortEntry {
        client,
        server,
        port: _,
        interfaces,
        grade: _,
        by: _,
        at: _,
        flows: _,
        first: _,
        last: _,
        contradictions,
        evidence,
    } = entry;
    PortEntry {
        client: turn(Class::Player, client),
        server: turn(Class::Player, server),
        interfaces: interfaces.iter().map(|interface| of_interface(interface, turn)).collect(),
        contradictions: contradictions.iter().map(|why| turn(Class::Sentence, why)).collect(),
        evidence: of_evidence(evidence, turn),
        ..entry.clone()
    }
}

/// UUIDs stay, and what is named after nobody; instances have names of the site's.
fn of_interface(interface: &InterfaceEntry, turn: Turn<'_>) -> InterfaceEntry {
    let InterfaceEntry { id, name: _, announced: _, bound: _ } = interface;
    InterfaceEntry { id: turn(Class::Sentence, id), ..interface.clone() }
}
