//! Why a flow has its verdict.

use std::net::IpAddr;

use super::name::{Stated, begun, source};
use super::{WHOLE_PACKETS, frame, service};
use crate::dissect::Claim;
use crate::dissect::rpc::interface_name;
use crate::flow::Conversation;
use crate::ledger::{Announcement, Announcer};
use crate::matrix::{Facts, Peer};
use crate::wire::FrameRef;

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
    if flow.is_unheld() {
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

pub(in crate::audit) fn blurred() -> String {
    "Who originated it was not kept, because the flow budget (--max-flows) was reached: it may have been the subject."
        .to_owned()
}

pub(in crate::audit) fn reports_on(about: &Conversation) -> String {
    let (from, to) = (about.originator().address, about.responder().address);
    let what = service(about.transport, about.responder().port);
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
