//! A link type and the bytes of some frames: decoded, reassembled, peeled, asked for their ports.
#![no_main]

use flowaudit::wire::{
    Content, Course, Datagram, Fragments, Frame, FrameRef, LinkType, Timestamp, Undecoded, decode, peel,
};
use libfuzzer_sys::fuzz_target;

// Two bytes of link type, little-endian; then frames, each after two bytes of length.
fuzz_target!(|data: &[u8]| {
    let Some((link, mut rest)) = data.split_first_chunk::<2>() else { return };
    let link = LinkType(u16::from_le_bytes(*link));
    let mut fragments = Fragments::default();
    let mut number = 0_u32;
    while let Some((length, after)) = rest.split_first_chunk::<2>() {
        let length = usize::from(u16::from_le_bytes(*length)).min(after.len());
        let (bytes, next) = after.split_at(length);
        number += 1;
        let frame = Frame {
            at: Timestamp::from_nanoseconds(i64::from(number) * 1_000_000),
            link,
            tap: 0,
            place: FrameRef { input: 0, number },
            bytes,
            wire_length: u32::try_from(length).unwrap_or(u32::MAX),
            course: Course::Unknown,
            packet_id: None,
            dropped: false,
        };
        walk(&frame, decode(&frame), &mut fragments);
        rest = next;
    }
    let _ = fragments.unfinished().count();
    assert!(u64::from(number) >= fragments.pending(), "more fragments pending than frames came");
});

fn walk<'a>(frame: &Frame<'_>, mut next: Result<Datagram<'a>, Undecoded>, fragments: &mut Fragments) {
    let mut layers = 0;
    while let Ok(datagram) = next {
        layers += 1;
        assert!(layers < 64, "a tunnel without a bottom");
        check(&datagram);
        if matches!(datagram.content, Content::Fragment(_)) {
            let whole = fragments.insert(frame.at, &datagram, frame.place);
            if let Some(Ok(whole)) = whole.as_ref().map(flowaudit::wire::Reassembled::datagram) {
                check(&whole);
                let _ = peel(&whole);
            }
        }
        match peel(&datagram) {
            Some(inner) => next = inner,
            None => return,
        }
    }
}

fn check(datagram: &Datagram<'_>) {
    let _ = datagram.ports();
    match datagram.content {
        Content::Tcp(segment) => assert!(segment.payload_length as usize >= segment.payload.len()),
        Content::Udp { payload, payload_length, .. } => assert!(payload_length as usize >= payload.len()),
        Content::Ports { .. } | Content::Icmp(_) | Content::Fragment(_) | Content::Other(_) => {}
    }
}
