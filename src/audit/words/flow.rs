//! Why a flow has its verdict.

use std::fmt;
use std::net::IpAddr;

use super::{WHOLE_PACKETS, frame, service};
use crate::audit::declared::Declarer;
use crate::audit::payload::Certified;
use crate::dissect::rpc::interface_name;
use crate::dissect::{Claim, ClaimSource};
use crate::flow::{Conversation, Outcome};
use crate::ledger::{Announcement, Announcer, Binding};
use crate::matrix::{Facts, Peer};
use crate::wire::FrameRef;

/// Where a flow states its name.
#[derive(Clone, Copy, Debug)]
pub(in crate::audit) enum Stated {
    /// In this frame.
    In(FrameRef),
    /// Somewhere in the flow that begins with this frame.
    Behind(FrameRef),
}

/// Where a flow states its name.
pub(in crate::audit) fn stated_in(flow: &Conversation) -> Stated {
    flow.claimed.map_or(Stated::Behind(flow.first_frame), Stated::In)
}

impl fmt::Display for Stated {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::In(at) => out.write_str(&frame(*at)),
            Self::Behind(first) => out.write_str(&begun(*first)),
        }
    }
}

/// A flow by its first frame; one that the user supposed has none.
pub(super) fn begun(first: FrameRef) -> String {
    if first.number == 0 { "as given".to_owned() } else { format!("flow from {}", frame(first)) }
}

/// Where a claim was read, as readers call it.
pub(super) const fn source(source: ClaimSource) -> &'static str {
    match source {
        ClaimSource::Sni => "SNI",
        ClaimSource::RivalSni => "one SNI of several",
        ClaimSource::OuterSni => "outer SNI",
        ClaimSource::Host => "Host header",
        ClaimSource::Connect(_) => "CONNECT target",
        ClaimSource::Certificate => "certificate",
        ClaimSource::RootDse | ClaimSource::CatalogRootDse => "directory root",
    }
}

pub(in crate::audit) fn agreed(name: &str, dns: FrameRef, claimed: ClaimSource, stated: Stated) -> String {
    format!("DNS {} and {} ({}) both say {name}.", frame(dns), source(claimed), stated)
}

pub(in crate::audit) fn certified(says: Certified<'_>, at: FrameRef) -> String {
    match says {
        Certified::Bears => format!("The server's certificate ({}) bears the name too.", frame(at)),
        Certified::BearsOthers(other, more) => {
            let further = if more == 0 { String::new() } else { format!(" and {}", plural_names(more)) };
            format!(
                "The server's certificate ({}) is for {other}{further} and not for this name; that counts neither way.",
                frame(at)
            )
        }
    }
}

fn plural_names(more: usize) -> String {
    if more == 1 { "1 more name".to_owned() } else { format!("{more} more names") }
}

pub(in crate::audit) fn dns_only(name: &str, dns: FrameRef) -> String {
    format!("DNS {} gave this address for {name} and for no other name; the flow itself names none.", frame(dns))
}

pub(in crate::audit) fn shared_address(address: IpAddr, names: &[&str]) -> String {
    format!(
        "DNS gave {address} for several names ({}) and the flow names none; its hello would decide.",
        names.join(", ")
    )
}

pub(in crate::audit) fn claim_against_dns(claim: &Claim, bound: &str, dns: FrameRef, stated: Stated) -> String {
    let (what, name) = (source(claim.source), &claim.name);
    format!("{what} says {name} ({}), but DNS {} gave this address for {bound}.", stated, frame(dns))
}

pub(in crate::audit) fn claim_elsewhere(claim: &Claim, given: IpAddr, dns: FrameRef, stated: Stated) -> String {
    let (what, name) = (source(claim.source), &claim.name);
    format!("{what} says {name} ({}), but DNS {} gave {given} for it and never this address.", stated, frame(dns))
}

pub(in crate::audit) fn claim_only(claim: &Claim, stated: Stated) -> String {
    let (what, name) = (source(claim.source), &claim.name);
    format!(
        "{what} says {name} ({}), and there is no DNS answer for it since the capture began; a longer capture would settle it.",
        stated
    )
}

/// Who declares a name.
pub(super) const fn declarer(by: Declarer) -> &'static str {
    match by {
        Declarer::Hosts => "the hosts file",
        Declarer::Capture => "the capture's own list of names",
    }
}

