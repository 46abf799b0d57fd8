//! Messages in, look-ups out: a question, its repeats, and the answers that came in time. What more
//! answers than questions came to is believed of none of them.

use std::collections::HashMap;
use std::net::IpAddr;

use super::{Answer, Binding, Exchange, GRACE, MAX_ANSWERS, PATIENCE, Reached, Resolution, ResolutionResult, SECOND};
use super::{Said, Spoken, TIME_TO_LIVE};
use crate::wire::{FrameRef, Timestamp};

/// A question, its repeats, and what came back.
#[derive(Debug)]
pub(super) struct Lookup<'a> {
    exchange: &'a Exchange,
    asked: Timestamp,
    pub(super) asked_last: Timestamp,
    question: FrameRef,
    questions: usize,
    pub(super) answers: Vec<(Timestamp, FrameRef, &'a Answer)>,
}

pub(super) fn pair<'a>(spoken: &'a Spoken, lookups: &mut Vec<Lookup<'a>>, latest: &mut HashMap<&'a Exchange, usize>) {
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
    /// More answers than questions that do not say the same: one of them is forged, and nobody can say which.
    fn is_conflicting(&self) -> bool {
        let answers = || self.answers.iter().map(|(.., answer)| *answer);
        let different =
            answers().enumerate().filter(|(place, answer)| !answers().take(*place).any(|a| a.agrees(answer)));
        self.answers.len() >= MAX_ANSWERS || different.count() > self.questions
    }

    /// The look-up as reports tell it; `None` where the answer went on over TCP, which tells it.
    pub(super) fn resolution(&self) -> Option<Resolution> {
        let whole = self.answers.iter().find(|(.., answer)| !answer.truncated);
        if whole.is_none() && !self.answers.is_empty() {
            return None;
        }
        let result = match whole {
            None => ResolutionResult::Unanswered,
            Some(_) if self.is_conflicting() => ResolutionResult::Conflicting,
            Some((.., answer)) if answer.rcode != 0 => ResolutionResult::Failed(answer.rcode),
            Some((.., answer)) if has_content(answer, self.exchange.kind) => ResolutionResult::Resolved,
            Some((.., answer)) if !answer.whole => ResolutionResult::Cut,
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

    pub(super) fn bindings(&self) -> Vec<Binding> {
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
            pushed_out: None,
            question: self.question,
            answer: frame,
        }
    }
}

impl Answer {
    /// Whether another answer leads to the same addresses by the same names. Caches count times to live down and
    /// turn the order of records; each of such answers binds for its own time.
    fn agrees(&self, other: &Self) -> bool {
        let content = |answer: &Self| {
            let mut reached: Vec<_> = answer.reached.iter().map(|r| (r.address, r.aliases.clone())).collect();
            reached.sort_unstable();
            reached.dedup();
            (answer.rcode, answer.truncated, answer.has_records, answer.whole, reached)
        };
        self == other || content(self) == content(other)
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
