//! Where a flow could have been blocked, and what a rule would allow.

use std::net::IpAddr;

pub(in crate::audit) fn peer_says_so(peer: IpAddr) -> String {
    format!("{peer} says so itself, so its service is down or its own firewall rejects it")
}

pub(in crate::audit) fn device_says_so(device: IpAddr) -> String {
    format!("{device} says so, a router or firewall on the path")
}

pub(in crate::audit) fn peer_refuses(peer: IpAddr) -> String {
    format!("the service on {peer} is down, its own firewall refuses it, or a firewall on the path answers in its name")
}

pub(in crate::audit) fn silence(peer: IpAddr) -> String {
    format!("a firewall on the path or on {peer} drops it, or {peer} is down")
}

pub(in crate::audit) fn inspected(peer: IpAddr) -> String {
    format!("an inspecting device on the path, or the service on {peer}, ends it once it has seen what is said")
}

pub(in crate::audit) fn own_drop(host: IpAddr) -> String {
    format!("the firewall of {host} itself, where the capture was taken")
}

/// Rows named at most; a role of a baseline pack may stand in dozens.
const ROWS_SHOWN: usize = 12;

pub(in crate::audit) fn allowed_by_role(address: IpAddr, role: &str, rows: &[&str]) -> String {
    let shown = rows.iter().take(ROWS_SHOWN).copied().collect::<Vec<_>>().join(", ");
    let more = if rows.len() > ROWS_SHOWN { ", …" } else { "" };
    format!("{address} would be one of {role} in every row that speaks of them: {shown}{more}.")
}

pub(in crate::audit) fn allowed_by_row(from: &str, to: &str, service: &str) -> String {
    format!("Every host of {from} could then use {service} of every host of {to}.")
}
