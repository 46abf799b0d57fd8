//! What the program says of a capture, held against one fact of another program.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;

use flowaudit::dissect::rpc::interface_name;
use flowaudit::dissect::{Payload, Recognised};
use flowaudit::flow::Conversation;
use flowaudit::ledger::{Ledger, Observation, Options, ResolutionResult};

use crate::said::{End, Said};

/// One capture as the program read it.
pub struct Ours {
    observation: Observation,
    /// Indices of flows by both ends, the lower first.
    by_ends: BTreeMap<[End; 2], Vec<usize>>,
}

fn ordered([a, b]: [End; 2]) -> [End; 2] {
    if a <= b { [a, b] } else { [b, a] }
}

fn recognised(flow: &Conversation) -> Option<&Recognised> {
    match &*flow.payload {
        Payload::Recognised(recognised) => Some(recognised),
        Payload::None | Payload::NotCaptured | Payload::NotRecognised => None,
    }
}

impl Ours {
    /// Observes a capture; `None` when it is no capture.
    pub fn read(path: &Path) -> Option<Self> {
        let mut ledger = Ledger::new(Options::default());
        crate::frames::read(path)?.iter().for_each(|frame| ledger.observe(&frame.frame()));
        let observation = ledger.settle();
        let mut by_ends: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (index, flow) in observation.flows.iter().enumerate() {
            let end = |end: &flowaudit::flow::Endpoint| (end.address, end.port);
            by_ends.entry(ordered([end(&flow.originator()), end(&flow.responder())])).or_default().push(index);
        }
        Some(Self { observation, by_ends })
    }

    fn flows(&self, ends: [End; 2]) -> impl Iterator<Item = &Conversation> {
        let indices = self.by_ends.get(&ordered(ends)).map(Vec::as_slice).unwrap_or_default();
        indices.iter().filter_map(|index| self.observation.flows.get(*index))
    }

    /// The difference in words; `None` where both say the same.
    pub fn differs(&self, said: &Said) -> Option<String> {
        match said {
            Said::Application { ends, word, one_of } => {
                let seen: Vec<_> =
                    self.flows(*ends).map(|flow| recognised(flow).and_then(|known| known.application)).collect();
                let fits = |seen: &Option<_>| seen.map_or(one_of.is_empty(), |seen| one_of.contains(&seen));
                let here = seen.first().map_or("no flow", |seen| seen.map_or("nothing", |seen| seen.name()));
                (!seen.iter().any(fits)).then(|| format!("{word}, here {here}"))
            }
            Said::Name { ends, name } => {
                let states = |flow: &Conversation| {
                    recognised(flow).is_some_and(|known| known.claims.iter().any(|claim| claim.name == *name))
                };
                (!self.flows(*ends).any(states)).then(|| format!("name {name}"))
            }
            Said::Client { ends, word } => {
                let [asking, _] = *ends;
                let asks = |flow: &Conversation| (flow.originator().address, flow.originator().port) == asking;
                (!self.flows(*ends).any(asks)).then(|| format!("{word} asked by {}:{}", asking.0, asking.1))
            }
            Said::Interface { ends, name } => {
                let called = |uuid: &str| interface_name(uuid) == Some(name);
                let binds = |flow: &Conversation| {
                    recognised(flow).is_some_and(|known| known.interfaces.iter().any(|(uuid, _)| called(uuid)))
                };
                (!self.flows(*ends).any(binds)).then(|| format!("interface {name}"))
            }
            Said::Asked { client, resolver, name, kind, rcode } => {
                self.asked(*client, *resolver, (name, *kind), *rcode)
            }
            Said::Resolved { client, resolver, address } => {
                let given = self.observation.bindings.iter().any(|binding| {
                    (binding.client, binding.resolver, binding.address) == (*client, *resolver, *address)
                });
                (!given).then(|| "an address that DNS gave, bound to no name here".to_owned())
            }
            Said::Announced { client, server, interface, port } => {
                let told = self.observation.announcements.iter().any(|known| {
                    (known.client, known.server, known.port) == (*client, *server, *port)
                        && known.interface == *interface
                });
                (!told).then(|| format!("{server} announced {port} to {client}"))
            }
        }
    }

    fn asked(&self, client: IpAddr, resolver: IpAddr, question: (&str, u16), rcode: Option<u8>) -> Option<String> {
        let (name, kind) = question;
        let same = self.observation.resolutions.iter().filter(|seen| {
            (seen.client, seen.resolver, seen.name.as_str(), seen.kind) == (client, resolver, name, kind)
        });
        let results: Vec<ResolutionResult> = same.map(|seen| seen.result).collect();
        let fits = |result: &ResolutionResult| match (result, rcode) {
            (ResolutionResult::Unanswered, None) => true,
            (ResolutionResult::Resolved | ResolutionResult::Empty, Some(0)) => true,
            (ResolutionResult::Failed(ours), Some(theirs)) => *ours == theirs,
            _ => false,
        };
        let rcode = rcode.map_or("no answer".to_owned(), |rcode| format!("rcode {rcode}"));
        (!results.iter().any(fits)).then(|| format!("look-up of {name} type {kind}, {rcode}; here {results:?}"))
    }
}
