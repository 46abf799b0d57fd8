//! Findings in, what would settle them out: the firewall request for what is blocked and the places
//! that could block it, and the smallest rule that would document what is unexpected. Recommends
//! nothing: whether a rule is wanted is for people to say.

use std::net::IpAddr;

use ipnet::{IpAddrRange, Ipv4AddrRange, Ipv6AddrRange};

use super::group::Group;
use super::model::{FirewallRequest, Kind, SmallestRule, Verdict};
use super::{payload, words};
use crate::flow::{Conversation, Outcome};
use crate::matrix::{AddressRange, Atom, Matrix, Peer, RoleId, Row};
use crate::wire::Transport;

/// What a firewall team needs to know to open `atom` for `flow`.
pub(super) fn request(row: &Row, atom: &Atom, flow: &Conversation, reference: &str) -> FirewallRequest {
    FirewallRequest {
        from: flow.originator().address.to_string(),
        to: flow.responder().address.to_string(),
        service: words::requested(atom, flow),
        row: row.id.clone(),
        why: row.purpose.clone(),
        reference: reference.to_owned(),
        seen: words::block(flow),
        places: places(flow).to_owned(),
    }
}

/// Who could have blocked a flow, by the way in which it was blocked.
pub(super) fn places(flow: &Conversation) -> String {
    let peer = flow.responder().address;
    match (flow.outcome, flow.icmp()) {
        (_, Some(icmp)) if icmp.from == peer => words::peer_says_so(peer),
        (_, Some(icmp)) => words::device_says_so(icmp.from),
        (Outcome::Refused, None) => words::peer_refuses(peer),
        (Outcome::Filtered, None) => words::silence(peer),
        (Outcome::Cut, None) => words::inspected(peer),
        (Outcome::Dropped, None) => words::own_drop(flow.originator().address),
        (_, None) => String::new(),
    }
}

/// A connection that would show whether a row works: from whom, to whom, to which TCP port. None where
/// only wide networks or wildcards play a role, or every port is assigned as needed.
pub(super) fn trial(matrix: &Matrix, row: &Row) -> Option<(String, String, u16)> {
    let host = |roles: &[RoleId]| {
        let roles: Vec<_> = roles.iter().filter_map(|role| matrix.role(*role)).collect();
        let ranges = || roles.iter().flat_map(|role| &role.addresses);
        let single = ranges().find(|range| range.start() == range.end()).map(|range| *range.start());
        let name = || roles.iter().flat_map(|role| &role.names).find(|name| !name.contains('*')).cloned();
        single.or_else(|| ranges().find_map(listed)).map(|address| address.to_string()).or_else(name)
    };
    let port = |atom: &Atom| atom.service.rsplit(' ').next()?.strip_prefix("tcp/")?.parse().ok();
    let fixed = row.atoms.iter().filter(|atom| !atom.announced).find_map(port)?;
    Some((host(&row.from)?, host(&row.to)?, fixed))
}

/// A host of a range so narrow that a site means each address of it, such as neighbours in a list, which
/// are one range by now. Of four and more the second: the first of a network is nobody's address.
fn listed(range: &AddressRange) -> Option<IpAddr> {
    let addresses = match (*range.start(), *range.end()) {
        (IpAddr::V4(first), IpAddr::V4(last)) => IpAddrRange::V4(Ipv4AddrRange::new(first, last)),
        (IpAddr::V6(first), IpAddr::V6(last)) => IpAddrRange::V6(Ipv6AddrRange::new(first, last)),
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return None,
    };
    match addresses.take(WIDE).count() {
        WIDE.. => None,
        4.. => { addresses }.nth(1),
        0..4 => Some(*range.start()),
    }
}

/// Addresses from which a range stands for a network, of which nobody says that each is in use.
const WIDE: usize = 65;

/// The smallest rule that would document a group; none for what no rule should be written for: scans,
/// sweeps, protocols without ports, and flows that contradict the row that they fit.
pub(super) fn rule(matrix: &Matrix, group: &Group<'_>) -> Option<SmallestRule> {
    let key = &group.key;
    let (originator, responder, port) = (key.originator?, key.responder?, key.port?);
    if key.verdict != Verdict::Unexpected || !matches!(key.transport, Transport::TCP | Transport::UDP) {
        return None;
    }
    let nearest = key.row.and_then(|row| matrix.row(row)).filter(|_| key.kind == Some(Kind::UnlistedPeer));
    match nearest.and_then(|row| newcomer(matrix, row, originator, responder)) {
        Some((role, address)) => role_rule(matrix, role, address),
        None => Some(row_rule(matrix, group, originator, responder, port)),
    }
}

