//! A small reader of pcap and pcapng for tests alone: whole file in memory, frames out. It shares no
//! code with the capture floor, so that each can be a judge of the other.

use std::io::Read;
use std::path::Path;

use flowaudit::wire::{Course, Frame, FrameRef, LinkType, Timestamp};

/// Calls `visit` for every frame of `file` that can be read.
pub fn each_frame(file: &Path, mut visit: impl FnMut(&Frame<'_>)) {
    let mut bytes = std::fs::read(file).unwrap();
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let packed = std::mem::take(&mut bytes);
        // A broken archive gives what it can.
        let _ = flate2::read::MultiGzDecoder::new(packed.as_slice()).read_to_end(&mut bytes);
    }
    if bytes.starts_with(&[0x0a, 0x0d, 0x0d, 0x0a]) {
        pcapng(&bytes, &mut visit);
    } else {
        let _ = pcap(&bytes, &mut visit);
    }
}

struct Order(bool);

impl Order {
    fn long(&self, bytes: &[u8], at: usize) -> Option<u32> {
        let four = *bytes.get(at..)?.first_chunk()?;
        Some(if self.0 { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) })
    }

    fn short(&self, bytes: &[u8], at: usize) -> Option<u16> {
        let two = *bytes.get(at..)?.first_chunk()?;
        Some(if self.0 { u16::from_be_bytes(two) } else { u16::from_le_bytes(two) })
    }
}

fn pcap(bytes: &[u8], visit: &mut impl FnMut(&Frame<'_>)) -> Option<()> {
    let (order, header, tick) = match *bytes.first_chunk::<4>()? {
        [0xa1, 0xb2, 0xc3, 0xd4] => (Order(true), 16, 1_000),
        [0xd4, 0xc3, 0xb2, 0xa1] => (Order(false), 16, 1_000),
        [0xa1, 0xb2, 0x3c, 0x4d] => (Order(true), 16, 1),
        [0x4d, 0x3c, 0xb2, 0xa1] => (Order(false), 16, 1),
        [0xa1, 0xb2, 0xcd, 0x34] => (Order(true), 24, 1_000),
        [0x34, 0xcd, 0xb2, 0xa1] => (Order(false), 24, 1_000),
        _ => return None,
    };
    let link = u16::try_from(order.long(bytes, 20)? & 0xffff).ok()?;
    let (mut at, mut number) = (24, 0);
    loop {
        let seconds = i64::from(order.long(bytes, at)?) * 1_000_000_000;
        let time = seconds + i64::from(order.long(bytes, at + 4)?) * tick;
        let captured = usize::try_from(order.long(bytes, at + 8)?).ok()?;
        let wire = order.long(bytes, at + 12)?;
        let data = bytes.get(at + header..at + header + captured)?;
        number += 1;
        visit(&frame(data, wire, link, (time, number)));
        at += header + captured;
    }
}

fn pcapng(bytes: &[u8], visit: &mut impl FnMut(&Frame<'_>)) {
    let (mut at, mut number, mut order, mut links) = (0, 0, Order(false), Vec::new());
    while let Some(kind) = order.long(bytes, at) {
        if kind == 0x0a0d_0d0a {
            order = Order(bytes.get(at + 8) == Some(&0x1a));
            links.clear();
        }
        let Some(length) = order.long(bytes, at + 4).and_then(|length| usize::try_from(length).ok()) else { return };
        let Some(body) = length.checked_sub(4).and_then(|end| bytes.get(at + 8..at + end)) else { return };
        if kind == 1 {
            links.push(order.short(body, 0).unwrap_or(u16::MAX));
        }
        if let Some((interface, captured, wire, start)) = packet(kind, body, &order) {
            number += 1;
            let end = (start + captured).min(body.len());
            if let (Some(link), Some(data)) = (links.get(interface), body.get(start..end)) {
                visit(&frame(data, wire, *link, (number.into(), number)));
            }
        }
        at += length.max(12);
    }
}

/// Interface, captured length, length on the wire and start of the data of a packet block.
fn packet(kind: u32, body: &[u8], order: &Order) -> Option<(usize, usize, u32, usize)> {
    let size = |at| order.long(body, at).and_then(|length| usize::try_from(length).ok());
    match kind {
        2 => Some((usize::from(order.short(body, 0)?), size(12)?, order.long(body, 16)?, 20)),
        3 => Some((0, size(0)?.min(body.len() - 4), order.long(body, 0)?, 4)),
        6 => Some((size(0)?, size(12)?, order.long(body, 16)?, 20)),
        _ => None,
    }
}

fn frame(bytes: &[u8], wire_length: u32, link: u16, (time, number): (i64, u32)) -> Frame<'_> {
    Frame {
        at: Timestamp::from_nanoseconds(time),
        link: LinkType(link),
        tap: 0,
        place: FrameRef { input: 0, number },
        bytes,
        wire_length,
        course: Course::Unknown,
        packet_id: None,
        dropped: false,
    }
}
