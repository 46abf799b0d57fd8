//! DNS messages in, look-ups and bindings out, by the rules for names that resist lies: an answer
//! teaches only who asked for it, only what was asked, and only once. Messages are kept as they come
//! and paired when the ledger settles, so that a question and its answer may lie in two pieces.
//! Whether the resolver plays the DNS role is for the audit.

pub(super) mod gap;
mod lookup;

use std::collections::HashMap;
use std::net::IpAddr;

use gap::NameGap;
use lookup::{Lookup, pair};

use super::{Binding, Resolution, ResolutionResult};
use crate::dissect::dns::{self, Message, Reached};
use crate::dissect::ssrp::{self, Asked, Instance};
use crate::flow::{Sighting, Stream};
use crate::wire::{FrameRef, Timestamp};

/// An address and a port.
type End = (IpAddr, u16);

/// Messages kept, and their bytes in memory; what comes beyond that is counted, and leaves a gap until
/// those that were kept have become knowledge.
const MAX_MESSAGES: usize = 262_144;
const MAX_BYTES: usize = 128 * 1024 * 1024;
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
    /// The first messages, up to the budget.
    spoken: Vec<Spoken>,
    /// Bytes of memory that they take.
    held: usize,
    /// Messages beyond the budget, and when they came: the gaps that ended, and the one that lasts.
    unread: u64,
    gaps: Vec<NameGap>,
    lasting: Option<NameGap>,
    /// Questions to and answers of SQL Server browsers.
    pub(super) browsing: Vec<Browsed>,
    /// Some were not kept: one of them could have contradicted those that were.
    pub(super) browsing_overrun: bool,
    /// How many, ever.
    pub(super) browsing_unread: u64,
}

/// What names a ledger knows.
pub(super) struct Settled {
    pub(super) resolutions: Vec<Resolution>,
    pub(super) bindings: Vec<Binding>,
    /// Messages that were not kept, and when they came.
    pub(super) unread: u64,
    pub(super) gaps: Vec<NameGap>,
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
    /// Whether every record that it claims was captured.
    whole: bool,
    reached: Vec<Reached>,
}

/// One message to or of a SQL Server browser.
#[derive(Clone, Debug)]
pub(super) struct Browsed {
    pub(super) at: Timestamp,
    pub(super) frame: FrameRef,
    pub(super) client: End,
    pub(super) server: End,
    pub(super) said: Browsing,
}

