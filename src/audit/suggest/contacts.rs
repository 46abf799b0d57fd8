//! Flows in, the contacts of the subject out: who called whom, what was spoken, and which services
//! of a pack that proves. Bystanders are left out here.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::Subject;
use crate::audit::words;
use crate::dissect::{Application, ClaimSource, Payload};
use crate::flow::Conversation;
use crate::ledger::{Observation, ResolutionResult};
use crate::matrix::{PortTerm, Service};
use crate::wire::FrameRef;

/// The flows of the subject.
pub(super) struct Contacts<'seen> {
    pub(super) observation: &'seen Observation,
    contacts: Vec<Contact<'seen>>,
    /// Addresses by the names under which anybody was given them.
    pub(super) addresses: BTreeMap<&'seen str, Vec<IpAddr>>,
}

/// One flow of the subject, from its side.
pub(super) struct Contact<'seen> {
    pub(super) flow: &'seen Conversation,
    pub(super) peer: IpAddr,
    /// The peer called the subject.
    pub(super) inbound: bool,
}

/// What a flow says about a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Proof {
    /// It is spoken, and it was let through.
    Bytes,
    /// Only the port fits.
    Port,
}

impl<'seen> Contacts<'seen> {
    pub(super) fn new(observation: &'seen Observation, subject: &Subject) -> Self {
        let own = |address: IpAddr| subject.addresses.iter().any(|(known, _)| *known == address);
        let contacts = observation.flows.iter().filter_map(|flow| {
            let (from, to) = (flow.originator().address, flow.responder().address);
            let (peer, inbound) = match (own(from), own(to)) {
                (true, false) => (to, false),
                (false, true) => (from, true),
                (true, true) | (false, false) => return None,
            };
            (is_host(peer) && flow.folded() == 0).then_some(Contact { flow, peer, inbound })
        });
        let mut addresses: BTreeMap<&str, Vec<IpAddr>> = BTreeMap::new();
        for binding in &observation.bindings {
            addresses.entry(&binding.name).or_default().push(binding.address);
        }
        Self { observation, contacts: contacts.collect(), addresses }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Contact<'seen>> {
        self.contacts.iter()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.contacts.is_empty()
    }

    /// `frame 12`, with the name of its input.
    pub(super) fn place(&self, frame: FrameRef) -> String {
        place(self.observation, frame)
    }

    /// Names that the flow states itself or under which its originator was given the address.
    pub(super) fn names_of(&self, contact: &Contact<'seen>) -> Vec<&'seen str> {
        let flow = contact.flow;
        let claims = match &*flow.payload {
            Payload::Recognised(recognised) => recognised.claims.as_slice(),
            Payload::None | Payload::NotCaptured | Payload::NotRecognised => &[],
        };
        let stated = claims.iter().filter(|claim| matches!(claim.source, ClaimSource::Sni | ClaimSource::Host));
        let given = self.observation.bindings.iter().filter(|binding| {
            binding.client == flow.originator().address
                && binding.address == flow.responder().address
                && binding.holds(flow.first)
        });
        let mut names: Vec<&str> = stated.map(|claim| claim.name.as_str()).collect();
        names.extend(given.map(|binding| binding.name.as_str()));
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Whether the answer in this frame is one that somebody asked for.
    pub(super) fn was_asked(&self, answer: FrameRef) -> bool {
        let asked = |result| matches!(result, ResolutionResult::Resolved);
        self.observation.resolutions.iter().any(|known| known.answer == Some(answer) && asked(known.result))
    }
}

impl Contact<'_> {
    /// What this flow says about a service; announced ports say nothing of who a host is.
    pub(super) fn proof(&self, service: &Service) -> Option<Proof> {
        let ports = service.ports.as_deref()?;
        let listed = ports.iter().any(|term| match term {
            PortTerm::Range(range) => range.contains(&self.flow.responder().port),
            PortTerm::Variable { default, .. } => {
                default.as_ref().is_some_and(|range| range.contains(&self.flow.responder().port))
            }
        });
        if !listed || service.announced || service.transport != self.flow.transport {
            return None;
        }
        match (self.application(), service.application) {
            (Some(spoken), Some(documented)) if !spoken.fulfils(documented) => None,
            (Some(_), Some(_)) if self.flow.outcome.is_open() => Some(Proof::Bytes),
            _ => Some(Proof::Port),
        }
    }

    /// Whether it proves one of these services by its bytes.
    pub(super) fn proves(&self, services: &[Service]) -> bool {
        services.iter().any(|service| self.proof(service) == Some(Proof::Bytes))
    }

    pub(super) fn application(&self) -> Option<Application> {
        match &*self.flow.payload {
            Payload::Recognised(recognised) => recognised.application,
            Payload::None | Payload::NotCaptured | Payload::NotRecognised => None,
        }
    }
}

/// `frame 12`, with the name of its input.
pub(super) fn place(observation: &Observation, frame: FrameRef) -> String {
    match observation.inputs.len() {
        0 | 1 => words::frame(FrameRef { input: 0, ..frame }),
        _ => words::frame(frame),
    }
}

/// Whether an address can belong to one host that plays a role.
pub(super) fn is_host(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            !(v4.is_multicast()
                || v4.is_broadcast()
                || v4.is_unspecified()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.octets().last() == Some(&255))
        }
        IpAddr::V6(v6) => !(v6.is_multicast() || v6.is_unspecified() || v6.is_loopback() || v6.is_unicast_link_local()),
    }
}
