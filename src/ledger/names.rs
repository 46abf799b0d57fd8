//! DNS messages in, look-ups and bindings out, by the rules for names that resist lies: an answer
//! teaches only who asked for it, only what was asked, and only once. Messages are kept as they come
//! and paired when the ledger settles, so that a question and its answer may lie in two pieces.
//! Whether the resolver plays the DNS role is for the audit.

use std::collections::HashMap;
use std::net::IpAddr;

use super::{Binding, Resolution, ResolutionResult};
use crate::dissect::dns::{self, Message, Reached};
use crate::dissect::ssrp::{self, Instance};
use crate::flow::{Sighting, Stream};
use crate::wire::{FrameRef, Timestamp};

/// An address and a port.
type End = (IpAddr, u16);

/// Messages kept; a flood of names beyond that teaches nothing.
const MAX_MESSAGES: usize = 262_144;
/// Port of DNS.
pub(super) const DNS_PORT: u16 = 53;
/// Port of the SQL Server browser (MC-SQLR).
const BROWSER_PORT: u16 = 1434;
const SECOND: i64 = 1_000_000_000;
/// An answer that comes later than this was not waited for.
const PATIENCE: i64 = 10 * SECOND;
/// Different answers to one question that are told apart; so many are forged.
const MAX_ANSWERS: usize = 16;
/// Shortest and longest time to live that is believed, in seconds.
const TIME_TO_LIVE: (u32, u32) = (5, 86_400);
/// Browsers and Windows outlive times to live.
const GRACE: i64 = 300 * SECOND;

/// What was said, in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    spoken: Vec<Spoken>,
    /// Questions to and answers of SQL Server browsers.
    pub(super) browsing: Vec<Browsed>,
}

/// One DNS message.
#[derive(Clone, Debug)]
struct Spoken {
    at: Timestamp,
    frame: FrameRef,
    exchange: Exchange,
    said: Said,
}

