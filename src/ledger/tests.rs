//! What a ledger makes of DNS, of taps and of snap lengths, on frames made here: raw IPv4, so that
//! every byte in them means something.

use super::{Ledger, Observation, Options, ResolutionResult};
use crate::wire::{Course, Frame, FrameRef, LinkType, Timestamp};

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
