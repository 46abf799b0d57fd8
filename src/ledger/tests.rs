//! What a ledger makes of DNS, of taps and of snap lengths, on frames made here: raw IPv4, so that
//! every byte in them means something.

use super::{Bounds, Ledger, Observation, Options, ResolutionResult};
use crate::wire::{Course, Frame, FrameRef, LinkType, Tally, Timestamp};

/// A UDP datagram: seconds, source and destination (last byte, port), tap, payload.
type Packet = (i64, (u8, u16), (u8, u16), u32, Vec<u8>);

fn observe(packets: &[Packet]) -> Observation {
    let mut ledger = Ledger::new(Options::default());
    for (number, (at, source, destination, tap, payload)) in (1..).zip(packets) {
        let bytes = datagram(*source, *destination, payload);
        ledger.observe(&Frame {
            at: Timestamp::from_nanoseconds(at * 1_000_000),
            link: LinkType(101),
            tap: *tap,
            place: FrameRef { input: 0, number },
            bytes: &bytes,
            wire_length: u32::try_from(bytes.len()).unwrap() + 14,
            course: Course::Unknown,
            packet_id: None,
            dropped: false,
        });
    }
    ledger.settle()
}

fn datagram(source: (u8, u16), destination: (u8, u16), payload: &[u8]) -> Vec<u8> {
    let udp = u16::try_from(payload.len() + 8).unwrap();
    let mut bytes = vec![0x45, 0];
    bytes.extend((udp + 20).to_be_bytes());
    bytes.extend([0, 1, 0, 0, 64, 17, 0, 0, 10, 0, 0, source.0, 10, 0, 0, destination.0]);
    bytes.extend([source.1, destination.1, udp, 0].map(u16::to_be_bytes).concat());
    bytes.extend(payload);
    bytes
}

/// A TCP segment without payload.
fn segment(source: (u8, u16), destination: (u8, u16), sequence: u32, flags: u8) -> Vec<u8> {
    let mut bytes = vec![0x45, 0, 0, 40, 0, 1, 0, 0, 64, 6, 0, 0, 10, 0, 0, source.0, 10, 0, 0, destination.0];
    bytes.extend([source.1, destination.1].map(u16::to_be_bytes).concat());
    bytes.extend(sequence.to_be_bytes());
    bytes.extend([0, 0, 0, 0, 0x50, flags, 4, 0, 0, 0, 0, 0]);
    bytes
}

