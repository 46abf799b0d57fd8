//! One fragment, owned: what the reassembly table holds and what it gives back. Copies the captured
//! bytes once, and never more of them than were captured.

use std::net::IpAddr;

use super::super::ip::{Payload, Version, upper};
use super::super::{Content, Datagram, Fragment, FrameRef, Timestamp, Transport, Undecoded};

/// One fragment that waits for the others, with what is needed to insert it elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingFragment {
    /// When it was captured.
    pub at: Timestamp,
    /// The frame that carried it.
    pub place: FrameRef,
    /// Source address.
    pub source: IpAddr,
    /// Destination address.
    pub destination: IpAddr,
    /// VLAN of the layer that carried it.
    pub vlan: Option<u16>,
    /// Tunnel depth.
    pub depth: u8,
    /// Length of this fragment as an IP datagram in bytes, header included.
    pub datagram_length: u32,
    /// Identification, 16 bits in IPv4, 32 in IPv6.
    pub identification: u32,
    /// Offset in the datagram's payload in bytes.
    pub offset: u32,
    /// Whether more fragments follow.
    pub more: bool,
    /// Protocol that the fragment names.
    pub transport: Transport,
    /// Captured bytes.
    pub bytes: Vec<u8>,
    /// Payload length on the wire in bytes.
    pub length: u32,
    /// Number in order of arrival.
    pub(super) serial: u64,
}

impl PendingFragment {
    pub(super) fn new(
        at: Timestamp,
        datagram: &Datagram<'_>,
        fragment: &Fragment<'_>,
        (place, serial): (FrameRef, u64),
    ) -> Self {
        Self {
            at,
            place,
            source: datagram.source,
            destination: datagram.destination,
            vlan: datagram.vlan,
            depth: datagram.depth,
            datagram_length: datagram.length,
            identification: fragment.identification,
            offset: fragment.offset,
            more: fragment.more,
            transport: fragment.transport,
            bytes: fragment.bytes.to_vec(),
            length: fragment.length,
            serial,
        }
    }

    /// The fragment as it was decoded, to be inserted into another table.
    #[must_use]
    pub fn datagram(&self) -> Datagram<'_> {
        let fragment = Fragment {
            identification: self.identification,
            offset: self.offset,
            more: self.more,
            transport: self.transport,
            bytes: &self.bytes,
            length: self.length,
        };
        self.carrying(self.transport, Content::Fragment(fragment))
    }

    /// The fragment read as if it were the whole datagram; right for what stands at its head.
    pub(super) fn read(&self) -> Result<Datagram<'_>, Undecoded> {
        let payload = Payload::new(&self.bytes, self.length);
        let (transport, content) = upper(version(self.source), self.transport.0, payload)?;
        Ok(self.carrying(transport, content))
    }

    fn carrying<'held>(&'held self, transport: Transport, content: Content<'held>) -> Datagram<'held> {
        Datagram {
            source: self.source,
            destination: self.destination,
            transport,
            vlan: self.vlan,
            depth: self.depth,
            length: self.datagram_length,
            identification: identification(self.source, self.identification),
            content,
        }
    }

    /// Bytes that this fragment counts against the budget.
    pub(super) fn weight(&self) -> usize {
        self.bytes.len().saturating_add(size_of::<Self>())
    }

    /// First byte behind this fragment.
    pub(super) const fn end(&self) -> u32 {
        self.offset.saturating_add(self.length)
    }

    /// Captured bytes of this fragment from `from` to `to`, both counted in the datagram.
    pub(super) fn between(&self, from: u32, to: u32) -> &[u8] {
        let local = |at: u32| usize::try_from(at.saturating_sub(self.offset)).unwrap_or(usize::MAX);
        let (from, to) = (local(from), local(to).min(self.bytes.len()));
        self.bytes.get(from..to).unwrap_or(&[])
    }
}

pub(super) const fn version(address: IpAddr) -> Version {
    if address.is_ipv4() { Version::V4 } else { Version::V6 }
}

pub(super) fn identification(source: IpAddr, number: u32) -> Option<u16> {
    if source.is_ipv4() { u16::try_from(number).ok() } else { None }
}
