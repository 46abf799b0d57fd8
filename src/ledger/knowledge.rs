//! What was said of names and announced ports, as it stands once its packets need no longer be paired:
//! the same thing said again and again is one entry, and what has run out and explains no flow that is
//! held is forgotten. What is forgotten makes nothing expected: it no longer held, or it leaves a gap.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use super::names::{Names, gap};
use super::{Announcement, Binding, NameGap, Resolution, ResolutionResult, announcements};
use crate::dissect::Payload;
use crate::flow::{Conversation, Stream};
use crate::wire::Timestamp;

/// How long an announced port holds, in nanoseconds: 24 hours.
const ANNOUNCED: i64 = 24 * 3600 * 1_000_000_000;
/// Entries of each sort that are kept; the oldest go first.
const MOST: usize = 65_536;

/// What is known.
#[derive(Clone, Debug, Default)]
pub(super) struct Knowledge {
    pub(super) bindings: Vec<Binding>,
    pub(super) resolutions: Vec<Resolution>,
    pub(super) announcements: Vec<Announcement>,
    /// When bindings began and ended that were let go although they held, and how many they were.
    pub(super) gaps: Vec<NameGap>,
    pub(super) let_go: u64,
}

impl Knowledge {
    /// Adds what finished streams, and messages that are paired among themselves, said.
    pub(super) fn hear(&mut self, streams: &[Stream], spoken: &Names) {
        let told = spoken.settle(streams);
        self.resolutions.extend(told.resolutions);
        self.bindings.extend(told.bindings);
        self.announcements.extend(announcements::settle(streams, spoken));
    }

    /// Whether nothing is known.
    pub(super) const fn is_empty(&self) -> bool {
        self.bindings.is_empty() && self.resolutions.is_empty() && self.announcements.is_empty()
    }

    /// Adds what the following piece knows.
    pub(super) fn merge(&mut self, mut later: Self) {
        self.bindings.append(&mut later.bindings);
        self.resolutions.append(&mut later.resolutions);
        self.announcements.append(&mut later.announcements);
        self.gaps.append(&mut later.gaps);
        self.let_go = self.let_go.saturating_add(later.let_go);
    }

    /// Makes one of what was said again, and forgets what ran out longer than `memory` ago, where none of
    /// `flows` rests on it. `unread` are the times of messages that were not kept.
    pub(super) fn forget(&mut self, now: Timestamp, memory: i64, flows: &[Conversation], unread: &[NameGap]) {
        let starts = Starts::of(flows);
        let horizon = now.plus(memory.saturating_neg());
        self.bindings = spans(std::mem::take(&mut self.bindings), unread);
        self.bindings.retain(|binding| binding.until >= horizon || starts.rest_on(binding));
        self.announcements = latest_and_needed(std::mem::take(&mut self.announcements), horizon, &starts);
        self.resolutions = first_and_last(std::mem::take(&mut self.resolutions));
        let let_go = keep_latest(&mut self.bindings, |binding| binding.until);
        self.let_go = self.let_go.saturating_add(u64::try_from(let_go.len()).unwrap_or(u64::MAX));
        self.gaps.extend(let_go.iter().map(|binding| NameGap::of_binding(binding.from, binding.until)));
        self.gaps = gap::in_order(std::mem::take(&mut self.gaps));
        keep_latest(&mut self.announcements, |announcement| announcement.at);
        // Contradicting answers stay longest: they speak against a name for good.
        keep_latest(&mut self.resolutions, |asked| (asked.result == ResolutionResult::Conflicting, asked.asked));
    }
}

/// When flows began, by what they may rest on; each list in order.
#[derive(Default)]
struct Starts<'flow> {
    to: HashMap<IpAddr, Vec<Timestamp>>,
    claiming: HashMap<&'flow str, Vec<Timestamp>>,
    between: HashMap<(IpAddr, IpAddr, u16), Vec<Timestamp>>,
}

impl<'flow> Starts<'flow> {
    fn of(flows: &'flow [Conversation]) -> Self {
        let mut starts = Self::default();
        for flow in flows {
            starts.to.entry(flow.responder().address).or_default().push(flow.first);
            starts.to.entry(flow.originator().address).or_default().push(flow.first);
            let ends = (flow.originator().address, flow.responder().address, flow.responder().port);
            starts.between.entry(ends).or_default().push(flow.first);
            if let Payload::Recognised(said) = &*flow.payload {
                for claim in &said.claims {
                    starts.claiming.entry(&claim.name).or_default().push(flow.first);
                }
            }
        }
        let lists = starts.to.values_mut().chain(starts.claiming.values_mut()).chain(starts.between.values_mut());
        lists.for_each(|list| list.sort_unstable());
        starts
    }

