//! How a flow went: the table of design section 1, on what its packets showed. "Blocked" needs
//! proof: a reset, an ICMP error, or a capture that ran on long enough without an answer. Never
//! looks at a clock other than the time of the last packet.

use super::key::{Address, End};
use super::record::Run;
use super::seen::Seen;
use super::{IcmpError, Outcome};
use crate::wire::{Timestamp, Transport};

const SECOND: i64 = 1_000_000_000;
/// A client gives a SYN up after 21 s (Windows: at 0, 3 and 9 s, then 12 s of waiting).
const AFTER_FIRST_TRY: i64 = 21 * SECOND;
/// After the third try an answer would have come within this time.
const AFTER_THIRD_TRY: i64 = 3 * SECOND;
/// How long a capture must run on behind a datagram before its silence is an answer.
const AFTER_DATAGRAM: i64 = 3 * SECOND;

/// What decides, beside the run itself.
#[derive(Clone, Debug)]
pub(super) struct Circumstances<'flow> {
    /// Who started it.
    pub(super) originator: End,
    /// Time of the last packet of the whole capture.
    pub(super) ended: Timestamp,
    /// The first ICMP error that quoted it.
    pub(super) icmp: Option<&'flow IcmpError>,
}

/// The outcome of a flow.
pub(super) fn judge<A: Address>(run: &Run<A>, circumstances: &Circumstances<'_>) -> Outcome {
    if run.key.transport() == Transport::TCP {
        judge_tcp(run, circumstances)
    } else {
        judge_datagrams(run, circumstances)
    }
}

/// What an ICMP error means for the flow that it quotes; `None` for errors that block nothing
/// (fragmentation needed, time exceeded, source quench).
pub(super) fn of_icmp(error: &IcmpError) -> Option<Outcome> {
    match (error.transport, error.kind, error.code) {
        // Port and protocol unreachable: the host itself says that nobody listens.
        (Transport::ICMP, 3, 2 | 3) | (Transport::ICMP6, 1, 4) => Some(Outcome::Refused),
        (Transport::ICMP, 3, 0 | 1 | 5..=13) | (Transport::ICMP6, 1, 0..=3 | 5 | 6) => Some(Outcome::Rejected),
        _ => None,
    }
}

fn judge_tcp<A: Address>(run: &Run<A>, circumstances: &Circumstances<'_>) -> Outcome {
    let (client, server) = (circumstances.originator, circumstances.originator.other());
    let syn = run.seen.any(Seen::OPENED_SYN);
    let answered = run.seen.by(Seen::SYN_ACK, server);
    let went_on = |end| run.seen.by(Seen::SPOKE, end);
    if is_cut(run, client) {
        return Outcome::Cut;
    }
    if *run.packets.of(server) == 0 || *run.packets.of(client) == 0 {
        return judge_one_side(run, circumstances);
    }
    // Both sides may have sent a SYN, the client then answers that of the server (RFC 9293 section 3.5).
    let crossed = run.seen.by(Seen::SYN_ACK, client) && went_on(server);
    if answered || crossed || (syn && went_on(server) && (went_on(client) || *run.payload.of(server) > 0)) {
        return Outcome::Established;
    }
    if run.seen.by(Seen::RST, server) && !went_on(server) {
        return Outcome::Refused;
    }
    if syn {
        return silent(run, circumstances);
    }
    // A reset without a word before it answers something that was not open.
    if run.seen.by(Seen::RST, client) && !went_on(client) && !went_on(server) {
        return Outcome::Refused;
    }
    Outcome::Midstream
}

/// Handshake, the client's first payload, then a reset by the server's address before any payload of it.
fn is_cut<A: Address>(run: &Run<A>, client: End) -> bool {
    let server = client.other();
    run.seen.any(Seen::OPENED_SYN)
        && run.seen.by(Seen::SYN_ACK, server)
        && run.seen.by(Seen::RST, server)
        && *run.payload.of(client) > 0
        && *run.payload.of(server) == 0
        && !run.seen.by(Seen::FIN, client)
}

fn judge_one_side<A: Address>(run: &Run<A>, circumstances: &Circumstances<'_>) -> Outcome {
    let speaker = if *run.packets.of(End::Low) > 0 { End::Low } else { End::High };
    if run.seen.by(Seen::SPOKE, speaker) || run.seen.by(Seen::SYN_ACK, speaker) {
        return Outcome::OneSided;
    }
    if run.seen.any(Seen::OPENED_SYN) {
        return silent(run, circumstances);
    }
    if run.seen.by(Seen::RST, speaker) { Outcome::Refused } else { Outcome::OneSided }
}

/// Tried, and nothing came of it.
fn silent<A: Address>(run: &Run<A>, circumstances: &Circumstances<'_>) -> Outcome {
    if let Some(outcome) = circumstances.icmp.and_then(of_icmp) {
        return outcome;
    }
    if run.seen.any(Seen::DROPPED) {
        return Outcome::Dropped;
    }
    let passed = |since: Option<Timestamp>, wait| since.is_some_and(|at| circumstances.ended.since(at) >= wait);
    if passed(run.tries().next(), AFTER_FIRST_TRY) || passed(run.tries().nth(2), AFTER_THIRD_TRY) {
        Outcome::Filtered
    } else {
        Outcome::Pending
    }
}

fn judge_datagrams<A: Address>(run: &Run<A>, circumstances: &Circumstances<'_>) -> Outcome {
    if run.packets.low > 0 && run.packets.high > 0 {
        return Outcome::Answered;
    }
    if let Some(outcome) = circumstances.icmp.and_then(of_icmp) {
        return outcome;
    }
    if run.seen.any(Seen::DROPPED) {
        return Outcome::Dropped;
    }
    if circumstances.ended.since(run.last) < AFTER_DATAGRAM { Outcome::Pending } else { Outcome::Unanswered }
}