pub(in crate::audit) fn claim_declared(claim: &Claim, by: Declarer, stated: Stated) -> String {
    let (what, name, by) = (source(claim.source), &claim.name, declarer(by));
    format!("{what} says {name} ({stated}), {by} gives this address for it, and no DNS answer does.")
}

pub(in crate::audit) fn claim_against_declared(claim: &Claim, other: &str, by: Declarer, stated: Stated) -> String {
    let (what, name, by) = (source(claim.source), &claim.name, declarer(by));
    format!("{what} says {name} ({stated}), but {by} gives this address for {other}.")
}

pub(in crate::audit) fn claim_declared_elsewhere(claim: &Claim, given: IpAddr, by: Declarer, stated: Stated) -> String {
    let (what, name, by) = (source(claim.source), &claim.name, declarer(by));
    format!("{what} says {name} ({stated}), but {by} gives {given} for it and never this address.")
}

pub(in crate::audit) fn shared_declared(address: IpAddr, names: &[&str]) -> String {
    format!("{address} has several names ({}) and the flow states none; its hello would decide.", names.join(", "))
}

pub(in crate::audit) fn declared_only(name: &str, by: Declarer) -> String {
    let by = match by {
        Declarer::Hosts => "The hosts file",
        Declarer::Capture => "The capture's own list of names",
    };
    format!(
        "{by} gives this address for {name}; neither DNS nor the flow itself does, and `basis` says whether that is enough."
    )
}

pub(in crate::audit) fn relayed(name: &str, port: u16, flow: &Conversation) -> String {
    let (proxy, at) = (flow.responder.address, frame(flow.first_frame));
    format!("CONNECT {name}:{port} (flow from {at}) asks the proxy {proxy} for it, which looks the name up itself.")
}

pub(in crate::audit) fn told_another(claim: &Claim, other: IpAddr, dns: FrameRef, stated: Stated) -> String {
    let (what, name) = (source(claim.source), &claim.name);
    format!(
        "{what} says {name} ({}), and DNS {} gave this address for it to another client, {other}.",
        stated,
        frame(dns)
    )
}

pub(in crate::audit) fn stale(claim: &Claim, nanoseconds: i64, dns: FrameRef) -> String {
    let (what, name) = (source(claim.source), &claim.name);
    let seconds = nanoseconds / 1_000_000_000;
    format!("{what} says {name}, and the DNS answer for it ({}) was stale by {seconds} s.", frame(dns))
}

pub(in crate::audit) fn pushed_out(name: &str, dns: FrameRef) -> String {
    format!(
        "DNS {} gave this address for {name}, but so many other answers came after it that it was let go; a capture of a shorter time would settle it.",
        frame(dns)
    )
}

pub(in crate::audit) fn names_unread(name: &str) -> String {
    format!(
        "It may be {name}, but so many DNS messages came that not all were kept, and one of them could say otherwise; a capture of a shorter time would settle it."
    )
}

pub(in crate::audit) fn dns_race(name: &str, question: FrameRef, stated: Stated) -> String {
    format!(
        "The flow ({}) goes by {name}, for which contradicting DNS answers came to the question in {}.",
        stated,
        frame(question)
    )
}

/// A hello with several names, of which each end may believe another.
pub(in crate::audit) fn rival_names(rivals: &[&Claim], stated: Stated) -> String {
    let names: Vec<&str> = rivals.iter().map(|claim| claim.name.as_str()).collect();
    format!(
        "Its hello ({stated}) names several servers ({}), which RFC 6066 forbids: nobody can say which of them its peer went by.",
        names.join(", ")
    )
}

pub(in crate::audit) fn name_not_read(flow: &Conversation) -> String {
    format!("{}, and it could speak against what DNS says.", unread_name(flow))
}

fn unread_name(flow: &Conversation) -> String {
    format!(
        "Its request ({}) goes on behind what was read of it (16 KiB in 32 packets at most), so its name was not read",
        stated_in(flow)
    )
}

pub(in crate::audit) fn no_name(flow: &Conversation) -> String {
    let better = match flow.first_frame.number {
        0 => "a name behind the flow",
        _ if flow.truncated => WHOLE_PACKETS,
        _ if flow.unheld => "a capture of a shorter time",
        _ if crate::audit::payload::may_name_further(flow) => "a DNS answer",
        _ => "a capture that begins before the connection",
    };
    format!("{}; {better} would settle it.", nameless(flow))
}

