//! `flowaudit matrix explain`: a flow as text, or the number of one in captures, and a site in; why
//! it has its verdict out.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use super::args::ExplainArguments;
use super::exit::Failure;
use super::report::{to_stdout, unwritten_stdout};
use super::{options, seen};
use crate::audit::{Documents, explain};
use crate::dissect::{Application, Claim, ClaimSource, Payload, Recognised};
use crate::flow::{Conversation, DirectionBasis, Endpoint, Marks, Outcome};
use crate::ledger::Observation;
use crate::matrix::{self, Faults, Pack};
use crate::report;
use crate::wire::Transport;

/// Runs `flowaudit matrix explain`.
///
/// # Errors
/// The flow cannot be read or is not there, a capture, a pack or the site is wrong.
pub fn run(arguments: &ExplainArguments) -> Result<u8, Failure> {
    let site = options::site(&arguments.site)?;
    let (audited, baseline) = (load(&site.packs)?, load(&site.baseline)?);
    let documents = Documents { site: &site, audited: &audited, baseline: &baseline };
    let (observation, index) = match arguments.flow {
        Some(number) => (read(&arguments.words)?, usize::try_from(number.get() - 1).unwrap_or(usize::MAX)),
        None => supposed(&arguments.words)?,
    };
    let flows = observation.flows.len();
    let Some(explained) = explain(&observation, index, documents)? else {
        return Err(Failure::plain(format!("there is no such flow: these captures hold {flows} flows")));
    };
    let form = if arguments.json { report::explain::json } else { report::explain::write };
    to_stdout(|out| form(out, &explained)).map(|()| 0).map_err(unwritten_stdout)
}

fn load(names: &[String]) -> Result<Vec<Pack>, Faults> {
    names.iter().map(|name| matrix::load_pack(name)).collect()
}

fn read(captures: &[String]) -> Result<Observation, Failure> {
    if captures.is_empty() {
        return Err(Failure::plain("--flow is the number of a flow in captures: name them too"));
    }
    let paths: Vec<PathBuf> = captures.iter().map(PathBuf::from).collect();
    seen::read(&paths)
}

/// The flow that the first word tells, behind what the captures hold.
fn supposed(words: &[String]) -> Result<(Observation, usize), Failure> {
    let (text, captures) = words.split_first().ok_or_else(|| Failure::plain(SHAPE))?;
    let mut flow = parse(text).map_err(|fault| Failure::plain(format!("`{text}` is no flow: {fault}; {SHAPE}")))?;
    let mut observation = if captures.is_empty() { Observation::default() } else { read(captures)? };
    flow.first = observation.last.unwrap_or_default();
    flow.last = flow.first;
    let index = observation.flows.len();
    observation.flows.push(flow);
    Ok((observation, index))
}

const SHAPE: &str = "write it as 'tcp 10.0.0.5:50000 -> 10.0.0.9:389', and after it what it speaks and names, if known";

/// Reads `TRANSPORT FROM[:PORT] -> TO:PORT [application] [name]`.
fn parse(text: &str) -> Result<Conversation, String> {
    let mut words = text.split_whitespace();
    let mut next = |what: &str| words.next().ok_or_else(|| format!("{what} is missing"));
    let transport = next("the transport")?;
    let transport = Transport::from_name(&transport.to_ascii_lowercase())
        .ok_or_else(|| format!("unknown transport {transport}"))?;
    let has_ports = matches!(transport, Transport::TCP | Transport::UDP | Transport::SCTP);
    let originator = end(next("the source")?, has_ports)?;
    let arrow = next("the arrow")?;
    if !matches!(arrow, "->" | "→") {
        return Err(format!("{arrow} stands where -> should"));
    }
    let responder = end(next("the destination")?, has_ports)?;
    if has_ports && responder.port == 0 {
        return Err(format!("{} stands without the port that is called", responder.address));
    }
    let mut recognised = Recognised::default();
    for word in words {
        match Application::from_name(&word.to_ascii_lowercase()) {
            Some(application) => recognised.application = Some(application),
            None if word.contains('.') => {
                let name = word.strip_suffix('.').unwrap_or(word).to_ascii_lowercase();
                recognised.claims.push(Claim { source: ClaimSource::Sni, name });
            }
            None => return Err(format!("{word} is neither an application nor a name")),
        }
    }
    let is_told = recognised != Recognised::default();
    let payload = if is_told { Payload::Recognised(recognised) } else { Payload::None };
    Ok(conversation(transport, (originator, responder), payload))
}

