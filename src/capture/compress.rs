//! Compressed bytes in, the bytes of the capture out, as they are asked for: gzip (RFC 1952), zstd
//! (RFC 8878) and xz, with several members or frames behind each other. Never inflates more than
//! one block ahead, keeps what came before a break, and stops at an expansion that no traffic has.

use std::io::{self, BufRead, Read};

use flate2::bufread::MultiGzDecoder;
use lzma_rust2::XzReader;
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::source::Blocks;

/// Output that is always allowed, whatever it was packed into.
const FREE: u64 = 64 << 20;

/// Beyond [`FREE`], output bytes allowed for each input byte. Real captures reach a few hundred.
const RATIO: u64 = 1000;

/// An xz reader that breaks off loses the output of the call that broke, so calls are short.
const XZ_STEP: usize = 1 << 10;

/// Memory that an xz stream may ask for, in KiB; `xz -9` asks for 64 MiB.
const XZ_MEMORY_KIB: u32 = 256 << 10;

/// Upper 28 bits of the magic numbers of skippable frames (RFC 8878 section 3.1.2).
const SKIPPABLE: u32 = 0x0184_D2A5;

/// The compressions that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
    /// The .xz file format.
    Xz,
}

impl Compression {
    /// Its name in messages.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Xz => "xz",
        }
    }
}

/// A stream that decompresses another.
pub(super) struct Unpacker {
    decoder: Decoder,
    produced: u64,
}

enum Decoder {
    Gzip(Box<MultiGzDecoder<Blocks>>),
    Zstd(Box<Zstd>),
    Xz(Box<XzReader<Blocks>>),
}

impl Unpacker {
    /// Decompresses `source`, which starts with the magic number of `compression`.
    pub(super) fn new(compression: Compression, source: Blocks) -> Self {
        let decoder = match compression {
            Compression::Gzip => Decoder::Gzip(Box::new(MultiGzDecoder::new(source))),
            Compression::Zstd => Decoder::Zstd(Box::new(Zstd::new(source))),
            Compression::Xz => Decoder::Xz(Box::new(XzReader::new_mem_limit(source, true, XZ_MEMORY_KIB))),
        };
        Self { decoder, produced: 0 }
    }

    /// The compressed stream.
    pub(super) fn source(&mut self) -> &mut Blocks {
        match &mut self.decoder {
            Decoder::Gzip(decoder) => decoder.get_mut(),
            Decoder::Zstd(decoder) => &mut decoder.source,
            Decoder::Xz(decoder) => decoder.inner_mut(),
        }
    }

    fn name(&self) -> &'static str {
        match self.decoder {
            Decoder::Gzip(_) => Compression::Gzip,
            Decoder::Zstd(_) => Compression::Zstd,
            Decoder::Xz(_) => Compression::Xz,
        }
        .name()
    }
}

impl Read for Unpacker {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let outcome = match &mut self.decoder {
            Decoder::Gzip(decoder) => decoder.read(buffer),
            Decoder::Zstd(decoder) => decoder.read(buffer),
            Decoder::Xz(decoder) => {
                let step = buffer.len().min(XZ_STEP);
                decoder.read(buffer.get_mut(..step).unwrap_or_default())
            }
        };
        let consumed = self.source().offset();
        let count = match outcome {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
            Err(error) => return Err(io::Error::other(format!("{} data at byte {consumed}: {error}", self.name()))),
        };
        self.produced = self.produced.saturating_add(count as u64);
        if self.produced > consumed.saturating_mul(RATIO).saturating_add(FREE) {
            return Err(io::Error::other(format!(
                "{} data expands more than {RATIO} times ({consumed} bytes to over {}): no capture does, so it is not unpacked further",
                self.name(),
                self.produced
            )));
        }
        Ok(count)
    }
}

/// Zstd frames behind each other; skippable frames are skipped.
struct Zstd {
    decoder: FrameDecoder,
    source: Blocks,
    in_frame: bool,
    /// Why decoding stopped; told only after everything decoded before has been handed out.
    broken: Option<io::Error>,
}

impl Zstd {
    fn new(source: Blocks) -> Self {
        Self { decoder: FrameDecoder::new(), source, in_frame: false, broken: None }
    }

    /// Starts the next frame that holds data; false at the end of the stream.
    fn next_frame(&mut self) -> io::Result<bool> {
        while self.source.ensure(8) {
            let Some((magic, length)) = skippable(self.source.rest()) else { break };
            if magic >> 4 != SKIPPABLE {
                break;
            }
            if !self.source.skip(u64::from(length).saturating_add(8)) {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
            }
        }
        if self.source.fill_buf()?.is_empty() {
            return Ok(false);
        }
        self.decoder.reset(&mut self.source).map_err(io::Error::other)?;
        self.in_frame = true;
        Ok(true)
    }

    /// Decodes until bytes can be collected or the frame is finished.
    fn decode(&mut self) {
        while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
            if let Err(error) = self.decoder.decode_blocks(&mut self.source, BlockDecodingStrategy::UptoBlocks(1)) {
                self.broken = Some(io::Error::other(error));
                // The decoder holds back a whole window until its frame is finished. An empty last
                // block (and a checksum, should the frame want one) makes it hand that out too.
                let last_block: &[u8] = &[1, 0, 0, 0, 0, 0, 0];
                if self.decoder.decode_blocks(last_block, BlockDecodingStrategy::UptoBlocks(1)).is_err() {
                    return;
                }
            }
        }
        if self.broken.is_none() && self.decoder.is_finished() && self.checksum_differs() {
            self.broken = Some(io::Error::other("the checksum of a frame does not fit its content"));
        }
    }

    fn checksum_differs(&self) -> bool {
        // The checksum of the content is complete only when everything has been collected.
        self.decoder.can_collect() == 0
            && matches!(
                (self.decoder.get_checksum_from_data(), self.decoder.get_calculated_checksum()),
                (Some(stated), Some(computed)) if stated != computed
            )
    }
}

impl Read for Zstd {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if !self.in_frame {
                if let Some(error) = self.broken.take() {
                    return Err(error);
                }
                if !self.next_frame()? {
                    return Ok(0);
                }
            }
            self.decode();
            let count = self.decoder.read(buffer)?;
            if count > 0 {
                return Ok(count);
            }
            self.in_frame = false;
        }
    }
}

/// Magic number and length field of a frame that may be skippable.
fn skippable(bytes: &[u8]) -> Option<(u32, u32)> {
    let (magic, rest) = bytes.split_first_chunk::<4>()?;
    let length = rest.first_chunk::<4>()?;
    Some((u32::from_le_bytes(*magic), u32::from_le_bytes(*length)))
}