/// A question for the A record of `example`, or its answer.
fn dns(id: u8, answer: Option<[u8; 4]>) -> Vec<u8> {
    let mut bytes = vec![0, id, if answer.is_some() { 0x81 } else { 1 }, 0, 0, 1];
    bytes.extend([0, u8::from(answer.is_some()), 0, 0, 0, 0]);
    bytes.extend(b"\x07example\0\0\x01\0\x01");
    if let Some(address) = answer {
        bytes.extend(b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04");
        bytes.extend(address);
    }
    bytes
}

#[test]
fn names_are_bound_by_matching_answers_alone() {
    use ResolutionResult::{Conflicting, Resolved, Unanswered};
    let good = Some([192, 0, 2, 1]);
    let (client, server) = ((1, 5000), (53, 53));
    let ask = |at, id| (at, client, server, 0, dns(id, None));
    let tell = |at, id, answer| (at, server, client, 0, dns(id, answer));
    let cases: [(&str, Vec<Packet>, Vec<ResolutionResult>, usize); 8] = [
        ("plain", vec![ask(0, 1), tell(9, 1, good)], vec![Resolved], 1),
        ("said twice", vec![ask(0, 1), tell(9, 1, good), tell(19, 1, good)], vec![Resolved], 1),
        ("another id", vec![ask(0, 1), tell(9, 2, good)], vec![Unanswered], 0),
        ("nobody asked", vec![tell(9, 1, good)], vec![], 0),
        ("too late", vec![ask(0, 1), tell(10_001, 1, good)], vec![Unanswered], 0),
        ("two answers", vec![ask(0, 1), tell(8, 1, Some([6; 4])), tell(9, 1, good)], vec![Conflicting], 0),
        ("to itself", vec![ask(0, 1), tell(9, 1, Some([127, 0, 0, 1]))], vec![Resolved], 0),
        ("another port", vec![ask(0, 1), (9, server, (1, 5001), 0, dns(1, good))], vec![Unanswered], 0),
    ];
    for (what, packets, results, bindings) in cases {
        let seen = observe(&packets);
        let found: Vec<_> = seen.resolutions.iter().map(|resolution| resolution.result).collect();
        assert_eq!((found, seen.bindings.len()), (results, bindings), "{what}");
    }
}

#[test]
fn copies_count_once_and_only_across_taps() {
    let packet = |at, tap| (at, (1, 4000), (2, 9), tap, b"x".to_vec());
    for (packets, copies) in [
        (vec![packet(0, 0), packet(1, 1)], 1),
        (vec![packet(0, 0), packet(1, 0)], 0),
        (vec![packet(0, 0), packet(6, 1)], 0),
        (vec![packet(0, 0), packet(1, 1), packet(2, 0), packet(3, 1)], 2),
        (vec![packet(0, 0), packet(1, 0), packet(2, 1), packet(3, 1)], 2),
    ] {
        let counters = observe(&packets).counters;
        assert_eq!((counters.duplicates, counters.truncated), (copies, 0), "{packets:?}");
    }
}

/// A SYN from port 5000 of host 1 to port 389 of host 2, at a second.
fn try_389(ledger: &mut Ledger, number: u32, seconds: i64) {
    let bytes = segment((1, 5000), (2, 389), 1, 2);
    ledger.observe(&Frame {
        at: Timestamp::from_nanoseconds(seconds * 1_000_000_000),
        link: LinkType(101),
        tap: 0,
        place: FrameRef { input: 0, number },
        bytes: &bytes,
        wire_length: 54,
        course: Course::Unknown,
        packet_id: None,
        dropped: false,
    });
}

#[test]
fn silence_proves_nothing_while_a_clock_is_set() {
    use super::{ClockStep, Input};
    use crate::flow::Outcome;
    let at = |seconds: i64| Timestamp::from_nanoseconds(seconds * 1_000_000_000);
    // A try at one second, and another packet, of no matter whom, at the next of these.
    let outcome = |seconds: &[i64], steps: Vec<ClockStep>| {
        let mut ledger = Ledger::new(Options::default());
        let mut number = 0;
        for (place, second) in seconds.iter().enumerate() {
            number += 1;
            if place == 1 {
                try_389(&mut ledger, number, *second);
            } else {
                let bytes = datagram((9, 9), (8, 8), b"other");
                ledger.observe(&Frame {
                    at: at(*second),
                    link: LinkType(101),
                    tap: 0,
                    place: FrameRef { input: 0, number },
                    bytes: &bytes,
                    wire_length: 60,
                    course: Course::Unknown,
                    packet_id: None,
                    dropped: false,
                });
            }
        }
        ledger.set_inputs(vec![Input { clock_steps: steps, ..Input::default() }], Vec::new());
        let settled = ledger.settle();
        let flow = settled.flows.iter().find(|flow| flow.responder().port == 389).unwrap();
        (flow.outcome, settled.clock_steps.len())
    };
    assert_eq!(outcome(&[1, 2, 40], Vec::new()), (Outcome::Filtered, 0));
    assert_eq!(outcome(&[1, 2, 5], Vec::new()), (Outcome::Pending, 0));
    // Set forward by an hour, three seconds after the try.
    let forward = ClockStep { before: at(5), after: at(3605) };
    assert_eq!(outcome(&[1, 2, 3606], vec![forward]), (Outcome::Pending, 1));
    assert_eq!(outcome(&[1, 3700, 3800], vec![forward]), (Outcome::Filtered, 1));
    // Set back by an hour before the try: the time stamps alone tell.
    assert_eq!(outcome(&[4000, 400, 405], Vec::new()), (Outcome::Pending, 1));
    assert_eq!(outcome(&[4000, 4100, 4200, 4199], Vec::new()), (Outcome::Filtered, 1));
    assert_eq!(outcome(&[1, 2, 40, 39], Vec::new()), (Outcome::Filtered, 1));
}

/// More flows than the cache holds, so that batches look ahead; among them names, copies, cut frames, connections
/// that begin anew and frames that are not plain, at places where batches begin and end.
#[test]
fn a_batch_says_what_its_frames_say() {
    let ethernet = |ethertype: [u8; 2], rest: &[u8]| [&[2; 12][..], &ethertype, rest].concat();
    let mut frames: Vec<(Vec<u8>, u32)> = Vec::new();
    for round in 0..3u8 {
        for port in 1024..7000u16 {
            let (client, server) = ((1, port), (2, 4000));
            let ends = if round == 1 { (server, client) } else { (client, server) };
            frames.push((ethernet([8, 0], &datagram(ends.0, ends.1, &[round; 5])), 0));
            match port % 97 {
                0 => frames.push((ethernet([8, 6], &[0; 28]), 0)),
                1 => frames.push((ethernet([8, 0], &datagram((1, port), (53, 53), &dns(round, None))), 0)),
                2 => frames
                    .push((ethernet([8, 0], &datagram((53, 53), (1, port - 1), &dns(round, Some([192, 0, 2, 1])))), 0)),
                3 => frames.push((ethernet([8, 0], &datagram(client, server, &[9; 40]))[..50].to_vec(), 32)),
                4 => {
                    // Refused, then let in: all in one batch, and where it is known from the rounds before.
                    let (to, back) = ([(1, port), (2, 389)], [(2, 389), (1, port)]);
                    for (ends, sequence, flags) in
                        [(to, 7, 2), (back, 0, 20), (to, 900, 2), (back, 5, 18), (to, 901, 16)]
                    {
                        let sequence = sequence + u32::from(round);
                        frames.push((ethernet([8, 0], &segment(ends[0], ends[1], sequence, flags)), 0));
                    }
                }
                _ => {}
            }
        }
    }
    let framed = |(number, (bytes, cut)): (u32, &'static (Vec<u8>, u32))| Frame {
        at: Timestamp::from_nanoseconds(i64::from(number) * 1000),
        link: LinkType(1),
        tap: number % 2,
        place: FrameRef { input: 0, number },
        bytes,
        wire_length: u32::try_from(bytes.len()).unwrap() + cut,
        course: Course::Unknown,
        packet_id: None,
        dropped: number % 1000 == 0,
    };
    let frames: &'static [(Vec<u8>, u32)] = frames.leak();
    let frames: Vec<Frame<'static>> = (1..).zip(frames).map(framed).collect();
    for several_taps in [false, true] {
        let options = Options { several_taps, ..Options::default() };
        let (mut single, mut batched) = (Ledger::new(options), Ledger::new(options));
        frames.iter().for_each(|frame| single.observe(frame));
        for batch in frames.chunks(45) {
            let batch = batch.iter().copied();
            batched.observe_all(&Tally::of(batch.clone()), batch);
        }
        assert_eq!(single.settle(), batched.settle());
        assert_eq!(single.settle(), batched.finish());
    }
}

#[test]
fn what_cannot_be_folded_yet_is_not_looked_at_again_and_again() {
    const SECOND: i64 = 1_000_000_000;
    let bounds = Bounds { flows: 100, memory: 3600 * SECOND };
    let mut ledger = Ledger::new(Options { max_flows: 500, several_taps: false, ..Options::default() });
    let mut passes = Vec::new();
    for number in 1..=500 {
        let bytes = datagram((1, 5000 + number), (2, 389), b"?");
        let place = FrameRef { input: 0, number: number.into() };
        let (at, link, wire_length) = (Timestamp::from_nanoseconds(number.into()), LinkType(101), 43);
        let course = Course::Unknown;
        ledger.observe(&Frame {
            at,
            link,
            tap: 0,
            place,
            bytes: &bytes,
            wire_length,
            course,
            packet_id: None,
            dropped: false,
        });
        if ledger.is_full(bounds) {
            let seen = ledger.settle();
            let folded = ledger.close(seen.last.unwrap(), bounds, &seen, |_| 0);
            assert!(folded.is_empty(), "none of them is over: {folded:?}");
            passes.push(number);
        }
    }
    // A quarter more each time, and half of what is left before the least useful have to go.
    assert_eq!(passes, [101, 127, 159, 199, 249, 312, 391, 446, 474, 488, 495, 498, 500]);
}
