//! The contacts of the subject in, the networks that call it out, for each role that calls. Where
//! one service is documented for two roles, addresses cannot tell who is who: a network goes to the
//! role that its other services single out, and the rest to the roles that are left without any.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::contacts::{Contacts, Proof};
use super::{Strength, SuggestedPlayer, is_subject, roles, rows};
use crate::audit::words;
use crate::dissect::Application;
use crate::matrix::{Pack, PackRow};
use crate::wire::FrameRef;

/// What a network was seen to call.
#[derive(Default)]
struct Calls {
    hosts: BTreeSet<IpAddr>,
    /// Best proof, flows and first frame, by row and service.
    services: BTreeMap<(usize, usize), (Proof, u64, FrameRef)>,
}

/// Who may play the roles that call the subject.
pub(super) fn guess<'pack>(
    contacts: &Contacts<'_>,
    packs: &'pack [Pack],
    servers: &BTreeMap<&str, Vec<SuggestedPlayer>>,
) -> BTreeMap<&'pack str, Vec<SuggestedPlayer>> {
    let inbound: Vec<&PackRow> = rows(packs).filter(|row| is_subject(packs, &row.to)).collect();
    let networks = gather(contacts, &inbound);
    let alone = |network: &Calls| -> BTreeSet<&str> { singled_out(&inbound, network) };
    let claimed: BTreeSet<&str> = networks.values().flat_map(alone).collect();
    let mut guesses: BTreeMap<&str, Vec<SuggestedPlayer>> = BTreeMap::new();
    for role in roles(packs).into_iter().filter(|role| role.players.is_empty()) {
        for (network, calls) in &networks {
            let fits = fitting(&inbound, calls);
            if !fits.contains(role.id.as_str()) {
                continue;
            }
            let own = alone(calls);
            let is_own = own.contains(role.id.as_str());
            let left = own.is_empty() && !claimed.contains(role.id.as_str());
            let nobody_else = own.is_empty() && fits.iter().all(|role| claimed.contains(role));
            if is_own || left || nobody_else {
                let others: Vec<&str> = fits.iter().copied().filter(|other| *other != role.id).collect();
                let players = players(contacts, &inbound, (network, calls), &others, servers);
                guesses.entry(&role.id).or_default().extend(players);
            }
        }
    }
    guesses
}

fn gather(contacts: &Contacts<'_>, inbound: &[&PackRow]) -> BTreeMap<String, Calls> {
    let mut networks: BTreeMap<String, Calls> = BTreeMap::new();
    for contact in contacts.all().filter(|contact| contact.inbound) {
        for (number, row) in inbound.iter().enumerate() {
            for (place, service) in row.services.iter().enumerate() {
                let Some(proof) = contact.proof(service) else { continue };
                let calls = networks.entry(network(contact.peer)).or_default();
                calls.hosts.insert(contact.peer);
                let fresh = (proof, 0, contact.flow.first_frame);
                let known = calls.services.entry((number, place)).or_insert(fresh);
                known.0 = known.0.min(proof);
                known.1 += 1;
                known.2 = known.2.min(contact.flow.first_frame);
            }
        }
    }
    networks
}

/// Roles of rows that this network was seen to use.
fn fitting<'pack>(inbound: &[&'pack PackRow], calls: &Calls) -> BTreeSet<&'pack str> {
    let used = calls.services.keys().filter_map(|(number, _)| inbound.get(*number));
    used.flat_map(|row| &row.from).map(String::as_str).collect()
}

/// The roles that alone may do something that this network did.
fn singled_out<'pack>(inbound: &[&'pack PackRow], calls: &Calls) -> BTreeSet<&'pack str> {
    let spoken = calls.services.iter().filter(|(_, (proof, ..))| *proof == Proof::Bytes);
    let mut found = BTreeSet::new();
    for ((number, place), _) in spoken {
        let Some(row) = inbound.get(*number) else { continue };
        let Some(service) = row.services.get(*place) else { continue };
        let others = inbound.iter().enumerate().filter(|(other, _)| other != number);
        let shared = others
            .flat_map(|(_, other)| &other.services)
            .any(|other| other.transport == service.transport && other.application == service.application);
        if !shared && let [role] = row.from.as_slice() {
            found.insert(role.as_str());
        }
    }
    found
}

/// The network as one line; its hosts one by one where servers live in it.
fn players(
    contacts: &Contacts<'_>,
    inbound: &[&PackRow],
    (name, calls): (&String, &Calls),
    others: &[&str],
    servers: &BTreeMap<&str, Vec<SuggestedPlayer>>,
) -> Vec<SuggestedPlayer> {
    let proved = calls.services.values().any(|(proof, ..)| *proof == Proof::Bytes);
    let strength = if proved { Strength::Seen } else { Strength::Offered };
    let mut parts: Vec<String> = Vec::new();
    for ((number, place), (proof, flows, frame)) in &calls.services {
        let Some(service) = inbound.get(*number).and_then(|row| row.services.get(*place)) else { continue };
        let how = if *proof == Proof::Bytes { "spoken" } else { "only the port" };
        let text = format!(
            "{} over {} {how} in {} from {}",
            service.application.map_or("any", Application::name),
            service.transport,
            words::plural(*flows, "flow"),
            contacts.place(*frame)
        );
        if !parts.contains(&text) {
            parts.push(text);
        }
    }
    let who = match calls.hosts.len() {
        1 => "1 host calls".to_owned(),
        hosts => format!("{hosts} hosts call"),
    };
    let mut evidence = format!("{who} the subject: {}", parts.join("; "));
    if !others.is_empty() {
        let others = others.join(", ");
        evidence.push_str(&format!("; addresses alone cannot tell them from {others}: move it if you know better"));
    }
    let inhabited = |server: &SuggestedPlayer| server.player.parse().is_ok_and(|host: IpAddr| network(host) == *name);
    let shared = contacts.all().any(|contact| {
        let own = if contact.inbound { contact.flow.responder().address } else { contact.flow.originator().address };
        network(own) == *name
    });
    // Whoever stands beside the server or in a rack of servers is not let in with all his neighbours.
    let crowded =
        servers.values().flatten().filter(|server| server.strength == Strength::Seen).filter(|s| inhabited(s));
    if shared || crowded.count() > 1 {
        let one = |host: &IpAddr| SuggestedPlayer {
            player: host.to_string(),
            strength: Strength::Offered,
            evidence: format!("{evidence}; it stands in a network of servers"),
        };
        return calls.hosts.iter().map(one).collect();
    }
    vec![SuggestedPlayer { player: name.clone(), strength, evidence }]
}

/// The usual network around an address: /24, or /64.
fn network(address: IpAddr) -> String {
    match address {
        IpAddr::V4(v4) => format!("{}/24", Ipv4Addr::from_bits(v4.to_bits() & 0xffff_ff00)),
        IpAddr::V6(v6) => format!("{}/64", Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
    }
}