/// Reads an address, with its port where the transport has some. A bare IPv6 address would take a port for a part
/// of itself.
fn end(text: &str, has_ports: bool) -> Result<Endpoint, String> {
    let inner = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let address = inner.unwrap_or(text).parse::<IpAddr>().ok();
    if has_ports
        && inner.is_none()
        && let Some(IpAddr::V6(bare)) = address
    {
        return Err(format!("{text} may hold a port or none: an IPv6 address stands in brackets, as [{bare}]:443"));
    }
    let end = text.parse::<SocketAddr>().ok().or(address.map(|address| SocketAddr::new(address, 0)));
    let end = end.ok_or_else(|| format!("{text} is no address with a port"))?;
    Ok(Endpoint { address: end.ip(), port: end.port() })
}

/// A flow that went well and of which nothing else is known.
fn conversation(transport: Transport, (originator, responder): (Endpoint, Endpoint), payload: Payload) -> Conversation {
    let stream = transport == Transport::TCP;
    let mut flow = Conversation::new(originator, responder, transport, Arc::new(payload));
    flow.direction_basis = if stream { DirectionBasis::Syn } else { DirectionBasis::Port };
    flow.outcome = if stream { Outcome::Established } else { Outcome::Answered };
    flow.marks = Marks::default();
    flow
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let found = match parse(text) {
            Ok(flow) => {
                let end = |end: Endpoint| SocketAddr::new(end.address, end.port);
                format!("{} {} {}", flow.transport, end(flow.originator()), end(flow.responder()))
            }
            Err(fault) => format!("! {fault}"),
        };
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn flows_as_text() {
        check("tcp 10.0.0.1:5 -> 10.0.0.2:389", "tcp 10.0.0.1:5 10.0.0.2:389");
        check("udp 10.0.0.1 -> [fd77::1]:53 dns", "udp 10.0.0.1:0 [fd77::1]:53");
        check("icmp 10.0.0.1 → 10.0.0.2", "icmp 10.0.0.1:0 10.0.0.2:0");
        check("icmp6 fd77::1 -> fd77::2", "icmp6 [fd77::1]:0 [fd77::2]:0");
        check("tcp [fd77::1] -> [fd77::2]:389", "tcp [fd77::1]:0 [fd77::2]:389");
        const BARE: &str = "may hold a port or none: an IPv6 address stands in brackets";
        check("tcp fd77::1:5 -> [fd77::2]:389", &format!("! fd77::1:5 {BARE}, as [fd77::1:5]:443"));
        check("tcp [fd77::1]:5 -> fd77::2:389", &format!("! fd77::2:389 {BARE}, as [fd77::2:389]:443"));
        check("tcp 10.0.0.1:5 -> 10.0.0.2", "! 10.0.0.2 stands without the port that is called");
        check("udp 10.0.0.1:5 -> [fd77::2]", "! fd77::2 stands without the port that is called");
        check("", "! the transport is missing");
        check("tcb 10.0.0.1 -> 10.0.0.2:1", "! unknown transport tcb");
        check("tcp 10.0.0.1 10.0.0.2:1", "! 10.0.0.2:1 stands where -> should");
        check("tcp 10.0.0.1 ->", "! the destination is missing");
        check("tcp x -> 10.0.0.2:1", "! x is no address with a port");
        check("tcp 10.0.0.1 -> 10.0.0.2:443 nonsense", "! nonsense is neither an application nor a name");
    }
}