    fn rest_on(&self, binding: &Binding) -> bool {
        let lists = [self.to.get(&binding.address), self.claiming.get(binding.name.as_str())];
        lists.into_iter().flatten().any(|list| any_within(list, binding.from, binding.until))
    }
}

/// Whether one of the times lies at or after `from` and before `until`.
fn any_within(times: &[Timestamp], from: Timestamp, until: Timestamp) -> bool {
    times.get(times.partition_point(|time| *time < from)).is_some_and(|time| *time < until)
}

/// Bindings of the same name that follow each other become one, unless messages were lost in between:
/// then what came behind is worth more.
fn spans(mut bindings: Vec<Binding>, unread: &[NameGap]) -> Vec<Binding> {
    bindings.sort_by(|a, b| key_of(a).cmp(&key_of(b)).then_with(|| (a.from, a.answer).cmp(&(b.from, b.answer))));
    let mut spans: Vec<Binding> = Vec::with_capacity(bindings.len());
    let parted = |from: Timestamp, until: Timestamp| unread.iter().any(|gap| !gap.spares(from) && gap.spares(until));
    for binding in bindings {
        let follows = |span: &Binding| binding.from <= span.until && !parted(span.from, binding.from);
        match spans.last_mut() {
            Some(span) if key_of(span) == key_of(&binding) && follows(span) => {
                span.until = span.until.max(binding.until);
            }
            Some(_) | None => spans.push(binding),
        }
    }
    spans
}

fn key_of(binding: &Binding) -> (IpAddr, IpAddr, IpAddr, &str, &[String]) {
    (binding.client, binding.resolver, binding.address, &binding.name, &binding.aliases)
}

/// Of each announcement the latest, those that a flow rests on, and, where it leads astray, the first.
fn latest_and_needed(mut all: Vec<Announcement>, horizon: Timestamp, starts: &Starts<'_>) -> Vec<Announcement> {
    let key = |a: &Announcement| (a.client, a.server, a.port, a.by, a.elsewhere);
    all.sort_by(|a, b| {
        (key(a), &a.host, &a.interface, a.at, a.frame).cmp(&(key(b), &b.host, &b.interface, b.at, b.frame))
    });
    all.dedup();
    let mut kept = Vec::new();
    for same in all.chunk_by(|a, b| key(a) == key(b) && a.host == b.host && a.interface == b.interface) {
        let next = same.iter().skip(1).map(|next| Some(next.at)).chain([None]);
        for ((place, announcement), next) in same.iter().enumerate().zip(next) {
            let ends = (announcement.client, announcement.server, announcement.port);
            let runs_out = announcement.at.plus(ANNOUNCED);
            let used = starts.between.get(&ends).is_some_and(|list| {
                any_within(list, announcement.at, next.unwrap_or(runs_out).max(announcement.at.plus(1)))
            });
            let astray =
                (announcement.elsewhere.is_some() || announcement.host.is_some()) && (place == 0 || next.is_none());
            if used || astray || (next.is_none() && runs_out >= horizon) {
                kept.push(announcement.clone());
            }
        }
    }
    kept
}

/// Of look-ups that ended alike the first and the last.
fn first_and_last(mut all: Vec<Resolution>) -> Vec<Resolution> {
    all.sort_by_key(|resolution| (resolution.asked, resolution.question));
    let mut groups: BTreeMap<_, (Resolution, Option<Resolution>)> = BTreeMap::new();
    for resolution in all {
        let ended = match resolution.result {
            ResolutionResult::Resolved => (0, 0),
            ResolutionResult::Empty => (1, 0),
            ResolutionResult::Failed(code) => (2, code),
            ResolutionResult::Unanswered => (3, 0),
            ResolutionResult::Conflicting => (4, 0),
            ResolutionResult::Cut => (5, 0),
        };
        let key = (resolution.client, resolution.resolver, resolution.name.clone(), resolution.kind, ended);
        match groups.get_mut(&key) {
            Some((_, last)) => *last = Some(resolution),
            None => drop(groups.insert(key, (resolution, None))),
        }
    }
    groups.into_values().flat_map(|(first, last)| [Some(first), last]).flatten().collect()
}

