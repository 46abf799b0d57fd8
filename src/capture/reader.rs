//! A byte stream in, one record after the other out: recognises the format, opens what is
//! compressed, and steps through the records. A broken record ends the stream with a [`Fault`];
//! what came before stands. Knows nothing of paths, filters or other inputs.

use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::compress::Unpacker;
use super::heads::Heads;
use super::pcap::Pcap;
use super::pcapng::Pcapng;
use super::recognise::{Kind, WANTED, recognise};
use super::source::{Blocks, Origin};
use crate::ledger::Input;
use crate::wire::{Course, LinkType, Timestamp};

/// The longest packet of ordinary link types, as in Wireshark and tcpdump.
const LONGEST: u32 = 262_144;

/// The longest packet of link types whose packets are messages: D-Bus, USB and EBHSCR.
const LONGEST_MESSAGE: u32 = 32 << 20;

/// What a file says about one of its interfaces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Interface {
    /// `if_name`, or `if_description`, or empty.
    pub(super) name: String,
    /// Link type.
    pub(super) link: u16,
    /// Snap length, 0 for none.
    pub(super) snap_length: u32,
    /// Its addresses.
    pub(super) addresses: Vec<IpAddr>,
    /// Its network card.
    pub(super) card: Option<[u8; 6]>,
}

/// One record: what the file says of a packet, and where its bytes lie in the block.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    /// When it was captured; the time of the packet before where the record carries none.
    pub(super) at: Timestamp,
    /// Whether the record carries a time.
    pub(super) timed: bool,
    /// Link type.
    pub(super) link: LinkType,
    /// Index into the interfaces of the file.
    pub(super) interface: u32,
    /// Number in the file, from 1, as Wireshark counts.
    pub(super) number: u32,
    /// Where its first captured byte lies in the block.
    pub(super) from: usize,
    /// Captured bytes.
    pub(super) length: usize,
    /// Length on the wire as the file claims it.
    pub(super) wire_length: u32,
    /// Direction at the interface.
    pub(super) course: Course,
    /// `epb_packetid`.
    pub(super) packet_id: Option<u64>,
    /// The capturing host dropped it.
    pub(super) dropped: bool,
}

impl Default for Head {
    fn default() -> Self {
        Self {
            at: Timestamp::default(),
            timed: false,
            link: LinkType(0),
            interface: 0,
            number: 0,
            from: 0,
            length: 0,
            wire_length: 0,
            course: Course::Unknown,
            packet_id: None,
            dropped: false,
        }
    }
}

impl Head {
    /// Whether the file says no more of it than where it was captured, when, and how long it is.
    pub(super) fn is_bare(&self) -> bool {
        self.course == Course::Unknown && self.packet_id.is_none() && !self.dropped
    }
}

/// Where and why a stream breaks off, or is no capture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// Byte offset in the (decompressed) stream.
    pub(super) offset: u64,
    /// What is wrong there.
    pub(super) reason: String,
}

impl Fault {
    /// A fault at the first unconsumed byte.
    pub(super) fn here(blocks: &Blocks, reason: impl Into<String>) -> Self {
        Self { offset: blocks.offset(), reason: reason.into() }
    }

    /// The fault of a record of which only `held` of `wanted` bytes are there.
    pub(super) fn short(blocks: &Blocks, what: &str, wanted: u64) -> Self {
        let reason = match blocks.failure() {
            Some(reason) => reason.to_owned(),
            None => format!("{what} of {wanted} bytes is cut after {} bytes", blocks.rest().len()),
        };
        Self::here(blocks, reason)
    }
}

/// Why a stream was refused before its first record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// No bytes at all.
    Empty,
    /// The first read failed.
    Unreadable(Fault),
    /// It is something else: where, what, and what to do.
    Other(Fault, &'static str),
}

/// A capture being read.
pub(super) struct Reader {
    blocks: Blocks,
    format: Format,
    /// What broke off behind the records that were listed last.
    fault: Option<Fault>,
}

enum Format {
    Pcap(Pcap),
    Pcapng(Box<Pcapng>),
}

