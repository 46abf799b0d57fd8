//! Why a flow is believed to go by a name, or not: what DNS, the flow itself and those who declare names say.

use std::fmt;
use std::net::IpAddr;

use super::{WHOLE_PACKETS, frame};
use crate::audit::declared::Declarer;
use crate::audit::payload::Certified;
use crate::dissect::{Claim, ClaimSource};
use crate::flow::{Conversation, Outcome};
use crate::ledger::Binding;
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
    flow.claimed().map_or(Stated::Behind(flow.first_frame), Stated::In)
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
    let (proxy, at) = (flow.responder().address, frame(flow.first_frame));
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
        _ if flow.is_truncated() => WHOLE_PACKETS,
        _ if flow.is_unheld() => "a capture of a shorter time",
        _ if crate::audit::payload::may_name_further(flow) => "a DNS answer",
        _ => "a capture that begins before the connection",
    };
    format!("{}; {better} would settle it.", nameless(flow))
}

/// As [`no_name`], with what a resolver told another client, or this one at another time.
pub(in crate::audit) fn no_name_but(flow: &Conversation, told: &Binding) -> String {
    let whom = if told.client == flow.originator().address {
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
        _ if flow.is_truncated() => {
            "The capture cut its packets before a name could be read, and no DNS answer decides it"
        }
        _ if flow.is_unheld() => {
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