/// The end of the flow that the row does not list, and the role that it would have to play.
fn newcomer(matrix: &Matrix, row: &Row, originator: IpAddr, responder: IpAddr) -> Option<(RoleId, IpAddr)> {
    let lacks = |address: IpAddr, roles: &[RoleId]| {
        let peer = Peer { address, names: &[] };
        let plays = roles.is_empty() || roles.iter().any(|role| matrix.plays(&peer, *role).is_some());
        if plays { None } else { roles.first().map(|role| (*role, address)) }
    };
    match (lacks(originator, &row.from), lacks(responder, &row.to)) {
        (Some(end), None) | (None, Some(end)) => Some(end),
        (None, None) | (Some(_), Some(_)) => None,
    }
}

/// One more player of a role, and every row that would then speak of it.
fn role_rule(matrix: &Matrix, id: RoleId, address: IpAddr) -> Option<SmallestRule> {
    let role = matrix.role(id)?;
    let known = role.addresses.iter().map(words::range).chain(role.names.iter().cloned());
    let players: Vec<String> = known.chain([address.to_string()]).map(|player| quoted(&player)).collect();
    let rows: Vec<&str> = matrix
        .rows
        .iter()
        .filter(|row| row.from.contains(&id) || row.to.contains(&id))
        .map(|row| row.id.as_str())
        .collect();
    Some(SmallestRule {
        site: format!("[roles]\n{} = [{}]\n", role.id, players.join(", ")),
        pack: String::new(),
        allows: words::allowed_by_role(address, &role.title, &rows),
    })
}

/// A row of its own for this pair and service. An end that plays a role is named by it.
fn row_rule(matrix: &Matrix, group: &Group<'_>, originator: IpAddr, responder: IpAddr, port: u16) -> SmallestRule {
    let ends = [originator, responder].map(|address| End::of(matrix, address));
    let [from, to] = &ends;
    let service = words::service(group.key.transport, port);
    let mut spoken = group.flows().filter_map(payload::application);
    let application = spoken.next().map_or("any", crate::dissect::Application::name);
    let fresh: Vec<&End> = ends.iter().filter(|end| end.fresh).collect();
    // A pack declares every role that its rows name; the same role of another pack is the same role.
    let mut titles: Vec<String> =
        ends.iter().map(|end| format!("[roles.{}]\ntitle = {}\n\n", end.role, quoted(&end.title))).collect();
    titles.dedup();
    let roles = titles.concat();
    let bound: String = fresh.iter().map(|end| format!("{} = [\"{}\"]\n", end.role, end.address)).collect();
    let id = format!("LOCAL-{}-{port}", group.key.transport).to_uppercase();
    SmallestRule {
        site: if bound.is_empty() { bound } else { format!("[roles]\n{bound}") },
        pack: format!(
            "{roles}[[row]]\nid = \"{id}\"\nfrom = \"{}\"\nto = \"{}\"\nservices = [\"{application} {service}\"]\nneed = \"optional\"\n",
            from.role, to.role
        ),
        allows: words::allowed_by_row(&from.title, &to.title, &service),
    }
}

/// One end of a row that does not exist yet.
struct End {
    address: IpAddr,
    role: String,
    title: String,
    /// Nobody has defined the role.
    fresh: bool,
}

impl End {
    fn of(matrix: &Matrix, address: IpAddr) -> Self {
        let audited = |role: &&RoleId| {
            let mut rows = (0u32..).map(crate::matrix::RowId).zip(&matrix.rows);
            rows.any(|(id, row)| super::is_audited(matrix, id) && (row.from.contains(role) || row.to.contains(role)))
        };
        let roles = matrix.roles_at(address);
        let subject = roles.iter().find(|role| **role == matrix.subject);
        let role = subject.or_else(|| roles.iter().find(audited)).and_then(|role| matrix.role(*role));
        match role {
            Some(role) => Self { address, role: role.id.clone(), title: role.title.clone(), fresh: false },
            None => {
                let role = format!("host-{address}").replace(['.', ':'], "-");
                Self { address, role, title: address.to_string(), fresh: true }
            }
        }
    }
}

/// A TOML string.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_narrow_range_has_a_host_to_try() {
        let table = [
            ("10.77.10.11", "10.77.10.12", Some("10.77.10.11")),
            ("10.77.10.11", "10.77.10.13", Some("10.77.10.11")),
            ("10.77.10.0", "10.77.10.3", Some("10.77.10.1")),
            ("10.77.10.64", "10.77.10.127", Some("10.77.10.65")),
            ("10.77.10.64", "10.77.10.128", None),
            ("0.0.0.0", "255.255.255.255", None),
            ("fd77:10::11", "fd77:10::12", Some("fd77:10::11")),
            ("fd77:10::", "fd77:10::3f", Some("fd77:10::1")),
            ("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", None),
        ];
        for (first, last, host) in table {
            let range = first.parse().unwrap()..=last.parse().unwrap();
            assert_eq!(listed(&range), host.map(|host| host.parse().unwrap()), "{first}-{last}");
        }
    }
}
