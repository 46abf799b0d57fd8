//! Who started a flow: SYN, then SYN/ACK, then what the payload shows, then ports, then who spoke
//! first. Never looks at addresses: a role is no proof of a direction.

use super::DirectionBasis;
use super::key::{Address, End};
use super::record::Run;
use super::seen::Seen;
use crate::wire::Transport;

/// Services of DHCP and DHCPv6 whose clients have a port of their own, which would pass for another service
/// (RFC 2131 section 4.1, RFC 8415 section 7.2).
const CLIENT_PORTS: [(u16, u16); 2] = [(68, 67), (546, 547)];

/// The originator and how it is known. `client` is the side that asked, if the payload shows it.
pub(super) fn settle<A: Address>(run: &Run<A>, client: Option<End>) -> (End, DirectionBasis) {
    if let Some(known) = by_handshake(run) {
        return known;
    }
    if let Some(client) = client {
        return (client, DirectionBasis::Protocol);
    }
    match by_port(run) {
        Some(originator) => (originator, DirectionBasis::Port),
        None => (run.opener(), DirectionBasis::First),
    }
}

/// The end taken for the originator while the payload is still being looked at.
pub(super) fn so_far<A: Address>(run: &Run<A>) -> End {
    settle(run, None).0
}

/// Whether `port` is one that services listen on: a well-known one, one above 1023 that Windows domains and their
/// neighbours use, or an alternative web port.
pub(super) const fn is_service(port: u16) -> bool {
    matches!(
        port,
        1..=1023
            | 1433
            | 1434
            | 1812
            | 1813
            | 2049
            | 3128
            | 3268
            | 3269
            | 3306
            | 3389
            | 5353
            | 5355
            | 5432
            | 5985
            | 5986
            | 8080
            | 9389
            | 8000
            | 8443
            | 8530
    )
}

fn by_handshake<A: Address>(run: &Run<A>) -> Option<(End, DirectionBasis)> {
    if run.key.transport() != Transport::TCP {
        return None;
    }
    if run.seen.any(Seen::OPENED_SYN) {
        return Some((run.opener(), DirectionBasis::Syn));
    }
    if run.seen.any(Seen::OPENED_SYN_ACK) {
        // The SYN may have been captured behind its answer.
        let basis = if run.syns > 0 { DirectionBasis::Syn } else { DirectionBasis::SynAck };
        return Some((run.opener().other(), basis));
    }
    [End::Low, End::High]
        .into_iter()
        .find(|end| run.seen.by(Seen::SYN_ACK, *end))
        .map(|end| (end.other(), DirectionBasis::SynAck))
}

fn by_port<A: Address>(run: &Run<A>) -> Option<End> {
    let port = |end: End| run.key.port(end);
    let serves = |end: End| is_service(port(end)) && !CLIENT_PORTS.contains(&(port(end), port(end.other())));
    match (serves(End::Low), serves(End::High)) {
        (true, false) => Some(End::High),
        (false, true) => Some(End::Low),
        (true, true) | (false, false) => None,
    }
}
