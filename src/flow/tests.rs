//! Outcomes and directions, one line each: packets as text in, what the flow came to out.

use std::net::{IpAddr, Ipv4Addr};

use super::{DirectionBasis, FlowTable, IcmpError, Outcome, QuotingError, Sighting};
use crate::dissect::{Application, Payload};
use crate::wire::{Content, Datagram, FrameRef, Quote, TcpFlags, TcpSegment, Timestamp, Transport};

const CLIENT: u16 = 50_000;
const SERVER: u16 = 389;
const MILLISECOND: i64 = 1_000_000;

/// Plays packets and checks originator, basis and outcome of each flow. A packet is
/// `direction flags sequence [payload] @milliseconds`: `> S 100 @0`.
fn check(packets: &[&str], ended: i64, expected: &[(u16, DirectionBasis, Outcome)]) {
    check_with(packets, &[], ended, expected);
}

fn check_with(packets: &[&str], errors: &[QuotingError], ended: i64, expected: &[(u16, DirectionBasis, Outcome)]) {
    for cut in 0..=packets.len() {
        let (mut table, mut later) = (FlowTable::new(1000, false), FlowTable::new(1000, true));
        for (number, packet) in (1..).zip(packets) {
            let table = if usize::try_from(number).unwrap() <= cut { &mut table } else { &mut later };
            play(table, number, packet);
        }
        table.merge(later);
        let settled = table.settle(Timestamp::from_nanoseconds(ended * MILLISECOND), errors);
        let found: Vec<_> =
            settled.flows.iter().map(|flow| (flow.originator().port, flow.direction_basis, flow.outcome)).collect();
        assert_eq!(found, expected, "{packets:?} cut at {cut}");
    }
}

fn play(table: &mut FlowTable, number: u32, packet: &str) {
    let mut words = packet.split_whitespace().peekable();
    let forward = words.next() == Some(">");
    let (client, server) = ((address(1), CLIENT), (address(2), SERVER));
    let (source, destination) = if forward { (client, server) } else { (server, client) };
    let flags = words.next().unwrap();
    let sequence = words.next().unwrap().parse().unwrap();
    let payload = words.next_if(|word| !word.starts_with('@')).unwrap_or_default();
    // Blanks part the words of a packet.
    let payload = payload.replace('_', " ").replace("\\r\\n", "\r\n");
    let payload = payload.as_bytes();
    let at: i64 = words.next().unwrap().trim_start_matches('@').parse().unwrap();
    let payload_length = u32::try_from(payload.len()).unwrap();
    let bits = |flag| match flag {
        'S' => TcpFlags::SYN,
        'A' => TcpFlags::ACK,
        'F' => TcpFlags::FIN,
        'R' => TcpFlags::RST,
        _ => 0,
    };
    let content = if flags == "udp" {
        Content::Udp { source_port: source.1, destination_port: destination.1, payload, payload_length }
    } else {
        Content::Tcp(TcpSegment {
            source_port: source.1,
            destination_port: destination.1,
            sequence,
            acknowledgement: 0,
            flags: TcpFlags(flags.chars().map(bits).fold(0, |all, bit| all | bit)),
            payload,
            payload_length,
        })
    };
    let datagram = Datagram {
        source: source.0,
        destination: destination.0,
        transport: if flags == "udp" { Transport::UDP } else { Transport::TCP },
        vlan: None,
        depth: 0,
        length: 40 + payload_length,
        identification: None,
        content,
    };
    let (at, place) = (Timestamp::from_nanoseconds(at * MILLISECOND), FrameRef { input: 0, number });
    table.observe(&Sighting { at, place, ..Sighting::default() }, &datagram);
}

fn address(last: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 0, 0, last))
}

fn quoting(transport: Transport, kind: u8, code: u8) -> QuotingError {
    QuotingError {
        error: IcmpError {
            from: address(9),
            transport: Transport::ICMP,
            kind,
            code,
            frame: FrameRef { input: 0, number: 9 },
            at: Timestamp::from_nanoseconds(5 * MILLISECOND),
        },
        quote: Quote {
            source: address(1),
            destination: address(2),
            transport,
            source_port: CLIENT,
            destination_port: SERVER,
        },
    }
}

