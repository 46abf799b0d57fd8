//! What is left of a frame while its headers are taken off one by one, and what those headers said.
//! Never copies, never trusts the claimed length further than to answer how long a datagram with
//! no length of its own was.

use super::{Frame, Undecoded};

/// The rest of a frame or tunnel. `Copy`, so that a guess can be tried and dropped.
#[derive(Clone, Copy)]
pub(super) struct Layer<'frame> {
    /// The captured bytes from here on.
    pub bytes: &'frame [u8],
    /// How many bytes stood on the wire from here on; never fewer than `bytes`.
    pub wire: u32,
    /// Outermost VLAN identifier met so far.
    pub vlan: Option<u16>,
    /// Labels, tags and nested link headers met so far.
    pub labels: u8,
    /// Tunnels entered so far.
    pub depth: u8,
}

impl<'frame> Layer<'frame> {
    /// The whole of `frame`. A wire length that no interface could have sent is not believed.
    pub fn of(frame: &Frame<'frame>) -> Self {
        let wire = if frame.wire_length > MAX_WIRE { 0 } else { frame.wire_length };
        Self { bytes: frame.bytes, wire: wire.max(count(frame.bytes)), vlan: None, labels: 0, depth: 0 }
    }

    /// The inside of a tunnel found in a datagram of tunnel depth `outer`.
    pub fn inside(bytes: &'frame [u8], wire: u32, outer: u8) -> Result<Self, Undecoded> {
        let depth = outer.saturating_add(1);
        if depth > MAX_TUNNELS {
            return Err(Undecoded::TooDeep);
        }
        Ok(Self { bytes, wire: wire.max(count(bytes)), vlan: None, labels: 0, depth })
    }

    /// The next `N` bytes and what follows them.
    pub fn take<const N: usize>(self) -> Result<(&'frame [u8; N], Self), Undecoded> {
        let (head, bytes) = self.bytes.split_first_chunk::<N>().ok_or(Undecoded::Cut)?;
        let taken = u32::try_from(N).unwrap_or(u32::MAX);
        Ok((head, Self { bytes, wire: self.wire.saturating_sub(taken), ..self }))
    }

    /// What follows the next `length` bytes.
    pub fn skip(self, length: usize) -> Result<Self, Undecoded> {
        let bytes = self.bytes.get(length..).ok_or(Undecoded::Cut)?;
        let skipped = u32::try_from(length).unwrap_or(u32::MAX);
        Ok(Self { bytes, wire: self.wire.saturating_sub(skipped), ..self })
    }

    /// The next two bytes as a number in network order, and what follows them.
    pub fn number(self) -> Result<(u16, Self), Undecoded> {
        let (head, rest) = self.take::<2>()?;
        Ok((u16::from_be_bytes(*head), rest))
    }

    /// Counts one more tag, label or nested link header. Every way to nest passes here, which
    /// bounds the recursion of the whole floor.
    pub fn label(self) -> Result<Self, Undecoded> {
        let labels = self.labels.saturating_add(1);
        if labels > MAX_LABELS { Err(Undecoded::TooDeep) } else { Ok(Self { labels, ..self }) }
    }

    /// Notes a VLAN identifier; only the outermost stays.
    pub fn tagged(self, tag: u16) -> Self {
        Self { vlan: self.vlan.or(Some(tag & 0x0fff)), ..self }
    }
}

/// Length of a slice as the 32-bit number in which this floor counts.
pub(super) fn count(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

const MAX_WIRE: u32 = 262_144;
const MAX_LABELS: u8 = 8;
const MAX_TUNNELS: u8 = 4;
