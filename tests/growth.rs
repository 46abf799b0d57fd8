//! Shapes that an attacker would choose in, time out: four times the input may take at most eight
//! times the processor to observe and settle. Nothing here depends on how fast the machine is.
#![forbid(unsafe_code)]

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use flowaudit::ledger::{Ledger, Options};
    use flowaudit::wire::{Course, Frame, FrameRef, LinkType, Timestamp};

    const SERVER: [u8; 4] = [10, 77, 10, 5];

    /// One after the other, because each would disturb the other's time.
    #[test]
    fn four_times_the_work_takes_no_more_than_eight_times_as_long() {
        spoofed_syns();
        half_open_conversations_with_half_a_hello();
        one_flow_in_segments_of_one_byte_the_wrong_way_round();
        one_pair_of_ends_that_opens_again_and_again();
        answers_with_ever_new_names();
        first_fragments_that_stay_alone();
        a_flood_of_errors_that_quote_nothing_seen();
    }

    fn spoofed_syns() {
        check(20_000, |at| tcp(client(at), SERVER, (port(at), 443), at, 2, b""));
    }

    fn half_open_conversations_with_half_a_hello() {
        let hello = [0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3];
        check(20_000, |at| match at % 2 {
            0 => tcp(client(at / 2), SERVER, (port(at / 2), 443), 7, 2, b""),
            _ => tcp(client(at / 2), SERVER, (port(at / 2), 443), 8, 0x18, &hello),
        });
    }

    fn one_flow_in_segments_of_one_byte_the_wrong_way_round() {
        check(20_000, |at| tcp(client(1), SERVER, (40_000, 443), u32::MAX / 2 - at * 2, 0x18, b"x"));
    }

    fn one_pair_of_ends_that_opens_again_and_again() {
        check(20_000, |at| tcp(client(1), SERVER, (40_000, 443), at * 7, 2, b""));
    }

    fn answers_with_ever_new_names() {
        check(10_000, |at| {
            let id = at.to_be_bytes();
            let name = format!("n{at:07x}");
            let mut message = vec![id[2], id[3], 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0, 8];
            message.extend(name.as_bytes());
            message.extend([4, b't', b'e', b's', b't', 0, 0, 1, 0, 1, 0xc0, 12, 0, 1, 0, 1, 0, 0, 14, 16, 0, 4]);
            message.extend(client(at));
            udp([10, 77, 10, 53], SERVER, (53, 50_000), &message)
        });
    }

    fn first_fragments_that_stay_alone() {
        check(20_000, |at| {
            let mut bytes = udp(client(at), SERVER, (port(at), 53), &[0; 32]);
            let id = at.to_be_bytes();
            bytes[18..20].copy_from_slice(&id[2..]);
            bytes[20] = 0x20;
            bytes
        });
    }

    fn a_flood_of_errors_that_quote_nothing_seen() {
        check(20_000, |at| {
            let quoted = udp(SERVER, client(at), (port(at), 53), &[0; 8]);
            let mut message = vec![3, 3, 0, 0, 0, 0, 0, 0];
            message.extend(&quoted[14..]);
            ip(client(at), SERVER, 1, &message)
        });
    }

    /// Observes `few` packets and four times as many, and compares the best of three runs each.
    fn check(few: u32, packet: impl Fn(u32) -> Vec<u8>) {
        let packets: Vec<Vec<u8>> = (0..few * 4).map(packet).collect();
        let best = |count: usize| (0..3).map(|_| observed(&packets[..count])).min().unwrap();
        let (one, four) = (best(packets.len() / 4), best(packets.len()));
        // Below some milliseconds the clock and the machine's other work decide.
        assert!(
            four <= one.max(Duration::from_millis(10)) * 8,
            "{one:?} for {few} packets, {four:?} for four times as many"
        );
    }

    fn observed(packets: &[Vec<u8>]) -> Duration {
        let (clock, from) = (Instant::now(), on_core());
        let mut ledger = Ledger::new(Options::default());
        for (bytes, number) in packets.iter().zip(1..) {
            ledger.observe(&frame(bytes, number));
        }
        let observation = ledger.settle();
        assert_eq!(observation.counters.frames, packets.len() as u64);
        from.zip(on_core()).map_or(clock.elapsed(), |(from, to)| to - from)
    }

    /// Time that this thread had a core to itself, where the system says so: what else runs does not count.
    fn on_core() -> Option<Duration> {
        let times = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
        Some(Duration::from_nanos(times.split(' ').next()?.parse().ok()?))
    }

    fn frame(bytes: &[u8], number: u32) -> Frame<'_> {
        Frame {
            at: Timestamp::from_nanoseconds(1_780_000_000_000_000_000 + i64::from(number) * 10_000),
            link: LinkType(1),
            tap: 0,
            place: FrameRef { input: 0, number },
            bytes,
            wire_length: u32::try_from(bytes.len()).unwrap(),
            course: Course::Unknown,
            packet_id: None,
            dropped: false,
        }
    }

    fn client(at: u32) -> [u8; 4] {
        (0x0b00_0000 + at.wrapping_mul(2_654_435_761) % 0x00ff_ffff).to_be_bytes()
    }

    fn port(at: u32) -> u16 {
        u16::try_from(1024 + at % 60_000).unwrap()
    }

    fn tcp(from: [u8; 4], to: [u8; 4], ports: (u16, u16), sequence: u32, flags: u8, payload: &[u8]) -> Vec<u8> {
        let mut segment = [ports.0.to_be_bytes(), ports.1.to_be_bytes()].concat();
        segment.extend(sequence.to_be_bytes());
        segment.extend([0, 0, 0, 1, 0x50, flags, 4, 0, 0, 0, 0, 0]);
        segment.extend(payload);
        ip(from, to, 6, &segment)
    }

    fn udp(from: [u8; 4], to: [u8; 4], ports: (u16, u16), payload: &[u8]) -> Vec<u8> {
        let length = u16::try_from(payload.len() + 8).unwrap();
        let mut datagram = [ports.0, ports.1, length, 0].map(u16::to_be_bytes).concat();
        datagram.extend(payload);
        ip(from, to, 17, &datagram)
    }

    fn ip(from: [u8; 4], to: [u8; 4], transport: u8, payload: &[u8]) -> Vec<u8> {
        let total = u16::try_from(payload.len() + 20).unwrap().to_be_bytes();
        let mut bytes = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0];
        bytes.extend([0x45, 0, total[0], total[1], 0, 0, 0, 0, 64, transport, 0, 0]);
        bytes.extend(from);
        bytes.extend(to);
        bytes.extend(payload);
        bytes
    }
}