#[test]
fn handshakes() {
    use DirectionBasis::{Syn, SynAck};
    use Outcome::{Cut, Established, Filtered, OneSided, Pending, Refused};
    let flow = |basis, outcome| [(CLIENT, basis, outcome)];
    check(&["> S 1 @0", "< SA 7 @1", "> A 2 @2"], 9, &flow(Syn, Established));
    check(&["> S 1 @0", "< RA 0 @1"], 9, &flow(Syn, Refused));
    check(&["> S 1 @0", "< RA 0 @1", "> S 1 @500", "< RA 0 @501"], 900, &flow(Syn, Refused));
    check(&["> S 1 @0", "< RA 0 @1", "> S 5 @500", "< SA 7 @501", "> A 6 @502"], 900, &flow(Syn, Established));
    check(&["> S 1 @0"], 20_999, &flow(Syn, Pending));
    check(&["> S 1 @0"], 21_000, &flow(Syn, Filtered));
    check(&["> S 1 @0", "> S 1 @1000", "> S 1 @3000"], 5_999, &flow(Syn, Pending));
    check(&["> S 1 @0", "> S 1 @1000", "> S 1 @3000"], 6_000, &flow(Syn, Filtered));
    check(&["> S 1 @0", "> A 2 @1", "> A 2 hello @2"], 9, &flow(Syn, OneSided));
    check(&["< SA 7 @1", "> A 2 @2"], 9, &flow(SynAck, Established));
    check(&["< SA 7 @1"], 9, &flow(SynAck, OneSided));
    check(&["> S 1 @0", "< SA 7 @1", "> A 2 hello @2", "< RA 8 @3"], 9, &flow(Syn, Cut));
    check(&["> S 1 @0", "< SA 7 @1", "> A 2 hello @2", "< A 8 yes @3", "< R 11 @4"], 9, &flow(Syn, Established));
    check(&["> S 1 @0", "< SA 7 @1", "> R 2 @2"], 9, &flow(Syn, Established));
}

#[test]
fn ports_used_again() {
    use DirectionBasis::Syn;
    use Outcome::{Established, Pending};
    let one = (CLIENT, Syn, Established);
    let first = ["> S 1 @0", "< SA 7 @1", "> A 2 @2", "> FA 2 @3", "< FA 8 @4"];
    check(&[&first[..], &["> S 90 @90", "< SA 70 @91"]].concat(), 99, &[one, one]);
    check(&[&first[..], &["> S 1 @90", "< SA 70 @91"]].concat(), 99, &[one, one]);
    check(&[&first[..3], &["> S 1 @90", "< SA 7 @91"]].concat(), 99, &[one]);
    check(
        &["> S 1 @0", "< SA 7 @1", "> A 2 x @2", "< R 8 @3", "> S 1 @20000", "< SA 70 @20001"],
        20_002,
        &[(CLIENT, Syn, Outcome::Cut)],
    );
    check(
        &["> S 1 @0", "> S 9 @40000", "> A 10 @40001"],
        40_002,
        &[(CLIENT, Syn, Outcome::Filtered), (CLIENT, Syn, Outcome::OneSided)],
    );
    check(&["> S 1 @0", "> S 9 @4000"], 4_002, &[(CLIENT, Syn, Pending)]);
    check(&["> S 1 @0", "< S 5 @1", "> SA 1 @2", "< A 6 @3"], 9, &[one]);
    check(&["< SA 7 @0", "> S 1 @1", "> A 2 @2"], 9, &[one]);
}

/// A SYN that was sent again after its answer, or captured after it, opens no second question: what
/// the connection says is read all the same.
#[test]
fn repeated_syns_do_not_hide_the_payload() {
    const SAID: [&str; 2] =
        ["> A 101 GET_/_HTTP/1.1\\r\\nHost:_a.example\\r\\n\\r\\n @9", "< A 301 HTTP/1.1_200_OK\\r\\n\\r\\n @10"];
    let openings: [&[&str]; 4] = [
        &["> S 100 @0", "< SA 300 @1"],
        &["> S 100 @0", "< SA 300 @1", "> S 100 @2", "< SA 300 @3"],
        &["> S 100 @0", "< SA 300 @1", "> S 100 @2", "< SA 300 @3", "> S 100 @4"],
        &["< SA 300 @0", "> S 100 @1"],
    ];
    for opening in openings {
        let packets: Vec<&str> = opening.iter().chain(&SAID).copied().collect();
        for cut in 0..=packets.len() {
            let (mut table, mut later) = (FlowTable::new(1000, false), FlowTable::new(1000, true));
            for (number, packet) in (1..).zip(&packets) {
                let table = if usize::try_from(number).unwrap() <= cut { &mut table } else { &mut later };
                play(table, number, packet);
            }
            table.merge(later);
            let settled = table.settle(Timestamp::from_nanoseconds(99 * MILLISECOND), &[]);
            let known: Vec<_> = settled.flows.iter().map(|flow| &*flow.payload).collect();
            assert!(
                matches!(&*known, [Payload::Recognised(known)] if known.application == Some(Application::Http)),
                "{opening:?} cut at {cut}: {known:?}"
            );
        }
    }
}