impl Reader {
    /// Recognises the stream behind `blocks`; `path` only helps formats without a magic number.
    pub(super) fn open(mut blocks: Blocks, path: &str, size: usize) -> Result<Self, Refusal> {
        let mut kind = sniff(&mut blocks, path)?;
        if let Kind::Packed(compression) = kind {
            let unpacker = Unpacker::new(compression, blocks);
            let uncounted = Arc::new(AtomicU64::new(0));
            blocks = Blocks::new(Origin::Packed(Box::new(unpacker)), size, uncounted, None);
            kind = match sniff(&mut blocks, path) {
                Err(Refusal::Empty) => {
                    let found = format!("is {} data with nothing in it", compression.name());
                    return Err(Refusal::Other(Fault::here(&blocks, found), "nothing was captured"));
                }
                other => other?,
            };
        }
        let advice = "capture again, or repair the file with `editcap`";
        let format = match kind {
            Kind::Pcap(layout) => {
                Format::Pcap(Pcap::open(layout, &mut blocks).map_err(|fault| Refusal::Other(fault, advice))?)
            }
            Kind::Pcapng => {
                Format::Pcapng(Box::new(Pcapng::open(&mut blocks).map_err(|fault| Refusal::Other(fault, advice))?))
            }
            Kind::Packed(_) => {
                let found = "is data that was compressed twice";
                return Err(Refusal::Other(Fault::here(&blocks, found), "unpack it once by hand"));
            }
            Kind::Other(found, advice) => return Err(Refusal::Other(Fault::here(&blocks, found), advice)),
        };
        Ok(Self { blocks, format, fault: None })
    }

    /// Lists the next packets in `heads`: at least one, and further ones as far as
    /// they lie in the same block already, so that nothing waits. False at the end.
    pub(super) fn list(&mut self, heads: &mut Heads) -> Result<bool, Fault> {
        heads.clear();
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        let mut head = Head::default();
        let Self { blocks, format, fault } = self;
        match format {
            Format::Pcap(pcap) => {
                if !pcap.advance(blocks, &mut head)? {
                    return Ok(false);
                }
                heads.push(head);
                pcap.list(blocks, heads);
            }
            Format::Pcapng(pcapng) => {
                if !pcapng.advance(blocks, &mut head)? {
                    return Ok(false);
                }
                heads.push(head);
                *fault = pcapng.list(blocks, heads).err();
            }
        }
        Ok(true)
    }

    /// The block in which the packets lie that were listed last.
    #[inline]
    pub(super) fn block(&self) -> &[u8] {
        self.blocks.block()
    }

    /// The interfaces that the file named so far, in order, over all its sections.
    #[inline]
    pub(super) fn interfaces(&self) -> &[Interface] {
        match &self.format {
            Format::Pcap(pcap) => pcap.interfaces(),
            Format::Pcapng(pcapng) => pcapng.interfaces(),
        }
    }

    /// Says what the capturing system reported as lost, and which names the file gives to addresses.
    pub(super) fn tell_losses(&self, input: &mut Input) {
        match &self.format {
            Format::Pcap(_) => {}
            Format::Pcapng(pcapng) => {
                input.reported_drops = pcapng.reported_drops();
                input.interface_drops = pcapng.interface_drops();
                input.losses = pcapng.losses().clone();
                input.declared = pcapng.names().to_vec();
            }
        }
    }

    /// Whether the file is compressed.
    pub(super) const fn is_packed(&self) -> bool {
        self.blocks.is_packed()
    }

    /// Bytes of the file itself, compressed or not, that were read so far.
    pub(super) fn bytes_read(&mut self) -> u64 {
        self.blocks.bytes_read()
    }

    /// Reads the rest of the file, so that its digest covers all of it.
    pub(super) fn drain(&mut self) {
        self.blocks.drain();
    }
}

/// The longest packet that a record of this link type may hold.
pub(super) const fn longest_packet(link: u16) -> u32 {
    match link {
        231 | 249 | 279 => LONGEST_MESSAGE,
        _ => LONGEST,
    }
}

/// Cuts `range` of `bytes`, or gives nothing.
pub(super) fn cut(bytes: &[u8], range: Range<usize>) -> &[u8] {
    bytes.get(range).unwrap_or_default()
}

fn sniff(blocks: &mut Blocks, path: &str) -> Result<Kind, Refusal> {
    // A pipe may deliver the first bytes one by one, and a live one no more than a file header.
    if !blocks.ensure(4) || !matches!(recognise(blocks.rest(), path), Kind::Pcap(_) | Kind::Pcapng | Kind::Packed(_)) {
        blocks.ensure(WANTED);
    }
    if !blocks.rest().is_empty() {
        return Ok(recognise(blocks.rest(), path));
    }
    match blocks.failure() {
        Some(reason) => Err(Refusal::Unreadable(Fault::here(blocks, reason))),
        None => Err(Refusal::Empty),
    }
}