/// A question for instances, or an answer that lists some.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Browsing {
    Question(Asked),
    Answer(Vec<Instance>),
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
            if !sighting.ambiguous
                && let Some(message) = dns::parse(payload)
            {
                let place = (sighting.place, sighting.at);
                if let Some(spoken) = Spoken::new(place, message, (source, destination), false) {
                    self.keep(spoken);
                }
            }
        } else if source.1 == BROWSER_PORT || destination.1 == BROWSER_PORT {
            let (at, frame) = (sighting.at, sighting.place);
            let (client, server, said) = if source.1 == BROWSER_PORT {
                (destination, source, Some(Browsing::Answer(ssrp::instances(payload))))
            } else {
                (source, destination, ssrp::asked(payload).map(Browsing::Question))
            };
            let Some(said) = said else { return };
            if self.browsing_overrun || self.browsing.len() >= MAX_MESSAGES {
                self.browsing_overrun = true;
                self.browsing_unread = self.browsing_unread.saturating_add(1);
            } else {
                self.browsing.push(Browsed { at, frame, client, server, said });
            }
        }
    }

    /// Keeps a message while the budget lasts: the first that does not fit ends it, so that pieces keep
    /// what the whole would.
    fn keep(&mut self, spoken: Spoken) {
        let held = self.held.saturating_add(spoken.cost());
        if self.lasting.is_some() || self.spoken.len() >= MAX_MESSAGES || held > MAX_BYTES {
            self.unread = self.unread.saturating_add(1);
            self.lasting = together(self.lasting, Some(NameGap::of_message(spoken.at)));
        } else {
            self.held = held;
            self.spoken.push(spoken);
        }
    }

    /// Adds what the following piece heard.
    pub(super) fn merge(&mut self, mut later: Self) {
        later.spoken.into_iter().for_each(|spoken| self.keep(spoken));
        self.unread = self.unread.saturating_add(later.unread);
        self.gaps.append(&mut later.gaps);
        self.lasting = together(self.lasting, later.lasting);
        self.browsing.append(&mut later.browsing);
        let beyond = self.browsing.len().saturating_sub(MAX_MESSAGES);
        self.browsing_overrun |= later.browsing_overrun || beyond > 0;
        self.browsing.truncate(MAX_MESSAGES);
        let unread = later.browsing_unread.saturating_add(u64::try_from(beyond).unwrap_or(u64::MAX));
        self.browsing_unread = self.browsing_unread.saturating_add(unread);
    }

    /// Look-ups and bindings, with what DNS over TCP said in `streams`.
    pub(super) fn settle(&self, streams: &[Stream]) -> Settled {
        let over_tcp = streams.iter().filter(|stream| stream.server.port == DNS_PORT && !stream.ambiguous);
        let mut told: Vec<Spoken> = over_tcp.flat_map(of_stream).collect();
        told.sort_by_key(|spoken| (spoken.at, spoken.frame));
        let mut lookups: Vec<Lookup<'_>> = Vec::new();
        let mut latest: HashMap<&Exchange, usize> = HashMap::new();
        for spoken in self.spoken.iter().chain(&told) {
            pair(spoken, &mut lookups, &mut latest);
        }
        let gaps = gap::in_order(self.gaps().collect());
        // What was not kept may have been the answer.
        let is_open = |lookup: &&Lookup<'_>| {
            let waited = lookup.asked_last.plus(PATIENCE);
            lookup.answers.is_empty() && gaps.iter().any(|gap| gap.falls_between(lookup.asked_last, waited))
        };
        let told = lookups.iter().filter(|lookup| !is_open(lookup));
        let mut resolutions: Vec<Resolution> = told.filter_map(Lookup::resolution).collect();
        let mut bindings: Vec<Binding> = lookups.iter().flat_map(Lookup::bindings).collect();
        sort(&mut resolutions, &mut bindings);
        Settled { resolutions, bindings, unread: self.unread, gaps }
    }

    /// When messages were not kept, in no order.
    pub(super) fn gaps(&self) -> impl Iterator<Item = NameGap> + '_ {
        self.gaps.iter().copied().chain(self.lasting)
    }

    /// Whether a good part of what may be kept is.
    pub(super) const fn is_half_full(&self) -> bool {
        let messages = self.spoken.len() > MAX_MESSAGES / 2 || self.browsing.len() > MAX_MESSAGES / 2;
        messages || self.held > MAX_BYTES / 2
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
        let gaps = self.gaps().collect();
        let mut settled = Self { browsing: browsed, gaps, browsing_overrun: self.browsing_overrun, ..Self::default() };
        if std::mem::take(&mut self.browsing_overrun) {
            // What was kept of an exchange is not all of it.
            self.browsing.clear();
        }
        let mut stays = Vec::new();
        for (spoken, gone) in std::mem::take(&mut self.spoken).into_iter().zip(gone) {
            if gone { settled.spoken.push(spoken) } else { stays.push(spoken) }
        }
        self.held = stays.iter().map(Spoken::cost).fold(0, usize::saturating_add);
        self.spoken = stays;
        if !self.is_half_full() {
            self.gaps.extend(self.lasting.take());
            self.gaps = gap::in_order(std::mem::take(&mut self.gaps));
        }
        settled
    }
}

/// Look-ups in order of their question, bindings in order of their answer.
pub(super) fn sort(resolutions: &mut [Resolution], bindings: &mut [Binding]) {
    resolutions.sort_by(|a, b| (a.asked, a.question, &a.name, a.kind).cmp(&(b.asked, b.question, &b.name, b.kind)));
    bindings.sort_by(|a, b| (a.from, a.answer, &a.name, a.address).cmp(&(b.from, b.answer, &b.name, b.address)));
}

fn together(a: Option<NameGap>, b: Option<NameGap>) -> Option<NameGap> {
    [a, b].into_iter().flatten().reduce(NameGap::joined)
}

impl Spoken {
    /// Bytes of memory that it takes.
    fn cost(&self) -> usize {
        let reached = match &self.said {
            Said::Question => &[],
            Said::Answer(answer) => answer.reached.as_slice(),
        };
        let aliases = reached.iter().flat_map(|reached| &reached.aliases);
        let texts = aliases.map(|alias| alias.len().saturating_add(size_of::<String>()));
        let fixed = size_of::<Self>().saturating_add(self.exchange.name.len());
        let fixed = fixed.saturating_add(reached.len().saturating_mul(size_of::<Reached>()));
        texts.fold(fixed, usize::saturating_add)
    }

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
            let mut reached = dns::addresses(&message);
            reached.retain(|reached| was_asked_for(reached.address, kind));
            let has_records = !message.answers.is_empty();
            Said::Answer(Answer {
                rcode: message.rcode,
                truncated: message.truncated,
                has_records,
                whole: message.whole,
                reached,
            })
        } else {
            Said::Question
        };
        let exchange = Exchange { client, resolver, over_tcp, id: message.id, name, kind };
        Some(Self { at, frame, exchange, said })
    }
}

/// Whether a question of this DNS type (A, AAAA, HTTPS) is one for such an address: what comes with any other
/// teaches no name.
const fn was_asked_for(address: IpAddr, kind: u16) -> bool {
    match kind {
        1 => address.is_ipv4(),
        28 => address.is_ipv6(),
        65 => true,
        _ => false,
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
