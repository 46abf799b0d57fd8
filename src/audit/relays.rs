//! Flows to an explicit proxy. A `CONNECT` to a host that the site lists as `proxy` is a flow to its target: the
//! proxy looks the name up itself and connects to nobody else. Without that role it counts for nothing, and is
//! told to the rows that miss it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::payload;
use super::words;
use crate::dissect::{ClaimSource, Payload};
use crate::flow::Conversation;
use crate::matrix::{Matrix, Peer, Row, name_matches};
use crate::wire::Transport;

/// Ports on which proxies commonly listen.
const PORTS: [u16; 2] = [3128, 8080];
/// Targets that are remembered.
const MOST: usize = 4096;

/// Name and port that the flow asks its responder to connect to.
pub(super) fn target(flow: &Conversation) -> Option<(&str, u16)> {
    let claims = payload::recognised(flow)?.claims.iter();
    claims.filter_map(|claim| Some((claim.name.as_str(), port(claim.source)?))).next()
}

const fn port(source: ClaimSource) -> Option<u16> {
    match source {
        ClaimSource::Connect(port) => Some(port),
        ClaimSource::Sni
        | ClaimSource::RivalSni
        | ClaimSource::OuterSni
        | ClaimSource::Host
        | ClaimSource::Certificate
        | ClaimSource::RootDse
        | ClaimSource::CatalogRootDse => None,
    }
}

/// The same, where the responder, by its address and the names that DNS gave to it, is a proxy of this site.
pub(super) fn relayed<'flow>(
    matrix: &Matrix,
    flow: &'flow Conversation,
    bound: &[&crate::ledger::Binding],
) -> Option<(&'flow str, u16)> {
    let target = target(flow)?;
    let names: Vec<&str> = bound.iter().map(|binding| binding.name.as_str()).collect();
    let proxy = matrix.proxy()?;
    matrix.plays(&Peer { address: flow.responder().address, names: &names }, proxy).map(|_| target)
}

/// Flows by which what a row documents may go unseen, each the first of its kind.
#[derive(Default)]
pub(super) struct Detours<'audit> {
    asked: BTreeMap<(&'audit str, u16), &'audit Conversation>,
    unread: BTreeMap<IpAddr, &'audit Conversation>,
}

impl<'audit> Detours<'audit> {
    /// Notes a flow that may go to a proxy.
    pub(super) fn add(&mut self, flow: &'audit Conversation) {
        if !flow.outcome.is_open() || flow.transport != Transport::TCP || flow.folded() > 0 {
            return;
        }
        if let Some(target) = target(flow) {
            if self.asked.len() < MOST {
                self.asked.entry(target).or_insert(flow);
            }
        } else if PORTS.contains(&flow.responder().port) && is_unread(flow) && self.unread.len() < MOST {
            self.unread.entry(flow.originator().address).or_insert(flow);
        }
    }

    /// What may carry the flows of this row, in one sentence. A target that the row names says more than a port.
    pub(super) fn of(&self, matrix: &Matrix, row: &Row) -> Option<String> {
        let plays = |address| {
            let peer = Peer { address, names: &[] };
            row.from.is_empty() || row.from.iter().any(|role| matrix.plays(&peer, *role).is_some())
        };
        let names = || row.to.iter().filter_map(|role| matrix.role(*role)).flat_map(|role| &role.names);
        names().next()?;
        let means = |name: &str, port: u16| {
            let documented = row.atoms.iter().any(|atom| atom.transport == Transport::TCP && atom.ports.contains(port));
            documented && names().any(|pattern| name_matches(pattern, name))
        };
        let asked =
            self.asked.iter().find(|((name, port), flow)| plays(flow.originator().address) && means(name, *port));
        if let Some(((name, port), flow)) = asked {
            return Some(words::asks_a_proxy(flow, name, *port));
        }
        let unread = self.unread.values().find(|flow| plays(flow.originator().address));
        unread.map(|flow| words::may_ask_a_proxy(flow))
    }
}

/// Whether nobody could read what was said on it; what was read and asks for no target is another matter.
fn is_unread(flow: &Conversation) -> bool {
    matches!(*flow.payload, Payload::None | Payload::NotCaptured | Payload::NotRecognised) && !flow.is_mute()
}
