//! Why a row has its status.

use std::net::IpAddr;

use super::{WHOLE_PACKETS, atom as atom_words, frame, plural};
use crate::audit::model::{AtomResult, RowStatus};
use crate::flow::{Conversation, Outcome};
use crate::ledger::{Resolution, ResolutionResult};
use crate::matrix::{Atom, Need};

pub(in crate::audit) const fn need(need: Need) -> &'static str {
    match need {
        Need::Required => "required",
        Need::Optional => "optional",
    }
}

pub(in crate::audit) fn confirmed() -> String {
    "Open, and the bytes are what the row says.".to_owned()
}

pub(in crate::audit) fn unverified() -> String {
    "Open, but not every payload was captured and recognised.".to_owned()
}

pub(in crate::audit) fn wrong_protocol() -> String {
    "Open, but it speaks something else.".to_owned()
}

pub(in crate::audit) fn name_failed() -> String {
    "Its name was asked for in vain.".to_owned()
}

pub(in crate::audit) fn in_part(atoms: &[AtomResult], status: RowStatus) -> String {
    let lacking: Vec<&str> =
        atoms.iter().filter(|atom| atom.status == status).map(|atom| atom.service.as_str()).collect();
    if lacking.is_empty() {
        return "A required part of it was never seen.".to_owned();
    }
    format!("Open in part, but {} was not seen to work.", lacking.join(", "))
}

pub(in crate::audit) fn not_applicable() -> String {
    "A feature that it needs is off here.".to_owned()
}

pub(in crate::audit) fn not_observable() -> String {
    "This vantage cannot see it.".to_owned()
}

pub(in crate::audit) fn unbound(role: &str) -> String {
    format!("Nobody plays {role} here.")
}

/// How many flows could belong to the row although nothing names them.
fn doubt(flows: u64) -> String {
    if flows == 0 { String::new() } else { format!(" ({} may belong to it)", plural(flows, "unresolved flow")) }
}

pub(in crate::audit) fn idle(flows: u64) -> String {
    format!("Optional, and never tried{}.", doubt(flows))
}

pub(in crate::audit) fn missing(span: i64, flows: u64) -> String {
    format!("Never tried in {} s{}.", span / 1_000_000_000, doubt(flows))
}

pub(in crate::audit) fn not_yet(span: i64, window: i64, flows: u64) -> String {
    let (span, window) = (span / 1_000_000_000, window / 1_000_000_000);
    let doubt = doubt(flows);
    format!(
        "Never tried{doubt}, but the capture spans {span} s of the {window} s after which silence would mean something."
    )
}

pub(in crate::audit) fn lossy() -> String {
    "Not seen, but the capture has gaps, so silence means nothing.".to_owned()
}

pub(in crate::audit) fn broken(longest: i64, window: i64) -> String {
    let (longest, window) = (longest / 1_000_000_000, window / 1_000_000_000);
    format!(
        "Never tried, but the capture has gaps: silence means something after {window} s, and the longest time without one is {longest} s."
    )
}

pub(in crate::audit) fn tried() -> String {
    "Tried, and neither open nor provably blocked: the capture ended too soon, or no answer came.".to_owned()
}

pub(in crate::audit) fn undecided(flows: u64) -> String {
    format!("{} may be it; what was captured cannot decide.", plural(flows, "unresolved flow"))
}

pub(in crate::audit) fn answer_cut(question: &Resolution) -> String {
    format!(
        "{} was asked for ({}), and the capture cut the answer; {WHOLE_PACKETS} would settle it.",
        question.name,
        frame(question.question)
    )
}

pub(in crate::audit) fn never_contacted(question: &Resolution) -> String {
    let at = frame(question.answer.unwrap_or(question.question));
    format!("{} was asked for and answered ({at}), and then never contacted.", question.name)
}

pub(in crate::audit) fn look_up_failed(question: &Resolution) -> String {
    let at = frame(question.answer.unwrap_or(question.question));
    let how = match question.result {
        ResolutionResult::Failed(3) => "does not exist (NXDOMAIN)".to_owned(),
        ResolutionResult::Failed(2) => "could not be resolved (SERVFAIL)".to_owned(),
        ResolutionResult::Failed(5) => "was refused by the resolver (REFUSED)".to_owned(),
        ResolutionResult::Failed(code) => format!("could not be resolved (RCODE {code})"),
        ResolutionResult::Empty => "has no address".to_owned(),
        ResolutionResult::Unanswered => "was asked for and not answered".to_owned(),
        ResolutionResult::Conflicting => "got answers that contradict each other".to_owned(),
        ResolutionResult::Resolved | ResolutionResult::Cut => "was answered".to_owned(),
    };
    format!("{} {how} ({at}, resolver {}).", question.name, question.resolver)
}

/// A row without flows, and a `CONNECT` for its name.
pub(in crate::audit) fn asks_a_proxy(flow: &Conversation, name: &str, port: u16) -> String {
    let proxy = std::net::SocketAddr::new(flow.responder().address, flow.responder().port);
    let at = frame(flow.first_frame);
    format!("It may be going through {proxy}: CONNECT {name}:{port} (flow from {at}); list the role proxy if it may.")
}

/// A row without flows, and a flow to where proxies listen.
pub(in crate::audit) fn may_ask_a_proxy(flow: &Conversation) -> String {
    let proxy = std::net::SocketAddr::new(flow.responder().address, flow.responder().port);
    format!("It may be going through {proxy} (flow from {}), if that is a proxy.", frame(flow.first_frame))
}

/// What blocked a flow, with the frame that shows it.
pub(in crate::audit) fn block(flow: &Conversation) -> String {
    let at = frame(flow.icmp().map(|icmp| icmp.frame).or(flow.decided()).unwrap_or(flow.first_frame));
    match (flow.outcome, flow.icmp()) {
        (_, Some(icmp)) => {
            format!(
                "{} by {} {}/{} from {} ({at})",
                flow.outcome.name(),
                icmp.transport,
                icmp.kind,
                icmp.code,
                icmp.from
            )
        }
        (Outcome::Refused, None) => format!("refused by a reset ({at})"),
        (Outcome::Filtered, None) => format!("no answer to {} ({at})", tries(flow.tries)),
        (Outcome::Cut, None) => format!("cut after the client's first payload ({at})"),
        (Outcome::Dropped, None) => format!("dropped by the capturing host itself ({at})"),
        (outcome, None) => format!("{} ({at})", outcome.name()),
    }
}

fn tries(count: u32) -> String {
    if count == 1 { "1 try".to_owned() } else { format!("{count} tries") }
}

pub(in crate::audit) fn blocked(atom: &Atom, peer: IpAddr, flow: &Conversation, mapped: bool) -> String {
    let what = block(flow);
    if mapped {
        let port = flow.responder().port;
        return format!("EPM answered, endpoint blocked: port {port} of {peer} {what}");
    }
    format!("{} with {peer}: {what}", atom_words(atom))
}
