//! Outcomes and directions, one line each: packets as text in, what the flow came to out.

mod payload;

use std::net::{IpAddr, Ipv4Addr};

use super::{Conversation, DirectionBasis, FlowTable, IcmpError, Outcome, QuotingError, Sighting};
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
    let flows: u64 = settled.flows.iter().map(Conversation::weight).sum();
    let packets: u64 = settled.flows.iter().map(|flow| flow.sent.packets).sum();
    assert_eq!((flows, packets), (100, 100));
    assert!(settled.folded_flows >= 84, "{}", settled.folded_flows);
    assert!(settled.flows.iter().all(|flow| flow.responder().port == 53));
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
        let merged = |cut: usize| {
            let (mut table, mut later) = (FlowTable::new(1000, false), FlowTable::new(1000, true));
            for (index, line) in lines.iter().enumerate() {
                let number = u32::try_from(index).unwrap() + 1;
                play(if index < cut { &mut table } else { &mut later }, number, line);
            }
            table.merge(later);
            table
        };
        let ended = Timestamp::from_nanoseconds(i64::from(at) * MILLISECOND);
        let whole = merged(lines.len()).settle(ended, &[]);
        for cut in 0..=lines.len() {
            let merged = merged(cut);
            proptest::prop_assert_eq!(&merged.settle(ended, &[]).flows, &whole.flows, "cut at {} of {:?}", cut, &lines);
            proptest::prop_assert_eq!(&merged.finish(ended, &[]).flows, &whole.flows, "cut at {} of {:?}", cut, &lines);
        }
    }
}
