//! The blocks that nearly all packets come in: enhanced, without options, whole in memory and without fault.
//! Never gives another answer than the step from block to block would; whatever is not plain is for that.

use super::super::heads::Heads;
use super::super::reader::{Head, longest_packet};
use super::super::source::Blocks;
use super::time::Clock;
use super::{ENHANCED_PACKET, LARGEST_BLOCK, PACKET_HEADER, PLAIN_PACKET, Pcapng, read32};
use crate::wire::LinkType;

/// Where packets come from.
struct Source {
    /// Number of the interface in its section, and in the file.
    interface: u32,
    index: u32,
    link: LinkType,
    /// The longest packet that it may bring, in bytes.
    longest: u32,
    clock: Clock,
}

impl Pcapng {
    /// Lists enhanced packet blocks without options, whole in memory and without fault, as [`Pcapng::advance`] would:
    /// nearly all are. Whatever is not is for the next step to judge.
    pub(super) fn list_plain<const BIG_ENDIAN: bool>(&mut self, blocks: &Blocks, heads: &mut Heads) {
        let Some(mut source) = self.source(0) else { return };
        let (end, mut number, mut last) = (blocks.block().len(), self.number, self.last);
        let mut rest = blocks.rest().get(self.pending..).unwrap_or_default();
        let mut next = |head: &mut Head| {
            let (front, behind) = rest.split_first_chunk::<PACKET_HEADER>()?;
            let words: &[[u8; 4]; PACKET_HEADER / 4] = front.as_chunks().0.first_chunk()?;
            let [kind, total, interface, high, low, captured, wire_length] = words.map(|word| read32(word, BIG_ENDIAN));
            if interface != source.interface {
                source = self.source(interface)?;
            }
            // Below the longest packet the sums cannot overflow.
            let padded = captured.wrapping_add(3) & !3;
            if kind != ENHANCED_PACKET
                || captured > source.longest
                || total != padded.wrapping_add(PLAIN_PACKET)
                || total > LARGEST_BLOCK
            {
                return None;
            }
            let (trailer, after) = behind.get(padded as usize..)?.split_first_chunk::<4>()?;
            if read32(*trailer, BIG_ENDIAN) != total {
                return None;
            }
            last = source.clock.at(u64::from(high) << 32 | u64::from(low));
            number = number.saturating_add(1);
            *head = Head {
                at: last,
                timed: true,
                link: source.link,
                interface: source.index,
                number,
                from: end.wrapping_sub(behind.len()),
                length: captured as usize,
                wire_length,
                ..Head::default()
            };
            rest = after;
            Some(())
        };
        heads.fill_bare(|head| next(head).is_some());
        (self.number, self.last) = (number, last);
        self.pending = end.wrapping_sub(rest.len()).wrapping_sub(blocks.position());
    }

    /// What the packets of an interface of this section have in common.
    fn source(&self, interface: u32) -> Option<Source> {
        let index = self.section.checked_add(interface as usize)?;
        let (described, clock) = (self.interfaces.get(index)?, *self.clocks.get(index)?);
        let (link, longest) = (LinkType(described.link), longest_packet(described.link));
        Some(Source { interface, index: u32::try_from(index).unwrap_or(u32::MAX), link, longest, clock })
    }
}