/// As [`no_name`], with what a resolver told another client, or this one at another time.
pub(in crate::audit) fn no_name_but(flow: &Conversation, told: &Binding) -> String {
    let whom = if told.client == flow.originator.address {
        "this client at another time".to_owned()
    } else {
        told.client.to_string()
    };
    format!(
        "{}; DNS {} gave the address to {whom} for {}, which is a hint and no proof. A capture that begins before the connection would settle it.",
        nameless(flow),
        frame(told.answer),
        told.name
    )
}

fn nameless(flow: &Conversation) -> String {
    let why = match flow.outcome {
        _ if flow.first_frame.number == 0 => {
            "The flow as given names no peer, and no DNS answer is known for its address"
        }
        _ if flow.truncated => "The capture cut its packets before a name could be read, and no DNS answer decides it",
        _ if flow.unheld => {
            "So many connections were open at once that its first bytes were not kept, and no DNS answer decides it"
        }
        _ if crate::audit::payload::may_name_further(flow) => {
            return format!("{}, and no DNS answer decides it", unread_name(flow));
        }
        Outcome::Midstream => "It was open before the capture began, so neither its hello nor its DNS answer is there",
        _ => "The capture holds no hello that names the peer, and no DNS answer for its address",
    };
    why.to_owned()
}

pub(in crate::audit) fn bound_interface(interface: &str) -> String {
    format!("The flow binds the DCE/RPC interface {}, and the server accepted it.", called(interface))
}

/// An interface as engineers know it, with its UUID.
pub(super) fn called(interface: &str) -> String {
    interface_name(interface).map_or_else(|| interface.to_owned(), |name| format!("{name} ({interface})"))
}

pub(in crate::audit) fn implied_bind() -> String {
    "DCE/RPC calls are answered on a connection older than the capture, which a bind must have preceded.".to_owned()
}

pub(in crate::audit) fn announced(given: &Announcement) -> String {
    let (port, answer) = (given.port, frame(given.frame));
    match given.by {
        Announcer::Activation => format!("A DCOM activation gave port {port} to this client ({answer})."),
        Announcer::EndpointMapper | Announcer::Browser => {
            format!("The endpoint mapper gave port {port} for {} to this client ({answer}).", called(&given.interface))
        }
    }
}

pub(in crate::audit) fn announced_instance(port: u16, instance: &str, answer: FrameRef) -> String {
    format!("The SQL Server browser gave port {port} for instance {instance} to this client ({}).", frame(answer))
}

/// Messages of SQL Server browsers were not kept, and one of them may have given the port.
pub(in crate::audit) fn browsers_unread(port: u16) -> String {
    format!(
        "So many messages of SQL Server browsers came that not all were kept, and none of them counts: one may have given port {port} to this client; a capture of a shorter time would settle it."
    )
}

pub(in crate::audit) fn unannounced_instance(port: u16) -> String {
    format!("No SQL Server browser gave port {port} to this client in this capture; its answer would settle it.")
}

/// A bind that gives its port no grade: the server refused it, or what it answered was not captured.
pub(in crate::audit) fn bind_not_accepted(port: u16, interface: &str, is_answered: bool) -> String {
    let answer = if is_answered { "the server did not accept it" } else { "no answer to it was captured" };
    format!(
        "The flow asks for the DCE/RPC interface {}, and {answer}; no endpoint mapper answer for port {port} was captured either, which would settle it.",
        called(interface)
    )
}

pub(in crate::audit) fn only_in_range(port: u16, is_cut: bool) -> String {
    let what = if is_cut { WHOLE_PACKETS } else { "either" };
    format!(
        "Port {port} only lies in the dynamic range: no endpoint mapper answer and no bind for it was captured; {what} would settle it."
    )
}

pub(in crate::audit) fn not_announced(port: u16, flow: FrameRef) -> String {
    format!(
        "No endpoint mapper announced port {port} to this client, and the payload ({}) is not DCE/RPC.",
        begun(flow)
    )
}

pub(in crate::audit) fn announced_but_foreign(port: u16, answer: FrameRef, flow: FrameRef) -> String {
    format!(
        "The endpoint mapper announced port {port} ({}), but the payload ({}) is not DCE/RPC.",
        frame(answer),
        begun(flow)
    )
}

pub(in crate::audit) fn other_protocol(seen: &str, documented: &str, flow: FrameRef) -> String {
    format!("The payload ({}) is {seen}, the row documents {documented}.", begun(flow))
}