/// What pairs an answer with its question.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Exchange {
    client: End,
    resolver: End,
    over_tcp: bool,
    id: u16,
    name: String,
    kind: u16,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Said {
    Question,
    Answer(Answer),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Answer {
    rcode: u8,
    truncated: bool,
    has_records: bool,
    reached: Vec<Reached>,
}

/// One message to or of a SQL Server browser; `answer` is `None` for a question.
#[derive(Clone, Debug)]
pub(super) struct Browsed {
    pub(super) at: Timestamp,
    pub(super) frame: FrameRef,
    pub(super) client: End,
    pub(super) server: End,
    pub(super) answer: Option<Vec<Instance>>,
}

/// Whether datagrams of this port may speak of names.
#[inline]
pub(super) const fn is_read(port: u16) -> bool {
    port == DNS_PORT || port == BROWSER_PORT
}

impl Names {
    /// Takes a UDP datagram that may speak of names.
    pub(super) fn observe(&mut self, sighting: &Sighting, source: End, destination: End, payload: &[u8]) {
        if source.1 == DNS_PORT || destination.1 == DNS_PORT {
            if self.spoken.len() < MAX_MESSAGES
                && !sighting.ambiguous
                && let Some(message) = dns::parse(payload)
            {
                let place = (sighting.place, sighting.at);
                self.spoken.extend(Spoken::new(place, message, (source, destination), false));
            }
        } else if (source.1 == BROWSER_PORT || destination.1 == BROWSER_PORT) && self.browsing.len() < MAX_MESSAGES {
            let (at, frame) = (sighting.at, sighting.place);
            self.browsing.push(if source.1 == BROWSER_PORT {
                let answer = Some(ssrp::instances(payload));
                Browsed { at, frame, client: destination, server: source, answer }
            } else {
                Browsed { at, frame, client: source, server: destination, answer: None }
            });
        }
    }

    /// Adds what the following piece heard.
    pub(super) fn merge(&mut self, mut later: Self) {
        self.spoken.append(&mut later.spoken);
        self.spoken.truncate(MAX_MESSAGES);
        self.browsing.append(&mut later.browsing);
        self.browsing.truncate(MAX_MESSAGES);
    }

    /// Look-ups and bindings, with what DNS over TCP said in `streams`.
    pub(super) fn settle(&self, streams: &[Stream]) -> (Vec<Resolution>, Vec<Binding>) {
        let over_tcp = streams.iter().filter(|stream| stream.server.port == DNS_PORT && !stream.ambiguous);
        let mut told: Vec<Spoken> = over_tcp.flat_map(of_stream).collect();
        told.sort_by_key(|spoken| (spoken.at, spoken.frame));
        let mut lookups: Vec<Lookup<'_>> = Vec::new();
        let mut latest: HashMap<&Exchange, usize> = HashMap::new();
        for spoken in self.spoken.iter().chain(&told) {
            pair(spoken, &mut lookups, &mut latest);
        }
        let mut resolutions: Vec<Resolution> = lookups.iter().filter_map(Lookup::resolution).collect();
        let mut bindings: Vec<Binding> = lookups.iter().flat_map(Lookup::bindings).collect();
        sort(&mut resolutions, &mut bindings);
        (resolutions, bindings)
    }

    /// Whether a good part of what may be kept is.
    pub(super) const fn is_half_full(&self) -> bool {
        self.spoken.len() > MAX_MESSAGES / 2 || self.browsing.len() > MAX_MESSAGES / 2
    }

    /// Takes out the messages that have met whatever belongs to them by the time `since`. A look-up is
    /// never torn: where an exchange goes on, it is parted in front of a question.
    pub(super) fn take_settled(&mut self, since: Timestamp) -> Self {
        let mut parts: HashMap<&Exchange, (Timestamp, Option<usize>)> = HashMap::new();
        for (place, spoken) in self.spoken.iter().enumerate() {
            let (latest, question) = parts.entry(&spoken.exchange).or_insert((spoken.at, None));
            *latest = spoken.at.max(*latest);
            if spoken.said == Said::Question && spoken.at < since {
                *question = Some(place);
            }
        }
        let goes = |place: usize, spoken: &Spoken| {
            parts
                .get(&spoken.exchange)
                .is_some_and(|(latest, question)| *latest < since || question.is_some_and(|question| place < question))
        };
        let gone: Vec<bool> = self.spoken.iter().enumerate().map(|(place, spoken)| goes(place, spoken)).collect();
        let mut latest = HashMap::new();
        for browsed in &self.browsing {
            let last = latest.entry((browsed.client, browsed.server)).or_insert(browsed.at);
            *last = browsed.at.max(*last);
        }
        let (browsed, browsing) = std::mem::take(&mut self.browsing)
            .into_iter()
            .partition(|browsed| latest.get(&(browsed.client, browsed.server)).is_some_and(|last| *last < since));
        self.browsing = browsing;
        let mut settled = Self { spoken: Vec::new(), browsing: browsed };
        let mut stays = Vec::new();
        for (spoken, gone) in std::mem::take(&mut self.spoken).into_iter().zip(gone) {
            if gone { settled.spoken.push(spoken) } else { stays.push(spoken) }
        }
        self.spoken = stays;
        settled
    }
}

/// Look-ups in order of their question, bindings in order of their answer.
pub(super) fn sort(resolutions: &mut [Resolution], bindings: &mut [Binding]) {
    resolutions.sort_by(|a, b| (a.asked, a.question, &a.name, a.kind).cmp(&(b.asked, b.question, &b.name, b.kind)));
    bindings.sort_by(|a, b| (a.from, a.answer, &a.name, a.address).cmp(&(b.from, b.answer, &b.name, b.address)));
}

impl Spoken {
    /// A message of class IN with one question, between a client and port 53; anything else teaches nothing.
    fn new(
        (frame, at): (FrameRef, Timestamp),
        message: Message,
        (source, destination): (End, End),
        over_tcp: bool,
    ) -> Option<Self> {
        let [question] = message.questions.as_slice() else { return None };
        let (client, resolver) = if message.response { (destination, source) } else { (source, destination) };
        if resolver.1 != DNS_PORT || question.class != 1 || message.opcode != 0 {
            return None;
        }
        let (name, kind) = (question.name.clone(), question.kind);
        let said = if message.response {
            let reached = dns::addresses(&message);
            let has_records = !message.answers.is_empty();
            Said::Answer(Answer { rcode: message.rcode, truncated: message.truncated, has_records, reached })
        } else {
            Said::Question
        };
        let exchange = Exchange { client, resolver, over_tcp, id: message.id, name, kind };
        Some(Self { at, frame, exchange, said })
    }
}

fn of_stream(stream: &Stream) -> Vec<Spoken> {
    let (client, server) = ((stream.client.address, stream.client.port), (stream.server.address, stream.server.port));
    let mut found = Vec::new();
    for (stretch, ends) in [(&stream.asked, (client, server)), (&stream.answered, (server, client))] {
        if !stretch.from_start {
            continue;
        }
        let mut end: usize = 0;
        for bytes in dns::tcp_messages(&stretch.bytes) {
            end = end.saturating_add(bytes.len()).saturating_add(2);
            if let (Some(place), Some(message)) = (stretch.place(end.saturating_sub(1)), dns::parse(bytes)) {
                found.extend(Spoken::new(place, message, ends, true));
            }
        }
    }
    found
}

/// A question, its repeats, and what came back.
#[derive(Debug)]
struct Lookup<'a> {
    exchange: &'a Exchange,
    asked: Timestamp,
    asked_last: Timestamp,
    question: FrameRef,
    questions: usize,
    answers: Vec<(Timestamp, FrameRef, &'a Answer)>,
}

fn pair<'a>(spoken: &'a Spoken, lookups: &mut Vec<Lookup<'a>>, latest: &mut HashMap<&'a Exchange, usize>) {
    let open = latest.get(&spoken.exchange).copied();
    let open = open.and_then(|position| lookups.get_mut(position));
    let in_time = |lookup: &Lookup<'_>| {
        let waited = spoken.at.since(lookup.asked_last);
        waited >= 0 && (waited <= PATIENCE || spoken.exchange.over_tcp)
    };
    match (&spoken.said, open) {
        (Said::Question, Some(lookup)) if in_time(lookup) => {
            lookup.questions = lookup.questions.saturating_add(1);
            lookup.asked_last = spoken.at;
        }
        (Said::Question, _) => {
            latest.insert(&spoken.exchange, lookups.len());
            lookups.push(Lookup {
                exchange: &spoken.exchange,
                asked: spoken.at,
                asked_last: spoken.at,
                question: spoken.frame,
                questions: 1,
                answers: Vec::new(),
            });
        }
        (Said::Answer(answer), Some(lookup)) if in_time(lookup) => {
            let fresh = || lookup.answers.iter().all(|(.., known)| *known != answer);
            if lookup.answers.len() < MAX_ANSWERS && fresh() {
                lookup.answers.push((spoken.at, spoken.frame, answer));
            }
        }
        // An answer that nobody asked for, or asked for long ago.
        (Said::Answer(_), _) => {}
    }
}

