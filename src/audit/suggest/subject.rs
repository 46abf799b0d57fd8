//! An observation in, the addresses of the host under audit out, and how sure that is: what the
//! capture says of its own interface, else whose packets it marks as outbound, else whose network card
//! is at one end of all, else the address that is an end of most flows.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::contacts::{Contact, is_host, place};
use super::{is_subject, rows};
use crate::audit::count;
use crate::ledger::{Observation, TappedHost};
use crate::matrix::Pack;
use crate::wire::FrameRef;

/// The host under audit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Its role.
    pub role: String,
    /// Title of its role.
    pub title: String,
    /// Its addresses, each with what speaks for it.
    pub addresses: Vec<(IpAddr, String)>,
    /// Whether the capture seems to be taken at it: it is an end of nearly every flow.
    pub at_the_tap: bool,
}

/// Share of the flows, in hundredths, from which a capture counts as taken at the host.
const NEARLY_ALL: u64 = 90;
/// Share below which the shape of the traffic tells nothing.
const HALF: u64 = 50;

/// Finds the subject.
pub(super) fn find(observation: &Observation, packs: &[Pack], given: &[IpAddr]) -> Result<Subject, String> {
    let role = packs.first().map(|pack| pack.subject.clone()).unwrap_or_default();
    let title = packs.iter().find_map(|pack| pack.role(&role)).map(|role| role.title.clone()).unwrap_or_default();
    let shape = Shape::of(observation, packs);
    let mut addresses: Vec<(IpAddr, String)> =
        given.iter().map(|address| (*address, "given on the command line".to_owned())).collect();
    if addresses.is_empty() {
        addresses = of_interfaces(observation, &shape);
    }
    if addresses.is_empty() {
        addresses = of_courses(observation, &shape);
    }
    if addresses.is_empty() {
        addresses = of_cards(observation, &shape, 1);
    }
    if addresses.is_empty() {
        addresses = shape.ends_of_most(observation);
    }
    if addresses.is_empty() {
        addresses = of_cards(observation, &shape, 0);
    }
    if addresses.is_empty() {
        return Err(format!("no address is an end of most flows: say who is under audit with --role {role}=ADDRESS"));
    }
    let share = addresses.iter().map(|(address, _)| shape.share(*address)).max().unwrap_or(0);
    Ok(Subject { role, title, addresses, at_the_tap: share >= NEARLY_ALL })
}

/// Addresses that the capture's interfaces have, and that talk.
fn of_interfaces(observation: &Observation, shape: &Shape) -> Vec<(IpAddr, String)> {
    let listed = observation.taps.iter().flat_map(|tap| tap.addresses.iter().map(move |address| (*address, tap)));
    let mut found: Vec<(IpAddr, String)> = listed
        .filter(|(address, _)| shape.ends.contains_key(address))
        .map(|(address, tap)| {
            let first = shape.ends.get(&address).and_then(|ends| ends.first);
            let seen = first.map_or(String::new(), |first| format!(", first seen in {}", place(observation, first)));
            (address, format!("the capture says that its interface {} has it{seen}", tap.name))
        })
        .collect();
    found.sort();
    found.dedup_by_key(|(address, _)| *address);
    found
}

/// Addresses from which the capture marks packets as outbound, and that talk.
fn of_courses(observation: &Observation, shape: &Shape) -> Vec<(IpAddr, String)> {
    let sent = observation.own.iter().filter(|(address, _)| shape.ends.contains_key(address));
    let why = |frame| format!("the capture marks what it sent as outbound, first in {}", place(observation, frame));
    sent.map(|(address, frame)| (*address, why(*frame))).collect()
}

