//! What runs hold of their first bytes, and for how long.

use super::*;

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
    // From the client or not, flags, sequence number and acknowledgement, payload.
    type Segment<'bytes> = (bool, u8, (u32, u32), &'bytes [u8]);
    let segments: [Segment<'_>; 7] = [
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
    let parts = u32::try_from(crate::flow::prefix::DIRECTION_BYTES / 1400).unwrap();
    let enough = u16::try_from(crate::flow::payload::ALL_BYTES / (parts as usize * 1400)).unwrap() + 100;
    for client in 1..=enough {
        let before = table.payloads.held;
        open(&mut table, client);
        let parts = if client == 1 { parts + 10 } else { parts };
        for part in 0..parts {
            let bytes = if part == 0 { &hello[..] } else { &[7; 1400] };
            segment(&mut table, client, true, TcpFlags::ACK, (1 + part * 1400, 1), bytes);
            let added = table.payloads.held.saturating_sub(before);
            // Memory grows by doubling.
            assert!(added < 2 * crate::flow::prefix::DIRECTION_BYTES + 2000, "{added} of one flow");
            let beyond = table.payloads.held.saturating_sub(crate::flow::payload::ALL_BYTES);
            assert!(beyond < crate::flow::prefix::DIRECTION_BYTES + 2000, "{beyond}");
        }
    }
    let settled = table.settle(Timestamp::from_nanoseconds(9), &[]);
    let not_captured = settled.flows.iter().filter(|flow| *flow.payload == Payload::NotCaptured).count();
    assert!(settled.payloads_not_held > 0 && not_captured > 0, "{} {not_captured}", settled.payloads_not_held);
}
