//! What endpoint mappers, DCOM activations and SQL Server browsers said in, announced ports out. An
//! announcement holds for the client that asked and the server that answered; whether the server
//! plays the role is for the audit.

use std::collections::HashMap;
use std::net::IpAddr;

use super::names::{Browsed, Browsing, Names};
use super::{Announcement, Announcer};
use crate::dissect::ssrp::{Asked, Instance};
use crate::dissect::{dcom, epm, name};
use crate::flow::{Conversation, DirectionBasis, Stream};
use crate::wire::Timestamp;

/// Port of the endpoint mapper.
const MAPPER_PORT: u16 = 135;
/// What announcements of DCOM say in place of an interface: a binding serves all of a machine's objects.
const DCOM: &str = "dcom";
/// A browser that answers later than this was not waited for, in nanoseconds.
const PATIENCE: i64 = 10_000_000_000;

/// Every announcement, in order.
pub(super) fn settle(streams: &[Stream], names: &Names) -> Vec<Announcement> {
    let mappers = streams.iter().filter(|stream| is_heard(stream));
    let mut found: Vec<Announcement> = mappers.flat_map(of_stream).collect();
    if !names.browsing_overrun {
        found.extend(of_browsers(&names.browsing));
    }
    sort(&mut found);
    found
}

/// In order of time, each once.
pub(super) fn sort(found: &mut Vec<Announcement>) {
    found.sort_by(|a, b| {
        let places = (a.at, a.frame, a.port, &a.interface).cmp(&(b.at, b.frame, b.port, &b.interface));
        places.then_with(|| (a.elsewhere, &a.host).cmp(&(b.elsewhere, &b.host)))
    });
    found.dedup();
}

/// Turns flows whose direction rests on ports or order, and one of whose ends is an announced port.
pub(super) fn orient(flows: &mut [Conversation], announcements: &[Announcement]) {
    let mut served: Vec<(IpAddr, u16)> = announcements.iter().map(|known| (known.server, known.port)).collect();
    served.sort_unstable();
    let serves = |address, port| served.binary_search(&(address, port)).is_ok();
    for flow in flows.iter_mut().filter(|flow| flow.direction_basis >= DirectionBasis::Port && flow.folded() == 0) {
        let forward = serves(flow.responder().address, flow.responder().port);
        let backward = serves(flow.originator().address, flow.originator().port);
        match (forward, backward) {
            (true, false) => flow.direction_basis = DirectionBasis::Announcement,
            (false, true) => *flow = flow.clone().turned(DirectionBasis::Announcement),
            (true, true) | (false, false) => {}
        }
    }
}

fn is_heard(stream: &Stream) -> bool {
    let whole = stream.asked.from_start && stream.answered.from_start;
    stream.server.port == MAPPER_PORT && stream.opened && whole && !stream.ambiguous
}

fn of_stream(stream: &Stream) -> Vec<Announcement> {
    let (asked, answered) = (&stream.asked.bytes, &stream.answered.bytes);
    let announce = |by, (elsewhere, host): (Option<IpAddr>, Option<String>), port, interface: String, offset| {
        let (frame, at) = stream.answered.place(offset)?;
        let (client, server) = (stream.client.address, stream.server.address);
        let elsewhere = elsewhere.filter(|address| *address != server && !address.is_unspecified());
        Some(Announcement { client, server, elsewhere, host, port, by, interface, at, frame })
    };
    let mapped = epm::announcements(asked, answered).into_iter().filter_map(|given| {
        let address = given.address.map(IpAddr::V4);
        announce(Announcer::EndpointMapper, (address, None), given.port, given.interface, given.offset)
    });
    let bindings = dcom::bindings(asked, answered);
    // A machine with several addresses gives them all: only when none is its own does it speak of another.
    let own = bindings.iter().any(|given| given.host.parse() == Ok(stream.server.address));
    let activated = bindings.into_iter().filter_map(|given| {
        let speaks_for = match given.host.parse::<IpAddr>() {
            _ if own => (None, None),
            Ok(address) => (Some(address), None),
            Err(_) => (None, Some(name::from_text(given.host.as_bytes())?)),
        };
        announce(Announcer::Activation, speaks_for, given.port?, DCOM.to_owned(), given.offset)
    });
    mapped.chain(activated).collect()
}

/// One question, one answer: a second and different one makes both worthless.
fn of_browsers(browsing: &[Browsed]) -> Vec<Announcement> {
    let mut questions = HashMap::new();
    let mut answered: HashMap<_, (&Browsed, &Asked, bool)> = HashMap::new();
    for message in browsing {
        let ends = (message.client, message.server);
        match &message.said {
            Browsing::Question(asked) => {
                questions.insert(ends, (message.at, asked));
            }
            Browsing::Answer(_) => {
                let in_time = |(at, _): &&(Timestamp, &Asked)| message.at.since(*at) <= PATIENCE;
                let Some((_, asked)) = questions.get(&ends).filter(in_time) else { continue };
                let (first, _, agreed) = answered.entry(ends).or_insert((message, asked, true));
                *agreed &= first.said == message.said;
            }
        }
    }
    let agreed = answered.into_values().filter(|(.., agreed)| *agreed);
    agreed.flat_map(|(answer, asked, _)| of_answer(answer, asked)).collect()
}

/// What an answer says of the instances that were asked for.
fn of_answer(answer: &Browsed, asked: &Asked) -> Vec<Announcement> {
    let Browsing::Answer(instances) = &answer.said else { return Vec::new() };
    let meant = instances.iter().filter(|instance| asked.means(&instance.name));
    let announcement = |instance: &Instance| Announcement {
        client: answer.client.0,
        server: answer.server.0,
        elsewhere: None,
        host: None,
        port: instance.port,
        by: Announcer::Browser,
        interface: instance.name.clone(),
        at: answer.at,
        frame: answer.frame,
    };
    meant.map(announcement).collect()
}
