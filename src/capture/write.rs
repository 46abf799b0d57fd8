//! Frames and comments in, a pcapng file out (draft-ietf-opsawg-pcapng): one section in little-endian
//! order, one interface for each tap, one enhanced packet block for each frame, time stamps in
//! nanoseconds. Never copies another block of the capture: no decryption secrets, no name resolution.

use std::collections::BTreeMap;
use std::io::{self, Write};

use crate::ledger::TapInfo;
use crate::wire::{Course, Frame, LinkType};

/// Writes a pcapng file.
pub struct Writer<'taps, W: Write> {
    out: W,
    taps: &'taps [TapInfo],
    /// Number in the file by tap and link type.
    interfaces: BTreeMap<(u32, LinkType), u32>,
}

impl<'taps, W: Write> Writer<'taps, W> {
    /// Begins a file that says `program` wrote it. `taps` describe the interfaces of the frames.
    ///
    /// # Errors
    /// Whatever `out` met.
    pub fn new(mut out: W, program: &str, taps: &'taps [TapInfo]) -> io::Result<Self> {
        let mut body = Vec::new();
        body.extend(BYTE_ORDER.to_le_bytes());
        body.extend([1, 0, 0, 0]);
        // The length of the section is not said: readers go by the blocks.
        body.extend(u64::MAX.to_le_bytes());
        option(&mut body, SHB_USERAPPL, program.as_bytes());
        block(&mut out, SECTION, body)?;
        Ok(Self { out, taps, interfaces: BTreeMap::new() })
    }

    /// Writes a frame with its comments, in order.
    ///
    /// # Errors
    /// Whatever the file met.
    pub fn packet(&mut self, frame: &Frame<'_>, comments: &[String]) -> io::Result<()> {
        let interface = self.interface(frame)?;
        // Packet time is negative only before 1970, which no unsigned time stamp can say.
        let time = u64::try_from(frame.at.nanoseconds()).unwrap_or(0);
        let captured = u32::try_from(frame.bytes.len()).unwrap_or(u32::MAX);
        let (high, low) = (time >> 32, time & u64::from(u32::MAX));
        let mut body = Vec::with_capacity(frame.bytes.len().saturating_add(256));
        body.extend(interface.to_le_bytes());
        for half in [high, low] {
            body.extend(u32::try_from(half).unwrap_or(u32::MAX).to_le_bytes());
        }
        body.extend(captured.to_le_bytes());
        body.extend(frame.wire_length.to_le_bytes());
        body.extend(frame.bytes);
        pad(&mut body);
        for comment in comments {
            option(&mut body, COMMENT, comment.as_bytes());
        }
        match frame.course {
            Course::Unknown => {}
            Course::Inbound => option(&mut body, EPB_FLAGS, &1u32.to_le_bytes()),
            Course::Outbound => option(&mut body, EPB_FLAGS, &2u32.to_le_bytes()),
        }
        if let Some(id) = frame.packet_id {
            option(&mut body, EPB_PACKETID, &id.to_le_bytes());
        }
        block(&mut self.out, ENHANCED_PACKET, body)
    }

    /// Ends the file.
    ///
    /// # Errors
    /// Whatever the file met.
    pub fn finish(mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// The number of the interface that captured `frame`, described when it is first needed.
    fn interface(&mut self, frame: &Frame<'_>) -> io::Result<u32> {
        let key = (frame.tap, frame.link);
        if let Some(known) = self.interfaces.get(&key) {
            return Ok(*known);
        }
        let tap = usize::try_from(frame.tap).ok().and_then(|index| self.taps.get(index));
        let mut body = Vec::new();
        body.extend(frame.link.0.to_le_bytes());
        body.extend([0, 0]);
        body.extend(tap.map_or(0, |tap| tap.snap_length).to_le_bytes());
        if let Some(tap) = tap.filter(|tap| !tap.name.is_empty()) {
            option(&mut body, IF_NAME, tap.name.as_bytes());
        }
        option(&mut body, IF_TSRESOL, &[9]);
        block(&mut self.out, INTERFACE, body)?;
        let number = u32::try_from(self.interfaces.len()).unwrap_or(u32::MAX);
        self.interfaces.insert(key, number);
        Ok(number)
    }
}

/// Writes a block: type, length, body with the end of its options, length.
fn block(out: &mut impl Write, kind: u32, mut body: Vec<u8>) -> io::Result<()> {
    body.extend([0; 4]);
    let length = u32::try_from(body.len()).ok().and_then(|length| length.checked_add(AROUND_BODY));
    let length = length.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "a packet of 4 GiB"))?;
    out.write_all(&kind.to_le_bytes())?;
    out.write_all(&length.to_le_bytes())?;
    out.write_all(&body)?;
    out.write_all(&length.to_le_bytes())
}

/// Adds an option, cut to the longest value that its length field can say.
fn option(body: &mut Vec<u8>, code: u16, value: &[u8]) {
    let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
    body.extend(code.to_le_bytes());
    body.extend(length.to_le_bytes());
    body.extend(value.iter().take(usize::from(length)));
    pad(body);
}

fn pad(body: &mut Vec<u8>) {
    body.resize(body.len().next_multiple_of(4), 0);
}

const BYTE_ORDER: u32 = 0x1a2b_3c4d;
const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const ENHANCED_PACKET: u32 = 6;
const SHB_USERAPPL: u16 = 4;
const IF_NAME: u16 = 2;
const IF_TSRESOL: u16 = 9;
const COMMENT: u16 = 1;
const EPB_FLAGS: u16 = 2;
const EPB_PACKETID: u16 = 5;
/// Type and both lengths of a block.
const AROUND_BODY: u32 = 12;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::{Capture, Options};
    use crate::wire::{FrameRef, Timestamp};

    fn check(nanoseconds: i64, link: u16, bytes: &[u8], wire_length: u32, course: Course) {
        let taps = [TapInfo {
            input: 0,
            name: "eth0".into(),
            link: LinkType(link),
            snap_length: 96,
            addresses: vec![],
            card: None,
        }];
        let frame = Frame {
            at: Timestamp::from_nanoseconds(nanoseconds),
            link: LinkType(link),
            tap: 0,
            place: FrameRef { input: 3, number: 77 },
            bytes,
            wire_length,
            course,
            packet_id: Some(5),
            dropped: false,
        };
        let mut file = Vec::new();
        let mut writer = Writer::new(&mut file, "test", &taps).unwrap();
        writer.packet(&frame, &["odd".to_owned(), String::new()]).unwrap();
        writer.packet(&frame, &[]).unwrap();
        writer.finish().unwrap();
        let mut read = Capture::from_reader("x", Box::new(std::io::Cursor::new(file)), &Options::default()).unwrap();
        for number in 1..=2 {
            let again = read.next().unwrap().unwrap();
            let of = |frame: &Frame<'_>| (frame.at, frame.link, frame.wire_length, frame.course, frame.packet_id);
            assert_eq!((of(&again), again.bytes, again.place.number), (of(&frame), bytes, number));
        }
        assert!(read.next().unwrap().is_none());
        let (inputs, found) = read.finish();
        assert_eq!((inputs[0].state.clone(), found), (crate::ledger::InputState::Whole, taps.to_vec()));
    }

    #[test]
    fn what_is_written_is_read_again() {
        check(1_795_354_471_439_446_123, 1, &[1; 60], 60, Course::Unknown);
        check(0, 113, &[7; 61], 1500, Course::Inbound);
        check(i64::MAX, 276, &[], 0, Course::Outbound);
    }
}
