//! The conversations that tshark lists in a facts file, in a form that can be compared.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;

use flowaudit::wire::{Content, Datagram, Transport};
use serde_json::Value;

/// One conversation, its ends in order, at its tunnel depth.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Conversation {
    depth: u64,
    transport: &'static str,
    low: (IpAddr, u16),
    high: (IpAddr, u16),
}

/// What was counted of a conversation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// Packets of both directions.
    pub packets: u64,
    /// Payload bytes above TCP or UDP, retransmissions included.
    pub payload: u64,
}

/// All conversations of a capture. A pair of ends that tshark splits by SYN is one here.
pub type Sums = BTreeMap<Conversation, Sum>;

impl Sum {
    /// Counts one more datagram.
    pub fn add(&mut self, datagram: &Datagram<'_>) {
        self.packets += 1;
        self.payload += match datagram.content {
            Content::Tcp(segment) => u64::from(segment.payload_length),
            Content::Udp { payload_length, .. } => u64::from(payload_length),
            _ => 0,
        };
    }
}

impl Conversation {
    /// The conversation to which `datagram` belongs. UDP-Lite counts as UDP, as in the facts.
    pub fn of(datagram: &Datagram<'_>) -> Self {
        let (source_port, destination_port) = datagram.ports();
        let transport = if datagram.transport == Transport::TCP { "tcp" } else { "udp" };
        let ends = ((datagram.source, source_port), (datagram.destination, destination_port));
        Self::between(u64::from(datagram.depth), transport, ends)
    }

    fn between(depth: u64, transport: &'static str, (one, other): ((IpAddr, u16), (IpAddr, u16))) -> Self {
        Self { depth, transport, low: one.min(other), high: one.max(other) }
    }
}

/// The TCP and UDP conversations of a facts file; `None` when tshark could not read the capture or
/// the list was cut.
pub fn conversations(file: &Path) -> Option<Sums> {
    let facts: Value = serde_json::from_slice(&std::fs::read(file).ok()?).ok()?;
    let mut all = Sums::new();
    for transport in ["tcp", "udp"] {
        let list = facts[transport].as_array()?;
        if facts[format!("{transport}_total")].as_u64()? != u64::try_from(list.len()).ok()? {
            return None;
        }
        for record in list {
            let ends = (end(record, "a")?, end(record, "b")?);
            let key = Conversation::between(record["depth"].as_u64()?.saturating_sub(1), transport, ends);
            let sum = all.entry(key).or_default();
            sum.packets += record["a_packets"].as_u64()? + record["b_packets"].as_u64()?;
            sum.payload += record["a_payload"].as_u64()? + record["b_payload"].as_u64()?;
        }
    }
    Some(all)
}

fn end(record: &Value, side: &str) -> Option<(IpAddr, u16)> {
    let address = record[side].as_str()?.parse().ok()?;
    Some((address, u16::try_from(record[format!("{side}_port")].as_u64()?).ok()?))
}