impl Lookup<'_> {
    /// More answers than questions: one of them is forged, and nobody can say which.
    fn is_conflicting(&self) -> bool {
        self.answers.len() > self.questions || self.answers.len() >= MAX_ANSWERS
    }

    /// The look-up as reports tell it; `None` where the answer went on over TCP, which tells it.
    fn resolution(&self) -> Option<Resolution> {
        let whole = self.answers.iter().find(|(.., answer)| !answer.truncated);
        if whole.is_none() && !self.answers.is_empty() {
            return None;
        }
        let result = match whole {
            None => ResolutionResult::Unanswered,
            Some(_) if self.is_conflicting() => ResolutionResult::Conflicting,
            Some((.., answer)) if answer.rcode != 0 => ResolutionResult::Failed(answer.rcode),
            Some((.., answer)) if has_content(answer, self.exchange.kind) => ResolutionResult::Resolved,
            Some(_) => ResolutionResult::Empty,
        };
        Some(Resolution {
            client: self.exchange.client.0,
            resolver: self.exchange.resolver.0,
            name: self.exchange.name.clone(),
            kind: self.exchange.kind,
            asked: self.asked,
            question: self.question,
            answer: whole.map(|(_, frame, _)| *frame),
            result,
        })
    }

    fn bindings(&self) -> Vec<Binding> {
        if self.is_conflicting() {
            return Vec::new();
        }
        let whole = self.answers.iter().filter(|(.., answer)| !answer.truncated && answer.rcode == 0);
        whole
            .flat_map(|(at, frame, answer)| answer.reached.iter().map(|reached| (*at, *frame, reached)))
            .filter(|(.., reached)| is_bindable(reached.address))
            .map(|(at, frame, reached)| self.binding(at, frame, reached))
            .collect()
    }

    fn binding(&self, at: Timestamp, frame: FrameRef, reached: &Reached) -> Binding {
        let lives = reached.ttl.clamp(TIME_TO_LIVE.0, TIME_TO_LIVE.1);
        let lives = i64::from(lives).saturating_mul(SECOND).saturating_add(GRACE);
        Binding {
            client: self.exchange.client.0,
            resolver: self.exchange.resolver.0,
            address: reached.address,
            name: self.exchange.name.clone(),
            aliases: reached.aliases.clone(),
            from: at,
            until: at.plus(lives),
            question: self.question,
            answer: frame,
        }
    }
}

/// DNS types whose answer is an address: A, AAAA.
const fn has_content(answer: &Answer, kind: u16) -> bool {
    match kind {
        1 | 28 => !answer.reached.is_empty(),
        _ => answer.has_records,
    }
}

/// Whether a name may stand for this address at all: a name that leads to oneself, to the link or to
/// many explains no traffic.
fn is_bindable(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            !(address.is_loopback()
                || address.is_link_local()
                || address.is_multicast()
                || address.is_broadcast()
                || address.octets().first() == Some(&0))
        }
        IpAddr::V6(address) => {
            let mapped = address.to_ipv4_mapped().is_none_or(|address| is_bindable(IpAddr::V4(address)));
            mapped
                && !(address.is_loopback()
                    || address.is_unspecified()
                    || address.is_unicast_link_local()
                    || address.is_multicast())
        }
    }
}
