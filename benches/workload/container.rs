//! Frames in, a pcap or pcapng file out. Little-endian, microseconds.

use std::io::{self, Write};

/// A capture file that is being written.
pub struct Container<W: Write> {
    out: W,
    blocks: bool,
    /// Bytes written so far.
    pub bytes: u64,
}

const ETHERNET: u16 = 1;
const SLL2: u16 = 276;

impl<W: Write> Container<W> {
    /// A classic pcap file of Ethernet frames.
    pub fn pcap(out: W) -> io::Result<Self> {
        let mut container = Self { out, blocks: false, bytes: 0 };
        container.words(&[0xa1b2_c3d4, 0x0004_0002, 0, 0, 262_144, u32::from(ETHERNET)])?;
        Ok(container)
    }

    /// A pcapng file with an Ethernet interface and, if `cooked`, a Linux cooked v2 one.
    pub fn pcapng(out: W, cooked: bool) -> io::Result<Self> {
        let mut container = Self { out, blocks: true, bytes: 0 };
        container.words(&[0x0a0d_0d0a, 28, 0x1a2b_3c4d, 1, u32::MAX, u32::MAX, 28])?;
        for link in [Some(ETHERNET), cooked.then_some(SLL2)].into_iter().flatten() {
            container.words(&[1, 20, u32::from(link), 262_144, 20])?;
        }
        Ok(container)
    }

    /// Appends one frame, captured at `at` microseconds since the epoch.
    pub fn write(&mut self, at: u64, cooked: bool, frame: &[u8]) -> io::Result<()> {
        let length = frame.len() as u32;
        if !self.blocks {
            self.words(&[(at / 1_000_000) as u32, (at % 1_000_000) as u32, length, length])?;
            return self.put(frame);
        }
        let padding = (4 - length % 4) % 4;
        let total = 32 + length + padding;
        self.words(&[6, total, u32::from(cooked), (at >> 32) as u32, at as u32, length, length])?;
        self.put(frame)?;
        self.put(&[0; 3][..padding as usize])?;
        self.words(&[total])
    }

    /// Writes what is still buffered.
    pub fn finish(mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn words(&mut self, words: &[u32]) -> io::Result<()> {
        words.iter().try_for_each(|word| self.put(&word.to_le_bytes()))
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.bytes += bytes.len() as u64;
        self.out.write_all(bytes)
    }
}