pub(in crate::audit) fn foreign_bytes(documented: &str, flow: FrameRef) -> String {
    format!(
        "The first bytes ({}) are no {documented}: it would have been recognised, and nothing else was.",
        begun(flow)
    )
}

pub(in crate::audit) fn by_payload() -> String {
    "Address, port and payload fit.".to_owned()
}

pub(in crate::audit) fn by_address(flow: &Conversation) -> String {
    if flow.outcome.is_blocked() {
        "Address and port fit; it never got as far as a payload.".to_owned()
    } else {
        "Address and port fit; the payload does not show the application.".to_owned()
    }
}

pub(in crate::audit) fn lost(flow: &Conversation) -> String {
    let flow_begun = begun(flow.first_frame);
    if flow.unheld {
        return format!(
            "So many connections were open at once that the first bytes of this one ({flow_begun}) were not kept; a capture of a shorter time would settle it."
        );
    }
    if crate::audit::payload::is_unsaid(flow) {
        return format!(
            "The connection ({flow_begun}) was opened, and nothing that was said on it is in the capture: its first bytes would settle it."
        );
    }
    format!(
        "Part of what was said on it ({flow_begun}) is not in the capture, and it could have spoken against the row; a capture without loss would settle it."
    )
}

pub(in crate::audit) fn ambiguous() -> String {
    "Overlapping segments or fragments contradict each other, so nobody can say what the peer read.".to_owned()
}

pub(in crate::audit) fn direction_unknown() -> String {
    "The direction is unknown: the capture holds neither its SYN nor another sign of who asked.".to_owned()
}

pub(in crate::audit) fn waived(reason: &str, owner: &str) -> String {
    format!("Waiver: {reason} ({owner}).")
}

pub(in crate::audit) fn out_of_scope() -> String {
    "Neither end is the subject, and not both ends play roles of the audited packs.".to_owned()
}

pub(in crate::audit) fn reports_on(about: &Conversation) -> String {
    let (from, to) = (about.originator.address, about.responder.address);
    let what = service(about.transport, about.responder.port);
    format!("ICMP error that reports on flow {from} -> {to} {what} ({}).", frame(about.first_frame))
}

pub(in crate::audit) fn nothing_like_it() -> String {
    "No row shares a cell with it.".to_owned()
}

pub(in crate::audit) fn feature_off(row: &str) -> String {
    format!("All cells of {row} fit, but a feature that it needs is off here.")
}

pub(in crate::audit) fn reversed(originator: IpAddr, from: &str) -> String {
    format!("the other side started it: {originator} is not one of {from}")
}

pub(in crate::audit) fn other_service(seen: &str, listed: &str) -> String {
    format!("this pair is listed for {listed}, not for {seen}")
}

pub(in crate::audit) fn other_name(claim: &Claim, address: IpAddr, to: &str, name: &str, stated: Stated) -> String {
    let (what, claimed) = (source(claim.source), &claim.name);
    format!("{what} says {claimed} ({stated}), not one of {to}, although {address} is {name} too")
}

/// A peer as the matrix saw it: its address and the names that it bears.
fn peer(peer: &Peer<'_>) -> String {
    if peer.names.is_empty() {
        peer.address.to_string()
    } else {
        format!("{} ({})", peer.address, peer.names.join(", "))
    }
}

pub(in crate::audit) fn other_responder(responder: &Peer<'_>, to: &str) -> String {
    format!("destination {} is not one of {to}", peer(responder))
}

pub(in crate::audit) fn other_originator(originator: IpAddr, from: &str) -> String {
    format!("source {originator} is not one of {from}")
}

pub(in crate::audit) fn other_pair(facts: &Facts<'_>, from: &str, to: &str) -> String {
    let (source, destination) = (facts.originator.address, peer(&facts.responder));
    format!("source {source} is not one of {from}, and destination {destination} is not one of {to}")
}

pub(in crate::audit) fn other_responder_and_service(responder: &Peer<'_>, to: &str, seen: &str) -> String {
    format!("destination {} is not one of {to}, and no row lists {seen} for it", peer(responder))
}

pub(in crate::audit) fn other_originator_and_service(originator: IpAddr, from: &str, seen: &str) -> String {
    format!("source {originator} is not one of {from}, and no row lists {seen} for it")
}

pub(in crate::audit) fn nobody_plays(role: &str, who: IpAddr, row: &str) -> String {
    format!("Nobody plays {role} here; if {who} does, it is {row}.")
}