#[test]
fn midstream() {
    use DirectionBasis::Port;
    use Outcome::{Midstream, OneSided, Refused};
    let flow = |outcome| [(CLIENT, Port, outcome)];
    check(&["< A 7 x @0", "> A 2 @1"], 9, &flow(Midstream));
    check(&["< A 7 x @0", "< A 8 y @1"], 9, &flow(OneSided));
    check(&["< RA 0 @0"], 9, &flow(Refused));
}

#[test]
fn datagrams() {
    use DirectionBasis::Port;
    use Outcome::{Answered, Pending, Refused, Rejected, Unanswered};
    let flow = |outcome| [(CLIENT, Port, outcome)];
    check(&["> udp 0 x @0", "< udp 0 y @1"], 9, &flow(Answered));
    check(&["> udp 0 x @0"], 2_999, &flow(Pending));
    check(&["> udp 0 x @0", "> udp 0 x @1000"], 4_000, &flow(Unanswered));
    check_with(&["> udp 0 x @0"], &[quoting(Transport::UDP, 3, 3)], 9, &flow(Refused));
    check_with(&["> udp 0 x @0"], &[quoting(Transport::UDP, 3, 13)], 9, &flow(Rejected));
    check_with(&["> udp 0 x @0"], &[quoting(Transport::UDP, 11, 0)], 4_000, &flow(Unanswered));
    check_with(&["> udp 0 x @0", "< udp 0 y @9"], &[quoting(Transport::UDP, 3, 3)], 9, &flow(Answered));
    let syn = [(CLIENT, DirectionBasis::Syn, Rejected)];
    check_with(&["> S 1 @0"], &[quoting(Transport::TCP, 3, 1)], 9, &syn);
}

#[test]
fn a_full_table_folds_and_says_so() {
    let mut table = FlowTable::new(16, false);
    for number in 1..=100_u32 {
        let datagram = Datagram {
            source: IpAddr::V4(Ipv4Addr::from_bits(0x0b00_0000 | number)),
            destination: address(2),
            transport: Transport::UDP,
            vlan: None,
            depth: 0,
            length: 30,
            identification: None,
            content: Content::Udp { source_port: 4000, destination_port: 53, payload: b"x", payload_length: 1 },
        };
        let (at, place) = (Timestamp::from_nanoseconds(i64::from(number)), FrameRef { input: 0, number });
        table.observe(&Sighting { at, place, ..Sighting::default() }, &datagram);
    }
    let settled = table.settle(Timestamp::from_nanoseconds(1000), &[]);
    let flows: u64 = settled.flows.iter().map(|flow| flow.folded() + 1).sum();
    let packets: u64 = settled.flows.iter().map(|flow| flow.sent.packets).sum();
    assert_eq!((flows, packets), (100, 100));
    assert!(settled.folded_flows >= 84, "{}", settled.folded_flows);
    assert!(settled.flows.iter().all(|flow| flow.responder().port == 53));
}

/// A segment with numbers of its own; `forward` is from the client on port `client`.
fn segment(table: &mut FlowTable, client: u16, forward: bool, flags: u8, numbers: (u32, u32), payload: &[u8]) {
    let (client, server) = ((address(1), client), (address(2), SERVER));
    let (source, destination) = if forward { (client, server) } else { (server, client) };
    let payload_length = u32::try_from(payload.len()).unwrap();
    let content = Content::Tcp(TcpSegment {
        source_port: source.1,
        destination_port: destination.1,
        sequence: numbers.0,
        acknowledgement: numbers.1,
        flags: TcpFlags(flags),
        payload,
        payload_length,
    });
    let datagram = Datagram {
        source: source.0,
        destination: destination.0,
        transport: Transport::TCP,
        vlan: None,
        depth: 0,
        length: 40 + payload_length,
        identification: None,
        content,
    };
    table.observe(&Sighting::default(), &datagram);
}

/// Handshake of a connection whose payload starts at 1 on both sides.
fn open(table: &mut FlowTable, client: u16) {
    segment(table, client, true, TcpFlags::SYN, (0, 0), b"");
    segment(table, client, false, TcpFlags::SYN | TcpFlags::ACK, (0, 1), b"");
    segment(table, client, true, TcpFlags::ACK, (1, 1), b"");
}

