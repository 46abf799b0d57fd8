//! The ledger's names against a model that is too simple to be wrong: any sequence of questions and
//! answers, however they repeat, race, come late or belong to nobody, binds the same addresses for the same
//! times in both, in one go and in two pieces.
#![forbid(unsafe_code)]

#[cfg(test)]
mod model {
    use std::collections::BTreeSet;

    use flowaudit::ledger::{Ledger, Observation, Options};
    use flowaudit::wire::{Course, Frame, FrameRef, LinkType, Timestamp};
    use proptest::prelude::*;

    const MILLISECOND: i64 = 1_000_000;
    const NAMES: [&str; 2] = ["a.example", "b.a.example"];

    /// What tells an exchange from every other: client, resolver, port, identifier, name.
    type Exchange = (u8, u8, u8, u8, usize);

    #[derive(Clone, Debug)]
    struct Event {
        /// In milliseconds.
        at: i64,
        exchange: Exchange,
        /// Addresses and seconds that they hold; nothing for a question.
        answer: Option<(Vec<u8>, u32)>,
    }

    /// Client, resolver, address, name, from, until.
    type Bound = (String, String, String, String, i64, i64);

    fn events() -> impl Strategy<Value = Vec<Event>> {
        let waits = prop::sample::select(vec![0, 1, 50, 4_000, 9_999, 10_000, 10_001, 30_000]);
        let exchange = (1_u8..3, 11_u8..12, 0_u8..1, 0_u8..2, 0..NAMES.len());
        let answer = (prop::collection::vec(1_u8..4, 0..3), prop::sample::select(vec![0, 60, 200_000]));
        let event = (waits, exchange, prop::option::of(answer));
        prop::collection::vec(event, 1..40).prop_map(|events| {
            let mut now = 1_000;
            let timed = events.into_iter().map(|(wait, exchange, answer)| {
                now += wait;
                Event { at: now, exchange, answer }
            });
            timed.collect()
        })
    }

    /// A look-up is a question with its repeats, each within ten seconds of the one before; an answer belongs
    /// to the look-up that was asked for last, within ten seconds; and of look-ups with more different
    /// answers than questions nothing is believed.
    fn simple(events: &[Event]) -> BTreeSet<Bound> {
        let mut bound = BTreeSet::new();
        let exchanges: BTreeSet<Exchange> = events.iter().map(|event| event.exchange).collect();
        for exchange in exchanges {
            let own: Vec<&Event> = events.iter().filter(|event| event.exchange == exchange).collect();
            let asked: Vec<usize> = (0..own.len()).filter(|place| own[*place].answer.is_none()).collect();
            let begins: Vec<usize> = (0..asked.len())
                .filter(|nth| *nth == 0 || own[asked[*nth]].at - own[asked[*nth - 1]].at > 10_000)
                .map(|nth| asked[nth])
                .collect();
            for (nth, begin) in begins.iter().enumerate() {
                let end = begins.get(nth + 1).copied().unwrap_or(own.len());
                let look_up = &own[*begin..end];
                let questions = look_up.iter().filter(|event| event.answer.is_none()).count();
                let mut answers: Vec<(i64, &(Vec<u8>, u32))> = Vec::new();
                for (place, event) in look_up.iter().enumerate() {
                    let Some(answer) = &event.answer else { continue };
                    let last = look_up[..place].iter().rev().find(|event| event.answer.is_none()).unwrap();
                    if event.at - last.at <= 10_000 && answers.iter().all(|(_, known)| *known != answer) {
                        answers.push((event.at, answer));
                    }
                }
                let contents: BTreeSet<BTreeSet<u8>> =
                    answers.iter().map(|(_, (addresses, _))| addresses.iter().copied().collect()).collect();
                if contents.len() > questions {
                    continue;
                }
                for (at, (addresses, lives)) in answers {
                    let until = at + i64::from((*lives).clamp(5, 86_400)) * 1_000 + 300_000;
                    bound.extend(addresses.iter().map(|address| line(exchange, *address, at, until)));
                }
            }
        }
        bound
    }

