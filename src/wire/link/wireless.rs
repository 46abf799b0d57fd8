//! IEEE 802.11 data frames in, IP out. Management and control frames carry none; protected frames are
//! said to be encrypted. Of an aggregate (A-MSDU) the first subframe is read.

use super::super::layer::Layer;
use super::super::{Datagram, Undecoded, llc};

/// Whether the driver aligned the end of the MAC header to four bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Padding {
    /// The frame stands as it was sent.
    None,
    /// Padding follows the header (radiotap flag 0x20).
    Aligned,
}

/// Reads a frame: IEEE 802.11-2020 section 9.2.
pub(in super::super) fn decode(layer: Layer<'_>, padding: Padding) -> Result<Datagram<'_>, Undecoded> {
    let ([control, flags], _) = layer.take::<2>()?;
    let carries_data = control & 0x0f == 0x08 && control & 0x40 == 0;
    if !carries_data {
        return Err(Undecoded::NotIp(u16::from_be_bytes([*control, *flags])));
    }
    let length = header_length(*control, *flags);
    let aligned = if padding == Padding::Aligned { length.next_multiple_of(4) } else { length };
    let body = layer.skip(aligned)?;
    // Some drivers decrypt and leave the bit; an LLC header in the clear proves it.
    if flags & 0x40 != 0 && !body.bytes.starts_with(&[0xaa, 0xaa, 0x03]) {
        return Err(Undecoded::Encrypted);
    }
    let quality = layer.skip(quality_offset(*flags))?.bytes.first().copied().unwrap_or(0);
    let aggregate = control & 0x80 != 0 && quality & 0x80 != 0;
    llc::decode(if aggregate { body.skip(14)? } else { body })
}

/// Length of the MAC header in bytes.
fn header_length(control: u8, flags: u8) -> usize {
    let quality: usize = match (control & 0x80 != 0, flags & 0x80 != 0) {
        (true, true) => 6,
        (true, false) => 2,
        (false, _) => 0,
    };
    quality_offset(flags).saturating_add(quality)
}

/// Where the quality-of-service field stands: behind three addresses, or four between access points.
fn quality_offset(flags: u8) -> usize {
    if flags & 0x03 == 0x03 { 30 } else { 24 }
}