/// Bytes are held until it is known what they are and the receiver has them; nothing is held, and so
/// nothing looked at, from then on.
#[test]
fn what_is_known_is_held_no_longer() {
    for (ask, answer, expected) in [
        (&b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"[..], &b"HTTP/1.1 200 OK\r\n\r\n"[..], Some(Application::Http)),
        (b"SSH-2.0-OpenSSH_9.2\r\n", b"SSH-2.0-OpenSSH_9.2\r\n", Some(Application::Ssh)),
        (&[0x5a; 64], &[0xa5; 64], None),
    ] {
        let mut table = FlowTable::new(1000, false);
        open(&mut table, CLIENT);
        let sizes = [ask, answer].map(|bytes| u32::try_from(bytes.len()).unwrap());
        segment(&mut table, CLIENT, true, TcpFlags::ACK, (1, 1), ask);
        assert!(table.payloads.held >= ask.len(), "{expected:?}");
        segment(&mut table, CLIENT, false, TcpFlags::ACK, (1, 1 + sizes[0]), answer);
        segment(&mut table, CLIENT, true, TcpFlags::ACK, (1 + sizes[0], 1 + sizes[1]), b"");
        assert_eq!(table.payloads.held, 0, "{expected:?}");
        // What comes now would be something else, were it looked at.
        let known = table.payloads.interned.len();
        let (mut asked, mut answered) = (1 + sizes[0], 1 + sizes[1]);
        for _ in 0..100 {
            for (forward, bytes) in [(true, &b"EHLO me\r\n"[..]), (false, b"220 a ESMTP ready\r\n")] {
                let numbers = if forward { (asked, answered) } else { (answered, asked) };
                segment(&mut table, CLIENT, forward, TcpFlags::ACK, numbers, bytes);
                let sent = if forward { &mut asked } else { &mut answered };
                *sent += u32::try_from(bytes.len()).unwrap();
                assert_eq!(table.payloads.held, 0, "{expected:?}");
            }
        }
        assert_eq!(table.payloads.interned.len(), known, "{expected:?}");
        let payload = table.settle(Timestamp::from_nanoseconds(9), &[]).flows[0].payload.clone();
        let found = match &*payload {
            Payload::Recognised(found) => found.application,
            Payload::NotRecognised => None,
            other @ (Payload::None | Payload::NotCaptured) => panic!("{other:?}"),
        };
        assert_eq!(found, expected);
    }
}

/// Streams of endpoint mappers are read again when all is settled: they are kept, but only as long as they may be such.
#[test]
fn what_is_read_again_is_held_while_somebody_may_know_it() {
    let bind = [&b"\x05\0\x0b\x03\x10\0\0\0\xff\xff\0\0\x01\0\0\0"[..], &[0; 1000]].concat();
    for (first, is_kept) in [(&bind[..], true), (&[0x5a; 1016], false)] {
        let mut table = FlowTable::new(1000, false);
        open(&mut table, 135);
        segment(&mut table, 135, true, TcpFlags::ACK, (1, 1), first);
        let before = table.payloads.held;
        assert!(before >= first.len());
        segment(&mut table, 135, true, TcpFlags::ACK, (1017, 1), &[7; 1000]);
        assert_eq!(table.payloads.held >= before + 1000, is_kept);
    }
}

/// A try that was refused, and another with other numbers from the same port: nothing is missing, and what is said is
/// read from its start. In one piece or in two.
#[test]
fn a_retry_brings_its_own_numbers() {
    const ACK: u8 = TcpFlags::ACK;
    let (ask, answer) = (&b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"[..], &b"HTTP/1.1 200 OK\r\n\r\n"[..]);
    let (asked, answered) =
        (900_001 + u32::try_from(ask.len()).unwrap(), 70_001 + u32::try_from(answer.len()).unwrap());
    let segments: [(bool, u8, (u32, u32), &[u8]); 7] = [
        (true, TcpFlags::SYN, (1000, 0), b""),
        (false, TcpFlags::RST | ACK, (0, 1001), b""),
        (true, TcpFlags::SYN, (900_000, 0), b""),
        (false, TcpFlags::SYN | ACK, (70_000, 900_001), b""),
        (true, ACK, (900_001, 70_001), ask),
        (false, ACK, (70_001, asked), answer),
        (true, ACK, (asked, answered), b""),
    ];
    for count in [2, 3, 4, 5, 7] {
        for cut in 0..=count {
            let (mut table, mut later) = (FlowTable::new(1000, false), FlowTable::new(1000, true));
            for (place, (forward, flags, numbers, bytes)) in segments[..count].iter().enumerate() {
                let table = if place < cut { &mut table } else { &mut later };
                segment(table, CLIENT, *forward, *flags, *numbers, bytes);
            }
            table.merge(later);
            let settled = table.settle(Timestamp::from_nanoseconds(9), &[]);
            let [flow] = &settled.flows[..] else { panic!("{} flows", settled.flows.len()) };
            assert_eq!((flow.missed(), settled.missed_bytes), (0, 0), "{count} segments, cut at {cut}");
            let is_http = matches!(&*flow.payload, Payload::Recognised(known) if known.client.is_some());
            assert_eq!(is_http, count > 4, "{count} segments, cut at {cut}");
        }
    }
}

/// Hellos that never end hold what their budgets allow, each and all together; beyond it a flow counts as
/// not captured, and that is said.
#[test]
fn what_is_held_stays_within_its_budgets() {
    let mut table = FlowTable::new(100_000, false);
    let mut hello = b"\x16\x03\x01\x40\0\x01\0\x3f\xfc\x03\x03".to_vec();
    hello.resize(1400, 7);
    // So many parts fit into the budget of a direction, and so many flows do not into that of all.
    let parts = u32::try_from(super::prefix::DIRECTION_BYTES / 1400).unwrap();
    let enough = u16::try_from(super::payload::ALL_BYTES / (parts as usize * 1400)).unwrap() + 100;
    for client in 1..=enough {
        let before = table.payloads.held;
        open(&mut table, client);
        let parts = if client == 1 { parts + 10 } else { parts };
        for part in 0..parts {
            let bytes = if part == 0 { &hello[..] } else { &[7; 1400] };
            segment(&mut table, client, true, TcpFlags::ACK, (1 + part * 1400, 1), bytes);
            let added = table.payloads.held.saturating_sub(before);
            // Memory grows by doubling.
            assert!(added < 2 * super::prefix::DIRECTION_BYTES + 2000, "{added} of one flow");
            let beyond = table.payloads.held.saturating_sub(super::payload::ALL_BYTES);
            assert!(beyond < super::prefix::DIRECTION_BYTES + 2000, "{beyond}");
        }
    }
    let settled = table.settle(Timestamp::from_nanoseconds(9), &[]);
    let not_captured = settled.flows.iter().filter(|flow| *flow.payload == Payload::NotCaptured).count();
    assert!(settled.payloads_not_held > 0 && not_captured > 0, "{} {not_captured}", settled.payloads_not_held);
}

#[test]
fn a_record_stays_within_its_budget() {
    assert!(size_of::<super::record::Run<u32>>() <= 128, "{}", size_of::<super::record::Run<u32>>());
    assert!(size_of::<super::record::Detail>() <= 168, "{}", size_of::<super::record::Detail>());
    assert!(size_of::<super::record::Run<[u8; 16]>>() <= 192, "{}", size_of::<super::record::Run<[u8; 16]>>());
}

proptest::proptest! {
    /// Whatever a sender does, the pieces merge into the whole.
    #[test]
    fn any_sequence_merges_at_any_cut(
        packets in proptest::collection::vec(("[<>]", "S|SA|A|FA|R|RA|udp", 1_u32..6, "[a-c]{0,3}", 0_u32..40), 1..12),
    ) {
        let mut at = 0;
        let lines: Vec<String> = packets
            .into_iter()
            .map(|(way, flags, sequence, payload, wait)| {
                at += wait * 1000;
                format!("{way} {flags} {sequence} {payload} @{at}")
            })
            .collect();
        let settle = |cut: usize| {
            let (mut table, mut later) = (FlowTable::new(1000, false), FlowTable::new(1000, true));
            for (index, line) in lines.iter().enumerate() {
                let number = u32::try_from(index).unwrap() + 1;
                play(if index < cut { &mut table } else { &mut later }, number, line);
            }
            table.merge(later);
            table.settle(Timestamp::from_nanoseconds(i64::from(at) * MILLISECOND), &[])
        };
        let whole = settle(lines.len());
        for cut in 0..lines.len() {
            let merged = settle(cut);
            proptest::prop_assert_eq!(&merged.flows, &whole.flows, "cut at {} of {:?}", cut, &lines);
        }
    }
}