/// Addresses of the network card that the capture says is its own, or that is at one end of every frame that
/// opens a connection. Where a mirror shows several hosts, of the one that does most of what the rows say, which are
/// `least` flows: whoever captured may be the other end.
fn of_cards(observation: &Observation, shape: &Shape, least: u64) -> Vec<(IpAddr, String)> {
    let fitting = |host: &TappedHost| {
        let ends = host.addresses.iter().filter_map(|(address, _)| shape.ends.get(address));
        ends.fold((0, 0), |(fitting, flows), ends| (fitting + ends.fitting, flows + ends.flows))
    };
    let most = observation.tapped.iter().map(fitting).max().unwrap_or_default();
    let best: Vec<&TappedHost> = observation.tapped.iter().filter(|host| fitting(host) == most).collect();
    let mut found: Vec<(IpAddr, String)> = Vec::new();
    if most.0 < least || best.iter().any(|host| best.iter().any(|other| other.card != host.card)) {
        return found;
    }
    for host in best {
        let card = host.card.map(|byte| format!("{byte:02x}")).join(":");
        let why = if host.described {
            format!("the capture says that {card} is the network card of its interface, and it sent from here")
        } else {
            format!("its network card {card} is at one end of every frame of its interface that opens a connection")
        };
        let own = host.addresses.iter().filter(|(address, _)| shape.ends.contains_key(address));
        found.extend(own.map(|(address, frame)| (*address, format!("{why}, first in {}", place(observation, *frame)))));
    }
    found.sort();
    found.dedup_by_key(|(address, _)| *address);
    found
}

/// Which addresses are ends of how many unicast flows.
struct Shape {
    ends: BTreeMap<IpAddr, Ends>,
    flows: BTreeMap<bool, u64>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Ends {
    flows: u64,
    /// Of these, flows that speak what the rows say of the subject.
    fitting: u64,
    /// The first frame of the first.
    first: Option<FrameRef>,
}

impl Shape {
    fn of(observation: &Observation, packs: &[Pack]) -> Self {
        let mut shape = Self { ends: BTreeMap::new(), flows: BTreeMap::new() };
        for flow in observation.flows.iter().filter(|flow| flow.folded() == 0) {
            let (from, to) = (flow.originator().address, flow.responder().address);
            if !is_host(from) || !is_host(to) || from == to {
                continue;
            }
            *shape.flows.entry(from.is_ipv4()).or_default() += 1;
            for (own, peer, inbound) in [(from, to, false), (to, from, true)] {
                let contact = Contact { flow, peer, inbound };
                let fits = rows(packs).any(|row| {
                    is_subject(packs, if inbound { &row.to } else { &row.from }) && contact.proves(&row.services)
                });
                let ends = shape.ends.entry(own).or_default();
                ends.flows += 1;
                ends.fitting += u64::from(fits);
                ends.first = ends.first.or(Some(flow.first_frame));
            }
        }
        shape
    }

    /// Share of the flows of its family, in hundredths.
    fn share(&self, address: IpAddr) -> u64 {
        let all = self.flows.get(&address.is_ipv4()).copied().unwrap_or(0);
        let own = self.ends.get(&address).map_or(0, |ends| ends.flows);
        own.saturating_mul(100).checked_div(all).unwrap_or(0)
    }

    /// Of each family the address that is an end of most flows; among equals whom the rows fit best.
    fn ends_of_most(&self, observation: &Observation) -> Vec<(IpAddr, String)> {
        let best = |v4: bool| {
            let own = self.ends.iter().filter(|(address, _)| address.is_ipv4() == v4);
            let (address, ends) = own.max_by_key(|(_, ends)| (ends.flows, ends.fitting))?;
            let rivals = self.ends.values().filter(|other| other.flows == ends.flows && other.fitting == ends.fitting);
            let share = self.share(*address);
            let alone = count(rivals.count()) == 1;
            let all = self.flows.get(&v4).copied().unwrap_or(0);
            let sure = if share >= NEARLY_ALL { "rather sure" } else { "not sure" };
            let first = ends.first.map_or(String::new(), |first| format!(", first in {}", place(observation, first)));
            let (flows, fitting) = (ends.flows, ends.fitting);
            let why = format!("an end of {flows} of {all} unicast flows, {fitting} of which fit a row{first}: {sure}");
            (share > HALF && alone && ends.fitting > 0).then_some((*address, why))
        };
        [best(true), best(false)].into_iter().flatten().collect()
    }
}