/// Lets go of the oldest where there are too many.
fn keep_latest<T, Order: Ord>(all: &mut Vec<T>, order: impl Fn(&T) -> Order) -> Vec<T> {
    if all.len() <= MOST {
        return Vec::new();
    }
    all.sort_by_key(&order);
    all.drain(..all.len().saturating_sub(MOST)).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::flow::Endpoint;
    use crate::wire::{FrameRef, Transport};

    const CLIENT: [u8; 4] = [10, 0, 0, 1];
    const SERVER: [u8; 4] = [10, 0, 0, 2];

    fn at(second: i64) -> Timestamp {
        Timestamp::from_nanoseconds(second * 1_000_000_000)
    }

    fn binding(from: i64, until: i64) -> Binding {
        let frame = FrameRef { input: 0, number: u32::try_from(from).unwrap() };
        Binding {
            client: CLIENT.into(),
            resolver: [10, 0, 0, 3].into(),
            address: SERVER.into(),
            name: "a.example".to_owned(),
            aliases: Vec::new(),
            from: at(from),
            until: at(until),
            pushed_out: None,
            question: frame,
            answer: frame,
        }
    }

    fn flow(first: i64) -> Conversation {
        let (client, server) =
            (Endpoint { address: CLIENT.into(), port: 50_000 }, Endpoint { address: SERVER.into(), port: 443 });
        let payload = Arc::new(Payload::None);
        let mut flow = Conversation::new(client, server, Transport::TCP, payload);
        flow.first = at(first);
        flow
    }

    /// What is left of these spans where an hour is remembered and flows began at `flows`.
    fn check(spans: &[(i64, i64)], now: i64, flows: &[i64], left: &[(i64, i64)]) {
        let bindings = spans.iter().map(|(from, until)| binding(*from, *until)).collect();
        let mut knowledge = Knowledge { bindings, ..Knowledge::default() };
        let flows: Vec<Conversation> = flows.iter().map(|first| flow(*first)).collect();
        knowledge.forget(at(now), 3600 * 1_000_000_000, &flows, &[]);
        let found: Vec<_> = knowledge.bindings.iter().map(|binding| (binding.from, binding.until)).collect();
        let left: Vec<_> = left.iter().map(|(from, until)| (at(*from), at(*until))).collect();
        assert_eq!(found, left, "{spans:?} at {now} with {flows:?}");
    }

    #[test]
    fn names_that_no_longer_hold_are_forgotten() {
        // Said again in time: one span. After a gap: another one.
        check(&[(10, 100), (50, 300), (300, 400), (500, 600)], 700, &[], &[(10, 400), (500, 600)]);
        check(&[(10, 100), (500, 600)], 3650, &[], &[(10, 100), (500, 600)]);
        check(&[(10, 100), (500, 600)], 3750, &[], &[(500, 600)]);
        check(&[(10, 100), (500, 600)], 9999, &[], &[]);
        // A flow that is held rests on it, whenever that was.
        check(&[(10, 100), (500, 600)], 9999, &[50, 700], &[(10, 100)]);
        check(&[(10, 100), (500, 600)], 9999, &[100, 499], &[]);
    }

    #[test]
    fn what_is_let_go_while_it_holds_leaves_a_gap() {
        let numbered = |number: usize| Binding { name: format!("n{number}.example"), ..binding(10, 9_000) };
        let bindings = (0..MOST).map(numbered).chain([binding(20, 8_000)]).collect();
        let mut knowledge = Knowledge { bindings, ..Knowledge::default() };
        knowledge.forget(at(700), 3600 * 1_000_000_000, &[], &[]);
        assert_eq!((knowledge.bindings.len(), knowledge.let_go), (MOST, 1));
        assert_eq!(knowledge.gaps, [NameGap::of_binding(at(20), at(8_000))]);
    }

    #[test]
    fn spans_are_parted_where_messages_were_lost() {
        let both = || vec![binding(10, 900), binding(700, 1600)];
        for (lost, spans_left) in [(None, 1), (Some(300), 2), (Some(650), 1), (Some(800), 1)] {
            let unread: Vec<_> = lost.map(|lost| NameGap::of_message(at(lost))).into_iter().collect();
            assert_eq!(spans(both(), &unread).len(), spans_left, "{lost:?}");
        }
    }
}
