//! Who was known by which name, and what stands behind a port.

use std::net::IpAddr;

use super::name::declarer;
use super::{frame, source};
use crate::audit::declared::Declarer;
use crate::dissect::ClaimSource;
use crate::ledger::{Announcer, Binding};
use crate::wire::FrameRef;

/// The strength of what proves nothing.
pub(in crate::audit) const PROVES_NOTHING: &str = "none";

/// `DNS answer of 10.0.0.53, over 2 aliases, and SNI`.
pub(in crate::audit) fn name_known(
    answer: Option<&Binding>,
    claim: Option<ClaimSource>,
    told: bool,
    declared: Option<Declarer>,
) -> String {
    let answered = answer.map(|answer| match answer.aliases.len() {
        0 => format!("DNS answer of {}", answer.resolver),
        1 => format!("DNS answer of {} over 1 alias", answer.resolver),
        aliases => format!("DNS answer of {} over {aliases} aliases", answer.resolver),
    });
    match (answered, claim.map(source)) {
        (Some(answered), Some(claim)) => format!("{answered}, and {claim}"),
        (Some(answered), None) => answered,
        (None, Some(claim)) if told => format!("{claim}, and a DNS answer to another client"),
        (None, Some(claim)) => match declared {
            Some(by) => format!("{claim}, and {}", declarer(by)),
            None => format!("{claim} alone"),
        },
        (None, None) if declared.is_some() => format!("{} alone", declared.map(declarer).unwrap_or_default()),
        (None, None) => "contradicting DNS answers".to_owned(),
    }
}

/// As [`name_known`], where the server's certificate bears the name as well.
pub(in crate::audit) fn and_certificate(how: &str) -> String {
    format!("{}, and certificate", how.trim_end_matches(" alone"))
}

pub(in crate::audit) fn foreign_resolver(resolver: IpAddr, answer: FrameRef) -> String {
    format!(
        "The site does not let this client ask {resolver} for names: its answer ({}) counts for nothing.",
        frame(answer)
    )
}

pub(in crate::audit) fn answers_conflict(question: FrameRef) -> String {
    format!("Answers that contradict each other came to the question in {}.", frame(question))
}

pub(in crate::audit) fn speaks_for_another(other: IpAddr, answer: FrameRef) -> String {
    format!("The answer ({}) speaks of another host, {other}, and teaches nothing about this one.", frame(answer))
}

pub(in crate::audit) fn speaks_for_a_stranger(host: &str, answer: FrameRef) -> String {
    format!(
        "The answer ({}) goes by {host}, and nothing says that this is the server: it announces nothing.",
        frame(answer)
    )
}

/// Who announced a port.
pub(in crate::audit) const fn announcer(by: Announcer) -> &'static str {
    match by {
        Announcer::EndpointMapper => "endpoint mapper",
        Announcer::Activation => "DCOM activation",
        Announcer::Browser => "SQL Server browser",
    }
}
