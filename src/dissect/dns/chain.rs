//! An answer in, the addresses that it gives for its question out: the walk over CNAME and DNAME
//! records of the answer section (reliability rule: at most 16 steps, no loop, and never a record
//! of another section).

use std::net::IpAddr;

use super::{Data, Message, Record};

/// Most aliases that a walk follows.
const STEPS: usize = 16;

/// An address that an answer gives for the name that was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reached {
    /// The address.
    pub address: IpAddr,
    /// Names along the chain, in order, without the one that was asked.
    pub aliases: Vec<String>,
    /// Smallest time to live along the chain, in seconds.
    pub ttl: u32,
}

/// Addresses reachable from the first question of `message`, in the order of their records.
/// Empty unless the message is an answer without error.
#[must_use]
pub fn addresses(message: &Message) -> Vec<Reached> {
    let Some(question) = message.questions.first() else { return Vec::new() };
    if !message.response || message.rcode != 0 || question.class != 1 {
        return Vec::new();
    }
    let mut at = question.name.clone();
    let mut aliases: Vec<String> = Vec::new();
    let mut ttl = u32::MAX;
    for _ in 0..=STEPS {
        let found = addresses_of(message, &at, &aliases, ttl);
        if !found.is_empty() {
            return found;
        }
        let Some((next, lives)) = step(message, &at) else { return Vec::new() };
        if next == question.name || aliases.contains(&next) {
            return Vec::new();
        }
        ttl = ttl.min(lives);
        aliases.push(next.clone());
        at = next;
    }
    Vec::new()
}

fn addresses_of(message: &Message, owner: &str, aliases: &[String], ttl: u32) -> Vec<Reached> {
    internet(message)
        .filter(|record| record.name == owner)
        .filter_map(|record| {
            let address = match record.data {
                Data::A(address) => IpAddr::V4(address),
                Data::Aaaa(address) => IpAddr::V6(address),
                Data::Cname(_) | Data::Dname(_) | Data::Ptr(_) | Data::Srv(_) | Data::Service(_) | Data::Other => {
                    return None;
                }
            };
            Some(Reached { address, aliases: aliases.to_vec(), ttl: ttl.min(record.ttl) })
        })
        .collect()
}

/// Where `owner` leads: its CNAME, or the subtree move that covers it (RFC 6672 section 2.2).
fn step(message: &Message, owner: &str) -> Option<(String, u32)> {
    internet(message).find_map(|record| match &record.data {
        Data::Cname(target) if record.name == owner => Some((target.clone(), record.ttl)),
        Data::Dname(target) => {
            let kept = owner.strip_suffix(&record.name)?.strip_suffix('.')?;
            Some((format!("{kept}.{target}"), record.ttl))
        }
        Data::Cname(_) | Data::A(_) | Data::Aaaa(_) | Data::Ptr(_) | Data::Srv(_) | Data::Service(_) | Data::Other => {
            None
        }
    })
}

fn internet(message: &Message) -> impl Iterator<Item = &Record> {
    message.answers.iter().filter(|record| record.class == 1)
}

#[cfg(test)]
mod tests {
    use super::super::{Question, parse, tests::ANSWER};
    use super::*;

    fn record(name: &str, data: Data) -> Record {
        Record { name: name.into(), kind: 0, class: 1, ttl: 60, data }
    }

    fn check(answers: Vec<Record>, expected: &[(&str, &[&str])]) {
        let mut message = parse(ANSWER).unwrap();
        message.questions = vec![Question { name: "a.b".into(), kind: 1, class: 1 }];
        message.answers = answers;
        let found = addresses(&message);
        let expected: Vec<Reached> = expected
            .iter()
            .map(|(address, aliases)| Reached {
                address: address.parse().unwrap(),
                aliases: aliases.iter().map(ToString::to_string).collect(),
                ttl: 60,
            })
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn chains() {
        let one = || Data::A("192.0.2.1".parse().unwrap());
        check(vec![record("a.b", one())], &[("192.0.2.1", &[])]);
        check(vec![record("x.b", one())], &[]);
        check(vec![record("c", one()), record("a.b", Data::Cname("c".into()))], &[("192.0.2.1", &["c"])]);
        check(vec![record("b", Data::Dname("d".into())), record("a.d", one())], &[("192.0.2.1", &["a.d"])]);
        check(vec![record("a.b", Data::Cname("c".into())), record("c", Data::Cname("a.b".into()))], &[]);
        check(vec![record("a.b", Data::Cname("a.b".into()))], &[]);
    }

    #[test]
    fn the_smallest_time_to_live_counts() {
        assert_eq!(addresses(&parse(ANSWER).unwrap())[0].ttl, 30);
    }
}