    fn line((client, resolver, _, _, name): Exchange, address: u8, from: i64, until: i64) -> Bound {
        let host = |last: u8| format!("10.0.0.{last}");
        (host(client), host(resolver), format!("198.51.100.{address}"), NAMES[name].to_owned(), from, until)
    }

    fn message(event: &Event) -> Vec<u8> {
        let (client, resolver, port, id, name) = event.exchange;
        let labels = NAMES[name].split('.').flat_map(|label| [&[label.len() as u8], label.as_bytes()].concat());
        let question: Vec<u8> = labels.chain([0, 0, 1, 0, 1]).collect();
        let mut content = match &event.answer {
            None => [&[0, id, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0], &question[..]].concat(),
            Some((addresses, _)) => {
                [&[0, id, 0x81, 0x80, 0, 1, 0, addresses.len() as u8, 0, 0, 0, 0], &question[..]].concat()
            }
        };
        if let Some((addresses, lives)) = &event.answer {
            for address in addresses {
                content.extend(
                    [&[0xc0, 12, 0, 1, 0, 1][..], &lives.to_be_bytes(), &[0, 4, 198, 51, 100, *address]].concat(),
                );
            }
        }
        let (asking, answering) = (([10, 0, 0, client], 4000 + u16::from(port)), ([10, 0, 0, resolver], 53));
        let (from, to) = if event.answer.is_none() { (asking, answering) } else { (answering, asking) };
        let length = u16::try_from(content.len() + 8).unwrap();
        let udp = [from.1, to.1, length, 0].map(u16::to_be_bytes).concat();
        let ip = [&[0x45, 0], &(length + 20).to_be_bytes()[..], &[0, 1, 0, 0, 64, 17, 0, 0]].concat();
        [&ip[..], &from.0, &to.0, &udp, &content].concat()
    }

    fn observe(events: &[Event], cut: usize) -> Observation {
        let piece = |continuation, numbered: &mut dyn Iterator<Item = (u32, &Event)>| {
            let mut ledger = Ledger::new(Options { continuation, ..Options::default() });
            for (number, event) in numbered {
                let bytes = message(event);
                ledger.observe(&Frame {
                    at: Timestamp::from_nanoseconds(event.at * MILLISECOND),
                    link: LinkType(101),
                    tap: 0,
                    place: FrameRef { input: 0, number },
                    bytes: &bytes,
                    wire_length: u32::try_from(bytes.len()).unwrap(),
                    course: Course::Unknown,
                    packet_id: None,
                    dropped: false,
                });
            }
            ledger
        };
        let numbered = || (1..).zip(events);
        let earlier = piece(false, &mut numbered().take(cut));
        Ledger::merge(earlier, piece(true, &mut numbered().skip(cut))).settle()
    }

    /// The model itself, on what is plain.
    #[test]
    fn one_question_and_one_answer() {
        let exchange = (1, 11, 0, 0, 0);
        let ask = |at| Event { at, exchange, answer: None };
        let tell = |at, address| Event { at, exchange, answer: Some((vec![address], 60)) };
        let check = |events: &[Event], expected: &[Bound]| {
            assert_eq!(simple(events), expected.iter().cloned().collect());
        };
        check(&[ask(0), tell(20, 1)], &[line(exchange, 1, 20, 360_020)]);
        check(&[tell(20, 1), ask(30)], &[]);
        check(&[ask(0), tell(10_001, 1)], &[]);
        check(&[ask(0), tell(20, 1), tell(30, 2)], &[]);
        check(
            &[ask(0), ask(10), tell(20, 1), tell(30, 2)],
            &[line(exchange, 1, 20, 360_020), line(exchange, 2, 30, 360_030)],
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        #[test]
        fn the_same_addresses_are_bound(events in events(), cut in any::<prop::sample::Index>()) {
            let seen = observe(&events, cut.index(events.len() + 1));
            let bound: BTreeSet<Bound> = seen.bindings.iter().map(|binding| (
                binding.client.to_string(),
                binding.resolver.to_string(),
                binding.address.to_string(),
                binding.name.clone(),
                binding.from.nanoseconds() / MILLISECOND,
                binding.until.nanoseconds() / MILLISECOND,
            )).collect();
            prop_assert_eq!(bound, simple(&events));
        }
    }
}
