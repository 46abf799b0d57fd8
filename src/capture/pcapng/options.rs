//! The options of pcapng blocks: code, length, value, padding. Options that nobody knows are
//! skipped by their length; one that runs past its block ends the list.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::super::reader::Interface;
use super::Marks;
use super::time::Clock;
use crate::wire::Course;

/// Characters of an interface name that are kept.
const LONGEST_NAME: usize = 256;

/// Addresses of an interface that are kept.
const MOST_ADDRESSES: usize = 256;

/// One option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Opt<'block> {
    code: u16,
    value: &'block [u8],
    big_endian: bool,
}

/// The options of a block in order; `Some(None)` for one that runs past the block.
pub(super) struct Options<'block> {
    rest: &'block [u8],
    big_endian: bool,
}

impl<'block> Options<'block> {
    pub(super) const fn new(bytes: &'block [u8], big_endian: bool) -> Self {
        Self { rest: bytes, big_endian }
    }
}

impl<'block> Iterator for Options<'block> {
    type Item = Option<Opt<'block>>;

    fn next(&mut self) -> Option<Self::Item> {
        let (&[a, b, c, d], rest) = self.rest.split_first_chunk::<4>()?;
        let [code, length] = [[a, b], [c, d]]
            .map(|pair| if self.big_endian { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) });
        if code == 0 {
            self.rest = &[];
            return None;
        }
        let length = usize::from(length);
        let Some((value, after)) = rest.split_at_checked(length) else {
            self.rest = &[];
            return Some(None);
        };
        // The padding of the last value may be missing.
        let padding = length.next_multiple_of(4).wrapping_sub(length).min(after.len());
        self.rest = after.get(padding..).unwrap_or_default();
        Some(Some(Opt { code, value, big_endian: self.big_endian }))
    }
}

/// Whether every option lies inside its block.
pub(super) fn all_fit(bytes: &[u8], big_endian: bool) -> bool {
    Options::new(bytes, big_endian).all(|option| option.is_some())
}

/// What the options of a packet block say.
pub(super) fn marks(bytes: &[u8], big_endian: bool) -> Marks {
    let mut marks = Marks::default();
    // Options that run past their block say nothing; the packet before them stands.
    for option in Options::new(bytes, big_endian).map_while(|option| option) {
        match option.code {
            EPB_FLAGS => marks.course = option.course(),
            EPB_DROPCOUNT => marks.drops = option.u64().unwrap_or(0),
            EPB_PACKETID => marks.packet_id = option.u64(),
            EPB_VERDICT => marks.dropped |= option.is_drop_verdict(),
            _ => {}
        }
    }
    marks
}

/// Packets lost on an interface, as its statistics block says: by the interface, and in all.
pub(super) fn statistics_drops(bytes: &[u8], big_endian: bool) -> (u64, u64) {
    let sum = |codes: &[u16]| {
        Options::new(bytes, big_endian)
            .map_while(|option| option)
            .filter(|option| codes.contains(&option.code))
            .fold(0u64, |sum, option| sum.saturating_add(option.u64().unwrap_or(0)))
    };
    (sum(&[ISB_IFDROP]), sum(&[ISB_IFDROP, ISB_OSDROP]))
}

const IF_NAME: u16 = 2;
const IF_DESCRIPTION: u16 = 3;
const IF_IPV4: u16 = 4;
const IF_IPV6: u16 = 5;
const IF_MAC: u16 = 6;
const IF_TSRESOL: u16 = 9;
const IF_TSOFFSET: u16 = 14;
const EPB_FLAGS: u16 = 2;
const EPB_DROPCOUNT: u16 = 4;
const EPB_PACKETID: u16 = 5;
const EPB_VERDICT: u16 = 7;
const ISB_IFDROP: u16 = 5;
const ISB_OSDROP: u16 = 7;

/// `epb_verdict` types: verdicts of Linux traffic control and of XDP programs. `etl2pcapng` uses
/// the second for packets that Windows dropped.
const VERDICT_TC: u8 = 1;
const VERDICT_XDP: u8 = 2;

/// `TC_ACT_SHOT`.
const TC_SHOT: u64 = 2;

/// `XDP_DROP`; 0 is `XDP_ABORTED`, which drops too.
const XDP_DROP: u64 = 1;

impl Opt<'_> {
    /// Takes this option of an interface description into account.
    pub(super) fn describe(&self, interface: &mut Interface, description: &mut String, clock: &mut Clock) {
        match (self.code, self.value) {
            (IF_NAME, _) => interface.name = self.text(),
            (IF_DESCRIPTION, _) => *description = self.text(),
            (IF_IPV4, &[a, b, c, d, ..]) => add(interface, Ipv4Addr::new(a, b, c, d).into()),
            (IF_IPV6, value) => {
                if let Some(octets) = value.first_chunk::<16>() {
                    add(interface, Ipv6Addr::from(*octets).into());
                }
            }
            (IF_MAC, value) => interface.card = value.first_chunk::<6>().copied().filter(|card| *card != [0; 6]),
            (IF_TSRESOL, &[resolution, ..]) => clock.set_resolution(resolution),
            (IF_TSOFFSET, _) => clock.set_offset(self.u64().map_or(0, u64::cast_signed)),
            _ => {}
        }
    }

    fn text(&self) -> String {
        let text = String::from_utf8_lossy(self.value);
        text.trim_end_matches('\0').chars().take(LONGEST_NAME).collect()
    }

    fn u64(&self) -> Option<u64> {
        read64(self.value, self.big_endian)
    }

    /// The lowest two bits of `epb_flags`.
    fn course(&self) -> Course {
        let Some(bytes) = self.value.first_chunk::<4>() else { return Course::Unknown };
        match super::read32(*bytes, self.big_endian) & 3 {
            1 => Course::Inbound,
            2 => Course::Outbound,
            _ => Course::Unknown,
        }
    }

    fn is_drop_verdict(&self) -> bool {
        let Some((kind, value)) = self.value.split_first() else { return false };
        let Some(verdict) = read64(value, self.big_endian) else { return false };
        match *kind {
            VERDICT_TC => verdict == TC_SHOT,
            VERDICT_XDP => verdict <= XDP_DROP,
            _ => false,
        }
    }
}

fn read64(bytes: &[u8], big_endian: bool) -> Option<u64> {
    let bytes = *bytes.first_chunk::<8>()?;
    Some(if big_endian { u64::from_be_bytes(bytes) } else { u64::from_le_bytes(bytes) })
}

fn add(interface: &mut Interface, address: IpAddr) {
    if interface.addresses.len() < MOST_ADDRESSES && !interface.addresses.contains(&address) {
        interface.addresses.push(address);
    }
}
