//! Frames of many flows in memory, one packet of each flow after the other: what decoding and the flow
//! table are measured with, without a file.

use flowaudit::wire::{Course, Frame, FrameRef, LinkType, Timestamp};

/// Bytes of one frame: Ethernet, IPv4 and TCP headers and six bytes of payload.
const LENGTH: usize = 60;
const SYN: u8 = 0x02;
const ACK: u8 = 0x10;

/// `packets` frames that belong to `flows` flows from one network to the subject of `site.toml`.
pub fn frames(flows: u32, packets: u32) -> Vec<[u8; LENGTH]> {
    (0..packets).map(|number| frame(number % flows, number / flows)).collect()
}

/// The `nth` packet of a flow: its SYN first, then what the client sends.
fn frame(flow: u32, nth: u32) -> [u8; LENGTH] {
    let mut bytes = [0; LENGTH];
    bytes[..14].copy_from_slice(&[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0]);
    bytes[14..24].copy_from_slice(&[0x45, 0, 0, 46, 0, 0, 0x40, 0, 64, 6]);
    let [_, high, middle, low] = (flow >> 6).to_be_bytes();
    bytes[26..30].copy_from_slice(&[10, 20 + (high & 3), middle, low]);
    bytes[30..34].copy_from_slice(&[10, 10, 0, 10]);
    let [.., low] = flow.to_be_bytes();
    bytes[34..36].copy_from_slice(&[0xc0 | (low & 0x3f), 7]);
    bytes[36..38].copy_from_slice(&443u16.to_be_bytes());
    bytes[38..42].copy_from_slice(&(nth * 6).to_be_bytes());
    bytes[46] = 5 << 4;
    bytes[47] = if nth == 0 { SYN } else { ACK };
    bytes
}

/// The same bytes as a reader hands them out.
pub fn borrowed(frames: &[[u8; LENGTH]]) -> impl Iterator<Item = Frame<'_>> {
    (1u32..).zip(frames).map(|(number, bytes)| Frame {
        at: Timestamp::from_nanoseconds(i64::from(number) * 1_000),
        link: LinkType(1),
        tap: 0,
        place: FrameRef { input: 0, number },
        bytes,
        wire_length: LENGTH as u32,
        course: Course::Unknown,
        packet_id: None,
        dropped: false,
    })
}
