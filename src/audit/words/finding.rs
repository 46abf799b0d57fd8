//! Findings, and what to do about them.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::{atom as atom_words, plural, service};
use crate::audit::group::{Group, Key};
use crate::audit::model::{FirewallRequest, RowResult, RowStatus, Verdict};
use crate::flow::Conversation;
use crate::ledger::Resolution;
use crate::matrix::Atom;

/// Above this many documented ports a firewall request names the documented range.
const fn is_dynamic(atom: &Atom) -> bool {
    atom.announced
}

pub(in crate::audit) fn row_summary(row: &RowResult) -> String {
    let what = match row.status {
        RowStatus::Blocked => "is blocked",
        RowStatus::Partial => "works only in part",
        RowStatus::WrongProtocol => "speaks something else than documented",
        RowStatus::NameFailed => "fails at its name",
        RowStatus::Missing => "was never tried",
        _ => "needs attention",
    };
    let services: Vec<&str> = row.atoms.iter().map(|atom| atom.service.as_str()).collect();
    format!("{} {what}: {} -> {}, {}.", row.id, row.from, row.to, services.join(", "))
}

pub(in crate::audit) fn optional_atom(row: &str, service: &str, status: RowStatus) -> String {
    format!("{row}: its optional part {service} is {}.", status.name())
}

/// What identifies a group in tomorrow's audit: who, whom, which service; no counts, no frames.
pub(in crate::audit) fn group_key(key: &Key) -> String {
    let kind = key.kind.map_or("several kinds", crate::audit::model::Kind::name);
    let probes = if key.probes && is_collapsed(key) { " probes" } else { "" };
    format!("{} > {} {}{probes} {kind}", end(key.originator), end(key.responder), services(key))
}

const fn is_collapsed(key: &Key) -> bool {
    key.port.is_none() || key.originator.is_none() || key.responder.is_none()
}

fn end(address: Option<IpAddr>) -> String {
    address.map_or_else(|| "*".to_owned(), |address| address.to_string())
}

fn services(key: &Key) -> String {
    key.port.map_or_else(|| format!("{}/*", key.transport), |port| service(key.transport, port))
}

pub(in crate::audit) fn group_summary(group: &Group<'_>) -> String {
    let key = &group.key;
    let hosts = |count: usize| format!("{count} hosts");
    let from = key.originator.map_or_else(|| hosts(group.originators()), |address| address.to_string());
    let to = key.responder.map_or_else(|| hosts(group.responders()), |address| address.to_string());
    let what = match key.port {
        Some(port) => service(key.transport, port),
        None => format!("{} {} ports", group.ports(), key.transport),
    };
    let kind = key.kind.map_or("several kinds", crate::audit::model::Kind::name);
    format!("{} {from} -> {to} {what}: {kind}.", verdict(key.verdict))
}

const fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Mismatched => "Mismatched",
        _ => "Unexpected",
    }
}

pub(in crate::audit) fn settle_group(group: &Group<'_>) -> String {
    let key = &group.key;
    let (from, to, what) = (end(key.originator), end(key.responder), services(key));
    format!(
        "Find out who runs {from} -> {to} {what}: stop it, correct the site if a role is incomplete, or waive it with an owner and a date."
    )
}

pub(in crate::audit) fn settle_row(row: &RowResult, trial: Option<&(String, String, u16)>) -> String {
    let missing = match trial {
        Some((from, to, port)) => format!(
            "Do what needs it while capturing, or try `nc -vz {to} {port}` on {from}; if nothing here needs it, switch off its feature or call it optional"
        ),
        None => "Do what needs it while capturing; if nothing here does, switch off its feature or call it optional"
            .to_owned(),
    };
    let what = match row.status {
        RowStatus::Missing => missing.as_str(),
        RowStatus::NameFailed => "Correct the name in DNS or the client's configuration",
        RowStatus::WrongProtocol => "Find out what listens on that port",
        _ => "Look into it",
    };
    let why = if row.purpose.is_empty() { String::new() } else { format!("; {}", row.purpose) };
    format!("{} ({} -> {}{why}): {what}.", row.id, row.from, row.to)
}

/// What to open: the port that was tried, or the documented range where ports are announced.
pub(in crate::audit) fn requested(atom: &Atom, flow: &Conversation) -> String {
    if is_dynamic(atom) { atom_words(atom) } else { service(flow.transport, flow.responder().port) }
}

pub(in crate::audit) fn firewall_request(request: &FirewallRequest) -> String {
    let FirewallRequest { from, to, service, row, why, reference, seen, places } = request;
    let places = if places.is_empty() { String::new() } else { format!(": {places}") };
    format!("Allow {service} from {from} to {to} ({row}: {why}). Now {seen}{places}. Reference: {reference}")
}

pub(in crate::audit) fn expired_waiver(waiver: &str, until: &str) -> String {
    format!("Waiver {waiver} expired before {until}, and the flow is still there.")
}

pub(in crate::audit) fn renew_waiver(waiver: &str, owner: &str) -> String {
    format!("Ask {owner} to renew the waiver {waiver}, or to stop the flow.")
}

pub(in crate::audit) fn race_summary(race: &Resolution) -> String {
    format!("{} got DNS answers for {} that contradict each other.", race.client, race.name)
}

pub(in crate::audit) fn race_detail() -> String {
    "More distinct answers than questions came: one of them is forged or misrouted, so none is believed.".to_owned()
}

pub(in crate::audit) fn elsewhere_summary(server: IpAddr, client: IpAddr, elsewhere: IpAddr) -> String {
    format!("{server} told {client} that the endpoint of an RPC interface is on {elsewhere}, another host.")
}

pub(in crate::audit) fn elsewhere_detail<'a>(interfaces: impl Iterator<Item = &'a str>) -> String {
    let interfaces: BTreeSet<String> = interfaces.map(super::flow::called).collect();
    let interfaces: Vec<String> = interfaces.into_iter().collect();
    format!(
        "It was asked for {}. An endpoint mapper speaks for its own host alone, so the announcement explains no flow; the server has several addresses, or somebody leads its clients astray.",
        interfaces.join(", ")
    )
}

/// `3 flows`, for headlines.
pub(in crate::audit) fn findings(count: usize) -> String {
    plural(crate::audit::count(count), "finding")
}
